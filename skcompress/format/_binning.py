"""Numbers as symbols of a small alphabet, and the bits that a symbol leaves open."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ._ports import bit_length

__all__ = ["MOST_SYMBOLS", "Binning", "binnings"]

MOST_SYMBOLS = 4096
"""The largest alphabet that is learned."""


@dataclasses.dataclass(frozen=True)
class Binning:
    """How numbers below ``2 ** 64`` fall into bins.

    Parameters
    ----------
    is_log : bool
        Bins grow with the numbers: a bin is told by the number of bits and the `bits` that follow
        the highest. Otherwise, all bins have the width ``2 ** bits``.
    bits : int
        See above.
    """

    is_log: bool
    bits: int

    def symbols(self, numbers: np.ndarray) -> np.ndarray:
        """The bin of each number."""
        if not self.is_log:
            return np.asarray(
                numbers >> np.uint64(min(self.bits, 63))
                if self.bits < 64
                else np.zeros_like(numbers)
            ).astype(np.int64)
        open_bits = np.maximum(bit_length(numbers) - 1 - self.bits, 0)
        high = (numbers >> open_bits.astype(np.uint64)).astype(np.int64)
        return high + (open_bits << self.bits)

    def open_bits(self, symbols: np.ndarray) -> np.ndarray:
        """How many bits each bin leaves open."""
        if not self.is_log:
            return np.full(symbols.shape, self.bits, np.int64)
        return np.maximum((symbols >> self.bits) - 1, 0)

    def starts(self, symbols: np.ndarray) -> np.ndarray:
        """The lowest number of each bin."""
        width = self.open_bits(symbols)
        high = symbols - (width << self.bits) if self.is_log else symbols
        shift = np.minimum(width, 63).astype(np.uint64)
        return np.where(width < 64, high.astype(np.uint64) << shift, np.uint64(0))

    @property
    def most(self) -> int:
        """Symbols beyond which there are no numbers below ``2 ** 64``."""
        return (65 - self.bits) << self.bits if self.is_log else 1 << max(64 - self.bits, 0)


def binnings(largest: int) -> Iterator[Binning]:
    """Ways to bin numbers up to `largest` that are worth a try."""
    length = largest.bit_length()
    coarsest = max(length - 3, 0)
    finest = max(length - MOST_SYMBOLS.bit_length() + 1, 0)
    tried = [finest, *range(finest, coarsest, 1 if length < 16 else 2), length]
    for bits in dict.fromkeys(tried):
        yield Binning(False, bits)
    if length > 5:
        for bits in (0, 1, 2, 3, 5):
            yield Binning(True, bits)
