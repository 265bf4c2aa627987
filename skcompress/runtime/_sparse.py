"""The product of sparse rows with a dense matrix, summed in SciPy's order."""

from __future__ import annotations

import numpy as np

from ._rows import CsrRows, blocks

__all__ = ["sparse_matmul"]

_BLOCK = 4096


def sparse_matmul(rows: CsrRows, matrix: np.ndarray) -> np.ndarray:
    """Multiply rows by a matrix of shape (n_columns, n_outputs).

    Each row adds its entries one after the other, in the dtype that the two have in common, so
    the sums are those of SciPy to the last bit.
    """
    out = np.zeros((rows.shape[0], matrix.shape[1]), np.result_type(rows.data, matrix))
    if out.dtype == np.float64 and matrix.shape[1] == 1:
        # `bincount` adds float64 in that order too, and one output needs one call.
        out[:, 0] = rows.row_sums(rows.data * matrix[rows.indices, 0])
        return out
    for block in blocks(rows.shape[0], _BLOCK):
        out[block] = _by_rounds(rows[block], matrix, out.dtype)
    return out


def _by_rounds(rows: CsrRows, matrix: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """In round k, every row that has a k-th entry adds it."""
    lengths = np.diff(rows.indptr)
    # Longest rows first, so that the rows still going are always a leading slice.
    order = np.argsort(-lengths, kind="stable")
    starts, lengths = rows.indptr[:-1][order], lengths[order]
    sums = np.zeros((rows.shape[0], matrix.shape[1]), dtype)
    going = np.searchsorted(-lengths, -np.arange(lengths[0] if lengths.size else 0), side="left")
    for entry, count in enumerate(going):
        place = starts[:count] + entry
        sums[:count] += rows.data[place, np.newaxis] * matrix[rows.indices[place]]
    out = np.empty_like(sums)
    out[order] = sums
    return out
