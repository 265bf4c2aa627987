"""Fewer hidden units."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model
from ._base import SkipPass
from ._context import Context
from ._networks import activated, layer_inputs, network_of, plain_layers, with_layers

__all__ = ["KeepUnits", "RemoveDeadUnits"]

_RIDGE = 1e-4


@dataclasses.dataclass(frozen=True)
class RemoveDeadUnits:
    """Remove hidden units that nothing depends on, are constant, or repeat another one.

    A constant unit's contribution goes into the next bias, a repeated one's into the outgoing
    weights of the first. Inputs and outputs stay, and so does one unit of each layer.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Remove units until none is left to remove."""
        network = network_of(model)
        weights, biases = plain_layers(network)
        activations = [layer.activation for layer in network.layers]
        before = [bias.size for bias in biases]
        while True:
            sizes = [bias.size for bias in biases]
            for place in range(len(weights) - 1):
                _remove(weights, biases, place, activations[place])
            if sizes == [bias.size for bias in biases]:
                break
        if before == [bias.size for bias in biases]:
            return model
        return with_layers(model, weights, biases)


def _remove(
    weights: list[np.ndarray], biases: list[np.ndarray], place: int, activation: str
) -> None:
    """Work on one hidden layer, in the lists."""
    incoming, bias, outgoing = weights[place], biases[place], weights[place + 1]
    silent = ~outgoing.any(axis=1)
    constant = ~incoming.any(axis=0) & ~silent
    if bool(constant.any()):
        level = activated(activation, bias[constant][None, :])
        biases[place + 1] = biases[place + 1] + (level @ outgoing[constant])[0]
    live = np.flatnonzero(~silent & ~constant)
    if live.size:
        columns = np.concatenate([incoming[:, live], bias[None, live]])
        _, first, group = np.unique(columns, axis=1, return_index=True, return_inverse=True)
        if first.size < live.size:
            merged = np.zeros((first.size, outgoing.shape[1]), outgoing.dtype)
            np.add.at(merged, np.ravel(group), outgoing[live])
            order = np.argsort(first)
            live, merged = live[first[order]], merged[order]
        else:
            merged = outgoing[live]
    else:
        # A network without a path still has its biases; one idle unit keeps its layers.
        live, merged = np.array([0]), np.zeros((1, outgoing.shape[1]), outgoing.dtype)
    if live.size < bias.size:
        weights[place], biases[place], weights[place + 1] = incoming[:, live], bias[live], merged


@dataclasses.dataclass(frozen=True)
class KeepUnits:
    """Keep the most important units of each hidden layer; refit the layer that follows.

    A unit counts by the spread of its activation on the refit rows times the length of its
    outgoing weights (without rows, by the lengths of its incoming and outgoing weights). The next
    layer's weights are refitted by ridge regression so that its sums stay what they were.

    Parameters
    ----------
    n_units : int, float or tuple
        Number or share of units of each hidden layer; a tuple has an entry per layer.
    """

    n_units: int | float | tuple[int | float, ...]
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Drop units, from the input to the output."""
        network = network_of(model)
        weights, biases = plain_layers(network)
        n_hidden = len(weights) - 1
        wanted = self.n_units if isinstance(self.n_units, tuple) else (self.n_units,) * n_hidden
        if len(wanted) != n_hidden:
            raise SkipPass(f"n_units has {len(wanted)} entries for {n_hidden} hidden layers")
        # What the layers saw before anything went: sums are refitted to it.
        inputs = None if context.refit is None else layer_inputs(model, context, context.refit)
        activations = [layer.activation for layer in network.layers]
        current = None if inputs is None else inputs[0]
        for place, share in enumerate(wanted):
            incoming, bias, outgoing = weights[place], biases[place], weights[place + 1]
            count = share if isinstance(share, int) else round(share * bias.size)
            count = min(max(int(count), 1), bias.size)
            if current is None or inputs is None:
                spread = np.linalg.norm(incoming, axis=0)
                activity = None
            else:
                activity = activated(activations[place], current @ incoming + bias)
                spread = activity.std(axis=0)
            importance = spread * np.linalg.norm(outgoing, axis=1)
            kept = np.sort(np.argsort(-importance, kind="stable")[:count])
            weights[place], biases[place] = incoming[:, kept], bias[kept]
            if activity is None or inputs is None:
                weights[place + 1] = outgoing[kept]
            else:
                target = inputs[place + 1] @ outgoing
                fitted, shift = _refit(activity[:, kept], target, outgoing[kept])
                weights[place + 1] = fitted.astype(outgoing.dtype)
                biases[place + 1] = (biases[place + 1] + shift).astype(outgoing.dtype)
                current = activity[:, kept]
        return with_layers(model, weights, biases)


def _refit(
    activity: np.ndarray, target: np.ndarray, old: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and shift that give the target, shrunk towards the old weights."""
    mean, level = activity.mean(axis=0), target.mean(axis=0)
    centered = activity - mean
    gram = centered.T @ centered
    gap = centered.T @ (target - level) - gram @ old
    gram[np.diag_indices_from(gram)] += _RIDGE * float(np.trace(gram)) / len(gram) + 1e-12
    weights = old + np.linalg.solve(gram, gap)
    return weights, level - mean @ weights
