"""The last of many rising strengths that is accepted."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["furthest", "halved"]


def furthest(accepted: Callable[[int], bool], start: int, least: int, last: int) -> int | None:
    """The last place that is accepted, near `start`; None if none from `least` on is."""
    step = 1
    if accepted(start):
        low, high = start, last + 1
        while low + step <= last:
            if not accepted(low + step):
                high = low + step
                break
            low, step = low + step, 2 * step
        return halved(accepted, low, high)
    high = start
    while high > least:
        low = max(high - step, least)
        if accepted(low):
            return halved(accepted, low, high)
        high, step = low, 2 * step
    return None


def halved(accepted: Callable[[int], bool], low: int, high: int) -> int:
    """The last accepted place, if one is accepted and another, higher one is not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low
