"""Histogram-based gradient boosting, with splits on categories and missing values."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    CategorySplits,
    Chain,
    ClassScores,
    Head,
    Model,
    Numbers,
    OrdinalEncode,
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
    histogram_categories,
    histogram_start,
    histogram_trees,
)

__all__: list[str] = []

_EXPONENTIAL = ("gamma", "poisson")


def _lift(boosting: Any, head: Head) -> Model:
    trees = histogram_trees(boosting)
    arrays = [a for _, a in trees]
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    values, leaf = distinct_rows(layout.leaves(joined("value"))[:, None])
    missing = layout.splits(joined("missing_left"))
    start = histogram_start(boosting)
    transforms: tuple[OrdinalEncode, ...] = ()
    categories = None
    seen = histogram_categories(boosting)
    if seen is not None:
        columns, tables, known, known_row = seen
        transforms = (_encoder(boosting, columns, tables),)
        on_category = layout.splits(joined("on_category"))
        categories = CategorySplits(
            is_category=on_category,
            left=layout.splits(joined("category_set"))[on_category],
            known=known,
            known_row=known_row,
        )
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
        categories=categories,
    )
    return Model(
        input=input_spec(boosting, finite="any"),
        chain=Chain(transforms=transforms, predictor=ensemble),
        head=head,
        family=dotted_name(boosting),
        params=plain_params(boosting),
    )


def _encoder(boosting: Any, columns: np.ndarray, tables: list[np.ndarray]) -> OrdinalEncode:
    numbers = [_as_numbers(boosting, values) for values in tables]
    sizes = np.array([values.size for values in numbers])
    return OrdinalEncode(
        columns=columns.astype(smallest_unsigned(columns.size - 1)),
        sizes=sizes.astype(smallest_unsigned(int(sizes.max()))),
        categories=np.concatenate(numbers),
        n_features=int(boosting.n_features_in_),
    )


def _as_numbers(boosting: Any, categories: np.ndarray) -> np.ndarray:
    """Categories as float64, in which the compact model takes its rows."""
    if all(isinstance(value, Real) for value in categories.tolist()):
        numbers = categories.astype(np.float64)
        if np.isfinite(numbers).all() and numbers.tolist() == categories.tolist():
            return numbers
    raise UnsupportedEstimatorError(
        f"{type(boosting).__name__}: categories must be numbers that float64 holds; got "
        f"{categories[:5].tolist()}. Encode them in a step of your own before the model."
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
