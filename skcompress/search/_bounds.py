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
"""Standard deviations by which a setting may turn out better than expected."""

_NOISE = 0.01
"""Variance of the noise of a measurement, as a share of that of all measurements."""

_REACH = 0.8
"""How far along a parameter, from its gentlest to its strongest value, one setting tells."""


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
        self.alike = _alike(groups)
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
        # What is not allowed, or worth nothing, need not be told apart.
        least = max(least, problem.worthless)
        if problem.max_bytes is not None:
            most = min(most, math.log(problem.max_bytes))
        if problem.tolerance is not None:
            least = max(least, problem.original_score - problem.tolerance)
        corner = math.exp(most) * (1 + 1e-9), least - 1e-9
        front = pareto(logs, scores)
        logs, scores = logs[front], scores[front]
        high, short = self._bounds()
        better, larger = self._contradictions()

        def added(at: np.ndarray, by: np.ndarray) -> np.ndarray:
            return gains(np.exp(at), by, np.exp(logs), scores, *corner)

        whole = float(gains(np.exp([logs[0]]), scores[-1:], np.empty(0), np.empty(0), *corner)[0])
        ceiling = added(short - larger, high + better)
        places = np.flatnonzero(~self.known & (ceiling > _LITTLE * whole))
        hoped_scores = self._hoped(np.maximum(self.scores, problem.worthless), _HOPE)
        hoped_logs = self._hoped(self.logs, -_HOPE)
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

    def _hoped(self, values: np.ndarray, better: float) -> np.ndarray:
        """What a Gaussian process expects of all settings, and some of its doubt for the better."""
        known = np.flatnonzero(self.known)
        center, scale = values[known].mean(), values[known].std() + 1e-12
        cross = self.alike[:, known]
        inverse = np.linalg.inv(cross[known] + _NOISE * np.eye(known.size))
        mean = cross @ (inverse @ ((values[known] - center) / scale))
        variance = self.alike.diagonal() - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        return np.asarray(center + scale * (mean + better * np.sqrt(np.maximum(variance, 0.0))))

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Greatest score and least log-bytes of every setting."""
        known = np.flatnonzero(self.known)
        gentler, stronger = self.gentler[known], self.gentler[:, known].T
        scores, logs = self.scores[known][:, None], self.logs[known][:, None]
        return (
            np.where(gentler, scores, np.inf).min(axis=0),
            np.where(stronger, logs, -np.inf).max(axis=0),
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


def _alike(groups: Sequence[Group]) -> np.ndarray:
    """How alike settings are: by each parameter, and by all of them together."""
    width = max(group.ranks.shape[1] for group in groups)
    places = []
    for group in groups:
        ranks = group.ranks / np.maximum(group.ranks.max(axis=0, initial=1), 1)
        places.append(np.pad(ranks, ((0, 0), (0, width - ranks.shape[1]))))
    place = np.concatenate(places)
    together = np.ones((len(place), len(place)))
    apart = np.zeros_like(together)
    for column in place.T:
        near = np.exp(-np.square((column[:, None] - column) / _REACH) / 2)
        # What a parameter does by itself is mostly a trend.
        apart += near / width + column[:, None] * column / 2
        together *= near
    number = np.repeat(np.arange(len(groups)), [len(group.params) for group in groups])
    return (apart + together) / 2 * np.where(number[:, None] == number, 1.0, 0.8)
