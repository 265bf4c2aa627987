"""Platt's sigmoids of decisions that moved."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import KernelExpansion, Model, OneVsOne
from ..runtime import CompactModel
from ..runtime.heads import expit
from ._base import SkipPass
from ._context import Context

__all__ = ["RefitPlatt"]

_STEPS = 30
_DAMPING = 1e-6


@dataclasses.dataclass(frozen=True)
class RefitPlatt:
    """Fit Platt's two numbers of each pair of classes to the original's probabilities.

    On the refit rows; each pair is fitted on the rows that the original gives to one of its two
    classes. A model without probabilities stays as it is.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to
       regularized likelihood methods", 1999.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the sigmoids."""
        head, original = model.head, context.original.head
        if (
            not isinstance(head, OneVsOne)
            or not isinstance(original, OneVsOne)
            or head.platt_a is None
            or head.platt_b is None
            or original.platt_a is None
            or original.platt_b is None
        ):
            return model
        if context.refit is None or not isinstance(model.predictor, KernelExpansion):
            raise SkipPass("no rows to fit probabilities on")
        teacher = CompactModel(context.original)
        before = np.asarray(teacher.raw(context.refit.X), np.float64)
        after = np.asarray(CompactModel(model).raw(context.refit.X), np.float64)
        n_classes = len(head.target)
        # libsvm's own scores: positive for the first class, also of two.
        sign = -1.0 if n_classes == 2 else 1.0
        wanted = expit(-(original.platt_a * sign * before + original.platt_b))
        label = np.asarray(teacher.predict(context.refit.X))
        classes = head.target.classes
        first, second = np.triu_indices(n_classes, 1)
        own = (label[:, None] == classes[first]) | (label[:, None] == classes[second])
        a, b = fit_sigmoids(sign * after, wanted, own, head.platt_a, head.platt_b)
        return model.replace(head=head.replace(platt_a=a, platt_b=b))


def fit_sigmoids(
    scores: np.ndarray, wanted: np.ndarray, weight: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers with which ``1 / (1 + exp(a s + b))`` comes closest to wanted probabilities.

    Newton's method on the cross-entropy, for all columns at once, with steps halved where they
    do not pay.

    Parameters
    ----------
    scores, wanted : ndarray of shape (n_rows, n_pairs)
        Scores and probabilities.
    weight : ndarray of bool, of shape (n_rows, n_pairs)
        Rows that count for a pair; a pair without rows keeps its numbers.
    a, b : ndarray of shape (n_pairs,)
        Where to start.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)

    def loss(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        t = a * scores + b
        return np.asarray((weight * (np.logaddexp(0, t) - (1 - wanted) * t)).sum(axis=0))

    present = loss(a, b)
    for _ in range(_STEPS):
        p = expit(a * scores + b)
        gap = weight * (p - (1 - wanted))
        curve = weight * p * (1 - p)
        slope_a, slope_b = (gap * scores).sum(axis=0), gap.sum(axis=0)
        aa = (curve * scores**2).sum(axis=0) + _DAMPING
        ab, bb = (curve * scores).sum(axis=0), curve.sum(axis=0) + _DAMPING
        determinant = np.maximum(aa * bb - ab**2, np.finfo(float).tiny)
        step_a = (bb * slope_a - ab * slope_b) / determinant
        step_b = (aa * slope_b - ab * slope_a) / determinant
        size = np.ones_like(a)
        for _ in range(10):
            found = loss(a - size * step_a, b - size * step_b)
            worse = ~(found <= present)
            if not bool(worse.any()):
                break
            size = np.where(worse, size / 2, size)
        size = np.where(worse, 0.0, size)
        a, b = a - size * step_a, b - size * step_b
        found = loss(a, b)
        if bool((present - found <= 1e-9 * (1 + present)).all()):
            break
        present = found
    return a, b
