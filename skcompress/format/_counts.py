"""The codec `counts`: numbers entropy-coded with counts that learn."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..exceptions import SkcFormatError
from ._binning import MOST_SYMBOLS, Binning
from ._codec import (
    Argument,
    InCommon,
    Later,
    Make,
    Part,
    Reader,
    Spec,
    codec,
    refuse_unless,
    take_arguments,
    whole,
)
from ._common import BYTES_PER_COUNT, MOST_BYTES, MOST_COUNTS, CommonReader, CommonWriter
from ._plan import MOST_ROWS, plan
from ._ports import ReadPort, WritePort
from ._rans import Decoder
from ._symbols import Layout, Row, code_matrix
from ._varint import read_varints, write_varints

__all__ = ["put_counts"]

Take = Callable[[int], list[int]]
"""Number of whole numbers -> the next ones of a head."""

_MOST_STEP = 64
_LAG = 1.01
"""Counts learn in blocks, which takes a little more than learning from every symbol."""
_SAVED = 6
"""Bytes that the common section saves, about."""
_MOST_CUTS = 255
_BYTES_PER_NUMBER = 25
_BYTES_OF_A_PIECE = 24 << 20


@dataclasses.dataclass(frozen=True)
class _Patterns:
    """Elements as unsigned numbers, in the order of their bit patterns, or with the sign last.

    Attributes
    ----------
    itemsize : int
        Bytes of an element.
    zeros : int
        Lowest bits that are zero in all elements, and left out.
    rotated : bool
        Whether the highest bit, the sign of a float, becomes the lowest.
    signed : bool
        Whether the elements are integers with a sign.
    """

    itemsize: int
    zeros: int
    rotated: bool
    signed: bool

    @property
    def _bits(self) -> int:
        return 8 * self.itemsize - self.zeros

    def numbers(self, array: np.ndarray) -> np.ndarray:
        """The numbers of all elements, as uint64."""
        raw = array.reshape(-1).view(f"u{self.itemsize}").astype(np.uint64) >> np.uint64(self.zeros)
        top = np.uint64(self._bits - 1)
        if self.signed:
            return raw ^ (np.uint64(1) << top)
        if self.rotated:
            return ((raw << np.uint64(1)) | (raw >> top)) & np.uint64((1 << self._bits) - 1)
        return raw

    def elements(self, numbers: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """The way back."""
        top = np.uint64(self._bits - 1)
        refuse_unless(
            self._bits == 64 or not bool((numbers >> np.uint64(self._bits)).any()),
            "An entropy-coded number is out of range.",
        )
        if self.signed:
            numbers = numbers ^ (np.uint64(1) << top)
        elif self.rotated:
            numbers = (numbers >> np.uint64(1)) | ((numbers & np.uint64(1)) << top)
        raw = (numbers << np.uint64(self.zeros)).astype(f"u{self.itemsize}")
        if dtype.kind == "b":
            refuse_unless(bool((raw <= 1).all()), "A boolean is not 0 or 1.")
        return raw.view(dtype)


@codec("counts")
class _Counts:
    """Numbers by rANS, with counts that learn, in bins, each row with rows above as context."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind in "biuf" and array.size > 1

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        if not array.size:
            return Part(b""), 0, 0
        patterns, layout, bits = _best(array)
        cost = bits / 8 * _LAG + 8 * len(layout.rows)
        apart = Later(cost, lambda: _encode(array, patterns, layout))
        if cost > MOST_BYTES:
            return (apart,)
        put = partial(_put, array, patterns, layout)
        return (InCommon(cost - _SAVED, put, apart, layout.n_counts),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind in "biuf", "Only numbers are coded by counts.")
        reader.charge(_BYTES_PER_NUMBER * spec.size)
        reader.charge(min(400 * spec.size, _BYTES_OF_A_PIECE))
        if not arguments:
            refuse_unless(spec.size > 0, "An empty array is not in the common section.")
            return reader.common(partial(_take, spec))
        stream, length, n_counts = take_arguments(arguments, 3)
        whole(length, 0, 2**62, "The length of an entropy-coded array")
        whole(n_counts, 0, MOST_COUNTS, "The number of counts")
        data = reader.bytes(stream, length)
        reader.charge(BYTES_PER_COUNT * n_counts)

        def make() -> np.ndarray:
            if not spec.size:
                refuse_unless(length == 0, "An empty array has no entropy-coded bytes.")
                return np.zeros(spec.shape, spec.dtype)
            return _decode(spec, data(), n_counts)

        return make


def _best(array: np.ndarray) -> tuple[_Patterns, Layout, float]:
    """How the elements become numbers, the model of these, and about how many bits they take."""
    itemsize, kind = array.dtype.itemsize, array.dtype.kind
    raw = array.reshape(-1).view(f"u{itemsize}")
    merged = int(np.bitwise_or.reduce(raw))
    zeros = (merged & -merged).bit_length() - 1 if kind == "f" and merged else 0
    zeros = min(zeros, 8 * itemsize - 2)
    has_signs = kind == "f" and bool(merged >> (8 * itemsize - 1))
    shape = (array.shape[0], -1) if array.ndim > 1 else (1, -1)
    drafts = []
    for rotated in (False, True) if has_signs else (False,):
        patterns = _Patterns(itemsize, zeros, rotated, kind == "i")
        drafts.append((patterns, *plan(patterns.numbers(array).reshape(shape))))
    return min(drafts, key=lambda draft: draft[2])


def _encode(array: np.ndarray, patterns: _Patterns, layout: Layout) -> tuple[int | Part, ...]:
    port = WritePort({})
    code_matrix(port, layout, _from_low(array, patterns, layout))
    n_lanes, payload = port.encoder.finish()
    data = write_varints([n_lanes, *_told(patterns, layout)]) + payload
    return Part(data, dense=True), len(data), layout.n_counts


def _put(array: np.ndarray, patterns: _Patterns, layout: Layout, section: CommonWriter) -> None:
    section.head(*_told(patterns, layout))
    section.claim(layout.n_counts)
    code_matrix(section.port({}), layout, _from_low(array, patterns, layout), quick=True)


def _from_low(array: np.ndarray, patterns: _Patterns, layout: Layout) -> np.ndarray:
    """The matrix of numbers, less the lowest of each row."""
    numbers = patterns.numbers(array).reshape(layout.n_rows, -1)
    lows = np.array([layout.of(r).low for r in range(layout.n_rows)], np.uint64)
    return numbers - lows[:, None]


def put_counts(array: np.ndarray, section: CommonWriter) -> None:
    """Put an array into the common section."""
    patterns, layout, _ = _best(array)
    _put(array, patterns, layout, section)


def _told(patterns: _Patterns, layout: Layout) -> list[int]:
    """What a file tells of the elements and of the rows' models."""
    told = [patterns.zeros, int(patterns.rotated), layout.n_rows, len(layout.rows)]
    for row in layout.rows:
        told += [row.low >> 32, row.low & 0xFFFFFFFF, 2 * row.binning.bits + row.binning.is_log]
        told += [row.size, row.step, len(row.parents), *row.parents, len(row.cuts)]
        told += np.diff(row.cuts, prepend=0).tolist()
    return told


def _decode(spec: Spec, data: memoryview, n_counts: int) -> np.ndarray:
    place = 0

    def take(count: int) -> list[int]:
        nonlocal place
        numbers, used = read_varints(data[place:], count)
        place += used
        return numbers

    (n_lanes,) = take(1)
    patterns, layout = _asked(spec, take)
    if len(layout.rows) > n_counts or layout.n_counts != n_counts:
        raise SkcFormatError("An entropy-coded array has another number of counts.")
    port = ReadPort({}, Decoder(n_lanes, data[place:]))
    numbers = code_matrix(port, layout, None)
    port.decoder.finish()
    return _elements(spec, patterns, layout, numbers)


def _take(spec: Spec, section: CommonReader) -> np.ndarray:
    patterns, layout = _asked(spec, section.head)
    section.claim(layout.n_counts)
    numbers = code_matrix(section.port({}), layout, None, quick=True)
    return _elements(spec, patterns, layout, numbers)


def _elements(spec: Spec, patterns: _Patterns, layout: Layout, numbers: np.ndarray) -> np.ndarray:
    for r in range(layout.n_rows):
        numbers[r] += np.uint64(layout.of(r).low)
    return patterns.elements(numbers.reshape(-1), spec.dtype).reshape(spec.shape)


def _asked(spec: Spec, take: Take) -> tuple[_Patterns, Layout]:
    """What a file tells, as `_told` told it."""
    zeros, rotated, n_rows, n_models = take(4)
    sound = 1 <= n_rows <= min(spec.size, MOST_ROWS) and spec.size % n_rows == 0
    if not sound or n_models not in (1, n_rows):
        raise SkcFormatError("Entropy-coded rows do not fit their array.")
    if zeros > 8 * spec.dtype.itemsize - 2 or rotated > 1 or (zeros and spec.dtype.kind != "f"):
        raise SkcFormatError("Entropy-coded numbers do not fit their array.")
    layout = Layout(n_rows, spec.size // n_rows, _rows(take, n_models))
    return _Patterns(spec.dtype.itemsize, zeros, rotated == 1, spec.dtype.kind == "i"), layout


def _rows(take: Take, count: int) -> tuple[Row, ...]:
    """The rows' models."""
    rows = []
    for _ in range(count):
        high, low, kind, size, step, n_parents = take(6)
        refuse_unless(n_parents <= 4, "A row has more than four parents.")
        parents = take(n_parents)
        (n_cuts,) = take(1)
        refuse_unless(n_cuts <= _MOST_CUTS, "A row has too many classes.")
        cuts = list(itertools.accumulate(take(n_cuts)))
        binning = Binning(kind % 2 == 1, kind // 2)
        sound = high < 2**32 and low < 2**32 and 1 <= step <= _MOST_STEP
        sound = sound and binning.bits <= (16 if binning.is_log else 64)
        sound = sound and 1 <= size <= min(2 * MOST_SYMBOLS, binning.most)
        sound = sound and all(parent >= 1 for parent in parents)
        sound = sound and sorted({0, *cuts, size}) == [0, *cuts, size]
        refuse_unless(sound, "The model of entropy-coded numbers is impossible.")
        rows.append(Row((high << 32) | low, binning, size, step, tuple(parents), tuple(cuts)))
    return tuple(rows)
