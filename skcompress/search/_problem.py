"""What a strategy of a search knows, and how it learns more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Point", "Problem"]

Params = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Point:
    """What a candidate came to, on average over the folds."""

    score: float
    n_bytes: float


@dataclasses.dataclass
class Problem:
    """What a strategy knows, and how it learns more.

    Attributes
    ----------
    space : list of dict
        Parameter -> values.
    measure : callable
        ``measure(candidates, share)`` gives their points, in parallel; each costs `share` of an
        evaluation.
    original_score : float
        The inner model's score.
    worthless : float
        A score so low that worse ones need not be told apart.
    limit : int or None
        Most candidates that are evaluated.
    tolerance : float or None
        Loss that is allowed at most, if only such candidates matter.
    max_bytes : int or None
        Bytes that are allowed at most, if only such candidates matter.
    random_state : int
        Seed.
    study : object or None
        Left by the strategy "optuna".
    """

    space: list[Params]
    measure: Callable[[Sequence[Params], float], list[Point]]
    original_score: float
    worthless: float = -math.inf
    limit: int | None = None
    tolerance: float | None = None
    max_bytes: int | None = None
    random_state: int = 0
    study: Any = None
