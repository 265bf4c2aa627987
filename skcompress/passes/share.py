"""Thresholds that many splits share, without moving any known row to another leaf."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model, TreeEnsemble, decode
from ..runtime._rows import as_dense
from ..runtime.trees import leaf_rows, pack, see_values
from ._base import SkipPass
from ._context import Context
from ._trees import trees_of

__all__ = ["ShareThresholds", "free_intervals", "stab"]

_PAIRS = 1 << 21
"""Pairs of row and tree that are followed at a time."""

_FINEST_GRID = 30
_ROUNDS = 3


@dataclasses.dataclass(frozen=True)
class ShareThresholds:
    """Move thresholds within the gaps that the rows leave, so that few different ones do for all.

    A threshold may lie anywhere from the largest value that goes left up to, and without, the
    smallest that goes right. For each feature the fewest points that stab all these intervals
    are found greedily, and each becomes the roundest number that its intervals have in common;
    then each split takes the point in its interval that most splits take.
    All refit rows keep their paths. Thresholds that rows do not bound on both sides stay.

    Parameters
    ----------
    reach : float
        How far a threshold may move, as a share of the way to either bound: of rows between the
        bounds, those in this part may change sides.

    References
    ----------
    .. [1] A. Nakamura, K. Sakurada, "An algorithm for reducing the number of distinct branching
       conditions in a decision forest", ECML PKDD 2019.
    """

    reach: float = 0.5
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Move the thresholds."""
        trees = trees_of(model)
        if context.refit is None:
            raise SkipPass("no rows that tell how far thresholds may move")
        threshold = decode(trees.threshold).copy()
        refit = context.refit
        low, high = context.once(
            "free intervals",
            model,
            lambda: free_intervals(trees, as_dense(context.inputs(model, refit))),
        )
        low, high = _nearer(low, threshold, self.reach), _nearer(high, threshold, self.reach)
        order = np.argsort(trees.feature, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(trees.feature[order])) + 1):
            if places.size:
                threshold[places] = stab(low[places], high[places], threshold[places])
        return model.with_predictor(trees.replace(threshold=threshold))


def _nearer(edge: np.ndarray, threshold: np.ndarray, reach: float) -> np.ndarray:
    """Part of the way from thresholds to the bounds; a bound that is infinite stays."""
    if reach == 1:
        return edge
    with np.errstate(invalid="ignore"):
        between = (threshold + reach * (edge - threshold)).astype(threshold.dtype)
    return np.where(np.isfinite(between), between, edge)


def free_intervals(trees: TreeEnsemble, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The closed interval in which each threshold may move without moving a row.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    rows : ndarray of shape (n_rows, n_features)
        What they see.

    Returns
    -------
    low, high : ndarray of shape (n_internal,), of the dtype of the thresholds
        Both are the threshold itself where rows bound it on one side at most, and for splits on
        categories. Intervals of splits on one path never overlap.
    """
    threshold = decode(trees.threshold)
    rows = np.asarray(rows, np.float32 if trees.float32_inputs else np.float64)
    low, high = _seen(trees, rows, threshold.dtype)
    fixed = ~(np.isfinite(low) & np.isfinite(high))
    if trees.categories is not None:
        fixed |= trees.categories.is_category
    # Below the smallest value that goes right; a grid of values may hold the bound itself.
    high = np.nextafter(high, threshold.dtype.type(-np.inf))
    # A value may be finer than the thresholds' own dtype.
    fixed |= (low > threshold) | (high < threshold)
    low, high = np.where(fixed, threshold, low), np.where(fixed, threshold, high)
    _spare_fixed(trees, threshold, fixed, low, high)
    return low, high


def _seen(trees: TreeEnsemble, rows: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The largest value that goes left and the smallest that goes right at each split."""
    largest, smallest = (
        np.full(trees.n_nodes, -np.inf, dtype),
        np.full(trees.n_nodes, np.inf, dtype),
    )
    leaves = np.flatnonzero(~trees.internal).astype(np.int32)
    walk = pack(trees, np.arange(leaves.size))
    step = max(_PAIRS // max(trees.n_trees, 1), 1)
    for start in range(0, rows.shape[0], step):
        block = rows[start : start + step]
        reached = leaves[leaf_rows(walk, block)]
        see_values(trees, block.astype(dtype), reached, largest, smallest)
    return largest[trees.internal], smallest[trees.internal]


def _spare_fixed(
    trees: TreeEnsemble,
    threshold: np.ndarray,
    fixed: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    """Keep the splits above a fixed one from moving past it, in place."""
    parent, number = trees.parent(), np.cumsum(trees.internal) - 1
    is_right = trees.right_nodes()
    split = np.flatnonzero(trees.internal)
    place = np.flatnonzero(fixed)
    node = split[place]
    below, above = threshold.dtype.type(-np.inf), threshold.dtype.type(np.inf)
    while place.size:
        up = parent[node]
        inner = up >= 0
        place, node, up = place[inner], node[inner], up[inner]
        at = number[up]
        same = trees.feature[at] == trees.feature[place]
        for side, edge, narrow, beyond in (
            (same & ~is_right[node], low, np.maximum, above),
            (same & is_right[node], high, np.minimum, below),
        ):
            spared = np.nextafter(threshold[place[side]], beyond)
            inside = (spared >= low[at[side]]) & (spared <= high[at[side]])
            narrow.at(edge, at[side][inside], spared[inside])
        node = up


def stab(low: np.ndarray, high: np.ndarray, wished: np.ndarray) -> np.ndarray:
    """A point in each closed interval, so that few different points occur.

    Parameters
    ----------
    low, high : ndarray of float, of shape (n,)
        Ends; ``low <= high``.
    wished : ndarray of float, of shape (n,)
        Where the points would rather be.

    Returns
    -------
    ndarray of shape (n,)
        As few distinct points as there can be: each the multiple nearest to the mean of the wishes
        of the coarsest power of two that has a multiple in what all of its intervals share. Of
        several points in its interval each takes the one that most take.
    """
    order = np.argsort(low, kind="stable")
    starts = low[order]
    # The greedy choice: the least right end among all intervals that start beyond the last point.
    least_end = np.minimum.accumulate(high[order][::-1])[::-1]
    following = np.searchsorted(starts, least_end, side="right").tolist()
    chosen, place = [], 0
    while place < len(following):  # from point to point, not from interval to interval
        chosen.append(place)
        place = following[place]
    last = least_end[chosen]
    group = np.searchsorted(last, low)
    first = np.full(last.size, -np.inf, low.dtype)
    np.maximum.at(first, group, low)
    # A single interval may be infinite at both ends, where its threshold is.
    numeric = np.where(np.isfinite(wished), wished, 0)
    mean = np.bincount(group, numeric, last.size) / np.bincount(group, minlength=last.size)
    points = _round(first, last, mean)
    return points[_most_popular(points, group, low, high)]


def _most_popular(
    points: np.ndarray, group: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Which of the rising points each interval takes, after a few rounds of following the many."""
    first = np.searchsorted(points, low)
    last = np.searchsorted(points, high, side="right") - 1
    for _ in range(_ROUNDS):
        group = _argmax_between(np.bincount(group, minlength=points.size), first, last)
    return group


def _argmax_between(numbers: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The place of the largest number in each range: the better of two that cover it."""
    level = np.frexp((last - first + 1).astype(np.float64))[1] - 1
    best = np.arange(numbers.size)
    found = np.empty(first.size, np.int64)
    for width in range(int(level.max()) + 1):
        here = np.flatnonzero(level == width)
        found[here] = _larger(numbers, best[first[here]], best[last[here] - (1 << width) + 1])
        best = _larger(numbers, best[: -(1 << width)], best[1 << width :])
    return found


def _larger(numbers: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(numbers[one] >= numbers[other], one, other)


def _round(low: np.ndarray, high: np.ndarray, wished: np.ndarray) -> np.ndarray:
    """The multiple of the coarsest power of two in each interval, near what is wished."""
    finite = np.isfinite(low) & np.isfinite(high)
    first, last = (np.where(finite, e, 0).astype(np.float64) for e in (low, high))
    for grid in range(_FINEST_GRID):
        least, most = np.ceil(np.ldexp(first, grid)), np.floor(np.ldexp(last, grid))
        if bool((least <= most).all()):
            nearest = np.clip(np.rint(np.ldexp(wished, grid)), least, most)
            exact = np.ldexp(nearest, -grid).astype(high.dtype)
            return np.where(finite & (exact >= low) & (exact <= high), exact, high)
    return np.where(finite, np.clip(wished, first, last).astype(high.dtype), high)
