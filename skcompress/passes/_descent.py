"""Vectors, coefficients and width of a reduced machine moved together, on batches of rows."""

from __future__ import annotations

import numpy as np

from ._decisions import Loss
from ._expansion import MovingKernel
from ._polish import Reduced, Whitened, reach_of

__all__ = ["descend"]

_RATE = 0.02
"""Divided by the root of the number of vectors: the noise of the steps of many adds up."""
_BATCHES = (64, 512)
_STEPS = 300
_WHITENING = 6_000
_BETA1, _BETA2 = 0.9, 0.99
_EPSILON = np.float32(1e-12)


def descend(
    kernel: MovingKernel, start: Reduced, loss: Loss, visits: int, generator: np.random.Generator
) -> Reduced:
    """Adam on batches of rows, its steps shrinking to zero.

    With thousands of numbers to find, many steps on some of the rows come further than few steps
    on all of them.

    Parameters
    ----------
    kernel : MovingKernel
        With the rows.
    start : Reduced
        Where to start.
    loss : Loss
        On the same rows.
    visits : int
        Rows that are looked at, each as often as it comes.
    generator : Generator
        Shuffles the rows.
    """
    n_rows = kernel.rows.shape[0]
    order = generator.permutation(n_rows)
    some = kernel.of_rows(order[:_WHITENING])
    values, _ = some(start.vectors - kernel.center, start.gamma)
    shape = Whitened(values)
    white, shrink = shape.white.astype(np.float32), np.float32(shape.shrink(len(start.coef), loss))
    reach = np.float32(reach_of(kernel))
    # Steps cost the square of the number of vectors, beside what rows cost.
    batch = min(int(np.clip(max(visits // _STEPS, len(start.vectors) // 4), *_BATCHES)), n_rows)
    n_steps = max(visits // batch, 1)
    vectors = ((start.vectors - kernel.center) / reach).astype(np.float32)
    unit = np.float32(loss.unit)
    coef = (start.coef @ shape.factor / unit).astype(np.float32)
    constant = (start.intercept / unit).astype(np.float32)
    width = np.zeros(1, np.float32)
    parts = [vectors, coef, constant, width]
    adam, rate = _Adam(parts), _RATE / float(np.sqrt(len(vectors)))
    place = 0
    for step in range(n_steps):
        if place + batch > n_rows:
            order, place = generator.permutation(n_rows), 0
        rows = order[place : place + batch]
        place += batch
        gamma = start.gamma * float(np.exp(width[0]))
        values, pullback = kernel.of_rows(rows)(vectors * reach, gamma)
        straight = coef @ white * unit
        scores = values @ straight.T
        scores += constant * unit
        _, slope = loss.of_rows(rows)(scores)
        of_coef = (slope.T @ values + shrink * straight) @ white.T * unit
        of_vectors, of_gamma = pullback(slope @ straight)
        of_width = gamma * of_gamma if kernel.kernel.kernel == "rbf" else 0.0
        gradients = [
            of_vectors * reach,
            of_coef,
            slope.sum(axis=0) * unit,
            np.array([of_width], np.float32),
        ]
        adam.step(gradients, 0.5 * rate * (1.0 + float(np.cos(np.pi * step / n_steps))))
    return Reduced(
        vectors=vectors.astype(np.float64) * reach + kernel.center,
        coef=coef.astype(np.float64) @ white * unit,
        intercept=constant.astype(np.float64) * unit,
        gamma=start.gamma * float(np.exp(width[0])),
    )


class _Adam:
    """Moves arrays in place."""

    def __init__(self, parts: list[np.ndarray]) -> None:
        self._parts = parts
        self._first = [np.zeros_like(part) for part in parts]
        self._second = [np.zeros_like(part) for part in parts]
        self._number = 0

    def step(self, gradients: list[np.ndarray], rate: float) -> None:
        """One step against the gradients."""
        self._number += 1
        correction = float(np.sqrt(1 - _BETA2**self._number))
        size = np.float32(rate * correction / (1 - _BETA1**self._number))
        each = zip(self._parts, self._first, self._second, gradients, strict=True)
        for part, first, second, gradient in each:
            first *= np.float32(_BETA1)
            first += np.float32(1 - _BETA1) * gradient
            second *= np.float32(_BETA2)
            second += np.float32(1 - _BETA2) * np.square(gradient)
            part -= size * first / (np.sqrt(second) + _EPSILON)
