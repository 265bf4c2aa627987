"""Input rows: a dense array, or a CSR matrix held by its three arrays without SciPy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["CsrRows", "Rows", "as_dense", "blocks"]


@dataclasses.dataclass(frozen=True)
class CsrRows:
    """Rows of a sparse matrix.

    Attributes
    ----------
    data, indices, indptr : ndarray
        As in ``scipy.sparse.csr_array``; indices checked, duplicates are summed where they occur.
    shape : tuple of int
        ``(n_rows, n_columns)``.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def __getitem__(self, rows: slice) -> CsrRows:
        start, stop, _ = rows.indices(self.shape[0])
        first, last = self.indptr[start], self.indptr[stop]
        return CsrRows(
            self.data[first:last],
            self.indices[first:last],
            self.indptr[start : stop + 1] - first,
            (stop - start, self.shape[1]),
        )

    def row_of_entry(self) -> np.ndarray:
        """The row of each stored entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def to_dense(self, dtype: Any = np.float64) -> np.ndarray:
        """The same rows as a dense array."""
        dense = np.zeros(self.shape, dtype)
        np.add.at(dense, (self.row_of_entry(), self.indices), self.data)
        return dense

    def with_data(self, data: np.ndarray) -> CsrRows:
        """The same pattern with other values."""
        return dataclasses.replace(self, data=data)

    def row_sums(self, per_entry: np.ndarray) -> np.ndarray:
        """Sum over each row of one number per stored entry."""
        return np.bincount(self.row_of_entry(), weights=per_entry, minlength=self.shape[0])

    def matmul(self, matrix: np.ndarray) -> np.ndarray:
        """The product with a dense matrix of shape (n_columns, n_outputs)."""
        result = np.zeros((self.shape[0], matrix.shape[1]))
        rows = self.row_of_entry()
        # Column by column keeps the temporary at the size of the data.
        for column in range(matrix.shape[1]):
            products = self.data * matrix[self.indices, column]
            result[:, column] = np.bincount(rows, weights=products, minlength=self.shape[0])
        return result


Rows = np.ndarray | CsrRows
"""What transforms and predictors take."""


def as_dense(rows: Rows, dtype: Any = None) -> np.ndarray:
    """Rows as a dense array."""
    if isinstance(rows, CsrRows):
        return rows.to_dense(rows.data.dtype if dtype is None else dtype)
    return rows if dtype is None else rows.astype(dtype, copy=False)


def blocks(n_rows: int, size: int) -> Iterator[slice]:
    """Slices that cover the rows, `size` at a time."""
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
