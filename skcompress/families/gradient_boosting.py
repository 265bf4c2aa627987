"""Gradient boosting on depth-limited trees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    ClassScores,
    Head,
    Model,
    Numbers,
    TreeEnsemble,
    distinct_rows,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._layout import breadth_first, floor_to_float32
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import boosting_start, tree_arrays

__all__: list[str] = []

_JUST_BELOW_ZERO = float(np.nextafter(0.0, -1.0))


def _lift(boosting: Any, head: Head) -> Model:
    n_stages, n_outputs = boosting.estimators_.shape
    start = boosting_start(boosting, n_outputs)
    if start is None:
        raise UnsupportedEstimatorError(
            f"{type(boosting).__name__}: the init estimator {type(boosting.init_).__name__} cannot "
            "be represented; leave init at its default, or pass init='zero'."
        )
    arrays = [tree_arrays(tree.tree_) for tree in boosting.estimators_.ravel()]
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    # The product is what scikit-learn adds, so the sums agree to the last bit.
    steps = boosting.learning_rate * layout.leaves(joined("value")[:, 0, :])
    values, leaf = distinct_rows(steps)
    missing = layout.splits(joined("missing_left"))
    trees = TreeEnsemble(
        internal=layout.internal,
        feature=layout.splits(joined("feature")).astype(
            smallest_unsigned(boosting.n_features_in_ - 1)
        ),
        threshold=floor_to_float32(layout.splits(joined("threshold"))),
        missing_left=missing if bool(missing.any()) else None,
        leaf=leaf,
        values=values,
        n_features=int(boosting.n_features_in_),
        n_outputs=n_outputs,
        tree_output=np.tile(np.arange(n_outputs), n_stages).astype(smallest_unsigned(n_outputs)),
        base=start,
    )
    return Model(
        input=input_spec(
            boosting,
            sparse=True,
            float32_range=True,
        ),
        chain=Chain(transforms=(), predictor=trees),
        head=head,
        family=dotted_name(boosting),
        params=plain_params(boosting),
    )


def _lift_classifier(boosting: Any) -> Model:
    target = labels_of(boosting.classes_)
    if boosting.estimators_.shape[1] > 1:
        return _lift(boosting, ClassScores(target=target, link="softmax"))
    # The second of two classes is predicted from a score of zero on.
    scale = 2.0 if boosting.loss == "exponential" else 1.0
    return _lift(
        boosting,
        ClassScores(target=target, link="sigmoid", cut=_JUST_BELOW_ZERO, scale=scale),
    )


def _lift_regressor(boosting: Any) -> Model:
    return _lift(boosting, Numbers(n_outputs=1))


def _classifiers() -> Iterable[Any]:
    return (
        GradientBoostingClassifier(n_estimators=4, random_state=0),
        GradientBoostingClassifier(n_estimators=3, init="zero", subsample=0.7, random_state=0),
    )


def _regressors() -> Iterable[Any]:
    return (
        GradientBoostingRegressor(n_estimators=5, random_state=0),
        GradientBoostingRegressor(n_estimators=5, loss="huber", random_state=0),
        GradientBoostingRegressor(n_estimators=5, loss="quantile", init="zero", random_state=0),
    )


register(Family(dotted_name(GradientBoostingClassifier()), _lift_classifier, None, _classifiers))
register(Family(dotted_name(GradientBoostingRegressor()), _lift_regressor, None, _regressors))
