"""A meter of memory that counts every byte once, under the part that claimed it first."""

from __future__ import annotations

import bisect
import sys
from collections import Counter
from typing import Any

import numpy as np

__all__ = ["Meter", "Part"]

Part = tuple[str, bool]
"""Name, and whether prediction reads it."""


class Meter:
    """Adds up buffers by address, so that views and shared memory count once."""

    def __init__(self) -> None:
        self.totals: Counter[Part] = Counter()
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._seen: dict[int, Any] = {}

    def is_new(self, item: Any) -> bool:
        """Whether an object is met for the first time; kept alive, so that its id stays its own."""
        if id(item) in self._seen:
            return False
        self._seen[id(item)] = item
        return True

    def add_object(self, item: Any, part: Part) -> None:
        """Count a Python object itself, without what it refers to."""
        self.totals[part] += sys.getsizeof(item)

    def add_array(self, array: np.ndarray, shares: dict[Part, int]) -> None:
        """Count the buffer behind an array, divided among parts in proportion to their bytes."""
        self._seen[id(array)] = array
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        low, high = np.lib.array_utils.byte_bounds(owner) if owner.size else (0, 0)
        fresh = self.claim(low, high)
        total = sum(shares.values())
        given = 0
        for place, (part, count) in enumerate(shares.items()):
            share = fresh - given if place == len(shares) - 1 else fresh * count // total
            given += share
            self.totals[part] += share

    def claim(self, low: int, high: int) -> int:
        """Mark addresses as counted; how many of them were not before."""
        if low >= high:
            return 0
        # The marked intervals are disjoint and in order; those that touch the new one melt into it.
        first = bisect.bisect_left(self._ends, low)
        last = bisect.bisect_right(self._starts, high)
        known = sum(
            min(end, high) - max(start, low)
            for start, end in zip(self._starts[first:last], self._ends[first:last], strict=True)
        )
        start = min([low, *self._starts[first:last]])
        end = max([high, *self._ends[first:last]])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        return high - low - known
