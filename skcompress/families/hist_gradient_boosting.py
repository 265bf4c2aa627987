"""Histogram-based gradient boosting, with splits on categories and missing values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

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
from ._layout import breadth_first
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import (
    histogram_has_categories,
    histogram_start,
    histogram_trees,
)

__all__: list[str] = []

_EXPONENTIAL = ("gamma", "poisson")


def _lift(boosting: Any, head: Head) -> Model:
    if histogram_has_categories(boosting):
        raise UnsupportedEstimatorError(
            f"{type(boosting).__name__}: models with categorical_features cannot be represented "
            "yet; encode the categories in a step of your own and pass categorical_features=None."
        )
    trees = histogram_trees(boosting)
    arrays = [a for _, a in trees]
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    values, leaf = distinct_rows(layout.leaves(joined("value"))[:, None])
    missing = layout.splits(joined("missing_left"))
    start = histogram_start(boosting)
    ensemble = TreeEnsemble(
        internal=layout.internal,
        feature=layout.splits(joined("feature")).astype(
            smallest_unsigned(boosting.n_features_in_ - 1)
        ),
        threshold=layout.splits(joined("threshold")),
        missing_left=missing if bool(missing.any()) else None,
        leaf=leaf,
        values=values,
        n_features=int(boosting.n_features_in_),
        n_outputs=start.size,
        tree_output=np.array([column for column, _ in trees], smallest_unsigned(start.size)),
        base=start,
        float32_inputs=False,
    )
    return Model(
        input=input_spec(boosting, finite="any"),
        chain=Chain(transforms=(), predictor=ensemble),
        head=head,
        family=dotted_name(boosting),
        params=plain_params(boosting),
    )


def _lift_classifier(boosting: Any) -> Model:
    target = labels_of(boosting.classes_)
    link = "sigmoid" if len(target) <= 2 else "softmax"
    return _lift(boosting, ClassScores(target=target, link=link))


def _lift_regressor(boosting: Any) -> Model:
    link = "exp" if boosting.loss in _EXPONENTIAL else "identity"
    return _lift(boosting, Numbers(n_outputs=1, link=link))


def _classifiers() -> Iterable[Any]:
    return (
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=4, random_state=0),
    )


def _regressors() -> Iterable[Any]:
    return (
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
        HistGradientBoostingRegressor(max_iter=3, loss="poisson", random_state=0),
    )


register(
    Family(dotted_name(HistGradientBoostingClassifier()), _lift_classifier, None, _classifiers)
)
register(Family(dotted_name(HistGradientBoostingRegressor()), _lift_regressor, None, _regressors))
