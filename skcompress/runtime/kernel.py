"""Evaluation of `KernelExpansion`, and the NumPy reference of the compiled kernel.

The reference goes through BLAS, in float64, by blocks of rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import KernelExpansion, Node, Sparse, decode
from ._expansion import prepare
from ._registry import Evaluate, evaluates, keeps
from ._rows import CsrRows, Rows, as_dense, blocks
from ._vectors import DenseVectors, SparseVectors, Vectors

__all__ = ["compile_numpy", "kernel_matrix"]

_BLOCK_BYTES = 64 * 2**20
_PAIR_BYTES = 16 * 2**20
_SPREAD_BYTES = 2**20
_LONG = 200.0
"""Squared lengths beyond this many ``1 / gamma`` can cost a kernel value its 13th digit."""
_VANISHED = 800.0
"""``exp(-x)`` is zero from here on, with room for error in ``x``."""
_SLACK = 2.0**-48
"""Error of a squared distance that was taken from squared lengths, relative to these."""

Matrix = Callable[[Rows], np.ndarray]
Combine = Callable[[np.ndarray], np.ndarray]


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
    return _matrix(kernel, DenseVectors(vectors, centred=kernel.kernel == "rbf"))(X)


def _matrix(kernel: KernelExpansion, vectors: Vectors) -> Matrix:
    gamma, coef0, degree = kernel.gamma, kernel.coef0, kernel.degree
    functions: dict[str, Matrix] = {
        "linear": vectors.inner,
        "poly": lambda rows: _power(gamma * vectors.inner(rows) + coef0, degree),
        "sigmoid": lambda rows: np.tanh(gamma * vectors.inner(rows) + coef0),
        "rbf": lambda rows: _rbf(gamma, vectors, rows),
    }
    return functions[kernel.kernel]


def _power(base: np.ndarray, degree: int) -> np.ndarray:
    """By repeated squaring, in libsvm's order of multiplications."""
    result = None
    while degree:
        if degree % 2:
            result = base if result is None else result * base
        degree //= 2
        if degree:
            base = base * base
    return np.ones_like(base) if result is None else result


def _rbf(gamma: float, vectors: Vectors, rows: Rows) -> np.ndarray:
    """``exp(-gamma |x - v|^2)`` from squared lengths, where these leave enough digits."""
    with np.errstate(over="ignore", invalid="ignore"):
        own, squares = vectors.squares(rows)
        # Negated, so that what overflowed counts as long.
        long_rows = np.flatnonzero(~(gamma * own <= _LONG))
        long_vectors = np.flatnonzero(~(gamma * vectors.lengths <= _LONG))
        every = np.arange(squares.shape[1])
        others = np.setdiff1d(np.arange(own.size), long_rows)
        _sharpen(gamma, vectors, rows, own, squares, long_rows, every)
        _sharpen(gamma, vectors, rows, own, squares, others, long_vectors)
        np.maximum(squares, 0.0, out=squares)
        squares *= -gamma
    return np.exp(squares, out=squares)


def _sharpen(
    gamma: float,
    vectors: Vectors,
    rows: Rows,
    own: np.ndarray,
    squares: np.ndarray,
    chosen: np.ndarray,
    places: np.ndarray,
) -> None:
    """Compare coordinate by coordinate the pairs that cancellation robs of digits.

    Most pairs of which one is long are so far apart that their kernel is zero anyway.
    """
    if not chosen.size or not places.size:
        return
    error = _SLACK * (own[chosen, np.newaxis] + vectors.lengths[places])
    near = ~(gamma * (squares[np.ix_(chosen, places)] - error) >= _VANISHED)
    row, place = np.nonzero(near)
    row, place = chosen[row], places[place]
    for part in blocks(row.size, max(_PAIR_BYTES // (8 * vectors.n_features), 1)):
        squares[row[part], place[part]] = vectors.exact(rows, row[part], place[part])


@keeps(KernelExpansion)
def kept_arrays(kernel: Node) -> tuple[np.ndarray, ...]:
    """All arrays that evaluation keeps; some may belong to the kernel."""
    assert isinstance(kernel, KernelExpansion)
    compiled = prepare(kernel)
    if compiled is not None:
        return compiled.arrays
    return (*_vectors_of(kernel).arrays, np.ascontiguousarray(decode(kernel.coef), np.float64))


@evaluates(KernelExpansion)
def compile_kernel(kernel: Node) -> Evaluate:
    """Prepare a kernel expansion."""
    assert isinstance(kernel, KernelExpansion)
    compiled = prepare(kernel)
    if compiled is None:
        return compile_numpy(kernel)
    evaluate_dense = compiled

    def evaluate(rows: Rows) -> np.ndarray:
        if isinstance(rows, np.ndarray):
            return evaluate_dense(np.ascontiguousarray(rows, np.float64))
        size = max(_SPREAD_BYTES // (8 * kernel.n_features), 1)
        return np.concatenate(
            [evaluate_dense(rows[block].to_dense()) for block in blocks(rows.shape[0], size)]
        )

    return evaluate


def compile_numpy(kernel: KernelExpansion) -> Evaluate:
    """Prepare a kernel expansion that NumPy evaluates."""
    coef = np.ascontiguousarray(decode(kernel.coef), np.float64)
    matrix = _matrix(kernel, _vectors_of(kernel))
    combine = _dense(coef) if kernel.group_sizes is None else _pairs(coef, kernel.group_sizes)

    def evaluate(rows: Rows) -> np.ndarray:
        # Sparse rows are spread out in smaller blocks where they must be.
        width = 0 if isinstance(rows, CsrRows) else kernel.n_features
        size = max(_BLOCK_BYTES // (8 * max(kernel.n_vectors, width, 1)), 1)
        out = np.empty((rows.shape[0], kernel.n_outputs))
        for block in blocks(rows.shape[0], size):
            out[block] = combine(matrix(_in_float64(rows[block])))
        out += kernel.intercept
        return out

    return evaluate


def _vectors_of(kernel: KernelExpansion) -> Vectors:
    if isinstance(kernel.vectors, Sparse):
        return SparseVectors(kernel.vectors)
    plain = decode(kernel.vectors).astype(np.float64, copy=False)
    return DenseVectors(plain, centred=kernel.kernel == "rbf")


def _in_float64(rows: Rows) -> Rows:
    if isinstance(rows, CsrRows):
        return rows.with_data(rows.data.astype(np.float64, copy=False))
    return as_dense(rows, np.float64)


def _dense(coef: np.ndarray) -> Combine:
    columns = np.ascontiguousarray(coef.T)
    return lambda values: values @ columns


def _pairs(coef: np.ndarray, group_sizes: np.ndarray) -> Combine:
    """Sums per class first: output (i, j) takes one sum of class i and one of class j."""
    ends = np.cumsum(group_sizes.astype(np.int64))
    groups = [slice(end - int(n), end) for end, n in zip(ends, group_sizes, strict=True)]
    blocks_of_coef = [np.ascontiguousarray(coef[:, group].T) for group in groups]
    first, second = np.triu_indices(len(groups), 1)

    def combine(values: np.ndarray) -> np.ndarray:
        sums = np.stack(
            [values[:, group] @ block for group, block in zip(groups, blocks_of_coef, strict=True)]
        )
        return (sums[first, :, second - 1] + sums[second, :, first]).T

    return combine
