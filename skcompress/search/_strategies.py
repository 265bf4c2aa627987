"""Which candidates a search evaluates, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._bounds import Knowledge
from ._front import pareto
from ._problem import Point, Problem
from ._space import groups_of

__all__ = ["STRATEGIES"]

Params = dict[str, Any]

_AT_ONCE = 4
"""Candidates that are chosen before the next are measured: the same however many workers."""

_SHARE = 0.2
_LEAST = 4
_FINALISTS = 5
_ETA = 3


def grid(problem: Problem) -> None:
    """All candidates, or the first so many."""
    candidates = [params for group in groups_of(problem.space) for params in group.params]
    problem.measure(candidates[: problem.limit], 1.0)


def halving(problem: Problem) -> None:
    """All candidates on few rows, then the better third on three times as many, to the last."""
    candidates = [params for group in groups_of(problem.space) for params in group.params]
    candidates = candidates[: problem.limit]
    rounds = math.ceil(math.log(max(len(candidates) / _FINALISTS, 1), _ETA))
    for step in range(rounds, 0, -1):
        points = problem.measure(candidates, float(_ETA) ** -step)
        keep = max(len(candidates) // _ETA, min(_FINALISTS, len(candidates)))
        candidates = [candidates[place] for place in sorted(_by_front(points)[:keep])]
    problem.measure(candidates, 1.0)


def _by_front(points: Sequence[Point]) -> list[int]:
    """Places of points, those on the front first, then those on the front of the rest."""
    n_bytes = np.array([point.n_bytes for point in points])
    scores = np.array([point.score for point in points])
    left, order = np.arange(len(points)), list[int]()
    while left.size:
        front = pareto(n_bytes[left], scores[left])
        if front.size == 0:
            break
        # Of a front that does not fit whole, the ends and those far from others come first.
        order += list(left[front][_spread_first(np.log(n_bytes[left[front]]))])
        left = np.delete(left, front)
    return order


def _spread_first(places: np.ndarray) -> np.ndarray:
    """The ends of a rising sequence, then those with the widest gap around them."""
    if places.size < 3:
        return np.arange(places.size)
    crowd = np.concatenate([[np.inf], places[2:] - places[:-2], [np.inf]])
    return np.argsort(-crowd, kind="stable")


def tree(problem: Problem) -> None:
    """Best-first branch and bound.

    Settings form a tree for every choice of the parameters without an order: from the gentlest
    setting each branch makes one parameter stronger. A measured setting bounds all others on its
    branches: no stronger setting scores better, and no gentler one is smaller. (Where measured
    settings contradict that, by noise or because pruning regularizes, bounds are widened by as
    much.) What cannot enter the front even at its bounds is pruned; of the rest, those that
    promise the largest area, as a Gaussian process sees it, are measured next.
    """
    known = Knowledge(groups_of(problem.space))
    total = len(known.params)
    limit = max(int(_SHARE * total), _LEAST) if problem.limit is None else problem.limit
    batch = known.ends()
    left = min(limit, total)
    while left > 0 and batch:
        batch = batch[:left]
        points = problem.measure([known.params[place] for place in batch], 1.0)
        known.learn(batch, points)
        left -= len(batch)
        batch = known.most_promising(min(_AT_ONCE, left), problem)


def optuna(problem: Problem) -> None:
    """Optuna's sampler for several objectives; the study is kept."""
    try:
        import optuna as library
    except ImportError as error:
        raise ImportError(
            'strategy="optuna" needs Optuna; install it with: pip install "skcompress[optuna]"'
        ) from error
    candidates = [params for group in groups_of(problem.space) for params in group.params]
    limit = max(int(_SHARE * len(candidates)), _LEAST)
    limit = min(limit if problem.limit is None else problem.limit, len(candidates))
    level = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.WARNING)
    try:
        study = library.create_study(
            directions=["maximize", "minimize"],
            sampler=library.samplers.TPESampler(seed=problem.random_state),
        )
        problem.study = study
        for start in range(0, limit, _AT_ONCE):
            trials = [study.ask() for _ in range(min(_AT_ONCE, limit - start))]
            chosen = [_suggested(trial, problem.space) for trial in trials]
            points = problem.measure(chosen, 1.0)
            for trial, point in zip(trials, points, strict=True):
                study.tell(trial, [point.score, math.log(point.n_bytes)])
    finally:
        library.logging.set_verbosity(level)


def _suggested(trial: Any, space: Sequence[Params]) -> Params:
    """A candidate that a trial of Optuna's chooses, value by value."""
    which = trial.suggest_int("grid", 0, len(space) - 1) if len(space) > 1 else 0
    return {
        name: values[trial.suggest_int(f"{which}:{name}", 0, len(values) - 1)]
        for name, values in space[which].items()
    }


STRATEGIES: dict[str, Callable[[Problem], None]] = {
    "grid": grid,
    "halving": halving,
    "optuna": optuna,
    "tree": tree,
}
"""Name -> strategy."""
