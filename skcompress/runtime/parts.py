"""Sums over the parts that rows fall into, and the best that the parts can give to the rows."""

from __future__ import annotations

import numpy as np

try:
    from . import _tree_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _tree_kernel = None  # type: ignore[assignment]

__all__ = ["move_parts", "sum_parts"]

_TINY = 1e-12


def sum_parts(
    part: np.ndarray, given: np.ndarray, weight: np.ndarray, gap: np.ndarray, n_parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each part, the weighted sum of its rows' gaps times what is given, and of the gaps alone.

    Parameters
    ----------
    part : ndarray of int32, of shape (n_rows,)
        The part of each row.
    given : ndarray of float64, of shape (n_rows, n_outputs)
        What is given to each row.
    weight : ndarray of float64, of shape (n_rows,)
        Weights.
    gap : ndarray of float64, of shape (n_rows, n_outputs)
        What each row lacks.
    n_parts : int
        Number of parts.

    Returns
    -------
    along : ndarray of float64, of shape (n_parts,)
        Sums of products.
    sums : ndarray of float64, of shape (n_parts, n_outputs)
        Sums of gaps.
    """
    along, sums = np.zeros(n_parts), np.zeros((n_parts, gap.shape[1]))
    if _tree_kernel is None:
        products = np.zeros(len(gap))
        for k in range(gap.shape[1]):
            products += given[:, k] * gap[:, k]
            sums[:, k] = np.bincount(part, weight * gap[:, k], n_parts)
        along[:] = np.bincount(part, weight * products, n_parts)
    else:
        _tree_kernel.add_to_parts(part, given, weight, gap, along, sums)
    return along, sums


def move_parts(
    part: np.ndarray,
    given: np.ndarray,
    weight: np.ndarray,
    gap: np.ndarray,
    fit: tuple[np.ndarray, np.ndarray],
    sizes: tuple[np.ndarray, np.ndarray],
    share: float,
    edges: tuple[float, float],
) -> float:
    """Move a number and a factor of each part to the best there are while all others stay.

    Rows get `share` times the number of their part and its factor times what is given. Without a
    penalty, what is zero stays zero.

    Parameters
    ----------
    part, given, weight : ndarray
        As `sum_parts` takes them; of what is given, each part's weighted mean is zero.
    gap : ndarray of float64, of shape (n_rows, n_outputs)
        What each row lacks; changed in place.
    fit : pair of ndarray of float64, of shapes (n_parts,) and (n_parts, n_outputs)
        Factors and numbers; changed in place.
    sizes : pair of ndarray of float64, of shape (n_parts,)
        Weighted sums of the squares of what is given, and weights of all rows of a part.
    share : float
        What all that rows get is multiplied by.
    edges : pair of float
        Penalties on the size of a factor and on that of a number.

    Returns
    -------
    float
        The largest change of a factor.
    """
    (factor, number), (power, mass) = fit, sizes
    along, sums = sum_parts(part, given, weight, gap, factor.size)
    keep_zeros = edges == (0.0, 0.0)
    if _tree_kernel is not None:
        arrays = part, given, gap, factor, number, power, mass, along, sums
        return _tree_kernel.move_parts(*arrays, share, *edges, keep_zeros)
    # What a part itself gives counts as not given yet.
    power, mass = share * share * power, share * share * mass
    pull = share * along + power * factor
    pull = np.copysign(np.maximum(np.abs(pull) - edges[0], 0.0), pull)
    moves = (power > 0) & ~(keep_zeros & (factor == 0))
    new = np.divide(pull, power, out=np.zeros(factor.size), where=moves)
    turn, factor[:] = new - factor, new
    pull = share * sums + mass[:, None] * number
    length = np.zeros(factor.size)
    for column in pull.T:
        length += column * column
    shrink = np.maximum(1 - edges[1] / np.maximum(np.sqrt(length), _TINY), 0.0)
    moves = (mass > 0) & ~(keep_zeros & ~number.any(axis=1))
    size = np.where(moves, mass, 1.0)[:, None]
    new = np.where(moves[:, None], pull * shrink[:, None] / size, number)
    step, number[:] = new - number, new
    gap -= (share * step)[part] + (share * turn)[part][:, None] * given
    return float(np.abs(turn).max(initial=0.0))
