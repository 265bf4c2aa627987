"""Store what is mostly zero as the entries that are not."""

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
    FixedPoint,
    LinearMap,
    Model,
    Sparse,
    decode,
)
from ._base import SkipPass
from ._context import Context

__all__ = ["SparseStorage"]


@dataclasses.dataclass(frozen=True)
class SparseStorage:
    """Keep weights row by row without their zeros, where that takes fewer bytes in memory.

    Codes stay codes. Those with a scale or table per column stay dense, unless all columns have
    the same: the entries that are left form one vector, which cannot tell columns apart.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Change how weights are held; what they are stays."""
        predictor = model.predictor
        if isinstance(predictor, LinearMap):
            coef = _smaller(predictor.coef)
            if coef is predictor.coef:
                return model
            return model.with_predictor(predictor.replace(coef=coef))
        if isinstance(predictor, DenseNetwork):
            weights = [_smaller(layer.weights) for layer in predictor.layers]
            if all(new is la.weights for new, la in zip(weights, predictor.layers, strict=True)):
                return model
            layers = tuple(
                layer.replace(weights=new)
                for layer, new in zip(predictor.layers, weights, strict=True)
            )
            return model.with_predictor(predictor.replace(layers=layers))
        raise SkipPass("the model has no weights")


def _smaller(weights: Array) -> Array:
    """The sparse form, or the same object where that is not smaller."""
    if isinstance(weights, Affine | FixedPoint | Codebook):
        codes = weights.codes
    elif isinstance(weights, np.ndarray):
        codes = weights
    else:
        return weights  # sparse already, or factors
    stays = decode(weights) != 0
    # Known beforehand: an entry takes at least a byte for its column, and a row eight.
    if np.count_nonzero(stays) * (codes.itemsize + 1) + 8 * len(codes) >= weights.nbytes:
        return weights
    data: Array | None = codes[stays] if weights is codes else _flat(weights, codes[stays])
    if data is None:
        return weights
    pattern = Sparse.from_dense(stays.view(np.uint8))
    sparse = pattern.replace(data=data)
    return sparse if sparse.nbytes < weights.nbytes else weights


def _flat(weights: Array, codes: np.ndarray) -> Encoded | None:
    """A vector of codes with the one decoding rule of all columns; None if they have several."""
    if isinstance(weights, Affine):
        scale, zero = _shared(weights.scale), _shared(weights.zero)
        if scale is None or zero is None:
            return None
        return Affine(codes=codes, scale=scale, zero=zero, bits=weights.bits)
    if isinstance(weights, FixedPoint):
        exponent = _shared(weights.exponent)
        if exponent is None:
            return None
        return FixedPoint(codes=codes, exponent=exponent, bits=weights.bits)
    if isinstance(weights, Codebook):
        same = weights.table.ndim == 1 or bool((weights.table == weights.table[0]).all())
        table = weights.table.reshape(-1, weights.table.shape[-1])[0]
        return Codebook(codes=codes, table=table, bits=weights.bits) if same else None
    return None


def _shared(parts: np.ndarray) -> np.ndarray | None:
    """The one number that all parts are."""
    first = parts.ravel()[:1]
    return first if bool((parts == first).all()) else None
