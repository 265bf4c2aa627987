"""A matrix of numbers through a port: class, symbol in its class, then the bits left open."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ._binning import Binning
from ._ports import BITS, Port, Stream, code_bits, pace

__all__ = ["Layout", "Row", "code_matrix"]

_PIECE = 1 << 16
"""Numbers that are passed through at once, which bounds the memory that it takes."""


@dataclasses.dataclass(frozen=True)
class Row:
    """How the numbers of a row, or of all rows, are modelled.

    Attributes
    ----------
    low : int
        What was taken off every number.
    binning : Binning
        Numbers to symbols.
    size : int
        Number of symbols.
    step : int
        How fast counts learn.
    parents : tuple of int
        How many rows above the rows stand whose classes are the context of the class.
    cuts : tuple of int
        Symbols at which all classes but the first begin.
    """

    low: int
    binning: Binning
    size: int
    step: int
    parents: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Layout:
    """A matrix, and the models of its rows: one for all, or one for each."""

    n_rows: int
    width: int
    rows: tuple[Row, ...]

    def of(self, row: int) -> Row:
        """The model of a row."""
        return self.rows[row if len(self.rows) > 1 else 0]

    def contexts(self, row: int) -> int:
        """How many contexts the classes of a row may have."""
        return math.prod(self.n_classes(row - parent) for parent in self.of(row).parents)

    def n_classes(self, row: int) -> int:
        """How many classes the symbols of a row make; rows above the first are like it."""
        return len(self.of(max(row, 0)).cuts) + 1

    @property
    def n_counts(self) -> int:
        """All counts that are learned."""
        return sum(
            row.size + self.contexts(place) * self.n_classes(place)
            for place, row in enumerate(self.rows)
        )


def code_matrix(
    port: Port, layout: Layout, numbers: np.ndarray | None, *, quick: bool = False
) -> np.ndarray:
    """Pass a matrix of numbers through a port, row by row.

    Parameters
    ----------
    port : Port
        Where they go.
    layout : Layout
        Shape and models.
    numbers : ndarray of uint64 of shape (n_rows, width), or None
        None when reading.
    quick : bool
        Whether counts learn as those of few symbols do.

    Returns
    -------
    ndarray of uint64 of shape (n_rows, width)
        The same.
    """
    found = np.empty((layout.n_rows, layout.width), np.uint64)
    classes = np.zeros(found.shape if any(r.parents for r in layout.rows) else (0, 0), np.uint8)
    raw, learning = Stream("bits", BITS), pace(quick=quick)
    for place in range(layout.n_rows):
        row = layout.of(place)
        if place == 0 or len(layout.rows) > 1:
            in_class = Stream(f"symbol {place}", (row.size, row.step), **learning)
            n_classes = layout.n_classes(place)
            size = n_classes * layout.contexts(place)
            of_class = Stream(f"class {place}", (size, row.step), **learning)
            starts = np.array([0, *row.cuts, row.size])
        for start in range(0, layout.width, _PIECE):
            part = slice(start, min(start + _PIECE, layout.width))
            told = symbols = kind = None
            if numbers is not None:
                told = numbers[place, part]
                symbols = row.binning.symbols(told)
                kind = np.searchsorted(row.cuts, symbols, side="right")
            low = n_classes * _contexts(layout, place, classes, part)
            kind = _code(port, of_class, low, low + n_classes, kind)
            if classes.size:
                classes[place, part] = kind
            low, high = starts[kind], starts[kind + 1]
            symbols = _code(port, in_class, low, high, None if told is None else symbols - low)
            symbols += low
            lowest = row.binning.starts(symbols)
            rest = None if told is None else told - lowest
            found[place, part] = lowest + code_bits(port, raw, row.binning.open_bits(symbols), rest)
    return found


def _code(
    port: Port, stream: Stream, low: np.ndarray, high: np.ndarray, symbols: np.ndarray | None
) -> np.ndarray:
    """Pass symbols, each out of its stretch of the counts, through, unless there is no choice."""
    if not bool((high - low > 1).any()):
        return np.zeros_like(low)
    return port.code(stream, low.size, symbols, lambda _: (low, high))


def _contexts(layout: Layout, place: int, classes: np.ndarray, part: slice) -> np.ndarray:
    """The context of each class of a part of a row."""
    context = np.zeros(part.stop - part.start, np.int64)
    for parent in layout.of(place).parents:
        context *= layout.n_classes(place - parent)
        if parent <= place:
            context += classes[place - parent, part]
    return context
