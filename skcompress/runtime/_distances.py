"""Distances between rows, rounded as scikit-learn rounds them: before the root is taken."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

__all__ = ["closeness", "pair_distances", "reduced_distances", "squared_by_products"]

_EPS = 2.0**-52
_c_pow = np.frompyfunc(math.pow, 2, 1)


def reduced_distances(X: np.ndarray, vectors: np.ndarray, p: float) -> np.ndarray:
    """Minkowski distances before the root, coordinate after coordinate.

    Two single-precision arrays are subtracted, and the sums rounded, in single precision.

    Parameters
    ----------
    X : ndarray of shape (n_queries, n_features)
        Queries.
    vectors : ndarray of shape (n_rows, n_features)
        Stored rows.
    p : float
        Order of the distance; infinity for the largest coordinate difference.

    Returns
    -------
    ndarray of float64, of shape (n_queries, n_rows)
        Sums of powers, or the largest differences.
    """
    total = np.zeros((X.shape[0], vectors.shape[0]))
    for place, column in enumerate(np.ascontiguousarray(vectors.T)):
        gap = np.abs(X[:, place, np.newaxis] - column).astype(np.float64, copy=False)
        if math.isinf(p):
            np.maximum(total, gap, out=total)
        else:
            total += _power(gap, p)
    single = X.dtype == np.float32 and vectors.dtype == np.float32
    return total.astype(np.float32).astype(np.float64) if single else total


def pair_distances(
    X: np.ndarray, vectors: np.ndarray, row: np.ndarray, place: np.ndarray, p: float
) -> np.ndarray:
    """The same for some pairs, with powers as the C library rounds them."""
    total = np.zeros(row.size)
    for query, column in zip(X.T, vectors.T, strict=True):
        gap = np.abs(query[row] - column[place])
        if math.isinf(p):
            np.maximum(total, gap, out=total)
        elif p in (1, 2):
            total += _power(gap, p)
        else:
            # NumPy's vectorized power may differ in the last bit, which makes or breaks ties.
            total += _c_pow(gap, p).astype(np.float64)
    return total


def _power(gap: np.ndarray, p: float) -> np.ndarray:
    if p == 1:
        return gap
    return gap * gap if p == 2 else gap**p


def closeness(
    vectors: np.ndarray, p: float
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Reduced distances fast, with a bound on the error of each query's."""
    if p != 2:
        relative = 0.0 if p == 1 or math.isinf(p) else 8.0 * _EPS

        def directly(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            about = reduced_distances(X, vectors, p)
            return about, relative * about.max(axis=1)

        return directly

    center = vectors.mean(axis=0)
    moved = vectors - center
    columns = np.ascontiguousarray(moved.T)
    lengths = np.einsum("ij,ij->i", moved, moved)
    # Each of the products and sums rounds, and so does the shift to the center.
    factor = (4 + vectors.shape[1]) * _EPS

    def by_products(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = X - center
        squares = np.einsum("ij,ij->i", own, own)
        about = own @ columns
        about *= -2.0
        about += squares[:, np.newaxis]
        about += lengths
        return about, factor * (squares + lengths.max() + center @ center)

    return by_products


def squared_by_products(vectors: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Squared Euclidean distances from lengths and one matrix product, without a center."""
    vectors = np.ascontiguousarray(vectors, np.float64)
    lengths = _lengths(vectors)

    def squares(X: np.ndarray) -> np.ndarray:
        X = np.ascontiguousarray(X, np.float64)
        # BLAS sums a single row in another order than several.
        products = (X if len(X) > 1 else np.repeat(X, 2, axis=0)) @ vectors.T
        out = products[: len(X)]
        out *= -2.0
        out += _lengths(X)[:, np.newaxis]
        out += lengths
        return np.maximum(out, 0.0, out=out)

    return squares


def _lengths(rows: np.ndarray) -> np.ndarray:
    """Squared lengths through the dot product of BLAS, row by row."""
    return np.matmul(rows[:, np.newaxis, :], rows[:, :, np.newaxis])[:, 0, 0]
