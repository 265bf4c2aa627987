"""Where the vectors of a reduced machine start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular

__all__ = ["group_means", "merged_vectors", "pivots", "shares"]

_ROUNDS = 10
_BLOCKS = 32
_MOST_COMPARED = 4_000
_TINY = np.float32(1e-30)


def shares(sizes: np.ndarray, weights: np.ndarray, total: int) -> np.ndarray:
    """How many of `total` each group gets: in proportion, at least one, at most its size."""
    wanted = total * weights / weights.sum() if weights.sum() > 0 else np.full(sizes.size, 1.0)
    counts = np.clip(np.floor(wanted).astype(np.int64), np.minimum(sizes, 1), sizes)
    for place in np.argsort(counts - wanted, kind="stable"):
        if counts.sum() >= total:
            break
        counts[place] += counts[place] < sizes[place]
    return counts


def group_means(
    rows: np.ndarray, groups: np.ndarray, counts: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Means of clusters within groups, by k-means.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Rows.
    groups : ndarray of int, of shape (n_rows,)
        Group of each.
    counts : ndarray of int, of shape (n_groups,)
        Clusters in each group.
    generator : Generator
        Draws the rows that clusters start from.
    """
    parts = []
    for group, count in enumerate(counts):
        own = rows[groups == group].astype(np.float32)
        if count:
            parts.append(_means(own, int(count), generator))
    return np.concatenate(parts).astype(np.float64)


def _means(rows: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    if count >= rows.shape[0]:
        return rows
    centers = rows[generator.choice(rows.shape[0], count, replace=False)]
    for _ in range(_ROUNDS):
        half = 0.5 * np.einsum("ij,ij->i", centers, centers)
        nearest = np.argmin(half - rows @ centers.T, axis=1)
        order = np.argsort(nearest, kind="stable")
        sizes = np.bincount(nearest, minlength=count)
        filled = sizes > 0
        starts = (np.cumsum(sizes) - sizes)[filled]
        means = np.add.reduceat(rows[order], starts, axis=0) / sizes[filled, None]
        if np.array_equal(means, centers[filled]):
            break
        centers[filled] = means
    return centers


def merged_vectors(
    vectors: np.ndarray, weights: np.ndarray, groups: np.ndarray, total: int
) -> np.ndarray:
    """Neighbours of a group merged, again and again, until few vectors are left.

    Two vectors are replaced by their weighted mean, which has the sum of their weights; the pairs
    go first that this moves least. Of very many vectors of a group some stand for all.

    Parameters
    ----------
    vectors : ndarray of shape (n_vectors, n_features)
        Vectors.
    weights : ndarray of shape (n_vectors,)
        Size of the coefficients of each.
    groups : ndarray of int, of shape (n_vectors,)
        Vectors of different groups are not merged.
    total : int
        How many are left, if there are no more groups.
    """
    sizes = np.bincount(groups)
    rank = np.empty(groups.size, int)
    rank[np.argsort(groups, kind="stable")] = np.concatenate([np.arange(n) for n in sizes])
    some = rank % -(-sizes // max(_MOST_COMPARED, 2 * total))[groups] == 0
    middle = vectors[some].mean(axis=0)
    points, weight = (vectors[some] - middle).astype(np.float32), weights[some].astype(np.float32)
    groups = groups[some]
    while points.shape[0] > total:
        first, second, cost = _mutual_neighbours(points, weight, groups)
        # The cheaper half at most: others may find cheaper partners then.
        order = np.argsort(cost, kind="stable")[: min(len(points) - total, -(-cost.size // 2))]
        if not order.size:
            break
        first, second = first[order], second[order]
        both = weight[first] + weight[second]
        share = weight[second] / np.maximum(both, _TINY)
        points[first] += share[:, np.newaxis] * (points[second] - points[first])
        weight[first] = both
        left = np.ones(points.shape[0], bool)
        left[second] = False
        points, weight, groups = points[left], weight[left], groups[left]
    strongest = np.sort(np.argsort(-weight, kind="stable")[:total])
    return points[strongest] + middle


def _mutual_neighbours(
    points: np.ndarray, weight: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of which each is the other's cheapest to merge with, and what merging costs."""
    parts = []
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        rows, heavy = points[own], weight[own]
        lengths = np.einsum("ij,ij->i", rows, rows)
        gaps = lengths[:, np.newaxis] + lengths - 2 * (rows @ rows.T)
        # What the weighted squares grow by.
        gaps *= heavy[:, np.newaxis] * heavy / np.maximum(heavy[:, np.newaxis] + heavy, _TINY)
        np.fill_diagonal(gaps, np.inf)
        nearest = gaps.argmin(axis=1)
        places = np.arange(own.size)
        mutual = np.flatnonzero((nearest[nearest] == places) & (places < nearest))
        parts.append((own[mutual], own[nearest[mutual]], gaps[mutual, nearest[mutual]]))
    first, second, cost = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, cost


def pivots(
    matrix: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, weights: np.ndarray, n: int
) -> np.ndarray:
    """Vectors of a machine that stand for all of them: a pivoted Cholesky factor of its kernel.

    Those come first whose contribution those chosen before explain least, many at a time.

    Parameters
    ----------
    matrix : callable
        Kernel values of all vectors (rows) and those of the indices given (columns).
    diagonal : ndarray of shape (n_vectors,)
        Kernel values of vectors with themselves.
    weights : ndarray of shape (n_vectors,)
        Size of the coefficients of each.
    n : int
        How many.

    Returns
    -------
    ndarray of int, of shape (n,)
        Their indices.
    """
    left = diagonal.astype(np.float32)
    factor = np.zeros((left.size, n), np.float32)
    weight = np.square(weights, dtype=np.float64)
    free = np.ones(left.size, bool)
    chosen: list[int] = []
    for part in np.array_split(np.arange(n), min(_BLOCKS, n)):
        score = np.where(free, left * weight, -1.0)
        block = np.argsort(-score, kind="stable")[: part.size]
        done = len(chosen)
        columns = matrix(block).astype(np.float32)
        columns -= factor[:, :done] @ factor[block, :done].T
        own = columns[block].astype(np.float64)
        own[np.diag_indices_from(own)] += 1e-4 * float(diagonal.mean()) + 1e-30
        lower = cholesky(_semidefinite(own), lower=True)
        explained = solve_triangular(lower, columns.T, lower=True).T
        sizes = np.square(explained).sum(axis=1)
        # No more than there is: of an indefinite kernel the factor would grow without end.
        explained *= np.sqrt(np.minimum(left / np.maximum(sizes, 1e-30), 1.0))[:, np.newaxis]
        factor[:, part] = explained
        left = np.maximum(left - np.square(factor[:, part]).sum(axis=1), 0)
        free[block] = False
        chosen += block.tolist()
    return np.sort(np.asarray(chosen))


def _semidefinite(matrix: np.ndarray) -> np.ndarray:
    """Lifted until it is."""
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest <= 0:
        matrix[np.diag_indices_from(matrix)] += 1.01 * abs(lowest) + 1e-30
    return matrix
