"""Bits where they save most, and rounding that the numbers still to be rounded make up for."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..ir import Affine, KernelExpansion, decode
from ..runtime.kernel import kernel_matrix

__all__ = ["allot_bits", "column_weights", "round_with_feedback"]

_SAMPLE = 1000
_DAMPING = 1e-4
_ROOM = 0.05


def column_weights(kernel: KernelExpansion) -> np.ndarray:
    """How much an error in each column of the vectors changes the outputs, squared.

    Parameters
    ----------
    kernel : KernelExpansion
        Its vectors stand in for rows, too: the slope of the kernel between them is averaged.

    Returns
    -------
    ndarray of shape (n_features,)
        Mean squares of slopes.
    """
    every = slice(None, None, kernel.n_vectors // _SAMPLE + 1)
    vectors = decode(kernel.vectors)[every]
    force = np.square(decode(kernel.coef)[:, every]).mean(axis=0)
    if kernel.kernel == "rbf":
        share = np.square(kernel_matrix(kernel, vectors, vectors)) * force
        squares = np.square(vectors)
        moved = share.sum(axis=1) @ squares + share.sum(axis=0) @ squares
        return np.maximum(moved - 2 * np.einsum("ij,ij->j", vectors, share.T @ vectors), 0.0)
    inner = kernel.gamma * (vectors @ vectors.T) + kernel.coef0
    if kernel.kernel == "poly":
        slope = kernel.degree * np.power(inner, max(kernel.degree - 1, 0))
    elif kernel.kernel == "sigmoid":
        slope = 1 - np.square(np.tanh(inner))
    else:
        slope = np.ones_like(inner)
    return np.asarray((np.square(slope) @ force) @ np.square(vectors))


def allot_bits(weights: np.ndarray, ranges: np.ndarray, mean: float, most: int) -> np.ndarray:
    """Bits of each column, so that the weighted squared error of rounding is the least.

    Each bit goes where it saves most, which pours the errors of all columns down to one level;
    a column that lies below that level from the start gets none.

    Parameters
    ----------
    weights : ndarray of shape (n_columns,)
        Squared slopes.
    ranges : ndarray of shape (n_columns,)
        Largest less smallest value; columns with one value get no bits.
    mean : float
        Bits a column that varies, on average.
    most : int
        Most bits of a column.

    Returns
    -------
    ndarray of int, of shape (n_columns,)
        Bits.
    """
    bits = np.zeros(ranges.size, np.int64)
    varies = ranges > 0
    # Columns that no row of the sample needs are not given up: later rows may.
    floor = 1e-6 * weights.max(initial=0.0) or 1.0
    error = np.where(varies, np.maximum(weights, floor) * np.square(ranges), 0.0)
    for _ in range(round(mean * np.count_nonzero(varies))):
        column = int(np.argmax(np.where(bits < most, error, -1.0)))
        bits[column] += 1
        error[column] /= 4
    return bits


def round_with_feedback(coef: np.ndarray, values: np.ndarray, bits: int) -> Affine:
    """Coefficients on even steps, each error made up for by the coefficients after it.

    Kernel values of neighbouring vectors resemble one another, so what one coefficient lacks its
    neighbours can add.

    Parameters
    ----------
    coef : ndarray of shape (n_scores, n_vectors)
        Coefficients.
    values : ndarray of shape (n_rows, n_vectors)
        Kernel values on some rows, less their means where a constant is refitted.
    bits : int
        Bits a coefficient.

    References
    ----------
    .. [1] E. Frantar, D. Alistarh, "Optimal brain compression: a framework for accurate
       post-training quantization and pruning", NeurIPS 2022.
    """
    gram = (values.T @ values).astype(np.float64)
    # The most important first: the errors of the last ones nobody makes up for.
    order = np.argsort(-np.diagonal(gram), kind="stable")
    gram = gram[np.ix_(order, order)]
    gram[np.diag_indices_from(gram)] += max(_DAMPING * float(np.trace(gram)) / order.size, 1e-30)
    # The upper factor of the inverse, row by row what an error costs the coefficients after it.
    flipped = cholesky(gram[::-1, ::-1], lower=True)
    factor = solve_triangular(flipped, np.eye(order.size), lower=True)[::-1, ::-1]
    left = coef[:, order].astype(np.float64)
    low, high = left.min(axis=1, keepdims=True), left.max(axis=1, keepdims=True)
    low, high = low - _ROOM * (high - low), high + _ROOM * (high - low)
    steps = 2**bits - 1
    scale = ((high - low) / steps).astype(np.float32)
    low = low.astype(np.float32)
    step, base = scale.astype(np.float64), low.astype(np.float64)
    step = np.where(step > 0, step, 1.0)
    codes = np.empty(left.shape, np.uint8 if bits <= 8 else np.uint16)
    for place in range(order.size):
        column = left[:, place : place + 1]
        code = np.clip(np.rint((column - base) / step), 0, steps)
        codes[:, order[place]] = code[:, 0]
        lack = (column - (code * step + base)) / factor[place, place]
        left[:, place + 1 :] -= lack * factor[place, place + 1 :]
    return Affine(codes=codes, scale=scale, zero=low, bits=bits)
