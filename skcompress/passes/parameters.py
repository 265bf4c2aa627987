"""Quantization of what each kind of model holds: vectors, coefficients, weights."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import (
    Affine,
    Array,
    Codebook,
    DenseNetwork,
    Encoded,
    Layer,
    LinearMap,
    LowRank,
    Model,
    Sparse,
    decode,
)
from ._base import SkipPass
from ._context import Context
from ._kernels import expansion_of
from ._reduction import is_reduced
from .bounds import moved_vectors_bound
from .quantize import quantize
from .rounding import allot_bits, column_weights

__all__ = ["QuantizeCoefficients", "QuantizeVectors", "QuantizeWeights"]

_MOST_BITS = 16
_PER_ENTRY = 32
"""Vectors that use an entry of a table of a column, on average, for the table to pay."""


@dataclasses.dataclass(frozen=True)
class QuantizeVectors:
    """Quantize support vectors, with a scale or table per column.

    Parameters
    ----------
    scheme : {"affine", "fixed-point", "codebook", "auto"}
        How; "auto" takes tables where there are enough vectors to pay for them.
    bits : int
        Bits a component, on average over the columns if they are allotted.
    allot : bool
        Give columns of reduced vectors bits by how much an error there changes the outputs.
    """

    scheme: str
    bits: int
    allot: bool = False
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Quantize the vectors of a kernel expansion."""
        kernel = expansion_of(model, "support vectors")
        bits: int | np.ndarray = self.bits
        if self.allot and is_reduced(kernel, context):
            ranges = np.ptp(decode(kernel.vectors), axis=0)
            bits = allot_bits(column_weights(kernel), ranges, self.bits, _MOST_BITS)
        scheme = self.scheme
        if scheme == "auto":
            pays = self.bits <= 8 and kernel.n_vectors >= _PER_ENTRY * 2**self.bits
            scheme = "codebook" if pays else "affine"
        vectors = quantize(kernel.vectors, scheme, bits, axis=1)
        moved = kernel.replace(vectors=vectors)
        bound = None if isinstance(vectors, Sparse) else moved_vectors_bound(kernel, moved)
        if bound is not None:
            context.remark(f"vectors move outputs by at most {bound:.2g} before any refit")
        return model.with_predictor(moved)


@dataclasses.dataclass(frozen=True)
class QuantizeCoefficients:
    """Quantize dual coefficients on even steps, with a scale per row.

    Parameters
    ----------
    bits : int
        Bits a coefficient.
    """

    bits: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Quantize the coefficients of a kernel expansion."""
        kernel = expansion_of(model, "dual coefficients")
        given = kernel.coef
        if isinstance(given, LowRank) and isinstance(given.left, Codebook):
            # Differences of class scores are exact already.
            coef: Array = given.replace(right=_through_zero(decode(given.right), self.bits))
        elif isinstance(given, (Sparse, LowRank)):
            coef = quantize(given, "affine", self.bits, axis=0)
        else:
            coef = _through_zero(decode(given), self.bits)
        return model.with_predictor(kernel.replace(coef=coef))


def _through_zero(coef: np.ndarray, bits: int) -> Affine:
    """Even steps, of each row from minus to plus the largest, among them zero.

    Most coefficients of one-vs-one machines are zero, and many as large as they may be.
    """
    half = 2 ** (bits - 1) - 1
    largest = np.abs(coef).max(axis=1, keepdims=True, initial=0.0)
    scale = (largest / half).astype(np.float32)
    step = np.where(scale > 0, scale.astype(np.float64), 1.0)
    codes = np.clip(np.rint(coef / step), -half, half) + half
    # The product is exact in float64, so that the code of zero means zero.
    zero = -half * scale.astype(np.float64)
    return Affine(
        codes=codes.astype(np.uint8 if bits <= 8 else np.uint16), scale=scale, zero=zero, bits=bits
    )


@dataclasses.dataclass(frozen=True)
class QuantizeWeights:
    """Quantize the weights of a linear model (per row) or a network (per unit); round the biases.

    Parameters
    ----------
    scheme : {"affine", "fixed-point", "codebook"}
        How.
    bits : int
        Bits a weight.
    """

    scheme: str
    bits: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Quantize the weights."""
        predictor = model.predictor
        if isinstance(predictor, LinearMap):
            coef = quantize(predictor.coef, self.scheme, self.bits, axis=0)
            intercept = _rounded(predictor.intercept)
            return model.with_predictor(predictor.replace(coef=coef, intercept=intercept))
        if isinstance(predictor, DenseNetwork):
            layers = tuple(self._layer(layer) for layer in predictor.layers)
            return model.with_predictor(predictor.replace(layers=layers))
        raise SkipPass("the model has no weights")

    def _layer(self, layer: Layer) -> Layer:
        bias = layer.bias if isinstance(layer.bias, Encoded) else _rounded(layer.bias)
        # A codebook per unit would weigh more than the weights: a layer shares one.
        axis = None if self.scheme == "codebook" else 1
        return layer.replace(
            weights=quantize(layer.weights, self.scheme, self.bits, axis), bias=bias
        )


def _rounded(array: np.ndarray) -> np.ndarray:
    """To float32, unless that overflows."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if bool(np.isfinite(narrow).all()) else array
