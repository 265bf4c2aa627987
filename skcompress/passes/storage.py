"""Store what is mostly zero as the entries that are not."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Array, DenseNetwork, LinearMap, Model, Sparse
from ._base import SkipPass
from ._context import Context

__all__ = ["SparseStorage"]


@dataclasses.dataclass(frozen=True)
class SparseStorage:
    """Keep plain weights row by row without their zeros, where that takes fewer bytes."""

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Change how weights are held; what they are stays."""
        predictor = model.predictor
        if isinstance(predictor, LinearMap):
            return model.with_predictor(predictor.replace(coef=_smaller(predictor.coef)))
        if isinstance(predictor, DenseNetwork):
            layers = tuple(
                layer.replace(weights=_smaller(layer.weights)) for layer in predictor.layers
            )
            return model.with_predictor(predictor.replace(layers=layers))
        raise SkipPass("the model has no weights")


def _smaller(weights: Array) -> Array:
    if not isinstance(weights, np.ndarray):
        return weights
    # Cheap to know beforehand: half the entries at least must go before indices pay.
    if 2 * np.count_nonzero(weights) > weights.size:
        return weights
    sparse = Sparse.from_dense(weights)
    return sparse if sparse.nbytes < weights.nbytes else weights
