"""Distances between rows, rounded as scikit-learn rounds them: before the root is taken."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ._rows import blocks

__all__ = [
    "CHUNK",
    "c_power",
    "close_arrays",
    "closeness",
    "pair_distances",
    "reduced_distances",
    "root",
    "squared_by_products",
]

CHUNK = 256
_EPS = 2.0**-52
Close = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From queries: distances before the root to all stored rows, and how far each row may be off."""


def c_power(base: float, exponent: float) -> float:
    """As the C library rounds it, infinite where it overflows."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


_c_powers = np.frompyfunc(c_power, 2, 1)


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
        _add(total, X[:, place, np.newaxis] - column, p)
    return _rounded(total, X, vectors)


def pair_distances(
    X: np.ndarray, vectors: np.ndarray, row: np.ndarray, place: np.ndarray, p: float
) -> np.ndarray:
    """The same for some pairs, with powers as the C library rounds them."""
    total = np.zeros(row.size)
    for query, column in zip(X.T, vectors.T, strict=True):
        _add(total, query[row] - column[place], p, power=_c_power)
    return _rounded(total, X, vectors)


def root(reduced: np.ndarray, p: float, *, by_tree: bool) -> np.ndarray:
    """Distances from those before the root, which trees take with NumPy, brute force in C."""
    if p == 2:
        return np.asarray(np.sqrt(reduced))
    if p == 1 or math.isinf(p):
        return reduced
    return np.asarray((np.power if by_tree else _c_power)(reduced, 1.0 / p))


def _c_power(base: np.ndarray, exponent: float) -> np.ndarray:
    # NumPy's vectorized power may differ in the last bit, which makes or breaks ties.
    return np.asarray(_c_powers(base, exponent), np.float64)


def _add(
    total: np.ndarray,
    gap: np.ndarray,
    p: float,
    power: Callable[[np.ndarray, float], np.ndarray] = np.power,
) -> None:
    """Add one coordinate."""
    gap = np.abs(gap).astype(np.float64, copy=False)
    if math.isinf(p):
        np.maximum(total, gap, out=total)
    elif p == 1:
        total += gap
    else:
        total += gap * gap if p == 2 else power(gap, p)


def _rounded(total: np.ndarray, X: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    single = X.dtype == np.float32 and vectors.dtype == np.float32
    return total.astype(np.float32).astype(np.float64) if single else total


def closeness(vectors: np.ndarray, p: float) -> Close:
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


def squared_by_products(vectors: np.ndarray) -> Close:
    """Squared Euclidean distances from lengths and one matrix product, without a center.

    They are coarse, but taken for exact: so does scikit-learn when it searches by brute force.
    """
    vectors = np.ascontiguousarray(vectors, np.float64)
    lengths = _lengths(vectors)

    def squares(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        X = np.ascontiguousarray(X, np.float64)
        out = np.empty((len(X), len(vectors)))
        # In scikit-learn's chunks: how BLAS sums a product depends on its shape.
        for queries in blocks(len(X), CHUNK):
            for rows in blocks(len(vectors), CHUNK):
                out[queries, rows] = _product(X[queries], vectors[rows])
        out *= -2.0
        out += _lengths(X)[:, np.newaxis]
        out += lengths
        return np.maximum(out, 0.0, out=out), np.zeros(len(X))

    return squares


def close_arrays(vectors: np.ndarray, p: float, *, by_tree: bool) -> tuple[np.ndarray, ...]:
    """What `closeness`, or `squared_by_products` without a tree, keeps beside the vectors."""
    if p != 2:
        return ()
    held = np.ascontiguousarray(vectors, np.float64)
    return (held - held.mean(axis=0) if by_tree else held), _lengths(held)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a @ b.T``, also of a single row by a product of matrices."""
    left = a if len(a) > 1 else np.repeat(a, 2, axis=0)
    right = b if len(b) > 1 else np.repeat(b, 2, axis=0)
    return np.asarray((left @ right.T)[: len(a), : len(b)])


def _lengths(rows: np.ndarray) -> np.ndarray:
    """Squared lengths through the dot product of BLAS, row by row."""
    return np.matmul(rows[:, np.newaxis, :], rows[:, :, np.newaxis])[:, 0, 0]
