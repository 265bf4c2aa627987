"""Platt's probabilities as libsvm computes them."""

from __future__ import annotations

import numpy as np

__all__ = ["couple_pairs", "platt_sigmoid"]

_LEAST = 1e-7
_ROUNDS = 100


def platt_sigmoid(scores: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Probability of the first class of each pair, kept away from 0 and 1."""
    x = scores * a + b
    small = np.exp(-np.abs(x))
    probability = np.where(x >= 0, small, 1.0) / (1.0 + small)
    return np.clip(probability, _LEAST, 1.0 - _LEAST)


def couple_pairs(
    pairs: np.ndarray, first: np.ndarray, second: np.ndarray, n_classes: int
) -> np.ndarray:
    """Class probabilities from those of all pairs.

    Two classes are iterated over as well, as scikit-learn's libsvm does: it stops short of the
    probability of the pair.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows, n_pairs)
        Probability of the first class of each pair.
    first, second : ndarray of int, of shape (n_pairs,)
        The classes of each pair.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities.

    References
    ----------
    .. [1] T.-F. Wu, C.-J. Lin, R. Weng, "Probability estimates for multi-class classification by
       pairwise coupling", JMLR 5, 2004 (the second method, as in libsvm).
    """
    n_rows = pairs.shape[0]
    r = np.zeros((n_rows, n_classes, n_classes))
    r[:, first, second] = pairs
    r[:, second, first] = 1.0 - pairs
    q = -np.swapaxes(r, 1, 2) * r
    diagonal = (np.swapaxes(r, 1, 2) ** 2).sum(axis=2)
    place = np.arange(n_classes)
    q[:, place, place] = diagonal
    p = np.full((n_rows, n_classes), 1.0 / n_classes)
    going = np.arange(n_rows)
    for _ in range(max(_ROUNDS, n_classes)):
        if not going.size:
            break
        own, x = q[going], p[going]
        product = np.einsum("rij,rj->ri", own, x)
        total = np.einsum("ri,ri->r", x, product)
        error = np.abs(product - total[:, None]).max(axis=1)
        rest = error >= 0.005 / n_classes
        going, own, x = going[rest], own[rest], x[rest]
        product, total = product[rest], total[rest]
        for t in range(n_classes):
            step = (total - product[:, t]) / own[:, t, t]
            x[:, t] += step
            scale = 1.0 + step
            total = (total + step * (step * own[:, t, t] + 2.0 * product[:, t])) / scale**2
            product = (product + step[:, None] * own[:, t]) / scale[:, None]
            x /= scale[:, None]
        p[going] = x
    return p
