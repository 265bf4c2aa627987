"""Evaluation of `Prototypes`: the nearest stored rows, with scikit-learn's choice between ties."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Node, Prototypes, decode
from ._kd_ties import KdTree
from ._registry import Evaluate, evaluates
from ._rows import Rows, as_dense, blocks

__all__: list[str] = []

_BLOCK_BYTES = 32 * 2**20


@evaluates(Prototypes)
def compile_prototypes(prototypes: Node) -> Evaluate:
    """Prepare stored rows."""
    assert isinstance(prototypes, Prototypes)
    vectors = np.ascontiguousarray(decode(prototypes.vectors), np.float64)
    columns = np.ascontiguousarray(vectors.T)
    tree = KdTree(vectors, prototypes.leaf_size, prototypes.p) if prototypes.tree else None
    combine = _vote if prototypes.n_classes is not None else _average
    size = max(_BLOCK_BYTES // (8 * vectors.shape[0]), 1)

    def evaluate(rows: Rows) -> np.ndarray:
        out = np.empty((rows.shape[0], prototypes.n_outputs))
        for block in blocks(rows.shape[0], size):
            X = as_dense(rows[block], np.float64)
            reduced = reduced_distances(X, columns, prototypes.p)
            nearest = _nearest(X, reduced, prototypes.n_neighbors, tree)
            weights = _weights(np.take_along_axis(reduced, nearest, axis=1), prototypes)
            out[block] = combine(prototypes, nearest, weights)
        return out

    return evaluate


def reduced_distances(X: np.ndarray, columns: np.ndarray, p: float) -> np.ndarray:
    """Distances before the root, summed over the columns in their order, as the k-d tree does."""
    total = np.zeros((X.shape[0], columns.shape[1]))
    for place, column in enumerate(columns):
        gap = X[:, place, None] - column
        if p == 2:
            total += gap * gap
        elif p == 1:
            total += np.abs(gap)
        elif math.isinf(p):
            np.maximum(total, np.abs(gap), out=total)
        else:
            total += np.abs(gap) ** p
    return total


def _nearest(
    X: np.ndarray, reduced: np.ndarray, n_neighbors: int, tree: KdTree | None
) -> np.ndarray:
    """The nearest rows, nearest first."""
    n_vectors = reduced.shape[1]
    if tree is None or n_neighbors == n_vectors:
        return np.argsort(reduced, axis=1, kind="stable")[:, :n_neighbors]
    nearest = np.argpartition(reduced, n_neighbors - 1, axis=1)[:, :n_neighbors]
    chosen = np.take_along_axis(reduced, nearest, axis=1)
    order = np.argsort(chosen, axis=1, kind="stable")
    nearest = np.take_along_axis(nearest, order, axis=1)
    last = chosen.max(axis=1, keepdims=True)
    # Where more rows are as near as the last one, the search decides which of them are met first.
    tied = np.flatnonzero((reduced <= last).sum(axis=1) > n_neighbors)
    for row in tied:
        nearest[row] = tree.search(X[row], reduced[row], n_neighbors)
    return nearest


def _weights(reduced: np.ndarray, prototypes: Prototypes) -> np.ndarray | None:
    """Inverse distances; where a distance is zero, the rows at that distance alone count."""
    if prototypes.weights == "uniform":
        return None
    p = prototypes.p
    if p == 2:
        distance = np.sqrt(reduced)
    else:
        distance = reduced if p == 1 or math.isinf(p) else reduced ** (1.0 / p)
    with np.errstate(divide="ignore"):
        weights = 1.0 / distance
    infinite = np.isinf(weights)
    exact = infinite.any(axis=1)
    weights[exact] = infinite[exact]
    return weights


def _vote(prototypes: Prototypes, nearest: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    assert prototypes.n_classes is not None
    own = np.ones(nearest.shape) if weights is None else weights
    parts = []
    rows = np.arange(nearest.shape[0])
    for column, n_classes in enumerate(prototypes.n_classes):
        labels = prototypes.targets[nearest, column]
        votes = np.zeros((nearest.shape[0], int(n_classes)))
        for place in range(nearest.shape[1]):
            votes[rows, labels[:, place]] += own[:, place]
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
