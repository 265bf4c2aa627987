"""Where the vectors of a reduced machine start."""

from __future__ import annotations

import numpy as np

__all__ = ["group_means", "shares"]

_ROUNDS = 10


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
