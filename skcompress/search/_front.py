"""Pareto fronts of bytes against scores, and the area that they cover."""

from __future__ import annotations

import numpy as np

__all__ = ["area", "gains", "pareto"]


def pareto(n_bytes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Places of the points that no other beats in both, by rising bytes.

    Parameters
    ----------
    n_bytes : ndarray of shape (n,)
        Fewer is better.
    scores : ndarray of shape (n,)
        Greater is better; NaN is never on the front.

    Returns
    -------
    ndarray of int
        Of equal points the first.
    """
    valid = np.flatnonzero(np.isfinite(scores))
    order = valid[np.lexsort((-scores[valid], n_bytes[valid]))]
    best = np.maximum.accumulate(scores[order]) if order.size else scores[order]
    better = np.concatenate([[True], scores[order][1:] > best[:-1]])[: order.size]
    return order[better]


def area(n_bytes: np.ndarray, scores: np.ndarray, most_bytes: float, least_score: float) -> float:
    """Area that points dominate, over the logarithm of the bytes (two-dimensional hypervolume).

    Parameters
    ----------
    n_bytes, scores : ndarray of shape (n,)
        The points.
    most_bytes, least_score : float
        The corner that the area is bounded by; points beyond it add nothing.

    Returns
    -------
    float
        In score times natural logarithm of bytes.
    """
    scores = np.where(n_bytes < most_bytes, scores, np.nan)
    front = pareto(n_bytes, np.where(scores > least_score, scores, np.nan))
    if front.size == 0:
        return 0.0
    width = np.diff(np.log(np.append(n_bytes[front], most_bytes)))
    return float(np.sum(width * (scores[front] - least_score)))


def gains(
    n_bytes: np.ndarray,
    scores: np.ndarray,
    front_bytes: np.ndarray,
    front_scores: np.ndarray,
    most_bytes: float,
    least_score: float,
) -> np.ndarray:
    """The area that each of several points would add to that of a front.

    Parameters
    ----------
    n_bytes, scores : ndarray of shape (n,)
        The points.
    front_bytes, front_scores : ndarray of shape (m,)
        The front, by rising bytes.
    most_bytes, least_score : float
        The corner that the area is bounded by.

    Returns
    -------
    ndarray of shape (n,)
        Zero for points that the front dominates.
    """
    edges = np.log(np.concatenate([front_bytes, [most_bytes]]))
    # Left of the front nothing is covered; then each step of it covers up to its score.
    starts = np.concatenate([[-np.inf], edges[:-1]])
    covered = np.concatenate([[least_score], front_scores])
    ends = np.concatenate([edges[:1], edges[1:]])
    low = np.maximum(np.log(n_bytes)[:, None], starts)
    width = np.maximum(np.minimum(ends, np.log(most_bytes)) - low, 0.0)
    return np.asarray((width * np.maximum(scores[:, None] - covered, 0.0)).sum(axis=1))
