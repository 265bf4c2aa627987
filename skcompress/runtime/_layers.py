"""Networks laid out for the compiled layers, which `network.py` falls back from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import (
    Affine,
    Array,
    DenseNetwork,
    Encoded,
    FixedPoint,
    Layer,
    LowRank,
    Sparse,
    decode,
    shape_of,
)
from ._rows import CsrRows, Rows, blocks

try:
    from . import _network_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _network_kernel = None  # type: ignore[assignment]

__all__ = ["Layers", "is_rounded", "is_single", "prepare"]

_ACTIVATIONS = ("identity", "relu", "tanh", "logistic", "softmax")
_SPARSE = 0.1
"""Up to this share of weights that are not zero, entries one by one cost less than all weights."""
_MANY = 16
_MANY_CODED = 128
"""Rows for which all codes of a layer are worth decoding."""
_LARGE = 4096
_DENSE = 0.4
"""From this share of inputs that are not zero, BLAS is the faster, given many rows and weights."""
_BLOCK = 1024
_SAMPLE = 64
_SPREAD_BYTES = 2**20
_MOST_UNITS = 65536
_MOST_COLUMNS = 2**31 - 1


class Layers:
    """A network that evaluates rows.

    Attributes
    ----------
    dtype : dtype
        In which it computes.
    arrays : tuple of ndarray
        All arrays that are kept; some may belong to the model.
    """

    def __init__(self, kernel: Any, first: np.ndarray | Callable[[], np.ndarray] | None) -> None:
        self._kernel = kernel
        # Weights of the first layer, or what decodes them, if BLAS may multiply them.
        self._first = first
        self._many = _MANY_CODED if callable(first) else _MANY
        self.dtype = np.dtype(np.float32 if kernel.single else np.float64)
        self._out_dtype = np.dtype(np.float64 if kernel.wide else np.float32)
        self.arrays: tuple[np.ndarray, ...] = kernel.arrays

    def __call__(self, rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            return self._of_sparse(rows)
        rows = np.ascontiguousarray(rows)
        out = np.empty((rows.shape[0], self._kernel.n_outputs), self._out_dtype)
        if self._first is None or rows.shape[0] < self._many or _density(rows) < _DENSE:
            self._run(rows, out)
        else:
            first = self._first() if callable(self._first) else self._first
            for block in blocks(rows.shape[0], _BLOCK):
                # What overflows is not finite, as it is from the compiled layers.
                with np.errstate(over="ignore", invalid="ignore"):
                    sums = rows[block].astype(self.dtype, copy=False) @ first
                self._run(sums, out[block], summed=True)
        return out

    def _of_sparse(self, rows: CsrRows) -> np.ndarray:
        counts = np.diff(rows.indptr)
        if self._kernel.takes_sparse and counts.max() <= rows.shape[1] <= _MOST_COLUMNS:
            out = np.empty((rows.shape[0], self._kernel.n_outputs), self._out_dtype)
            data = np.ascontiguousarray(rows.data)
            indices = np.ascontiguousarray(rows.indices, np.int32)
            self._kernel.from_sparse(
                data, indices, np.ascontiguousarray(rows.indptr, np.int64), out
            )
            return out
        size = max(_SPREAD_BYTES // (8 * rows.shape[1]), 1)
        return np.concatenate([self(rows[part].to_dense()) for part in blocks(rows.shape[0], size)])

    def _run(self, rows: np.ndarray, out: np.ndarray, *, summed: bool = False) -> None:
        if rows.dtype == np.float64:
            self._kernel.from_double(rows, out, summed=summed)
        else:
            self._kernel.from_float(rows, out, summed=summed)


def _density(rows: np.ndarray) -> float:
    some = rows[:: rows.shape[0] // _SAMPLE + 1]
    return np.count_nonzero(some) / some.size


def prepare(network: DenseNetwork) -> Layers | None:
    """Lay a network out for the compiled layers.

    A network of float32 or rounded weights computes in float32; others compute in float64.

    Returns
    -------
    Layers or None
        None where the kernel was not built, or is not for such a network.
    """
    if _network_kernel is None:
        return None
    if any(
        layer.activation not in _ACTIVATIONS or shape_of(layer.weights)[1] > _MOST_UNITS
        for layer in network.layers
    ):
        return None
    rounded = is_rounded(network)
    single = rounded or is_single(network)
    dtype = np.dtype(np.float32 if single else np.float64)
    laid_out = [part for layer in network.layers for part in _laid_out(layer, dtype, rounded)]
    if rounded:
        weights, _, activation = laid_out[-1]
        laid_out[-1] = weights, decode(network.layers[-1].bias), activation
    if any(min(_shape(weights)) == 0 for weights, _, _ in laid_out):
        return None
    kernel = _network_kernel.Network(single, rounded, laid_out)
    first = laid_out[0][0]
    by_blas = math.prod(_shape(first)) >= _LARGE
    if isinstance(first, np.ndarray):
        return Layers(kernel, first if by_blas else None)
    return Layers(kernel, kernel.first_weights if by_blas and len(first) == 3 else None)


def is_single(network: DenseNetwork) -> bool:
    """Whether all weights and biases are float32 numbers."""
    return all(
        decode(array).dtype == np.float32
        for layer in network.layers
        for array in (layer.weights, layer.bias)
    )


def is_rounded(network: DenseNetwork) -> bool:
    """Whether all weights are codes, so that float32 sums err by far less than they do."""
    return all(_is_codes(layer.weights) for layer in network.layers)


def _is_codes(weights: Array) -> bool:
    if isinstance(weights, Sparse):
        return _is_codes(weights.data)
    if isinstance(weights, LowRank):
        return _is_codes(weights.left) and _is_codes(weights.right)
    return isinstance(weights, Encoded)


def _shape(weights: Any) -> tuple[int, int]:
    if isinstance(weights, np.ndarray):
        return weights.shape
    if len(weights) == 3:
        return weights[0].shape
    _, _, indptr, n_units = weights
    return indptr.size - 1, n_units


def _laid_out(layer: Layer, dtype: np.dtype, single: bool) -> list[tuple[Any, np.ndarray, str]]:
    """Weights, bias and activation; two layers where thin factors cost less than their product."""
    weights, bias = layer.weights, decode(layer.bias).astype(dtype, copy=False)
    if isinstance(weights, LowRank):
        left, right = weights.left, weights.right
        if left.shape[0] * left.shape[1] + right.shape[0] * right.shape[1] < np.prod(weights.shape):
            nothing = np.zeros(left.shape[1], dtype)
            return [
                (decode(left).astype(dtype, copy=False), nothing, "identity"),
                (decode(right).astype(dtype, copy=False), bias, layer.activation),
            ]
    if isinstance(weights, Sparse) and weights.indices.size <= _SPARSE * np.prod(weights.shape):
        entries = (
            decode(weights.data).astype(dtype, copy=False),
            weights.indices.astype(np.uint16),
            weights.indptr.astype(np.int64),
            weights.n_columns,
        )
        return [(entries, bias, layer.activation)]
    coded = _coded(weights) if single else None
    return [(coded or decode(weights).astype(dtype, copy=False), bias, layer.activation)]


def _coded(weights: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Codes of 8 bits around zero, with a scale and shift for each unit; None for other weights."""
    if isinstance(weights, Affine):
        codes, scale, zero = weights.codes, weights.scale.astype(float), weights.zero.astype(float)
    elif isinstance(weights, FixedPoint):
        scale = np.ldexp(1.0, weights.exponent.astype(np.int32))
        codes, zero = weights.codes, np.zeros(1)
    else:
        return None
    # Up to sixteen units take no less room in codes, of which 64 stand side by side.
    if (
        codes.dtype.itemsize > 1
        or codes.shape[1] <= 16
        or not codes.size
        or any(a.ndim == 2 and a.shape[0] > 1 for a in (scale, zero))
    ):
        return None
    n_units = codes.shape[1]
    scale, zero = (np.broadcast_to(a.reshape(-1), n_units) for a in (scale, zero))
    codes = codes.astype(np.int16)
    low, high = int(codes.min()), int(codes.max())
    # The code nearest to zero becomes zero, as far as the others then fit into 8 bits.
    middle = np.divide(-zero, scale, out=np.zeros(n_units), where=scale != 0)
    middle = np.clip(np.rint(middle), high - 127, low + 128).astype(np.int16)
    codes -= middle
    shift = zero + middle * scale
    return codes.astype(np.int8), scale.astype(np.float32), shift.astype(np.float32)
