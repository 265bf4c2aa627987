"""Layers as products of two thin matrices."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Layer, LowRank, Model
from ._base import SkipPass
from ._context import Context
from ._networks import as_count, layer_inputs, network_of, plain, plain_layers

__all__ = ["LowRankLayers"]

_RIDGE = 1e-6
_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class LowRankLayers:
    """Replace a layer's weights by factors of low rank, where that is smaller.

    The singular value decomposition is weighted by the second moments of what the layer sees on
    the refit rows, about their mean, so that errors count where inputs vary; what the change does
    to the mean of the sums goes into the bias. Without rows it is plain. An output layer with fewer
    outputs than inputs stays: a lower rank would make some outputs combinations of others, and
    classes that can no longer be told apart cost more than such a layer weighs.

    Parameters
    ----------
    rank : int or float
        Rank, or share of the largest possible one. At least one.
    """

    rank: int | float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Factorize the layers."""
        network = network_of(model)
        weights, _ = plain_layers(network)
        ranks = [as_count(self.rank, min(matrix.shape)) for matrix in weights]
        smaller = [r * sum(w.shape) < w.size for r, w in zip(ranks, weights, strict=True)]
        smaller[-1] &= weights[-1].shape[0] <= weights[-1].shape[1]
        if not any(smaller):
            raise SkipPass("no layer gets smaller by factors of that rank")
        inputs: list[np.ndarray | None] = [None] * len(weights)
        if context.refit is not None:
            inputs = list(layer_inputs(model, context, context.refit))
        layers = tuple(
            _factorized(layer, seen, rank) if pays else layer
            for layer, seen, rank, pays in zip(network.layers, inputs, ranks, smaller, strict=True)
        )
        return model.with_predictor(network.replace(layers=layers))


def _factorized(layer: Layer, seen: np.ndarray | None, rank: int) -> Layer:
    weights, bias = plain(layer)
    if seen is None:
        left, right = _truncated(weights.astype(np.float64), rank)
        shift = np.zeros_like(bias)
    else:
        mean = seen.mean(axis=0)
        moments = (seen - mean).T @ (seen - mean) / len(seen)
        # A ridge keeps inputs apart that never varied.
        moments[np.diag_indices_from(moments)] += (
            _RIDGE * float(np.trace(moments)) / len(moments) + _TINY
        )
        root = np.linalg.cholesky(moments).T
        left, right = _truncated(root @ weights, rank)
        left = np.linalg.solve(root, left)
        shift = mean @ (weights - left @ right)
    return layer.replace(
        weights=LowRank(left=left.astype(weights.dtype), right=right.astype(weights.dtype)),
        bias=(bias + shift).astype(bias.dtype),
    )


def _truncated(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Two factors of a rank whose product is nearest to a matrix, of equal size."""
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    size = np.sqrt(s[:rank])
    return u[:, :rank] * size, size[:, None] * vt[:rank]
