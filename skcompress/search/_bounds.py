"""What measured settings tell about the others: bounds, and where the front may still grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._front import gains, pareto
from ._problem import Point, Problem
from ._space import Group

__all__ = ["Knowledge"]

_LITTLE = 0.002
"""Share of the area that is worth another measurement."""

_HOPE = 0.5
"""Where between its bounds a setting is expected: 1 at the better ones."""


class Knowledge:
    """All settings of a search: measured ones, and bounds of the others."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.params: list[dict[str, Any]] = [params for group in groups for params in group.params]
        size = len(self.params)
        self.strength = np.concatenate([group.ranks.sum(axis=1) for group in groups])
        self.group = np.repeat(np.arange(len(groups)), [len(group.params) for group in groups])
        self.gentler = np.zeros((size, size), bool)
        start = 0
        for group in groups:
            block = slice(start, start + len(group.params))
            ranks = group.ranks
            self.gentler[block, block] = (ranks[:, None, :] <= ranks[None, :, :]).all(axis=2)
            start = block.stop
        self.known = np.zeros(size, bool)
        self.scores = np.full(size, np.nan)
        self.logs = np.full(size, np.nan)

    def ends(self) -> list[int]:
        """The gentlest and the strongest setting of every group."""
        places: list[int] = []
        for group in np.unique(self.group):
            own = np.flatnonzero(self.group == group)
            ends = own[np.argmin(self.strength[own])], own[np.argmax(self.strength[own])]
            places += sorted({int(place) for place in ends})
        return places

    def learn(self, places: Sequence[int], points: Sequence[Point]) -> None:
        """Take what was measured."""
        self.known[places] = True
        self.scores[places] = [point.score for point in points]
        self.logs[places] = [math.log(point.n_bytes) for point in points]

    def most_promising(self, count: int, problem: Problem) -> list[int]:
        """Settings to measure next, those first that promise the largest area.

        Parameters
        ----------
        count : int
            How many at most.
        problem : Problem
            What is allowed.

        Returns
        -------
        list of int
            Empty where no setting can add more than a little to the front.
        """
        logs, scores = self.logs[self.known], self.scores[self.known]
        most, least = float(logs.max()), float(scores.min())
        # What is not allowed need not be told apart.
        if problem.max_bytes is not None:
            most = min(most, math.log(problem.max_bytes))
        if problem.tolerance is not None:
            least = max(least, problem.original_score - problem.tolerance)
        corner = math.exp(most) * (1 + 1e-9), least - 1e-9
        front = pareto(logs, scores)
        logs, scores = logs[front], scores[front]
        low, high, short, long = self._bounds()
        better, larger = self._contradictions()

        def added(at: np.ndarray, by: np.ndarray) -> np.ndarray:
            return gains(np.exp(at), by, np.exp(logs), scores, *corner)

        whole = float(gains(np.exp([logs[0]]), scores[-1:], np.empty(0), np.empty(0), *corner)[0])
        ceiling = added(short - larger, high + better)
        places = np.flatnonzero(~self.known & (ceiling > _LITTLE * whole))
        hoped_scores = low + _HOPE * (high - low)
        hoped_logs = long - _HOPE * (long - short)
        chosen: list[int] = []
        for _ in range(min(count, places.size)):
            gain = added(hoped_logs[places], hoped_scores[places])
            best = int(places[np.argmax(gain + 1e-6 * ceiling[places])])
            chosen.append(best)
            places = places[places != best]
            # As if it had been measured, so that the next is not its neighbour.
            logs, scores = np.append(logs, hoped_logs[best]), np.append(scores, hoped_scores[best])
            front = pareto(logs, scores)
            logs, scores = logs[front], scores[front]
        return chosen

    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Least and greatest score, least and most log-bytes of every setting."""
        known = np.flatnonzero(self.known)
        above, below = self.gentler[known], self.gentler[:, known].T
        scores, logs = self.scores[known][:, None], self.logs[known][:, None]
        return (
            np.where(below, scores, -np.inf).max(axis=0),
            np.where(above, scores, np.inf).min(axis=0),
            np.where(below, logs, -np.inf).max(axis=0),
            np.where(above, logs, np.inf).min(axis=0),
        )

    def _contradictions(self) -> tuple[float, float]:
        """How far measured settings break their order, on average over comparable pairs."""
        known = np.flatnonzero(self.known)
        pairs = self.gentler[np.ix_(known, known)] & ~np.eye(known.size, dtype=bool)
        if not pairs.any():
            return 0.0, 0.0
        scores, logs = self.scores[known], self.logs[known]
        better = np.maximum(scores[None, :] - scores[:, None], 0.0)[pairs]
        larger = np.maximum(logs[None, :] - logs[:, None], 0.0)[pairs]
        return float(better.mean()), float(larger.mean())
