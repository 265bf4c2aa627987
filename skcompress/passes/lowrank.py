"""Layers as products of two thin matrices."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Layer, LowRank, Model
from ._context import Context
from ._networks import layer_inputs, network_of, plain, plain_layers

__all__ = ["LowRankLayers"]


@dataclasses.dataclass(frozen=True)
class LowRankLayers:
    """Replace a layer's weights by factors of low rank, where that is smaller.

    The singular value decomposition is weighted by the second moments of what the layer sees on
    the refit rows, so that errors count where inputs are large; without rows it is plain.

    Parameters
    ----------
    rank : int or float
        Rank, or share of the largest possible one.
    """

    rank: int | float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Factorize the layers."""
        network = network_of(model)
        plain_layers(network)
        inputs: list[np.ndarray | None] = [None] * len(network.layers)
        if context.refit is not None:
            inputs = list(layer_inputs(model, context, context.refit))
        layers = tuple(
            self._factorized(layer, seen)
            for layer, seen in zip(network.layers, inputs, strict=True)
        )
        return model.with_predictor(network.replace(layers=layers))

    def _factorized(self, layer: Layer, seen: np.ndarray | None) -> Layer:
        weights, _ = plain(layer)
        most = min(weights.shape)
        rank = self.rank if isinstance(self.rank, int) else round(self.rank * most)
        rank = min(max(int(rank), 1), most)
        if rank * sum(weights.shape) >= weights.size:
            return layer
        root = None
        if seen is not None:
            # The square root of the moments; a ridge keeps inputs that were never seen apart.
            moments = seen.T @ seen / seen.shape[0]
            moments[np.diag_indices_from(moments)] += (
                1e-6 * np.trace(moments) / len(moments) + 1e-12
            )
            root = np.linalg.cholesky(moments).T
        weighed = weights if root is None else root @ weights
        u, s, vt = np.linalg.svd(weighed, full_matrices=False)
        left = u[:, :rank] * np.sqrt(s[:rank])
        right = np.sqrt(s[:rank])[:, None] * vt[:rank]
        if root is not None:
            left = np.linalg.solve(root, left)
        factors = LowRank(left=left.astype(weights.dtype), right=right.astype(weights.dtype))
        return layer.replace(weights=factors)
