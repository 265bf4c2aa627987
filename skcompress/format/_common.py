"""The common section: small arrays in one run of the entropy coder.

In a section of its own, an array of a hundred bytes pays some twenty more: for its head, for the
coder's last state, for symbols that come before counts have learned. Here heads are symbols, too,
there is one last state, and counts learn sooner.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..exceptions import SkcFormatError
from ._ports import Port, ReadPort, WritePort, code_numbers
from ._rans import Decoder, Encoder
from ._varint import read_varints, write_varints

__all__ = [
    "BYTES_PER_COUNT",
    "MOST_BYTES",
    "MOST_COUNTS",
    "CommonReader",
    "CommonWriter",
    "Put",
]

MOST_BYTES = 1 << 14
"""Bytes of an array from which on a section of its own costs next to nothing."""

MOST_COUNTS = 1 << 22
"""Counts that all arrays may learn together, which are summed up again and again."""

BYTES_PER_COUNT = 56
_STEP = 24
"""How fast the lengths of numbers in heads are learned."""


def _code_head(port: Port, number: int | None) -> int:
    """Pass a whole number below ``2 ** 64`` through, in a call of its own."""
    told = None if number is None else np.array([number], np.uint64)
    return int(code_numbers(port, "head", told, np.zeros(1, np.int64), 1, step=_STEP)[0])


class CommonWriter:
    """Collects the symbols of all small arrays, by way of their heads and of ports.

    Attributes
    ----------
    n_counts : int
        Counts that the arrays learn together.
    """

    def __init__(self) -> None:
        self.n_counts = 0
        self._encoder = Encoder()
        self._heads = WritePort({}, self._encoder)

    def head(self, *numbers: int) -> None:
        """Write whole numbers."""
        for number in numbers:
            _code_head(self._heads, number)

    def port(self, choices: dict[str, int]) -> Port:
        """A port that writes the chosen variants."""
        return WritePort(choices, self._encoder)

    def claim(self, n_counts: int) -> None:
        """Add to the counts that a reader will need."""
        self.n_counts += n_counts

    @property
    def bits(self) -> float:
        """What all symbols so far take."""
        return self._encoder.bits

    def finish(self) -> bytes:
        """The section."""
        n_lanes, payload = self._encoder.finish()
        return write_varints([self.n_counts, n_lanes]) + payload


Put = Callable[[CommonWriter], None]
"""Puts an array into the section."""


class CommonReader:
    """Gives the arrays back in the order in which they were put.

    Parameters
    ----------
    data : bytes-like
        The section.

    Attributes
    ----------
    memory : int
        Bytes that the counts of all arrays take together.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        (self._left, n_lanes), used = read_varints(data, 2)
        if self._left > MOST_COUNTS:
            raise SkcFormatError("The common section learns too many counts.")
        self.memory = BYTES_PER_COUNT * self._left
        self._decoder = Decoder(n_lanes, data[used:])
        self._heads = ReadPort({}, self._decoder)

    def head(self, count: int) -> list[int]:
        """The next whole numbers."""
        return [_code_head(self._heads, None) for _ in range(count)]

    def port(self, choices: dict[str, int]) -> Port:
        """A port that reads the chosen variants."""
        return ReadPort(choices, self._decoder)

    def claim(self, n_counts: int) -> None:
        """Refuse an array that learns more counts than are left."""
        self._left -= n_counts
        if self._left < 0:
            raise SkcFormatError("The common section learns more counts than it declares.")

    def finish(self) -> None:
        """Check that all was read, and that all counts were used."""
        self._decoder.finish()
        if self._left:
            raise SkcFormatError("The common section learns fewer counts than it declares.")
