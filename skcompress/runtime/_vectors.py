"""Stored vectors against rows: inner products and squared distances, each dense or sparse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..ir import Sparse, decode, entries_of_rows
from ._rows import CsrRows, Rows, blocks
from ._sparse import sparse_matmul

__all__ = ["DenseVectors", "SparseVectors", "Vectors"]

_SPREAD_BYTES = 32 * 2**20
_PRODUCTS = 2**21
# Measured: what one term of an inner product costs in each way of summing it.
_BLAS, _ROUNDS, _INDEX = 0.05, 1.0, 12.0


class Vectors(Protocol):
    """What the kernels ask of stored vectors."""

    n_features: int
    lengths: np.ndarray
    """Squared length of each, as `squares` uses it."""
    arrays: tuple[np.ndarray, ...]
    """All arrays that are kept; some may belong to the model."""

    def inner(self, rows: Rows) -> np.ndarray:
        """Inner products, of shape (n_rows, n_vectors)."""

    def squares(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Squared lengths of the rows, and squared distances taken from such lengths."""

    def exact(self, rows: Rows, row: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Squared distances of some pairs, coordinate by coordinate."""


class DenseVectors:
    """Vectors in a dense array.

    Parameters
    ----------
    vectors : ndarray of float64, of shape (n_vectors, n_features)
        The vectors.
    centred : bool
        Prepare for `squares`, where distances are taken around the middle of the vectors: far
        from it, the difference of large numbers would lose digits. Otherwise prepare for `inner`.
    """

    def __init__(self, vectors: np.ndarray, *, centred: bool) -> None:
        self.n_features = vectors.shape[1]
        center = np.zeros(self.n_features)
        if centred and vectors.size:
            # The median of some of them: a mean would follow a single vector far out.
            center = np.median(vectors[:: vectors.shape[0] // 256 + 1], axis=0)
        self._center = center
        self._vectors = vectors
        with np.errstate(over="ignore"):
            moved = vectors - center
            self.lengths = np.einsum("ij,ij->i", moved, moved)
        self._columns = np.ascontiguousarray(moved.T)
        self.arrays: tuple[np.ndarray, ...] = (
            self._center,
            self._vectors,
            self.lengths,
            self._columns,
        )

    def inner(self, rows: Rows) -> np.ndarray:
        if not isinstance(rows, CsrRows):
            return rows @ self._columns
        if _BLAS * rows.shape[0] * self.n_features > _ROUNDS * rows.data.size:
            return sparse_matmul(rows, self._columns)
        return _by_blocks(rows, lambda dense: dense @ self._columns, self._columns.shape[1])

    def squares(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(rows, CsrRows):
            own = _row_lengths(rows) - 2.0 * sparse_matmul(rows, self._center[:, np.newaxis])[:, 0]
            own += self._center @ self._center
            squares = self.inner(rows)
            squares -= self._center @ self._columns
        else:
            moved = rows - self._center
            own = np.einsum("ij,ij->i", moved, moved)
            squares = moved @ self._columns
        squares *= -2.0
        squares += own[:, np.newaxis]
        squares += self.lengths
        if isinstance(rows, CsrRows):
            # Nothing was gained by the center here: what counts is the length from the origin.
            own = 2.0 * (_row_lengths(rows) + self._center @ self._center)
        return own, squares

    def exact(self, rows: Rows, row: np.ndarray, place: np.ndarray) -> np.ndarray:
        gap = _some_rows(rows, row) - self._vectors[place]
        return np.asarray(np.einsum("ij,ij->i", gap, gap))


class SparseVectors:
    """Vectors that are mostly zeros and stay so.

    Parameters
    ----------
    vectors : Sparse of shape (n_vectors, n_features)
        The vectors.
    """

    def __init__(self, vectors: Sparse) -> None:
        self._held = CsrRows(
            np.asarray(decode(vectors.data), np.float64),
            vectors.indices.astype(np.int64),
            vectors.indptr.astype(np.int64),
            (vectors.indptr.size - 1, vectors.n_columns),
        )
        self.n_features = vectors.shape[1]
        self.lengths = _row_lengths(self._held)
        # An index from a column to the vectors that have an entry there.
        order = np.argsort(self._held.indices, kind="stable")
        self._owner = self._held.row_of_entry()[order]
        self._entries = self._held.data[order]
        counts = np.bincount(self._held.indices, minlength=self.n_features)
        self._begin = np.concatenate([[0], np.cumsum(counts)])
        held = self._held.data, self._held.indices, self._held.indptr
        self.arrays: tuple[np.ndarray, ...] = (
            *held,
            self.lengths,
            self._owner,
            self._entries,
            self._begin,
        )

    def inner(self, rows: Rows) -> np.ndarray:
        n_vectors = self._held.shape[0]
        if not isinstance(rows, CsrRows):
            return sparse_matmul(self._held, np.ascontiguousarray(rows.T)).T
        n_products = int((self._begin[rows.indices + 1] - self._begin[rows.indices]).sum())
        if _INDEX * n_products > _ROUNDS * rows.shape[0] * self._held.data.size:
            return _by_blocks(rows, self.inner, n_vectors)
        if n_products > _PRODUCTS and rows.shape[0] > 1:
            middle = rows.shape[0] // 2
            halves = rows[slice(0, middle)], rows[slice(middle, rows.shape[0])]
            return np.concatenate([self.inner(half) for half in halves])
        return self._by_index(rows)

    def _by_index(self, rows: CsrRows) -> np.ndarray:
        """Add up the products of entries that meet in a column."""
        begin = self._begin[rows.indices]
        counts = self._begin[rows.indices + 1] - begin
        entry = np.repeat(np.arange(rows.data.size), counts)
        place = np.arange(entry.size) + (begin - (np.cumsum(counts) - counts))[entry]
        n_rows, n_vectors = rows.shape[0], self._held.shape[0]
        products = np.bincount(
            rows.row_of_entry()[entry] * n_vectors + self._owner[place],
            weights=rows.data[entry] * self._entries[place],
            minlength=n_rows * n_vectors,
        )
        return products.reshape(n_rows, n_vectors)

    def squares(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        own = _lengths(rows)
        squares = -2.0 * self.inner(rows)
        squares += own[:, np.newaxis]
        squares += self.lengths
        return own, squares

    def exact(self, rows: Rows, row: np.ndarray, place: np.ndarray) -> np.ndarray:
        gap = _some_rows(rows, row) - _some_rows(self._held, place)
        return np.asarray(np.einsum("ij,ij->i", gap, gap))


def _by_blocks(
    rows: CsrRows, product: Callable[[np.ndarray], np.ndarray], width: int
) -> np.ndarray:
    """Spread out some rows at a time."""
    out = np.empty((rows.shape[0], width))
    for block in blocks(rows.shape[0], max(_SPREAD_BYTES // (8 * rows.shape[1]), 1)):
        out[block] = product(rows[block].to_dense())
    return out


def _lengths(rows: Rows) -> np.ndarray:
    if isinstance(rows, CsrRows):
        return _row_lengths(rows)
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _row_lengths(rows: CsrRows) -> np.ndarray:
    """Squared length of each row; entries of one place add up before they are squared."""
    if rows.data.size == 0:
        return np.zeros(rows.shape[0])
    with np.errstate(over="ignore"):
        places = rows.row_of_entry() * rows.shape[1] + rows.indices
        if bool((np.diff(places) > 0).all()):
            return rows.row_sums(rows.data**2)
        distinct, which = np.unique(places, return_inverse=True)
        squares = np.bincount(which, weights=rows.data) ** 2
    return np.bincount(distinct // rows.shape[1], weights=squares, minlength=rows.shape[0])


def _some_rows(rows: Rows, which: np.ndarray) -> np.ndarray:
    """Copies of some rows, spread out."""
    if not isinstance(rows, CsrRows):
        return rows[which]
    entry, indptr = entries_of_rows(rows.indptr, which)
    shape = which.size, rows.shape[1]
    return CsrRows(rows.data[entry], rows.indices[entry], indptr, shape).to_dense()
