"""The entropy coder: range variant of asymmetric numeral systems (rANS), in interleaved lanes.

A symbol takes the part ``[start, start + size)`` of ``2 ** 24`` slots. Symbols are dealt to
`n_lanes` states in turn, so that NumPy steps all lanes at once; all of it is integer arithmetic,
so that every machine decodes alike. One model serves all streams: a run of counts, of which a
symbol's own count over the sum of those that are possible is its probability.

References
----------
.. [1] J. Duda, "Asymmetric numeral systems", arXiv:1311.2540, 2013.
.. [2] F. Giesen, "Interleaved entropy coders", arXiv:1402.3392, 2014.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import numpy as np

from ..exceptions import SkcFormatError

try:
    from . import _rans_kernel
except ImportError:  # built without a compiler: the NumPy steps give the same bytes
    _rans_kernel = None  # type: ignore[assignment]

__all__ = ["WEIGHT_BITS", "Counts", "Decoder", "Encoder", "lanes_for", "logarithms", "weights_of"]

_SLOT_BITS = np.uint64(24)
_SLOTS = 1 << 24
_SLOT_MASK = np.uint64(_SLOTS - 1)
_WORD_BITS = np.uint64(32)
_LOWEST = np.uint64(1 << 32)
_EMIT_SHIFT = np.uint64(40)
_MASS_LIMIT = 1 << 23
_MOST_LANES = 256
_NO_COUNTS = np.zeros(0, np.int32)
_KNOWN_BITS = 16

WEIGHT_BITS = 32
"""Weights are logarithms to base 2, in units of ``2 ** -32``: sums of integers are the same in
whatever order they are added up."""


@functools.cache
def logarithms() -> np.ndarray:
    """The weights of all numbers of 16 bits."""
    numbers = np.arange(1 << _KNOWN_BITS, dtype=np.float64)
    numbers[0] = 1
    return np.rint(np.ldexp(np.log2(numbers), WEIGHT_BITS)).astype(np.int64)


def weights_of(numbers: np.ndarray) -> np.ndarray:
    """Logarithms of positive integers below ``2 ** 53``, of their 16 highest bits."""
    _, n_bits = np.frexp(numbers.astype(np.float64))
    more = np.maximum(n_bits.astype(np.int64) - _KNOWN_BITS, 0)
    return logarithms()[numbers >> more] + (more << WEIGHT_BITS)


def lanes_for(n_symbols: int, n_bytes: int) -> int:
    """How many lanes are worth the eight bytes that each of them costs."""
    return int(min(max(min(n_symbols // 1500, n_bytes // 1500), 1), _MOST_LANES))


class Counts:
    """Adaptive counts of symbols, laid out in one run of which any stretch is an alphabet.

    Parameters
    ----------
    size : int
        Number of symbols, over all alphabets.
    step : int
        What is added to the count of a symbol that occurred; 0: all stay equally likely.
    """

    def __init__(self, size: int, step: int) -> None:
        self.step = step
        self._counts = None if step == 0 else np.ones(size, np.int32)
        self._below = None if step == 0 else np.arange(size + 1, dtype=np.int32)

    @property
    def table(self) -> np.ndarray:
        """The running sums; empty where all counts are one."""
        return _NO_COUNTS if self._below is None else self._below

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The counts and their running sums, for a kernel that teaches them in place."""
        assert self._counts is not None
        assert self._below is not None
        return self._counts, self._below

    def below(self, places: np.ndarray) -> np.ndarray:
        """Sum of the counts before each place."""
        return places if self._below is None else self._below[places].astype(np.int64)

    def find(self, mass: np.ndarray) -> np.ndarray:
        """The symbol that covers each point of the run of counts."""
        if self._below is None:
            return mass
        return np.searchsorted(self._below, mass, side="right") - 1

    def learn(self, symbols: np.ndarray) -> None:
        """Count the symbols that occurred."""
        if self._counts is None or self._below is None or not symbols.size:
            return
        seen = np.bincount(symbols, minlength=self._counts.size)
        self._counts += (self.step * seen).astype(np.int32)
        np.cumsum(self._counts, out=self._below[1:])
        if int(self._below[-1]) >= _MASS_LIMIT:
            self._counts += 1
            self._counts >>= 1
            np.cumsum(self._counts, out=self._below[1:])


def _slots(below: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """First slot of what has `below` of a total `mass` before it."""
    return (below << 24) // mass


class Encoder:
    """Collects symbols, and writes them when all are known: rANS encodes from the last one on."""

    def __init__(self) -> None:
        self._blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def put(self, counts: Counts, symbols: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Encode symbols, each out of its own stretch ``[low, high)`` of the counts."""
        base = counts.below(low)
        mass = counts.below(high) - base
        start = _slots(counts.below(symbols) - base, mass)
        stop = _slots(counts.below(symbols + 1) - base, mass)
        # A stretch of one symbol takes all slots and tells nothing.
        told = high - low > 1
        start, size = start[told].astype(np.uint32), (stop - start)[told].astype(np.uint32)
        self.put_slots(start, size, np.array([start.size]))

    def put_slots(self, start: np.ndarray, size: np.ndarray, ends: np.ndarray) -> None:
        """Encode symbols by their slots, in blocks that end at `ends`: the lanes begin anew."""
        self._blocks.append((start, size, ends))

    @property
    def bits(self) -> float:
        """What all symbols so far take."""
        n_symbols, weights = self._weigh()
        return 24 * n_symbols - weights / (1 << WEIGHT_BITS)

    def _weigh(self) -> tuple[int, int]:
        """How many symbols, and the sum of the weights of their slots."""
        sizes = [size for _, size, _ in self._blocks]
        return sum(size.size for size in sizes), sum(int(weights_of(size).sum()) for size in sizes)

    def finish(self) -> tuple[int, bytes]:
        """Number of lanes, and the bytes: final states, then words."""
        n_symbols, weights = self._weigh()
        n_lanes = lanes_for(n_symbols, (24 * n_symbols - (weights >> WEIGHT_BITS)) // 8)
        state = np.full(n_lanes, _LOWEST)
        parts = [_put(state, *blocks) for blocks in reversed(self._blocks)]
        words = [state.astype("<u8").tobytes(), *(part.tobytes() for part in reversed(parts))]
        return n_lanes, b"".join(words)


def _put(state: np.ndarray, start: np.ndarray, size: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Move the states over some symbols; the words that this emits."""
    if _rans_kernel is None:
        blocks = zip(np.split(start, ends[:-1]), np.split(size, ends[:-1]), strict=True)
        words = [_put_numpy(state, *block) for block in reversed([*blocks])]
        return np.concatenate(words[::-1])
    words = np.empty(start.size, np.uint32)
    place = _rans_kernel.put(state, start, size, ends, words)
    return words[place:].astype("<u4")


def _put_numpy(state: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """All lanes step together, from the last symbols on; a symbol emits one word at most."""
    n_lanes = state.size
    words: list[np.ndarray] = []
    for place in range((start.size - 1) // n_lanes * n_lanes, -1, -n_lanes):
        s, f = (part[place : place + n_lanes].astype(np.uint64) for part in (start, size))
        x = state[: s.size]
        full = (x >> _EMIT_SHIFT) >= f
        words.append(x[full].astype("<u4"))
        x = np.where(full, x >> _WORD_BITS, x)
        quotient = x // f
        state[: s.size] = (quotient << _SLOT_BITS) + (x - quotient * f) + s
    return np.concatenate([*reversed(words), np.zeros(0, "<u4")])


class Decoder:
    """Gives the symbols back, in the order in which they were put.

    Parameters
    ----------
    n_lanes : int
        As the encoder gave it.
    data : bytes-like
        Likewise.

    Raises
    ------
    SkcFormatError
        If the data are too short; `finish` raises it if anything is left, or does not end where
        the encoder began.
    """

    def __init__(self, n_lanes: int, data: bytes | memoryview) -> None:
        if not 1 <= n_lanes <= _MOST_LANES or len(data) < 8 * n_lanes or len(data) % 4:
            raise SkcFormatError("An entropy-coded section is too short.")
        self._state = np.frombuffer(data, "<u8", n_lanes).astype(np.uint64)
        self._words = np.frombuffer(data, "<u4", offset=8 * n_lanes).astype(np.uint32)
        self._place = 0

    def take(self, counts: Counts, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Decode a symbol out of each stretch ``[low, high)`` of the counts."""
        told = np.flatnonzero(high - low > 1)
        if told.size == low.size:
            return self._take(counts, low, high)
        symbols = low.astype(np.int64)
        symbols[told] = self._take(counts, low[told], high[told])
        return symbols

    def take_blocks(
        self, counts: Counts, low: np.ndarray, high: np.ndarray, blocks: Iterable[slice]
    ) -> np.ndarray:
        """Decode blocks that follow one another; counts learn each of them."""
        if counts.step == 0 or _rans_kernel is None:
            return self._take_blocks(counts, low, high, blocks)
        found = np.empty(low.size, np.int64)
        ends = np.array([block.stop for block in blocks], np.int64)
        low, high = np.ascontiguousarray(low), np.ascontiguousarray(high)
        place = _rans_kernel.take_blocks(
            self._state,
            self._words,
            self._place,
            low,
            high,
            ends,
            *counts.arrays,
            counts.step,
            _MASS_LIMIT,
            found,
        )
        if place < 0:
            raise SkcFormatError("An entropy-coded section ends too early.")
        self._place = place
        return found

    def _take_blocks(
        self, counts: Counts, low: np.ndarray, high: np.ndarray, blocks: Iterable[slice]
    ) -> np.ndarray:
        """One block at a time."""
        found = np.empty(low.size, np.int64)
        for block in blocks:
            found[block] = self.take(counts, low[block], high[block])
            counts.learn(found[block])
        return found

    def _take(self, counts: Counts, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        if _rans_kernel is None:
            return self._take_numpy(counts, low, high)
        found = np.empty(low.size, np.int64)
        low, high = np.ascontiguousarray(low), np.ascontiguousarray(high)
        place = _rans_kernel.take(
            self._state, self._words, self._place, low, high, counts.table, found
        )
        if place < 0:
            raise SkcFormatError("An entropy-coded section ends too early.")
        self._place = place
        return found

    def _take_numpy(self, counts: Counts, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """All lanes step together."""
        symbols = np.empty(low.size, np.int64)
        base = counts.below(low)
        mass = counts.below(high) - base
        n_lanes = self._state.size
        for place in range(0, low.size, n_lanes):
            b, m = base[place : place + n_lanes], mass[place : place + n_lanes]
            x = self._state[: b.size]
            slot = (x & _SLOT_MASK).astype(np.int64)
            found = counts.find(b + (((slot + 1) * m - 1) >> 24))
            start = _slots(counts.below(found) - b, m)
            size = _slots(counts.below(found + 1) - b, m) - start
            x = size.astype(np.uint64) * (x >> _SLOT_BITS) + (slot - start).astype(np.uint64)
            empty = np.flatnonzero(x < _LOWEST)
            words = self._words[self._place : self._place + empty.size]
            if words.size < empty.size:
                raise SkcFormatError("An entropy-coded section ends too early.")
            x[empty] = (x[empty] << _WORD_BITS) | words.astype(np.uint64)
            self._place += empty.size
            self._state[: b.size] = x
            symbols[place : place + n_lanes] = found
        return symbols

    def take_walk(self, walk: Callable[..., tuple[str | None, int]]) -> str | None:
        """Let a compiled walk read on from where this stands; how it ended, if not well."""
        outcome, self._place = walk(self._state, self._words, self._place)
        return outcome

    def finish(self) -> None:
        """Check that everything was read, and that the states are back where they began."""
        if self._place != self._words.size or bool((self._state != _LOWEST).any()):
            raise SkcFormatError("An entropy-coded section does not end where it should.")
