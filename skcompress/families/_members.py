"""What bagging, isolation forests and AdaBoost share: trees as members of a meta-estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ..exceptions import UnsupportedEstimatorError
from ..ir import Labels, Model
from ._params import Plain, plain_params
from ._registry import dotted_name
from ._sklearn_internals import tree_arrays

__all__ = ["check_trees", "member_arrays", "member_params", "own_params", "set_member_classes"]

_CLASSIFIERS = {cls.__name__: cls for cls in (DecisionTreeClassifier, ExtraTreeClassifier)}
_REGRESSORS = {cls.__name__: cls for cls in (DecisionTreeRegressor, ExtraTreeRegressor)}
_NAMES = {
    True: {dotted_name(cls()) for cls in _CLASSIFIERS.values()},
    False: {dotted_name(cls()) for cls in _REGRESSORS.values()},
}
_PREFIX = "estimator__"


def check_trees(ensemble: Any) -> list[Any]:
    """The members of a fitted ensemble, which must be trees that answer as it does.

    Raises
    ------
    UnsupportedEstimatorError
        If one of them is something else.
    """
    allowed = _NAMES[hasattr(ensemble, "predict_proba")]
    for member in ensemble.estimators_:
        if dotted_name(member) not in allowed:
            names = " or ".join(sorted(name.rpartition(".")[2] for name in allowed))
            raise UnsupportedEstimatorError(
                f"{type(ensemble).__name__}: each of its estimators must be a {names}; got "
                f"{type(member).__name__}."
            )
    return list(ensemble.estimators_)


def member_arrays(ensemble: Any, trees: list[Any]) -> list[dict[str, np.ndarray]]:
    """Node arrays of trees that were grown on some of the columns, counted in all columns."""
    arrays = [tree_arrays(tree.tree_) for tree in trees]
    for one, columns in zip(arrays, ensemble.estimators_features_, strict=True):
        one["feature"] = np.asarray(columns)[np.maximum(one["feature"], 0)]
    return arrays


def member_params(ensemble: Any) -> tuple[tuple[str, Plain], ...]:
    """Constructor parameters of an ensemble, and those of its member with a prefix."""
    own, member = plain_params(ensemble), ensemble.estimator
    if member is None:
        return own
    inner = ((_PREFIX + name, value) for name, value in plain_params(member))
    return (*own, ("estimator", type(member).__name__), *inner)


def own_params(
    model: Model, default: Callable[[], Any], *, classifier: bool
) -> tuple[dict[str, Any], Callable[[], Any]]:
    """Constructor parameters of an ensemble, and what makes a member.

    Parameters
    ----------
    model : Model
        With parameters from `member_params`.
    default : callable
        Makes a member where the ensemble was given none.
    classifier : bool
        Whether members are classifiers.
    """
    params = dict(model.params)
    name = params.pop("estimator", None)
    inner = {key.removeprefix(_PREFIX): params.pop(key) for key in list(params) if _PREFIX in key}
    if name is None:
        return params, default
    cls = (_CLASSIFIERS if classifier else _REGRESSORS).get(str(name))
    if cls is None:
        raise UnsupportedEstimatorError(f"There is no tree of class {name!r} to build.")
    return {**params, "estimator": cls(**inner)}, lambda: cls(**inner)


def set_member_classes(trees: list[Any], target: Labels, *, encoded: bool) -> None:
    """Give trees their classes: numbers from zero on, or the labels themselves."""
    for tree in trees:
        tree.classes_ = np.arange(len(target)) if encoded else target.classes.copy()
        tree.n_classes_ = np.int64(len(target))
