"""What a reduced machine is fitted to: the original's decisions, and margins where they count."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..ir import Head, Numbers, OneVsOne

__all__ = ["Loss", "Margins", "Values", "VoteMargins", "decisions_of"]


class Loss(Protocol):
    """A loss of raw scores on fixed rows.

    Attributes
    ----------
    start : ndarray of shape (n_rows, n_scores)
        Scores to aim for in a first least-squares fit.
    unit : float
        What counts as one: the margin, or the standard deviation.
    """

    start: np.ndarray
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
        self.start = wanted
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
        self._given = wanted
        self.start = np.clip(wanted, -margin, margin)
        self._side = np.where(wanted >= 0, 1, -1).astype(np.float32)
        self._aim = self.start.astype(np.float32) / np.float32(margin)
        self._beyond = np.abs(wanted) >= margin

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        gap = scores / np.float32(self._margin) - self._aim
        gap[self._beyond & (gap * self._side > 0)] = 0
        slope = gap / np.float32(gap.size * self._margin)
        return 0.5 * float(np.square(gap).mean()), slope

    def of_rows(self, rows: np.ndarray) -> Margins:
        return Margins(self._given[rows], self._margin)


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
        self._made_of = (pairs, n_classes, margin, by_class)
        first, second = np.triu_indices(n_classes, 1)
        votes = np.zeros((pairs.shape[0], n_classes), np.int32)
        for place, (i, j) in enumerate(zip(first, second, strict=True)):
            votes[:, i] += pairs[:, place] > 0
            votes[:, j] += pairs[:, place] <= 0
        winner = votes.argmax(axis=1)
        # All rows that one class wins look at the same pairs.
        order = np.argsort(winner, kind="stable")
        ends = np.cumsum(np.bincount(winner, minlength=n_classes))
        self._by_class = by_class
        self._n_scores = n_classes if by_class else first.size
        self._parts = []
        clipped = np.clip(pairs, -margin, margin)
        for label, end in enumerate(ends):
            rows = order[ends[label - 1] if label else 0 : end]
            places = np.flatnonzero((first == label) | (second == label))
            sign = np.where(first[places] == label, 1, -1).astype(np.float32)
            aim = (clipped[np.ix_(rows, places)] * sign / margin).astype(np.float32)
            others = np.where(first[places] == label, second[places], first[places])
            if rows.size:
                self._parts.append((rows, label, places, sign, others, aim, aim >= 1))
        self._scale = np.float32(1.0 / margin)
        self._count = pairs.shape[0] * (n_classes - 1)
        if by_class:
            # Least squares: the mean over a class's pairs.
            self.start = np.zeros((pairs.shape[0], n_classes))
            for place, (i, j) in enumerate(zip(first, second, strict=True)):
                self.start[:, i] += clipped[:, place] / n_classes
                self.start[:, j] -= clipped[:, place] / n_classes
        else:
            self.start = clipped

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.zeros_like(scores)
        loss = 0.0
        for rows, label, places, sign, others, aim, beyond in self._parts:
            own = scores[rows]
            given = own[:, [label]] - own[:, others] if self._by_class else own[:, places] * sign
            gap = given * self._scale - aim
            gap[beyond & (gap > 0)] = 0
            loss += float(np.vdot(gap, gap))
            if self._by_class:
                part = np.zeros_like(own)
                part[:, others] = -gap
                part[:, label] = gap.sum(axis=1)
            else:
                part = np.zeros_like(own)
                part[:, places] = gap * sign
            slope[rows] = part
        slope *= self._scale / np.float32(self._count)
        return 0.5 * loss / self._count, slope

    def of_rows(self, rows: np.ndarray) -> VoteMargins:
        pairs, n_classes, margin, by_class = self._made_of
        return VoteMargins(pairs[rows], n_classes, margin, by_class=by_class)


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
    margin = 1.0 if head.platt_a is None else _SURE
    n_classes = len(head.target)
    if n_classes == 2:
        return Margins(raw, margin)
    return VoteMargins(raw, n_classes, margin, by_class=by_class)
