"""Fewer weights that are not zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import Model
from ._context import Context
from ._networks import network_of, plain_layers, with_layers

__all__ = ["PruneWeights", "cubic_masks", "magnitude_masks"]

_PRUNINGS = 40


@dataclasses.dataclass(frozen=True)
class PruneWeights:
    """Set the smallest weights to zero; biases stay.

    Parameters
    ----------
    sparsity : float
        Share of all weights that are zero afterwards, those that are zero before included.
    per_layer : bool
        Every layer loses that share; otherwise layers are compared with each other, as
        `magnitude_masks` does.
    """

    sparsity: float
    per_layer: bool = False
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the weights."""
        weights, biases = plain_layers(network_of(model))
        if self.per_layer:
            masks = [magnitude_masks([matrix], self.sparsity)[0] for matrix in weights]
        else:
            masks = magnitude_masks(weights, self.sparsity)
        if all(bool((mask | (w == 0)).all()) for w, mask in zip(weights, masks, strict=True)):
            return model
        pruned = [
            np.where(mask, w, w.dtype.type(0)) for w, mask in zip(weights, masks, strict=True)
        ]
        return with_layers(model, pruned, biases)


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
        True where a weight stays. As many go as the share says, also where some are equal.
    """
    scores = []
    for place, matrix in enumerate(weights):
        typical = float(np.sqrt(np.mean(np.square(matrix, dtype=np.float64)))) or 1.0
        share = 2.0 if place == len(weights) - 1 and place > 0 else 1.0
        scores.append(np.abs(matrix) * (share / typical))
    everything = np.concatenate([score.ravel() for score in scores])
    stays = np.ones(everything.size, bool)
    count = min(round(sparsity * everything.size), everything.size)
    if count > 0:
        stays[np.argpartition(everything, count - 1)[:count]] = False
    ends = np.cumsum([matrix.size for matrix in weights])
    return [
        stays[end - matrix.size : end].reshape(matrix.shape)
        for end, matrix in zip(ends, weights, strict=True)
    ]


def cubic_masks(
    sparsity: float, masks: list[np.ndarray], pruning: float
) -> Callable[[float, list[np.ndarray]], list[np.ndarray] | None]:
    """Masks that get sparser, fast at first, from what is zero already to the share wanted.

    Parameters
    ----------
    sparsity : float
        Share of all weights that goes in the end.
    masks : list of ndarray of bool
        Where weights are not zero at the start.
    pruning : float
        Share of all steps during which weights go.

    Returns
    -------
    callable
        ``masks(share of the steps done, weights)``, or None where they stay as they are.
    """
    kept, size = sum(int(m.sum()) for m in masks), sum(m.size for m in masks)
    start = 1.0 - kept / size
    done = 0

    def prune(share: float, weights: list[np.ndarray]) -> list[np.ndarray] | None:
        nonlocal done
        stage = min(int(share / pruning * _PRUNINGS) + 1, _PRUNINGS)
        if stage <= done:
            return None
        done = stage
        now = sparsity + (start - sparsity) * (1.0 - stage / _PRUNINGS) ** 3
        return magnitude_masks(weights, max(now, start))

    return prune
