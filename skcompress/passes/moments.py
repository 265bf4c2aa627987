"""Sums that keep their mean and spread when weights change."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Affine, Array, Codebook, DenseNetwork, Encoded, LowRank, Model, Sparse, decode
from ..ir.arrays import shape_of
from ._base import Pass, SkipPass, describe
from ._context import Context
from ._networks import activated, layer_inputs, network_of, plain

__all__ = ["KeepMoments"]

_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class KeepMoments:
    """A pass, after which the sums of every layer are brought back to where they were.

    From the input on, layer by layer: what the refit rows bring, seen through the layers before as
    they are now, is compared with what they brought. A layer without most of its weights gives
    smaller sums, which shrink further from layer to layer; and errors of rounding do not cancel
    out where inputs are positive.

    Parameters
    ----------
    step : Pass
        What changes weights; their shapes stay.
    means : bool
        Biases take over what changed the means of the sums.
    spreads : bool
        Weights of a layer are multiplied by what brings the variance of its sums back, on average,
        as initial weights are drawn to keep it (He et al. 2015).

    References
    ----------
    .. [1] M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-free quantization through
       weight equalization and bias correction", ICCV 2019.
    .. [2] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.
    """

    step: Pass
    means: bool = True
    spreads: bool = False
    exact: ClassVar[bool] = False

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        kept = " and ".join(
            name for name, on in (("means", self.means), ("spreads", self.spreads)) if on
        )
        return f"{describe(self.step)}, {kept} of sums kept"

    def apply(self, model: Model, context: Context) -> Model:
        """Apply the step, then correct its result."""
        before = network_of(model)
        changed = self.step.apply(model, context)
        after = changed.predictor
        if changed is model or context.refit is None or not isinstance(after, DenseNetwork):
            return changed
        shapes = [[shape_of(la.weights) for la in network.layers] for network in (before, after)]
        if shapes[0] != shapes[1]:
            raise SkipPass("layers have other shapes than before: their sums cannot be compared")
        inputs = layer_inputs(model, context, context.refit)
        seen, layers = inputs[0], []
        for old, layer, given in zip(before.layers, after.layers, inputs, strict=True):
            weights, bias = plain(old)
            target = given @ weights + bias
            found, shift = layer.weights, decode(layer.bias).astype(np.float64)
            product = seen @ decode(found)
            if self.spreads:
                factor = _spread(target) / max(_spread(product), _TINY)
                scaled = _scaled(found, factor)
                if scaled is not None and np.isfinite(factor) and factor > 0:
                    found, product = scaled, seen @ decode(scaled)
            if self.means:
                shift = target.mean(axis=0) - product.mean(axis=0)
            if not isinstance(layer.bias, Encoded):
                shift = shift.astype(layer.bias.dtype)
                layer = layer.replace(bias=shift)
            layers.append(layer.replace(weights=found))
            seen = activated(layer.activation, product + decode(layer.bias))
        return changed.with_predictor(after.replace(layers=tuple(layers)))


def _spread(sums: np.ndarray) -> float:
    """The root of the mean variance."""
    return float(np.sqrt(sums.var(axis=0).mean()))


def _scaled(weights: Array, factor: float) -> Array | None:
    """All weights times a factor, in the form that they have; None where it has no room for it."""
    if isinstance(weights, np.ndarray):
        return (weights * factor).astype(weights.dtype)
    if isinstance(weights, Affine):
        scale, zero = ((p * factor).astype(p.dtype) for p in (weights.scale, weights.zero))
        return weights.replace(scale=scale, zero=zero)
    if isinstance(weights, Codebook):
        return weights.replace(table=(weights.table * factor).astype(weights.table.dtype))
    if isinstance(weights, Sparse):
        data = _scaled(weights.data, factor)
        return None if data is None else weights.replace(data=data)
    if isinstance(weights, LowRank):
        right = _scaled(weights.right, factor)
        return None if right is None else weights.replace(right=right)
    return None
