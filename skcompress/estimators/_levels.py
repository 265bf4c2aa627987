"""Levels: what each may lose, and which are tried where a file must be small."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..families._sklearn_internals import StrOptions
from ..recipes import LEVELS, gentler_recipes, level_recipe
from ._base import LIMITS
from ._compress import Job

__all__ = ["LEVEL_CONSTRAINTS", "allowed_loss", "level_attempts"]

LEVEL_CONSTRAINTS: dict[str, list[Any]] = {"level": [StrOptions(set(LEVELS))], **LIMITS}
"""Constraints of the parameters that `compress` and `ModelCompressor` have."""

_ANY_PRICE = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Losses that are allowed in turn where only the bytes are limited."""


def allowed_loss(level: str, tolerance: float | None, max_bytes: int | None) -> float | None:
    """What may be lost; None at `lossless`, which has nothing to judge."""
    if tolerance is not None:
        return tolerance
    return None if level == "lossless" and max_bytes is None else LEVELS[level]


def level_attempts(
    job: Job, level: str, tolerance: float | None
) -> Iterator[tuple[dict[str, Any], Job]]:
    """The level, then stronger ones; then, unless a tolerance forbids, "tiny" at any price."""
    names = list(LEVELS)
    for name in names[names.index(level) :]:
        allowed = LEVELS[name] if tolerance is None else tolerance
        yield {"level": name}, _at(job, name, allowed)
    if tolerance is None and job.held_out is not None:
        for allowed in _ANY_PRICE:
            yield {"level": "tiny", "tolerance": allowed}, _at(job, "tiny", allowed)


def _at(job: Job, level: str, allowed: float) -> Job:
    return dataclasses.replace(
        job,
        recipe=lambda lifted: level_recipe(lifted, level),
        rivals=lambda lifted: gentler_recipes(lifted, level),
        tolerance=allowed if job.tolerance is not None else None,
    )
