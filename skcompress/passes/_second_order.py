"""Rounding with compensation: the error of each weight is pushed into those not rounded yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

__all__ = ["Curvature", "curvature_of", "rate_distortion", "round_in_turn", "step_for"]

Decide = Callable[[int, np.ndarray], np.ndarray]
"""``decide(input, weights of that input) -> rounded weights``."""

_DAMPING = 0.01
_TINY = 1e-12
_BLOCK = 32
_RARE = 0.5
_PASSES = 2


@dataclasses.dataclass(frozen=True)
class Curvature:
    """How the squared error of a layer's sums depends on its weights.

    Attributes
    ----------
    gram : ndarray of shape (n_inputs, n_inputs)
        Second moments of the inputs about their mean, damped.
    order : ndarray of shape (n_inputs,)
        Inputs in the order in which they are rounded: what varies most first.
    upper : ndarray of shape (n_inputs, n_inputs)
        Upper triangular `U` with ``U.T @ U`` the inverse of `gram`, in that order.
    """

    gram: np.ndarray
    order: np.ndarray
    upper: np.ndarray

    @property
    def stiffness(self) -> np.ndarray:
        """What a squared error of each input's weight costs if later ones make up for it."""
        found = np.empty(len(self.order))
        found[self.order] = 1.0 / np.square(np.diag(self.upper))
        return found


def curvature_of(rows: np.ndarray, damping: float = _DAMPING) -> Curvature:
    """The curvature that some rows of inputs show.

    Parameters
    ----------
    rows : ndarray of float64, of shape (n_rows, n_inputs)
        What the layer sees. Their mean does not matter: the bias makes up for it.
    damping : float
        Share of the mean variance that is added to every input's, so that few rows suffice.
    """
    centered = rows - rows.mean(axis=0)
    gram = centered.T @ centered / len(rows)
    variance = np.diag(gram).copy()
    gram[np.diag_indices_from(gram)] += damping * float(variance.mean()) + _TINY
    order = np.argsort(-variance, kind="stable")
    inverse = np.linalg.inv(gram[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    return Curvature(gram, order, np.ascontiguousarray(upper))


def round_in_turn(weights: np.ndarray, curvature: Curvature, decide: Decide) -> np.ndarray:
    """Round the weights of one input after the other; those that follow make up for the error.

    Parameters
    ----------
    weights : ndarray of float64, of shape (n_inputs, n_units)
        What they should be.
    curvature : Curvature
        Of the inputs.
    decide : callable
        Rounds the weights of an input, which by then differ from those given.

    Returns
    -------
    ndarray
        The rounded weights.

    References
    ----------
    .. [1] E. Frantar, D. Alistarh, "Optimal brain compression", NeurIPS 2022.
    .. [2] E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ", ICLR 2023.
    """
    order, upper = curvature.order, curvature.upper
    work = weights[order].astype(np.float64)
    rounded = np.empty_like(work)
    for start in range(0, len(work), _BLOCK):
        stop = min(start + _BLOCK, len(work))
        errors = np.empty((stop - start, work.shape[1]))
        for place in range(start, stop):
            rounded[place] = decide(int(order[place]), work[place])
            errors[place - start] = (work[place] - rounded[place]) / upper[place, place]
            later = upper[place, place + 1 : stop, None]
            work[place + 1 : stop] -= later * errors[place - start]
        work[stop:] -= upper[start:stop, stop:].T @ errors
    found = np.empty_like(rounded)
    found[order] = rounded
    return found


def step_for(price: float, sensitivity: float) -> float:
    """The step at which a bit saves as much error as it costs.

    Even steps of size s cause an error of s²/12, and a bit less makes it four times larger.
    """
    return float(np.sqrt(6.0 * price / (np.log(2.0) * max(sensitivity, _TINY))))


def rate_distortion(
    weights: np.ndarray,
    curvature: Curvature,
    importance: np.ndarray,
    step: float,
    price: float,
) -> tuple[np.ndarray, float]:
    """Whole multiples of a step that weigh the error of the sums against bits in the file.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs, n_units)
        What they should be.
    curvature : Curvature
        Of the inputs.
    importance : ndarray of shape (n_units,)
        What a squared error of each unit's sum costs.
    step : float
        Size of the steps.
    price : float
        What a bit costs.

    Returns
    -------
    codes : ndarray of int64, of shape (n_inputs, n_units)
        Multiples of the step.
    cost : float
        Error and price of all bits.
    """
    stiffness = curvature.stiffness
    codes = np.rint(weights / step).astype(np.int64)
    codes[np.sqrt(stiffness)[:, None] * np.abs(weights) * np.sqrt(importance) < np.sqrt(price)] = 0
    for _ in range(_PASSES):
        rate = _Rate(codes)

        def decide(place: int, values: np.ndarray, rate: _Rate = rate) -> np.ndarray:
            nearest = np.rint(values / step)
            less = nearest - np.sign(nearest)
            zero = np.zeros_like(nearest)
            drafts = np.stack([nearest, less, zero])
            errors = np.square(values - step * drafts) * (stiffness[place] * importance)
            best = np.argmin(errors + price * rate.of(place, drafts), axis=0)
            chosen: np.ndarray = step * np.take_along_axis(drafts, best[None], axis=0)[0]
            return chosen

        codes = np.rint(round_in_turn(weights, curvature, decide) / step).astype(np.int64)
    gap = weights - step * codes
    error = float(np.einsum("ij,ij,j->", gap, curvature.gram @ gap, importance))
    return codes, error + price * _Rate(codes).total(codes)


class _Rate:
    """Bits that codes take, by how often they occurred, in which rows and in which columns."""

    def __init__(self, codes: np.ndarray) -> None:
        stays = codes != 0
        n_columns = codes.shape[1]
        total = stays.sum() + _RARE
        by_row = (stays.sum(axis=1) + _RARE) / n_columns
        by_column = (stays.sum(axis=0) + _RARE) / total
        # As if rows and columns were independent.
        likely = np.clip(by_row[:, None] * (by_column * n_columns), 1e-4, 1 - 1e-4)
        self._stays, self._goes = -np.log2(likely), -np.log2(1 - likely)
        self._most = int(np.abs(codes).max(initial=1)) + 1
        counts = np.bincount((codes[stays] + self._most).ravel(), minlength=2 * self._most + 1)
        share = (counts + _RARE) / (counts.sum() + _RARE * counts.size)
        self._value = -np.log2(share)
        self._value[self._most] = 0.0

    def of(self, row: int, codes: np.ndarray) -> np.ndarray:
        """Bits of codes in a row."""
        places = np.clip(codes, -self._most, self._most).astype(np.int64) + self._most
        return np.where(codes == 0, self._goes[row], self._stays[row] + self._value[places])

    def total(self, codes: np.ndarray) -> float:
        """Bits of all codes."""
        places = np.clip(codes, -self._most, self._most) + self._most
        each = np.where(codes == 0, self._goes, self._stays + self._value[places])
        return float(each.sum())
