"""Isolation forests."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.tree import ExtraTreeRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, Model, Outlier, TreeEnsemble
from ._input import input_spec
from ._members import check_trees, member_arrays
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import (
    isolation_depths,
    isolation_path_length,
    isolation_rows,
    set_bagging,
    set_isolation,
)
from .trees import build_trees, finish, tree_ensemble

__all__: list[str] = []

_MOST_ROWS = 1 << 40


def _lift(forest: Any) -> Model:
    trees = check_trees(forest)
    arrays = member_arrays(forest, trees)
    for place, one in enumerate(arrays):
        one["value"] = isolation_depths(forest, place)
    usual = len(trees) * isolation_path_length(isolation_rows(forest))
    predictor = tree_ensemble(
        arrays,
        lambda value: value[:, np.newaxis],
        n_features=int(forest.n_features_in_),
        n_outputs=1,
        # Trees of a single row tell nothing: scikit-learn takes a depth of one for all.
        base=None if usual else np.ones(1),
        divisor=usual or 1.0,
    )
    return Model(
        input=input_spec(forest, finite="any", sparse=True, float32_range=True),
        chain=Chain(transforms=(), predictor=predictor),
        head=Outlier(offset=float(forest.offset_), link="isolation"),
        family=dotted_name(forest),
        params=plain_params(forest),
    )


def _lower(model: Model, allow_missing: bool) -> Any:
    trees, head = model.predictor, model.head
    if (
        not isinstance(trees, TreeEnsemble)
        or not isinstance(head, Outlier)
        or head.link != "isolation"
        or trees.n_outputs != 1
        or trees.tree_output is not None
    ):
        raise UnsupportedEstimatorError("IsolationForest holds trees that tell depths.")
    n_rows = _rows_of(trees.denominator / trees.n_trees)
    forest = IsolationForest(**dict(model.params))
    forest.n_estimators = trees.n_trees
    forest.n_features_in_ = trees.n_features

    def member() -> Any:
        return ExtraTreeRegressor(max_features=1, splitter="random")

    members, lost = build_trees(trees, member, np.ones(1, int), allow_missing)
    set_bagging(forest, members, member())
    set_isolation(forest, _depths(trees, members, n_rows), n_rows)
    forest.max_samples_ = n_rows
    forest.offset_ = head.offset
    return finish(forest, model, (*lost, "estimators_samples_"))


def _rows_of(path_length: float) -> int:
    """The number of rows, at least two, whose usual path is nearest to this long."""
    numbers = range(2, _MOST_ROWS)
    place = bisect.bisect_left(numbers, path_length, key=isolation_path_length)
    nearby = numbers[max(place - 1, 0) : place + 1]
    return min(nearby, key=lambda n: abs(isolation_path_length(n) - path_length))


def _depths(trees: TreeEnsemble, members: list[Any], n_rows: int) -> list[np.ndarray]:
    """What each node adds, so that the sum comes to what the trees give."""
    depths = [member.tree_.value[:, 0, 0].copy() for member in members]
    usual = len(members) * isolation_path_length(n_rows)
    if usual != trees.denominator:
        depths = [depth * (usual / trees.denominator) for depth in depths]
    if trees.base is not None:
        depths[0] += trees.base[0] * (usual / trees.denominator)
    return depths


def _examples() -> Iterable[Any]:
    return (
        IsolationForest(n_estimators=5, random_state=0),
        IsolationForest(
            n_estimators=4, max_samples=30, max_features=2, contamination=0.1, random_state=0
        ),
    )


register(Family(dotted_name(IsolationForest()), _lift, _lower, _examples))
