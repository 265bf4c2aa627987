"""Hidden units whose incoming and outgoing weights have like ranges."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model
from ._base import SkipPass
from ._context import Context
from ._networks import network_of, plain_layers, with_layers

__all__ = ["EqualizeLayers"]

_ROUNDS = 20
_SCALABLE = ("identity", "relu")


@dataclasses.dataclass(frozen=True)
class EqualizeLayers:
    """Bring the largest incoming and outgoing weight of each hidden unit to about one size.

    What a rectified or linear unit gives is proportional to its incoming weights and bias: these
    may grow by a factor by which its outgoing weights shrink. Then one step or one table suits all
    units of a layer. The factors are powers of two, so nothing is rounded. Other activations bend
    at a fixed size, and their units stay.

    References
    ----------
    .. [1] M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-free quantization through
       weight equalization and bias correction", ICCV 2019.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Scale units until none changes; factors of neighbouring layers depend on each other."""
        network = network_of(model)
        weights, biases = plain_layers(network)
        places = [p for p, kind in enumerate(network.activations[:-1]) if kind in _SCALABLE]
        if not places:
            raise SkipPass("no hidden units that may be scaled: they must be relu or identity")
        exponents = [np.zeros(bias.size, np.int64) for bias in biases]
        ranges = [np.abs(matrix) for matrix in weights]
        for _ in range(_ROUNDS):
            changed = False
            for place in places:
                shift = _shift(ranges[place].max(axis=0), ranges[place + 1].max(axis=1))
                ranges[place] = np.ldexp(ranges[place], shift)
                ranges[place + 1] = np.ldexp(ranges[place + 1], -shift[:, None])
                exponents[place] += shift
                changed |= bool(shift.any())
            if not changed:
                break
        if not any(exponent.any() for exponent in exponents):
            return model
        for place in places:
            shift = exponents[place]
            weights[place] = np.ldexp(weights[place], shift)
            biases[place] = np.ldexp(biases[place], shift)
            weights[place + 1] = np.ldexp(weights[place + 1], -shift[:, None])
        return with_layers(model, weights, biases)


def _shift(incoming: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    """Powers of two that bring two ranges of each unit together; 0 where one of them is zero."""
    alive = (incoming > 0) & (outgoing > 0)
    ratio = np.log2(np.where(alive, outgoing, 1.0)) - np.log2(np.where(alive, incoming, 1.0))
    # Half of it, rounded towards zero beyond a half, so that no unit swings to and fro.
    return np.where(alive, np.rint(ratio / 2 - np.sign(ratio) * 1e-9), 0).astype(np.int64)
