"""Histogram-based gradient boosting, with splits on categories and missing values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    TreeNotes,
    distinct_rows,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._layout import breadth_first, columns_of, depth_first
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import (
    histogram_categories,
    histogram_shrinkage,
    histogram_start,
    histogram_trees,
    set_histogram,
    set_histogram_categories,
)
from .trees import finish, in_stages, refuse_to_lose

__all__: list[str] = []

_EXPONENTIAL = ("gamma", "poisson")
_LOST_WITH_TRAINING = ("train_score_", "validation_score_", "do_early_stopping_")
_LOST_WITHOUT_NOTES = ("numbers of samples in nodes", "values of splits")


def _lift(boosting: Any, head: Head) -> Model:
    trees = histogram_trees(boosting)
    arrays = [a for _, a in trees]
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    rows = joined("value")[:, None]
    values, leaf = distinct_rows(layout.leaves(rows))
    n_samples = joined("n_samples")[layout.order].astype(np.int64)
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
        feature=columns_of(layout.splits(joined("feature")), boosting.n_features_in_),
        threshold=layout.splits(joined("threshold")),
        missing_left=missing if bool(missing.any()) else None,
        leaf=leaf,
        values=values,
        n_features=int(boosting.n_features_in_),
        n_outputs=start.size,
        tree_output=np.array([column for column, _ in trees], smallest_unsigned(start.size - 1)),
        base=start,
        float32_inputs=False,
        categories=categories,
        notes=TreeNotes(
            impurity=np.full(n_samples.size, np.nan),
            weight=n_samples.astype(np.float64),
            n_samples=n_samples,
            values=histogram_shrinkage(boosting) * layout.splits(rows),
        ),
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


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        trees, head = in_stages(model), model.head
        if trees.float32_inputs:
            raise UnsupportedEstimatorError(f"{cls.__name__} holds trees that see float64 numbers.")
        lost = _LOST_WITHOUT_NOTES if trees.notes is None else ()
        refuse_to_lose(trees, lost, allow_missing)
        boosting = cls(**dict(model.params))
        boosting.n_features_in_ = trees.n_features
        if isinstance(head, ClassScores):
            boosting.classes_ = head.target.classes.copy()
        elif isinstance(head, Numbers) and (head.link == "exp") != (boosting.loss in _EXPONENTIAL):
            raise UnsupportedEstimatorError(
                f"The link {head.link!r} is not that of the loss {boosting.loss!r}."
            )
        columns, tables, known, sets = _categories_of(model, trees)
        names = model.input.names
        set_histogram_categories(
            boosting, columns, tables, known, None if names is None else np.array(names, object)
        )
        start = np.zeros(trees.n_outputs) if trees.base is None else trees.base.astype(np.float64)
        # A split's value is not shrunk, a leaf's is.
        arrays = depth_first(trees)
        for tree in arrays:
            split = tree["left"] >= 0
            tree["value"][split] /= histogram_shrinkage(boosting)
        stages = [
            arrays[first : first + trees.n_outputs]
            for first in range(0, trees.n_trees, trees.n_outputs)
        ]
        set_histogram(boosting, stages, start, sets)
        return finish(boosting, model, (*lost, *_LOST_WITH_TRAINING))

    return lower


def _categories_of(
    model: Model, trees: TreeEnsemble
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray]:
    """Columns of categories, their categories, the known ones, and the sets of the splits."""
    if not model.chain.transforms and trees.categories is None:
        empty = np.zeros((0, 8), np.uint32)
        return np.zeros(0, np.int64), [], empty, empty
    encoder, seen = model.chain.transforms[0], trees.categories
    if isinstance(encoder, OrdinalEncode) and seen is not None:
        n_seen = encoder.sizes.size
        columns = encoder.columns[:n_seen].astype(np.int64)
        rest = np.setdiff1d(np.arange(encoder.n_features), columns)
        place = np.arange(encoder.n_outputs)
        if np.array_equal(encoder.columns, np.concatenate([columns, rest])) and np.array_equal(
            seen.known_row, np.where(place < n_seen, place, -1)
        ):
            ends = np.cumsum(encoder.sizes, dtype=np.int64)
            return columns, np.split(encoder.categories, ends[:-1]), seen.known, seen.left
    raise UnsupportedEstimatorError(
        "Histogram gradient boosting puts columns of categories first, and encodes all of them."
    )


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


for _cls, _lift_one, _examples in (
    (HistGradientBoostingClassifier, _lift_classifier, _classifiers),
    (HistGradientBoostingRegressor, _lift_regressor, _regressors),
):
    register(
        Family(dotted_name(_cls()), _lift_one, _lower(_cls), _examples, inside=(OrdinalEncode,))
    )
