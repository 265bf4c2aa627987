"""Weights rounded and pruned at once, by what their error and their bits cost."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from ..ir import Affine, Layer, Model
from ._base import SkipPass
from ._context import Context
from ._dense import DERIVE, TRAINABLE
from ._networks import activated, layer_inputs, network_of, plain_layers
from ._second_order import Curvature, curvature_of, rate_distortion, step_for

__all__ = ["RoundLayers", "SmallestRounding"]

_ROWS = 10_000
_TINY = 1e-12
_FINENESS, _FARTHEST = 2.0**0.5, 3
_MOST_BITS = 12
_STRONGEST, _WEAKEST, _STRIDE = -12, -40, 4
_HALVINGS = 4
_CAUTION = 1.645
"""Standard errors: a one-sided bound that holds in 95 of 100 cases, for a price fixed before."""


@dataclasses.dataclass(frozen=True)
class RoundLayers:
    """Round weights to even steps, and many of them to zero, with second-order compensation.

    From the input on, layer by layer: the weights are first refitted to what the layer sees now
    that the layers before it are rounded, so that its sums stay what they were on the refit rows.
    Then the weights of one input after the other are rounded to whole multiples of a step, and
    those of the inputs that follow make up for the error, by the second moments of the inputs
    about their mean. A weight becomes the multiple whose error in the network's output plus bits
    in the file, at the price, is least; for many that is zero. The bias takes over what changes
    the mean of the sums. Each layer's step is the one with the least total, so that sensitive
    layers get more bits.

    Parameters
    ----------
    price : float
        What a bit may cost: squared error of the outputs, before their activation, as a share of
        their variance.

    References
    ----------
    .. [1] E. Frantar, D. Alistarh, "Optimal brain compression: a framework for accurate
       post-training quantization and pruning", NeurIPS 2022.
    .. [2] S. Wiedemann et al., "DeepCABAC: a universal compression algorithm for deep neural
       networks", IEEE Journal of Selected Topics in Signal Processing 14 (4), 2020.
    """

    price: float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Round all layers."""
        return _Calibration(model, context).rounded(self.price)


@dataclasses.dataclass(frozen=True)
class SmallestRounding:
    """`RoundLayers` at the highest price that the held-out rows accept.

    An interruption from the keyboard ends the search, not the recipe: the best price so far is
    taken, if there is one.

    Parameters
    ----------
    share : float
        Part of the tolerance that may be used up.
    """

    share: float = 1.0
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Halve the interval between a price that is accepted and one that is not."""
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose by")
        calibration, allowed = _Calibration(model, context), self.share * context.tolerance
        n_tries = (_STRONGEST - _WEAKEST) // _STRIDE + _HALVINGS + 1
        tried = 0

        def attempt(exponent: float) -> Model | None:
            nonlocal tried
            tried += 1
            context.report_progress("prices tried", tried, n_tries)
            rounded = calibration.rounded(2.0**exponent)
            accepted = context.acceptable(rounded, allowed, cautious=_CAUTION)
            return rounded if accepted else None

        best = None
        try:
            for exponent in range(_STRONGEST, _WEAKEST - 1, -_STRIDE):
                best = attempt(exponent)
                if best is not None:
                    break
            else:
                raise SkipPass("no rounding of the weights is accepted")
            low, high = float(exponent), float(exponent + _STRIDE)
            for _ in range(_HALVINGS if exponent < _STRONGEST else 0):
                middle = (low + high) / 2
                found = attempt(middle)
                if found is None:
                    high = middle
                else:
                    low, best = middle, found
            context.report_progress("prices tried", n_tries, n_tries)
        except KeyboardInterrupt:
            if best is None:
                raise
        return best


class _Calibration:
    """A network, and what its layers see of the refit rows."""

    def __init__(self, model: Model, context: Context) -> None:
        network = network_of(model)
        self.model, self.network = model, network
        self.weights, self.biases = plain_layers(network)
        self.activations = network.activations
        if not TRAINABLE.issuperset(self.activations[:-1]):
            raise SkipPass(f"networks with activations {self.activations} have no derivatives here")
        if context.refit is None:
            raise SkipPass("no rows that show how inputs vary")
        self.inputs = layer_inputs(model, context, context.refit, _ROWS)
        self.sums = [
            seen @ weights + bias
            for seen, weights, bias in zip(self.inputs, self.weights, self.biases, strict=True)
        ]
        self.importance = self._importance(context.generator())
        self.first = curvature_of(self.inputs[0])

    def _importance(self, generator: np.random.Generator) -> list[np.ndarray]:
        """How much a squared error of each sum adds to that of the outputs, by their variance."""
        last = self.sums[-1]
        delta = generator.choice([-1.0, 1.0], size=last.shape)
        if self.activations[-1] == "softmax":  # which ignores what all sums have in common
            last = last - last.mean(axis=1, keepdims=True)
            delta -= delta.mean(axis=1, keepdims=True)
        delta /= np.sqrt(last.var(axis=0).mean() + _TINY) * np.sqrt(last.shape[1])
        found = []
        for place in reversed(range(len(self.weights))):
            found.append(np.square(delta).mean(axis=0) + _TINY)
            if place:
                delta = delta @ self.weights[place].T
                DERIVE[self.activations[place - 1]](delta, self.inputs[place])
        return found[::-1]

    def rounded(self, price: float) -> Model:
        """The model with all layers rounded at a price."""
        layers = []
        seen = self.inputs[0]
        for place, layer in enumerate(self.network.layers):
            curvature = self.first if place == 0 else curvature_of(seen)
            weights, target = self.weights[place].astype(np.float64), self.sums[place]
            if place:
                centered = seen - seen.mean(axis=0)
                gap = target - target.mean(axis=0) - centered @ weights
                weights += np.linalg.solve(curvature.gram, centered.T @ gap / len(seen))
            codes, step = _best_codes(weights, curvature, self.importance[place], price)
            matrix = _affine(codes, step)
            values = matrix.decode()
            bias = _rounded_bias(
                target.mean(axis=0) - seen.mean(axis=0) @ values,
                step_for(price, float(self.importance[place].mean())),
            )
            layers.append(Layer(weights=matrix, bias=bias, activation=layer.activation))
            seen = activated(layer.activation, seen @ values + bias.decode())
        return self.model.with_predictor(self.network.replace(layers=tuple(layers)))


def _best_codes(
    weights: np.ndarray, curvature: Curvature, importance: np.ndarray, price: float
) -> tuple[np.ndarray, float]:
    """Multiples of the step that costs least, and the step."""
    each = curvature.stiffness[:, None] * importance
    sensitivity = float(np.average(each, weights=np.square(weights) * each + _TINY))
    start = step_for(price, sensitivity)
    finest = float(np.abs(weights).max()) / 2 ** (_MOST_BITS - 2)
    if start < finest:
        raise SkipPass(f"rounded weights would take more than {_MOST_BITS} bits")

    @functools.cache
    def draft(place: int) -> tuple[np.ndarray, float, float]:
        step = _short(max(start * _FINENESS**place, finest))
        return (*rate_distortion(weights, curvature, importance, step, price), step)

    place = 0
    for direction in (1, -1):
        while abs(place) < _FARTHEST and draft(place + direction)[1] < draft(place)[1]:
            place += direction
    codes, _, step = draft(place)
    return codes, step


def _short(step: float) -> float:
    """A number near it of eight binary digits: float32 holds small multiples exactly."""
    fraction, exponent = np.frexp(step)
    return float(np.ldexp(np.rint(fraction * 256) / 256, exponent))


def _affine(codes: np.ndarray, step: float) -> Affine:
    """Multiples of a step, counted from the least of them; zero decodes to zero."""
    low = min(int(codes.min()), 0)
    bits = max((max(int(codes.max()), 0) - low).bit_length(), 1)
    if bits > 16:
        raise SkipPass("errors that were made up for grew out of range")
    return Affine(
        codes=(codes - low).astype(np.uint8 if bits <= 8 else np.uint16),
        scale=np.array([step], np.float32),
        zero=np.array([low * step], np.float32),
        bits=bits,
    )


def _rounded_bias(bias: np.ndarray, step: float) -> Affine:
    """Even steps from the least bias on; as fine as 16 bits allow."""
    low, top = float(bias.min()), float(bias.max())
    bits = min(max(int((top - low) / step).bit_length(), 1) + 1, 16)
    step = max(step, (top - low) / (2**bits - 1))
    codes = np.rint((bias - low) / step)
    dtype = np.uint8 if bits <= 8 else np.uint16
    scale, zero = np.array([step], np.float32), np.array([low], np.float32)
    return Affine(codes=codes.astype(dtype), scale=scale, zero=zero, bits=bits)
