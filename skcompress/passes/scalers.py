"""Scalers made cheaper to store, when folding them away would spoil the weights for rounding."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import DenseNetwork, Encoded, LinearMap, Model, Rescale
from ._base import SkipPass
from ._context import Context
from .fold import FoldScalers, affine_of, sums_of, with_sums

__all__ = ["SimplifyScalers"]

_ALIKE = 16.0
_CENTERED = 3.0
_FINENESS = 8.0
_QUANTILES = (0.1, 0.9)


@dataclasses.dataclass(frozen=True)
class SimplifyScalers:
    """Fold scalers into first weights where inputs stay alike, else give them short numbers.

    Weights that are rounded together must be of like size, and training wants inputs that are
    centred. Where columns differ in scale, or lie far from zero, the last scaler stays: its
    factors become powers of two, its shifts multiples of an eighth of the scale, which take a byte
    or two each, and the first weights make up for the difference, so that its sums are the same.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Fold, or simplify the last scaler."""
        transforms, predictor = model.chain.transforms, model.predictor
        last = transforms[-1] if transforms else None
        if not isinstance(predictor, DenseNetwork | LinearMap) or not isinstance(last, Rescale):
            raise SkipPass("no scaler before a network or a linear map")
        if isinstance(predictor, LinearMap) and isinstance(predictor.coef, Encoded):
            raise SkipPass("the weights are encoded already")
        weights, bias = sums_of(predictor)
        if isinstance(weights, Encoded) or isinstance(bias, Encoded):
            raise SkipPass("the weights are encoded already")
        factor, summand = affine_of(last)
        if last.clip is None and _alike(factor, summand):
            return FoldScalers().apply(model, context)
        if last.clip is not None or weights.dtype != np.float64 or not factor.all():
            raise SkipPass("the scaler clips, or rounds to float32")
        short = _short(last)
        short_factor, short_summand = affine_of(short)
        ratio = factor / short_factor
        shifted = bias + (summand - ratio * short_summand) @ weights
        moved = with_sums(predictor, ratio[:, None] * weights, shifted)
        if moved is None:
            raise SkipPass("the scaler's numbers are too large, or too small")
        chain = model.chain.replace(transforms=(*transforms[:-1], short), predictor=moved)
        return model.replace(chain=chain)


def _alike(factor: np.ndarray, summand: np.ndarray) -> bool:
    """Whether most columns have about the same scale, and lie not far from zero."""
    low, high = np.quantile(np.abs(factor), _QUANTILES)
    return bool(high <= _ALIKE * low and np.quantile(np.abs(summand), _QUANTILES[1]) <= _CENTERED)


def _power_of_two(numbers: np.ndarray) -> np.ndarray:
    return np.sign(numbers) * np.exp2(np.rint(np.log2(np.abs(numbers))))


def _short(rescale: Rescale) -> Rescale:
    """The scaler with numbers of few digits, near those that it has."""
    divide = None if rescale.divide is None else _power_of_two(rescale.divide)
    multiply = None if rescale.multiply is None else _power_of_two(rescale.multiply)
    # What is subtracted is in units of the input; what is added, in those of the result.
    scale = np.ones(rescale.n_features)
    if divide is not None:
        scale = scale * np.abs(divide)
    if multiply is not None:
        scale = scale / np.abs(multiply)
    subtract, add = rescale.subtract, rescale.add
    if subtract is not None:
        subtract = np.rint(subtract / scale * _FINENESS) / _FINENESS * scale
    if add is not None:
        add = np.rint(add * _FINENESS) / _FINENESS
    return rescale.replace(divide=divide, multiply=multiply, subtract=subtract, add=add)
