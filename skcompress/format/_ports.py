"""Streams of symbols through a port that measures, writes or reads: one procedure for all three.

What is written and what is read must never differ, so a codec is written once, against a port.
The measuring port weighs every variant of a stream's model; the writing port uses the lightest,
whose number the file carries; the reading port gives the symbols back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..exceptions import SkcFormatError
from ._rans import WEIGHT_BITS, Counts, Decoder, Encoder, logarithms, weights_of

__all__ = [
    "BITS",
    "Bounds",
    "MeasurePort",
    "Port",
    "ReadPort",
    "Stream",
    "WritePort",
    "bit_length",
    "code_bits",
    "code_numbers",
    "pace",
]

Bounds = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Variant -> first place and end of each symbol's alphabet in the run of counts."""

_SMALLEST_BLOCK = 64
_LARGEST_BLOCK = 8192
_PIECE_BITS = 16
BITS = 1 << _PIECE_BITS, 0
"""The variant of a stream of bits in pieces."""

_PACE = {"lessons": 12}
_QUICK = {"lessons": 24, "smallest": 1}

_NUMBER_BLOCK = 512
_LENGTHS = 65
"""Classes of numbers by their bits: none to 64."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to model a stream: places for counts, and how fast they learn."""

    size: int
    step: int


class Stream:
    """Symbols of one kind; counts are learned after each block of them.

    Parameters
    ----------
    name : str
        What the symbols are.
    *variants : tuple of (size, step)
        Ways to model them, of which one is used.
    largest : int
        Most symbols between two lessons, unless the counts are more.
    lessons : int
        A block is this fraction of the symbols seen before: more of them learn sooner.
    smallest : int
        Symbols before the first lesson, and fewest between two of them.
    """

    def __init__(
        self,
        name: str,
        *variants: tuple[int, int],
        largest: int = _LARGEST_BLOCK,
        lessons: int = 1,
        smallest: int = _SMALLEST_BLOCK,
    ) -> None:
        self.name = name
        self.smallest = smallest
        self.variants = tuple(Variant(size, step) for size, step in variants)
        self.seen = 0
        self.lessons = lessons
        # Counts are summed up anew after every block, which must not take longer than the block.
        self.largest = max([largest, *(v.size for v in self.variants if v.step)])

    def counts(self, variant: int) -> Counts:
        """Fresh counts of a variant."""
        return Counts(self.variants[variant].size, self.variants[variant].step)

    def blocks(self, n_symbols: int) -> Iterator[slice]:
        """Slices of the symbols: as many at a time as were seen before, within limits."""
        start = 0
        while start < n_symbols:
            size = min(max(self.seen // self.lessons, self.smallest), self.largest)
            stop = min(start + size, n_symbols)
            self.seen += stop - start
            yield slice(start, stop)
            start = stop


class Port(Protocol):
    """Where symbols go to, or come from."""

    def code(
        self, stream: Stream, n_symbols: int, symbols: np.ndarray | None, bounds: Bounds
    ) -> np.ndarray:
        """Pass symbols through.

        Parameters
        ----------
        stream : Stream
            What they are.
        n_symbols : int
            How many.
        symbols : ndarray of int64, or None
            Counted from the start of their alphabets; None when reading.
        bounds : callable
            Their alphabets, for a variant.

        Returns
        -------
        ndarray of int64
            The symbols.
        """
        ...

    def code_walk(self, walk: Any, names: Sequence[str]) -> str | None:
        """Let a compiled walk pass symbols of some streams through; how it ended, if not well."""
        ...


class MeasurePort:
    """Adds up what each variant of each stream would take."""

    def __init__(self) -> None:
        self._weights: dict[str, list[int]] = {}
        self._counts: dict[str, list[Counts]] = {}

    def code(
        self, stream: Stream, n_symbols: int, symbols: np.ndarray | None, bounds: Bounds
    ) -> np.ndarray:
        assert symbols is not None
        variants = range(len(stream.variants))
        if stream.name not in self._counts:
            self._counts[stream.name] = [stream.counts(v) for v in variants]
            self._weights[stream.name] = [0 for _ in variants]
        counts, weights = self._counts[stream.name], self._weights[stream.name]
        alphabets = [bounds(v) for v in variants]
        for block in stream.blocks(n_symbols):
            for v in variants:
                low, high = (edge[block] for edge in alphabets[v])
                places = low + symbols[block]
                below = counts[v].below
                own, all_of_them = below(places + 1) - below(places), below(high) - below(low)
                weights[v] += int((weights_of(all_of_them) - weights_of(own)).sum())
                counts[v].learn(places)
        return symbols

    def code_walk(self, walk: Any, names: Sequence[str]) -> str | None:
        outcome: str | None
        outcome, weights = walk.measure(logarithms())
        told = zip(names, weights, strict=True)
        self._weights |= {name: found for name, found in told if found is not None}
        return outcome

    @property
    def bits(self) -> dict[str, list[float]]:
        """What each variant of each stream takes."""
        return {n: [w / (1 << WEIGHT_BITS) for w in found] for n, found in self._weights.items()}

    def choices(self) -> dict[str, int]:
        """The lightest variant of each stream."""
        return {name: found.index(min(found)) for name, found in self._weights.items()}


class _Chosen:
    """One variant of each stream, and its counts."""

    def __init__(self, choices: dict[str, int]) -> None:
        self._choices = choices
        self._counts: dict[str, Counts] = {}

    def variant(self, name: str, n_variants: int) -> int:
        """The variant of a stream that has so many."""
        variant = self._choices.get(name, 0)
        if variant >= n_variants:
            raise SkcFormatError(f"The model {variant} of a stream does not exist.")
        return variant

    def counts(self, stream: Stream) -> tuple[int, Counts]:
        """The variant of a stream, and what it has learned so far."""
        variant = self.variant(stream.name, len(stream.variants))
        if stream.name not in self._counts:
            self._counts[stream.name] = stream.counts(variant)
        return variant, self._counts[stream.name]


class WritePort:
    """Encodes with the chosen variants."""

    def __init__(self, choices: dict[str, int], encoder: Encoder | None = None) -> None:
        self.encoder = encoder or Encoder()
        self._chosen = _Chosen(choices)

    def code(
        self, stream: Stream, n_symbols: int, symbols: np.ndarray | None, bounds: Bounds
    ) -> np.ndarray:
        assert symbols is not None
        variant, counts = self._chosen.counts(stream)
        low, high = bounds(variant)
        for block in stream.blocks(n_symbols):
            places = low[block] + symbols[block]
            self.encoder.put(counts, places, low[block], high[block])
            counts.learn(places)
        return symbols

    def code_walk(self, walk: Any, names: Sequence[str]) -> str | None:
        pairs = zip(names, walk.n_variants, strict=True)
        outcome: str | None
        outcome, *slots = walk.write([self._chosen.variant(*pair) for pair in pairs])
        self.encoder.put_slots(*slots)
        return outcome


class ReadPort:
    """Decodes with the variants that the file names."""

    def __init__(self, choices: dict[str, int], decoder: Decoder) -> None:
        self.decoder = decoder
        self._chosen = _Chosen(choices)

    def code(
        self, stream: Stream, n_symbols: int, symbols: np.ndarray | None, bounds: Bounds
    ) -> np.ndarray:
        variant, counts = self._chosen.counts(stream)
        low, high = bounds(variant)
        return self.decoder.take_blocks(counts, low, high, stream.blocks(n_symbols)) - low

    def code_walk(self, walk: Any, names: Sequence[str]) -> str | None:
        pairs = zip(names, walk.n_variants, strict=True)
        variants = [self._chosen.variant(*pair) for pair in pairs]
        return self.decoder.take_walk(partial(walk.read, variants))


def pace(*, quick: bool) -> dict[str, int]:
    """How streams of codes learn: of few symbols, from the first one on."""
    return _QUICK if quick else _PACE


def code_numbers(
    port: Port,
    name: str,
    numbers: np.ndarray | None,
    context: np.ndarray,
    n_contexts: int,
    *,
    step: int = 2,
) -> np.ndarray:
    """Pass whole numbers below ``2 ** 64`` through: the number of bits by counts, then the bits.

    Parameters
    ----------
    port : Port
        Where they go.
    name : str
        Of the streams.
    numbers : ndarray of uint64, or None
        None when reading.
    context : ndarray of int64
        Each number's context.
    n_contexts : int
        Number of contexts.
    step : int
        How fast the numbers of bits are learned.

    Returns
    -------
    ndarray of uint64
        The numbers.
    """
    variants = [(_LENGTHS, step)]
    if n_contexts > 1:
        variants.append((_LENGTHS * n_contexts, step))
    lows = (np.zeros_like(context), context * _LENGTHS)
    length = port.code(
        Stream(f"{name} length", *variants, largest=_NUMBER_BLOCK),
        context.size,
        None if numbers is None else bit_length(numbers),
        lambda v: (lows[v], lows[v] + _LENGTHS),
    )
    # The highest bit of a number is one, and is not told.
    rest = np.maximum(length - 1, 0)
    highest = (length > 0).astype(np.uint64) << rest.astype(np.uint64)
    told = None if numbers is None else numbers - highest
    return highest | code_bits(port, Stream(f"{name} bits", BITS), rest, told)


def code_bits(
    port: Port, stream: Stream, widths: np.ndarray, numbers: np.ndarray | None
) -> np.ndarray:
    """Pass numbers of so many bits each, all equally likely, through in pieces, the highest first.

    Parameters
    ----------
    port : Port
        Where they go.
    stream : Stream
        Of the variant `BITS`.
    widths : ndarray of int64
        Bits of each number, up to 64.
    numbers : ndarray of uint64, or None
        None when reading.

    Returns
    -------
    ndarray of uint64
        The numbers.
    """
    value, rest = np.zeros(widths.size, np.uint64), widths.copy()
    while bool(rest.any()):
        which = np.flatnonzero(rest)
        width = (rest[which] - 1) % _PIECE_BITS + 1
        rest[which] -= width
        piece = None
        if numbers is not None:
            piece = numbers[which] >> rest[which].astype(np.uint64)
            piece = (piece & np.uint64((1 << _PIECE_BITS) - 1)).astype(np.int64) % (1 << width)
        piece = port.code(stream, which.size, piece, partial(_first, 1 << width))
        value[which] = (value[which] << width.astype(np.uint64)) | piece.astype(np.uint64)
    return value


def _first(size: np.ndarray, variant: int) -> tuple[np.ndarray, np.ndarray]:
    """The alphabets of the first `size` places, whatever the variant."""
    return np.zeros_like(size), size


def bit_length(numbers: np.ndarray) -> np.ndarray:
    """Bits that each number takes, 0 for 0; exact for all unsigned integers."""
    wide = numbers.astype(np.uint64)
    if not wide.size or int(wide.max()) < 1 << 53:
        return _bit_length(wide)
    high, low = wide >> np.uint64(32), wide & np.uint64(0xFFFFFFFF)
    return np.where(high > 0, _bit_length(high) + 32, _bit_length(low))


def _bit_length(exact: np.ndarray) -> np.ndarray:
    """The same for integers that float64 holds exactly: its exponent tells."""
    exponent = exact.astype(np.float64).view(np.int64) >> 52
    return np.maximum(exponent - 1022, 0)
