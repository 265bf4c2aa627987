"""scikit-learn models into the IR, and back."""

from __future__ import annotations

from typing import Any

from ..ir import Model

# Importing a family registers it.
from . import ada_boost as ada_boost
from . import bagging as bagging
from . import forests as forests
from . import gaussian_process as gaussian_process
from . import gradient_boosting as gradient_boosting
from . import hist_gradient_boosting as hist_gradient_boosting
from . import isolation as isolation
from . import kernel_ridge as kernel_ridge
from . import linear as linear
from . import mlp as mlp
from . import neighbors as neighbors
from . import svm as svm
from . import text as text
from . import transforms as transforms
from . import trees as trees
from ._registry import FAMILIES, TRANSFORMS, Family, TransformFamily
from .pipeline import lift_steps, lower_steps

__all__ = ["all_families", "all_transforms", "lift", "lower"]


def lift(estimator: Any) -> Model:
    """Read what a fitted model computes.

    Parameters
    ----------
    estimator : estimator
        A fitted model, transformer or pipeline; a `FrozenEstimator` is looked into. It is left
        as it is.

    Returns
    -------
    Model
        The same model as arrays.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    UnsupportedEstimatorError
        If it, or a step of it, cannot be represented; the message names what can.

    Examples
    --------
    >>> from skcompress.families import lift
    >>> from sklearn.neural_network import MLPRegressor
    >>> mlp = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs")
    >>> model = lift(mlp.fit([[0.0], [1.0]], [0.0, 1.0]))
    >>> [layer.weights.shape for layer in model.predictor.layers]
    [(1, 4), (4, 1)]
    """
    return lift_steps(estimator)


def lower(model: Model, *, allow_missing: bool = False) -> Any:
    """Build a genuine scikit-learn estimator that computes what a model computes.

    Parameters
    ----------
    model : Model
        What it computes.
    allow_missing : bool
        Build it even where attributes cannot be restored that scikit-learn's estimator has.

    Returns
    -------
    estimator
        A fitted estimator; a pipeline where the model transforms its input first.

    Raises
    ------
    UnsupportedEstimatorError
        If scikit-learn has no estimator that can hold it.

    Examples
    --------
    >>> from skcompress.families import lift, lower
    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> lower(lift(scaler)).transform([[4.0]])
    array([[3.]])
    """
    return lower_steps(model, allow_missing)


def all_families() -> tuple[Family, ...]:
    """Every registered family of predictors, by name.

    Examples
    --------
    >>> from skcompress.families import all_families
    >>> "sklearn.neural_network._multilayer_perceptron.MLPClassifier" in [
    ...     family.name for family in all_families()
    ... ]
    True
    """
    return tuple(FAMILIES[name] for name in sorted(FAMILIES))


def all_transforms() -> tuple[TransformFamily, ...]:
    """Every registered transformer, by name.

    Examples
    --------
    >>> from skcompress.families import all_transforms
    >>> "sklearn.preprocessing._data.StandardScaler" in [family.name for family in all_transforms()]
    True
    """
    return tuple(TRANSFORMS[name] for name in sorted(TRANSFORMS))
