"""What a reduced machine is fitted to: the original's decisions, and margins where they count."""

from __future__ import annotations

import copy
from typing import Protocol

import numpy as np

from ..ir import Head, Numbers, OneVsOne

__all__ = ["Loss", "Margins", "Values", "VoteMargins", "decisions_of", "winners"]


class Loss(Protocol):
    """A loss of raw scores on fixed rows.

    Attributes
    ----------
    start : ndarray of shape (n_rows, n_scores)
        Scores to aim for in a first least-squares fit.
    near : ndarray of shape (n_rows, n_scores)
        The same, but beyond the margin no more than it.
    unit : float
        What counts as one: the margin, or the standard deviation.
    """

    start: np.ndarray
    near: np.ndarray
    unit: float

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean loss, and its gradient (which may overwrite the scores)."""

    def of_rows(self, rows: np.ndarray) -> Loss:
        """The same on some of the rows."""


class Values:
    """Squared distance from the original's numbers, in units of their variance.

    Parameters
    ----------
    wanted : ndarray of shape (n_rows, n_outputs)
        What the original gives.
    """

    def __init__(self, wanted: np.ndarray, spread: np.ndarray | None = None) -> None:
        self.start = self.near = wanted
        if spread is None:
            spread = wanted.var(axis=0)
            spread = np.where(spread > 0, spread, 1.0)
        self.spread = spread
        self.unit = float(np.sqrt(spread.mean()))
        self._wanted = wanted.astype(np.float32)
        self._scale = (1.0 / (spread * wanted.size)).astype(np.float32)

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        gap = scores - self._wanted
        slope = gap * self._scale
        return 0.5 * float(np.vdot(gap, slope)), slope

    def of_rows(self, rows: np.ndarray) -> Values:
        return Values(self.start[rows], self.spread)


class Margins:
    """One decision: its value within the margin, and its side beyond.

    Parameters
    ----------
    wanted : ndarray of shape (n_rows, 1)
        The original's decision values.
    margin : float
        Beyond this, any value on the same side that is no nearer to zero is as good.
    """

    def __init__(self, wanted: np.ndarray, margin: float) -> None:
        self.unit = self._margin = margin
        self.start = wanted
        self.near = np.clip(wanted, -margin, margin)
        self._side = np.where(wanted >= 0, 1, -1).astype(np.float32)
        self._aim = self.near.astype(np.float32) / np.float32(margin)
        self._beyond = np.abs(wanted) >= margin

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        gap = scores / np.float32(self._margin) - self._aim
        gap[self._beyond & (gap * self._side > 0)] = 0
        slope = gap / np.float32(gap.size * self._margin)
        return 0.5 * float(np.square(gap).mean()), slope

    def of_rows(self, rows: np.ndarray) -> Margins:
        return Margins(self.start[rows], self._margin)


class VoteMargins:
    """Pairs of classes: only those in which the winner of the vote takes part decide.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows, n_pairs)
        The original's decision values.
    n_classes : int
        Number of classes.
    margin : float
        As in `Margins`.
    by_class : bool
        Scores are those of classes, of which pairs are differences; otherwise of pairs.
    """

    def __init__(self, pairs: np.ndarray, n_classes: int, margin: float, *, by_class: bool) -> None:
        self.unit = margin
        self._by_class = by_class
        first, second = np.triu_indices(n_classes, 1)
        self._winner = winners(pairs, n_classes)
        # Of each class: its pairs, who else takes part, and the sign for which it wins.
        label = np.arange(n_classes)[:, None]
        own = (first == label) | (second == label)
        self._places = np.nonzero(own)[1].reshape(n_classes, n_classes - 1)
        self._sign = np.where(first[self._places] == label, 1, -1).astype(np.float32)
        self._others = np.where(self._sign > 0, second[self._places], first[self._places])
        clipped = np.clip(pairs, -margin, margin)
        aim = np.take_along_axis(clipped, self._places[self._winner], axis=1) / margin
        self._aim = aim.astype(np.float32) * self._sign[self._winner]
        self._scale = np.float32(1.0 / margin)
        self.start, self.near = pairs, clipped
        if by_class:
            # Least squares: the mean over a class's pairs.
            self.start, self.near = (
                np.stack(
                    [
                        np.einsum("ij,j->i", part[:, own[c]], np.where(first[own[c]] == c, 1, -1))
                        for c in range(n_classes)
                    ],
                    axis=1,
                )
                / n_classes
                for part in (pairs, clipped)
            )

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        chosen = (self._others if self._by_class else self._places)[self._winner]
        given = np.take_along_axis(scores, chosen, axis=1)
        if self._by_class:
            given = scores[np.arange(scores.shape[0]), self._winner][:, None] - given
        else:
            given *= self._sign[self._winner]
        gap = given * self._scale - self._aim
        gap[(self._aim >= 1) & (gap > 0)] = 0
        loss = 0.5 * float(np.vdot(gap, gap)) / gap.size
        gap *= self._scale / np.float32(gap.size)
        slope = np.zeros_like(scores)
        if self._by_class:
            np.put_along_axis(slope, chosen, -gap, axis=1)
            slope[np.arange(scores.shape[0]), self._winner] = gap.sum(axis=1)
        else:
            np.put_along_axis(slope, chosen, gap * self._sign[self._winner], axis=1)
        return loss, slope

    def of_rows(self, rows: np.ndarray) -> VoteMargins:
        part = copy.copy(self)
        names = ("start", "near", "_winner", "_aim")
        vars(part).update({name: getattr(self, name)[rows] for name in names})
        return part


def winners(pairs: np.ndarray, n_classes: int) -> np.ndarray:
    """The class with the most votes of its pairs; of equals the first."""
    votes = np.zeros((pairs.shape[0], n_classes), np.int64)
    for place, (i, j) in enumerate(zip(*np.triu_indices(n_classes, 1), strict=True)):
        votes[:, i] += pairs[:, place] > 0
        votes[:, j] += pairs[:, place] <= 0
    return votes.argmax(axis=1)


_MARGIN = 2.0
"""Twice the machine's own: few rows are beyond, and a kernel has it hard to make bends there."""
_SURE = 3.0
"""Decision value from which Platt's probabilities hardly change."""


def decisions_of(head: Head, raw: np.ndarray, *, by_class: bool) -> Loss:
    """The loss that keeps what a head makes of the original's raw outputs.

    Parameters
    ----------
    head : Head
        What the outputs are for.
    raw : ndarray of shape (n_rows, n_outputs)
        The original's.
    by_class : bool
        Of several classes, have scores of classes rather than of pairs.
    """
    if isinstance(head, Numbers):
        return Values(raw)
    if not isinstance(head, OneVsOne):
        return Margins(raw, float(np.median(np.abs(raw))) or 1.0)
    n_classes = len(head.target)
    # Differences of class scores can be on the right side, but hardly have the values of pairs.
    margin = (1.0 if by_class and n_classes > 2 else _MARGIN) if head.platt_a is None else _SURE
    if n_classes == 2:
        return Margins(raw, margin)
    return VoteMargins(raw, n_classes, margin, by_class=by_class)
