"""Blocks of rows over threads; kernels and NumPy's matrix products let other threads run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

__all__ = ["run_blocks"]

T = TypeVar("T")

_LEAST_ROWS = 256
"""A thread with fewer rows than this costs more to start than it saves."""


def run_blocks(function: Callable[[slice], T], n_rows: int, n_threads: int) -> list[T]:
    """Apply a function to consecutive blocks of rows, one a thread.

    Parameters
    ----------
    function : callable
        Takes the slice of rows of a block.
    n_rows : int
        How many rows there are.
    n_threads : int
        How many threads may run at once, this one included; fewer are used for few rows.

    Returns
    -------
    list
        What the function returned, in the order of the rows.
    """
    n_blocks = max(1, min(n_threads, n_rows // _LEAST_ROWS))
    ends = [n_rows * block // n_blocks for block in range(n_blocks + 1)]
    slices = [slice(start, stop) for start, stop in itertools.pairwise(ends)]
    if n_blocks == 1:
        return [function(slices[0])]
    # It brings logging along, and a process that predicts a row and ends needs neither.
    from concurrent.futures import ThreadPoolExecutor

    # A pool for each call leaves nothing behind that a fork could break.
    with ThreadPoolExecutor(n_blocks - 1) as pool:
        others = [pool.submit(function, rows) for rows in slices[1:]]
        return [function(slices[0]), *(other.result() for other in others)]
