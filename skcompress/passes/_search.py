"""The last of many rising strengths that is accepted."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["climbed", "furthest", "halved"]


def furthest(accepted: Callable[[int], bool], start: int, least: int, last: int) -> int | None:
    """The last place that is accepted, near `start`; None if none from `least` on is."""
    if accepted(start):
        return climbed(accepted, start, last)
    high, step = start, 1
    while high > least:
        low = max(high - step, least)
        if accepted(low):
            return halved(accepted, low, high)
        high, step = low, 2 * step
    return None


def climbed(accepted: Callable[[int], bool], low: int, last: int) -> int:
    """The last accepted place, if `low` is accepted and others probably are not."""
    high, step = last + 1, 1
    while low + step <= last:
        if not accepted(low + step):
            high = low + step
            break
        low, step = low + step, 2 * step
    return halved(accepted, low, high)


def halved(accepted: Callable[[int], bool], low: int, high: int) -> int:
    """The last accepted place, if one is accepted and another, higher one is not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low
