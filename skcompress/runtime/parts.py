"""Sums over the parts that rows fall into, and what the parts give back to the rows."""

from __future__ import annotations

import numpy as np

try:
    from . import _tree_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _tree_kernel = None  # type: ignore[assignment]

__all__ = ["sum_parts", "take_from_gap"]


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


def take_from_gap(
    part: np.ndarray,
    given: np.ndarray,
    factor: np.ndarray,
    number: np.ndarray,
    gap: np.ndarray,
) -> None:
    """Take from each row's gap its part's number, and its part's factor times what is given.

    Parameters
    ----------
    part : ndarray of int32, of shape (n_rows,)
        The part of each row.
    given, gap : ndarray of float64, of shape (n_rows, n_outputs)
        What is given to each row, and what it lacks, which is changed in place.
    factor : ndarray of float64, of shape (n_parts,)
        Factors.
    number : ndarray of float64, of shape (n_parts, n_outputs)
        Numbers.
    """
    if _tree_kernel is None:
        gap -= number[part] + factor[part][:, None] * given
    else:
        _tree_kernel.take_from_gap(part, given, factor, number, gap)
