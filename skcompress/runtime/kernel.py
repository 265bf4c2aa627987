"""Evaluation of `KernelExpansion` through BLAS, in float64, by blocks of rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from ..ir import KernelExpansion, Node, Sparse, decode
from ._registry import Evaluate, evaluates
from ._rows import CsrRows, Rows, as_dense, blocks
from ._sparse import sparse_matmul

__all__ = ["kernel_matrix"]

_BLOCK_BYTES = 64 * 2**20
_EXACT_BEYOND = 64.0
"""Above this many units of ``1 / gamma``, squared lengths lose digits of small distances."""

Matrix = Callable[[Rows], np.ndarray]


def kernel_matrix(kernel: KernelExpansion, X: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The kernel between rows and vectors.

    Parameters
    ----------
    kernel : KernelExpansion
        Tells the kernel and its parameters.
    X : ndarray of float64, of shape (n_rows, n_features)
        Rows.
    vectors : ndarray of float64, of shape (n_vectors, n_features)
        Vectors.

    Returns
    -------
    ndarray of float64, of shape (n_rows, n_vectors)
        Kernel values.
    """
    return _prepare(kernel, vectors)(X)


def _prepare(kernel: KernelExpansion, vectors: np.ndarray) -> Matrix:
    if kernel.kernel == "rbf":
        return _rbf(kernel.gamma, vectors)
    columns = np.ascontiguousarray(vectors.T)

    def inner(rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            return sparse_matmul(rows, columns)
        return rows @ columns

    return _of_inner(kernel, inner)


def _of_inner(kernel: KernelExpansion, inner: Matrix) -> Matrix:
    """Kernels that are a function of the inner product."""
    gamma, coef0, degree = kernel.gamma, kernel.coef0, kernel.degree
    functions: dict[str, Matrix] = {
        "linear": inner,
        "poly": lambda rows: (gamma * inner(rows) + coef0) ** degree,
        "sigmoid": lambda rows: np.tanh(gamma * inner(rows) + coef0),
    }
    return functions[kernel.kernel]


def _rbf(gamma: float, vectors: np.ndarray) -> Matrix:
    """``|x - v|^2`` as ``|x|^2 + |v|^2 - 2 x v`` around the mean of the vectors.

    Far from there the difference of large numbers loses digits; rows and vectors whose length is
    many times the kernel's width are compared coordinate by coordinate instead.
    """
    center = vectors.mean(axis=0) if vectors.size else np.zeros(vectors.shape[1])
    moved = vectors - center
    lengths = np.einsum("ij,ij->i", moved, moved)
    far = np.flatnonzero(gamma * lengths > _EXACT_BEYOND)
    columns = np.ascontiguousarray(moved.T)

    def matrix(rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            # The origin is the only center that keeps the zeros.
            own = rows.row_sums(rows.data.astype(np.float64) ** 2)
            squares = -2.0 * sparse_matmul(rows, np.ascontiguousarray(vectors.T))
            squares += own[:, None]
            squares += np.einsum("ij,ij->i", vectors, vectors)
            return np.exp(-gamma * np.maximum(squares, 0.0))
        X = rows - center
        own = np.einsum("ij,ij->i", X, X)
        squares = X @ columns
        squares *= -2.0
        squares += own[:, None]
        squares += lengths
        if far.size:
            for row in np.flatnonzero(gamma * own > _EXACT_BEYOND):
                gap = moved[far] - X[row]
                squares[row, far] = np.einsum("ij,ij->i", gap, gap)
        np.maximum(squares, 0.0, out=squares)
        squares *= -gamma
        return np.exp(squares, out=squares)

    return matrix


def _sparse_vectors(kernel: KernelExpansion, vectors: Sparse) -> Matrix:
    """Vectors that are mostly zeros stay sparse; a block of rows is spread out instead."""
    held = CsrRows(
        decode(vectors.data),
        vectors.indices.astype(np.int64),
        vectors.indptr.astype(np.int64),
        vectors.shape,
    )
    lengths = held.row_sums(held.data**2)

    def inner(rows: Rows) -> np.ndarray:
        return sparse_matmul(held, np.ascontiguousarray(as_dense(rows, np.float64).T)).T

    if kernel.kernel != "rbf":
        return _of_inner(kernel, inner)

    def matrix(rows: Rows) -> np.ndarray:
        dense = as_dense(rows, np.float64)
        squares = np.einsum("ij,ij->i", dense, dense)[:, None] + lengths - 2.0 * inner(rows)
        return np.exp(-kernel.gamma * np.maximum(squares, 0.0))

    return matrix


@evaluates(KernelExpansion)
def compile_kernel(kernel: Node) -> Evaluate:
    """Prepare a kernel expansion."""
    assert isinstance(kernel, KernelExpansion)
    coef = np.ascontiguousarray(decode(kernel.coef), np.float64)
    if isinstance(kernel.vectors, Sparse):
        matrix = _sparse_vectors(kernel, kernel.vectors)
    else:
        matrix = _prepare(kernel, decode(kernel.vectors).astype(np.float64, copy=False))
    combine = _dense(coef) if kernel.group_sizes is None else _pairs(coef, kernel.group_sizes)
    width = max(kernel.n_vectors, kernel.n_features, 1)
    size = max(_BLOCK_BYTES // (8 * width), 1)

    def evaluate(rows: Rows) -> np.ndarray:
        out = np.empty((rows.shape[0], kernel.n_outputs))
        for block in blocks(rows.shape[0], size):
            part = rows[block]
            if not isinstance(part, CsrRows):
                part = part.astype(np.float64, copy=False)
            out[block] = combine(matrix(part))
        out += kernel.intercept
        return out

    return evaluate


Combine = Callable[[np.ndarray], np.ndarray]


def _dense(coef: np.ndarray) -> Combine:
    columns = np.ascontiguousarray(coef.T)
    return lambda values: values @ columns


def _pairs(coef: np.ndarray, group_sizes: np.ndarray) -> Combine:
    """Sums per class first: output (i, j) takes one sum of class i and one of class j."""
    ends = np.cumsum(group_sizes.astype(np.int64))
    groups = [slice(end - int(n), end) for end, n in zip(ends, group_sizes, strict=True)]
    blocks_of_coef = [np.ascontiguousarray(coef[:, group].T) for group in groups]
    first, second = np.array(list(itertools.combinations(range(len(groups)), 2))).T

    def combine(values: np.ndarray) -> np.ndarray:
        sums = np.stack(
            [values[:, group] @ block for group, block in zip(groups, blocks_of_coef, strict=True)]
        )
        return (sums[first, :, second - 1] + sums[second, :, first]).T

    return combine
