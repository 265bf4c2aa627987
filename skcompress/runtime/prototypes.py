"""Evaluation of `Prototypes`: the nearest stored rows, with scikit-learn's choice between ties.

By brute force that choice is the one of a single thread: with several, scikit-learn's depends on
their number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..ir import Node, Prototypes, decode
from ._distances import (
    CHUNK,
    close_arrays,
    closeness,
    pair_distances,
    reduced_distances,
    root,
    squared_by_products,
)
from ._neighbor_search import BallTree, KdTree, first_met
from ._registry import Evaluate, evaluates, keeps
from ._rows import Rows, as_dense, blocks

__all__ = ["answers"]

# Distances of a block stay in the processor's cache.
_BLOCK_BYTES = 2**20
_BLOCK = 4096
_OVERFLOW = "X holds values so large that distances to the stored rows overflow."

Find = Callable[[np.ndarray], "_Neighbors"]


@dataclasses.dataclass(frozen=True)
class _Neighbors:
    """The nearest rows of each query, nearest first, and their distances before the root."""

    place: np.ndarray
    reduced: np.ndarray


@keeps(Prototypes)
def kept_arrays(prototypes: Node) -> tuple[np.ndarray, ...]:
    """All arrays that evaluation keeps; some may belong to the prototypes."""
    assert isinstance(prototypes, Prototypes)
    if not prototypes.tree:
        vectors = np.ascontiguousarray(decode(prototypes.vectors))
        return vectors, *close_arrays(vectors, prototypes.p, by_tree=False)
    tree = _tree(prototypes)
    if tree.compiled() is not None:
        return tree.arrays
    return *tree.arrays, *close_arrays(tree.vectors, prototypes.p, by_tree=True)


@evaluates(Prototypes)
def compile_prototypes(prototypes: Node) -> Evaluate:
    """Prepare stored rows."""
    assert isinstance(prototypes, Prototypes)
    find, size = _by_tree(prototypes) if prototypes.tree else _by_brute_force(prototypes)

    def evaluate(rows: Rows) -> np.ndarray:
        parts = []
        for block in blocks(rows.shape[0], size):
            found = find(as_dense(rows[block]))
            parts.append(answers(prototypes, found.place, found.reduced))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return evaluate


def _tree(prototypes: Prototypes) -> KdTree | BallTree:
    vectors = np.ascontiguousarray(decode(prototypes.vectors), np.float64)
    if prototypes.centers is None:
        return KdTree(vectors, prototypes.n_nodes, prototypes.p)
    return BallTree(vectors, prototypes.n_nodes, prototypes.p, prototypes.centers)


def _by_tree(prototypes: Prototypes) -> tuple[Find, int]:
    """How to find neighbours, and for how many rows at once."""
    p, n_neighbors = prototypes.p, prototypes.n_neighbors
    tree = _tree(prototypes)
    vectors = tree.vectors
    search = tree.compiled()
    if search is not None:

        def find_compiled(X: np.ndarray) -> _Neighbors:
            found = _Neighbors(
                np.empty((X.shape[0], n_neighbors), np.int64), np.empty((X.shape[0], n_neighbors))
            )
            search.search(np.ascontiguousarray(X, np.float64), found.reduced, found.place)
            if bool(np.isinf(found.reduced[:, -1]).any()):
                raise ValueError(_OVERFLOW)
            return found

        return find_compiled, _BLOCK
    close = closeness(vectors, p)

    def find(X: np.ndarray) -> _Neighbors:
        X = np.ascontiguousarray(X, np.float64)
        about, error = close(X)
        return _nearest(
            about,
            error,
            tree.margin,
            n_neighbors,
            lambda row, place: pair_distances(X, vectors, row, place, p),
            lambda rows: reduced_distances(X[rows], vectors, p),
            lambda row, own: tree.search(X[row], own, n_neighbors),
        )

    return find, max(_BLOCK_BYTES // (8 * prototypes.n_rows), 1)


def _by_brute_force(prototypes: Prototypes) -> tuple[Find, int]:
    """scikit-learn multiplies matrices for Euclidean distances here, and so rounds otherwise."""
    vectors = np.ascontiguousarray(decode(prototypes.vectors))
    p, n_neighbors = prototypes.p, prototypes.n_neighbors
    close = squared_by_products(vectors) if p == 2 else closeness(vectors, p)

    def find(X: np.ndarray) -> _Neighbors:
        about, error = close(X)
        same = X.dtype == vectors.dtype

        def choose(row: int, own: np.ndarray) -> np.ndarray:
            if same:
                return first_met(own, n_neighbors)
            # There, rows of another precision than the stored ones go through NumPy's partition.
            kept = np.argpartition(own, n_neighbors - 1)[:n_neighbors]
            return kept[np.argsort(own[kept])]

        def exact(row: np.ndarray, place: np.ndarray) -> np.ndarray:
            if p == 2:
                return np.asarray(about[row, place])
            return pair_distances(X, vectors, row, place, p)

        found = _nearest(
            about,
            error,
            lambda last, farthest: np.zeros_like(last),
            n_neighbors,
            exact,
            lambda rows: about[rows],
            choose,
        )
        if same and X.dtype == np.float32:
            return _Neighbors(found.place, found.reduced.astype(np.float32))
        return found

    return find, CHUNK


def _nearest(
    about: np.ndarray,
    error: np.ndarray,
    margin: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n_neighbors: int,
    exact: Callable[[np.ndarray, np.ndarray], np.ndarray],
    all_of: Callable[[np.ndarray], np.ndarray],
    choose: Callable[[int, np.ndarray], np.ndarray],
) -> _Neighbors:
    """The nearest rows from distances that are known up to an error.

    Parameters
    ----------
    about : ndarray of shape (n_queries, n_rows)
        Distances before the root.
    error : ndarray of shape (n_queries,)
        How far they may be off.
    margin : callable
        Rows no more than this farther than the last one kept may be kept in its place.
    n_neighbors : int
        How many are wanted.
    exact : callable
        Gives exact distances of pairs.
    all_of : callable
        Gives the distances of some queries to all rows.
    choose : callable
        Settles a tie for one query, given its distances to all rows.
    """
    last = np.partition(about, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
    last = np.maximum(last, 0.0)
    slack = margin(last, np.maximum(about.max(axis=1), 0.0))
    row, place = np.nonzero(about <= (last + 2.0 * error + slack)[:, np.newaxis])
    reduced = exact(row, place)
    order = np.lexsort((reduced, row))
    place, reduced = place[order], reduced[order]
    counts = np.bincount(row, minlength=len(about))
    if bool((counts < n_neighbors).any()):
        raise ValueError(_OVERFLOW)
    starts = np.cumsum(counts) - counts
    chosen = starts[:, np.newaxis] + np.arange(n_neighbors)
    found = _Neighbors(place[chosen], reduced[chosen])
    # Where the next row is as near as the last one kept, the search decides between them.
    more = np.flatnonzero(counts > n_neighbors)
    following = reduced[starts[more] + n_neighbors]
    tied = more[following <= found.reduced[more, -1] + slack[more]]
    for query, own in zip(tied, all_of(tied), strict=True):
        known = slice(starts[query], starts[query] + counts[query])
        own[place[known]] = reduced[known]
        found.place[query] = choose(query, own)
        found.reduced[query] = own[found.place[query]]
    return found


def answers(prototypes: Prototypes, place: np.ndarray, reduced: np.ndarray) -> np.ndarray:
    """Votes or means of stored rows, by their places and distances before the root."""
    combine = _vote if prototypes.n_classes is not None else _average
    return combine(prototypes, place, _weights(reduced, prototypes))


def _weights(reduced: np.ndarray, prototypes: Prototypes) -> np.ndarray | None:
    """Inverse distances; where a distance is zero, the rows at that distance alone count."""
    if prototypes.weights == "uniform":
        return None
    distance = root(reduced, prototypes.p, by_tree=prototypes.tree)
    with np.errstate(divide="ignore"):
        weights = 1.0 / distance.astype(np.float64, copy=False)
    infinite = np.isinf(weights)
    exact = infinite.any(axis=1)
    weights[exact] = infinite[exact]
    return weights


def _vote(prototypes: Prototypes, nearest: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    assert prototypes.n_classes is not None
    own = None if weights is None else weights.ravel()
    parts = []
    rows = np.arange(nearest.shape[0])[:, np.newaxis]
    for column, n_classes in enumerate(prototypes.n_classes.tolist()):
        bins = rows * n_classes + prototypes.targets[nearest, column].astype(np.int64)
        votes = np.bincount(bins.ravel(), own, minlength=len(nearest) * n_classes)
        votes = votes.reshape(len(nearest), n_classes)
        total = votes.sum(axis=1, keepdims=True)
        parts.append(votes / np.where(total == 0, 1.0, total))
    return np.concatenate(parts, axis=1)


def _average(prototypes: Prototypes, nearest: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    values = prototypes.targets[nearest]
    if weights is None:
        return np.asarray(values.mean(axis=1))
    summed = np.empty((nearest.shape[0], values.shape[2]))
    total = weights.sum(axis=1)
    for column in range(values.shape[2]):
        summed[:, column] = np.sum(values[:, :, column] * weights, axis=1) / total
    return summed
