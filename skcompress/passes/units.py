"""Fewer hidden units."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model, Rescale
from ._base import SkipPass
from ._context import Context
from ._dense import TRAINABLE
from ._networks import (
    activated,
    as_count,
    layer_inputs,
    network_of,
    plain_layers,
    with_layers,
)

__all__ = ["KeepUnits", "RemoveDeadUnits"]

_RIDGE = 1e-4
_TINY = 1e-12
_RANGES = {
    "exp": (0.0, np.inf),
    "logistic": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}


@dataclasses.dataclass(frozen=True)
class RemoveDeadUnits:
    """Remove hidden units that nothing depends on, are constant, or repeat another one.

    A unit goes if its outgoing weights are zero; if its incoming weights are zero, so that it is
    constant, and the next bias takes it over; if it has the incoming weights and bias of another,
    whose outgoing weights it is added to; or if it is rectified and can never be positive, given
    the range of what feeds it. Only parameters are looked at, no data. Inputs and outputs stay,
    and so does one unit of each layer. Sums change by rounding only; where float32 parameters
    would be rounded more coarsely, repeated units stay.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Remove units until none is left to remove."""
        network = network_of(model)
        weights, biases = plain_layers(network)
        activations = network.activations
        inputs = _input_range(model)
        changed, progress = False, True
        while progress:
            progress = False
            ranges = _ranges(weights, biases, activations, inputs)
            # From the output down, so that what feeds only dead units is dead in the same round.
            for place in reversed(range(len(weights) - 1)):
                if activations[place] in TRAINABLE:  # others mix the units of a layer
                    never = (activations[place] == "relu") & (ranges[place] <= 0)
                    progress |= _remove(weights, biases, place, activations[place], never)
            changed |= progress
        return with_layers(model, weights, biases) if changed else model


def _remove(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    place: int,
    activation: str,
    never: np.ndarray,
) -> bool:
    """Work on one hidden layer, in the lists; say whether anything changed."""
    incoming, bias, outgoing = weights[place], biases[place], weights[place + 1]
    silent = never | ~outgoing.any(axis=1)
    constant = ~incoming.any(axis=0) & ~silent
    following = biases[place + 1]
    if bool(constant.any()):
        with np.errstate(over="ignore", invalid="ignore"):
            level = activated(activation, bias[None, constant].astype(np.float64))
            shifted = following + (level @ outgoing[constant].astype(np.float64))[0]
        if bool(np.isfinite(shifted).all()):
            following = _narrow(shifted, following.dtype)
        else:
            constant[:] = False
    live = np.flatnonzero(~silent & ~constant)
    if live.size:
        live, outgoing = _merged(incoming, bias, outgoing, live)
    else:
        # A network without a path still has its biases; one idle unit keeps its layers.
        if bias.size == 1 and not (incoming.any() or bias.any() or outgoing.any()):
            return False
        live, outgoing = np.array([0]), np.zeros_like(outgoing[:1])
        incoming, bias = np.zeros_like(incoming), np.zeros_like(bias)
    if live.size == biases[place].size and incoming is weights[place]:
        return False
    weights[place], biases[place] = incoming[:, live], bias[live]
    weights[place + 1], biases[place + 1] = outgoing, following
    return True


def _merged(
    incoming: np.ndarray, bias: np.ndarray, outgoing: np.ndarray, live: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One of each group of live units with the same inputs, and their outgoing weights."""
    # Adding zero makes negative zeros positive: then equal rows have equal bytes.
    columns = np.concatenate([incoming[:, live], bias[None, live]]).T + 0.0
    keys = np.ascontiguousarray(columns).view(np.dtype((np.void, columns[0].nbytes))).ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    if first.size == live.size:
        return live, outgoing[live]
    total = np.zeros((first.size, outgoing.shape[1]))
    np.add.at(total, group, outgoing[live].astype(np.float64))
    merged = total.astype(outgoing.dtype)
    # A float32 sum that is rounded would differ by more than float64 rows allow.
    apart = (merged != total).any(axis=1)[group] | ~np.isfinite(merged).all(axis=1)[group]
    if outgoing.dtype == np.float64:
        apart = ~np.isfinite(merged).all(axis=1)[group]
    kept = np.flatnonzero(apart | (np.arange(live.size) == first[group]))
    result = np.where(apart[kept, None], outgoing[live[kept]], merged[group[kept]])
    return live[kept], result.astype(outgoing.dtype)


def _narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """In the narrower dtype where that is the same numbers."""
    with np.errstate(over="ignore"):
        narrow = values.astype(dtype)
    return narrow if bool((narrow == values).all()) else values


def _input_range(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest that each input of the network can be."""
    size = network_of(model).n_features
    last = model.chain.transforms[-1] if model.chain.transforms else None
    low, high = -np.inf, np.inf
    if isinstance(last, Rescale) and last.clip is not None:
        low, high = last.clip
    return np.full(size, low), np.full(size, high)


def _ranges(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    activations: list[str],
    inputs: tuple[np.ndarray, np.ndarray],
) -> list[np.ndarray]:
    """Largest sum of each unit of each layer, whatever comes in."""
    low, high = inputs
    tops = []
    for matrix, bias, activation in zip(weights, biases, activations, strict=True):
        bottom, top = -_top(-matrix, -bias, low, high), _top(matrix, bias, low, high)
        tops.append(top)
        if activation == "relu":
            low, high = np.maximum(bottom, 0), np.maximum(top, 0)
        elif activation == "identity":
            low, high = bottom, top
        else:
            low, high = (np.full(bias.size, end) for end in _RANGES[activation])
    return tops


def _top(matrix: np.ndarray, bias: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Largest value of ``x @ matrix + bias`` for x between two bounds, which may be infinite."""
    rising, falling = np.maximum(matrix, 0), np.minimum(matrix, 0)
    open_high, open_low = np.isinf(high), np.isinf(low)
    top = np.where(open_high, 0, high) @ rising + np.where(open_low, 0, low) @ falling + bias
    unbounded = rising[open_high].any(axis=0) | falling[open_low].any(axis=0)
    return np.where(unbounded, np.inf, top)


@dataclasses.dataclass(frozen=True)
class KeepUnits:
    """Keep the most important units of each hidden layer; refit the layer that follows.

    A unit counts by the spread of its activation on the refit rows times the length of its
    outgoing weights (without rows, by the lengths of its incoming and outgoing weights). The next
    layer's weights are refitted by ridge regression, shrunk towards what they were, so that its
    sums stay what they were; without rows they are left as they are.

    Parameters
    ----------
    n_units : int, float or tuple
        Number (int) or share (float) of the units of each hidden layer; a tuple has an entry per
        layer. At least one unit stays.
    """

    n_units: int | float | tuple[int | float, ...]
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Drop units, from the input to the output."""
        network = network_of(model)
        weights, biases = plain_layers(network)
        sizes = [bias.size for bias in biases[:-1]]
        counts = self._counts(sizes)
        if counts == sizes:
            return model
        # What the layers saw before anything went: sums are refitted to it.
        inputs = None if context.refit is None else layer_inputs(model, context, context.refit)
        seen = None if inputs is None else inputs[0]
        for place, count in enumerate(counts):
            incoming, bias, outgoing = weights[place], biases[place], weights[place + 1]
            activity = None
            if seen is None:
                spread = np.linalg.norm(incoming, axis=0)
            else:
                activity = activated(network.layers[place].activation, seen @ incoming + bias)
                spread = activity.std(axis=0)
            importance = spread * np.linalg.norm(outgoing, axis=1)
            kept = np.sort(np.argsort(-importance, kind="stable")[:count])
            weights[place], biases[place] = incoming[:, kept], bias[kept]
            weights[place + 1] = outgoing[kept]
            if activity is not None and inputs is not None:
                seen = activity[:, kept]
                target = inputs[place + 1] @ outgoing
                fitted, shift = _refit(seen, target, outgoing[kept])
                weights[place + 1] = fitted.astype(outgoing.dtype)
                biases[place + 1] = (biases[place + 1] + shift).astype(outgoing.dtype)
        return with_layers(model, weights, biases)

    def _counts(self, sizes: list[int]) -> list[int]:
        wanted = self.n_units if isinstance(self.n_units, tuple) else (self.n_units,) * len(sizes)
        if len(wanted) != len(sizes):
            raise SkipPass(f"n_units has {len(wanted)} entries for {len(sizes)} hidden layers")
        return [as_count(share, size) for share, size in zip(wanted, sizes, strict=True)]


def _refit(
    activity: np.ndarray, target: np.ndarray, old: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and shift that give the target, shrunk towards the old weights."""
    mean, level = activity.mean(axis=0), target.mean(axis=0)
    centered = activity - mean
    gram = centered.T @ centered
    gap = centered.T @ (target - level) - gram @ old
    gram[np.diag_indices_from(gram)] += _RIDGE * float(np.trace(gram)) / len(gram) + _TINY
    weights = old + np.linalg.solve(gram, gap)
    return weights, level - mean @ weights
