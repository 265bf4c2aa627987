"""Fewer weights that are not zero."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model
from ._context import Context
from ._networks import network_of, plain_layers, with_layers

__all__ = ["PruneWeights", "magnitude_masks"]


@dataclasses.dataclass(frozen=True)
class PruneWeights:
    """Set the smallest weights to zero; biases stay.

    Parameters
    ----------
    sparsity : float
        Share of all weights that become zero.
    """

    sparsity: float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the weights."""
        weights, biases = plain_layers(network_of(model))
        masks = magnitude_masks(weights, self.sparsity)
        return with_layers(model, [w * m for w, m in zip(weights, masks, strict=True)], biases)


def magnitude_masks(weights: list[np.ndarray], sparsity: float) -> list[np.ndarray]:
    """Which weights stay: those that are large against the typical weight of their layer.

    Dividing by the root mean square of a layer makes wide and narrow layers comparable; the few
    weights of the last layer, on which every output depends, count twice.

    Parameters
    ----------
    weights : list of ndarray
        Of each layer.
    sparsity : float
        Share of all weights that goes.

    Returns
    -------
    list of ndarray of bool
        True where a weight stays.
    """
    scores = []
    for place, matrix in enumerate(weights):
        typical = float(np.sqrt(np.mean(np.square(matrix, dtype=np.float64)))) or 1.0
        share = 2.0 if place == len(weights) - 1 and place > 0 else 1.0
        scores.append(np.abs(matrix) * (share / typical))
    everything = np.concatenate([score.ravel() for score in scores])
    count = int(sparsity * everything.size)
    if count == 0:
        return [np.ones(matrix.shape, bool) for matrix in weights]
    threshold = np.partition(everything, count - 1)[count - 1]
    return [score > threshold for score in scores]
