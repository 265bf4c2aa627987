"""Codecs that store elements as they are, packed, as differences, as a table, as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..exceptions import SkcFormatError
from ._codec import (
    LEAVES,
    Argument,
    Make,
    Part,
    Reader,
    Spec,
    codec,
    limits_of,
    little,
    plain,
    refuse_unless,
    take_arguments,
    whole,
)

__all__: list[str] = []

_SEARCHED = range(512, 1 << 16)
"""Elements of an array that is searched for repeats before a table is tried."""
_REPEATED = 0.75
"""Largest share of distinct elements for which a table may pay."""


def _patterns(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(f"u{array.dtype.itemsize}")


@codec("raw")
class _Raw:
    """Elements in C order, little-endian, booleans as one byte each."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind != "U"

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        return (Part(array.astype(little(array.dtype), copy=False).tobytes()),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        plain(spec, "raw")
        (stream,) = take_arguments(arguments, 1)
        data = reader.bytes(stream, spec.nbytes)

        def make() -> np.ndarray:
            array = np.frombuffer(data(), little(spec.dtype))
            if spec.dtype.kind == "b":
                refuse_unless(bool((array.view(np.uint8) <= 1).all()), "A boolean is not 0 or 1.")
            return array.astype(spec.dtype, copy=not reader.views).reshape(spec.shape)

        return make


@codec("planes")
class _Planes:
    """The lowest byte of every element, then the second lowest, and so on."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind in "iuf" and array.dtype.itemsize > 1

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        data = array.astype(little(array.dtype), copy=False).reshape(-1).view(np.uint8)
        return (Part(data.reshape(array.size, array.dtype.itemsize).T.tobytes()),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind in "iuf", "Only numbers have byte planes.")
        (stream,) = take_arguments(arguments, 1)
        data = reader.bytes(stream, spec.nbytes)
        reader.charge(spec.nbytes)

        def make() -> np.ndarray:
            planes = np.frombuffer(data(), np.uint8).reshape(spec.dtype.itemsize, spec.size)
            array = np.ascontiguousarray(planes.T).view(little(spec.dtype))
            return array.astype(spec.dtype, copy=False).reshape(spec.shape)

        return make


@codec("bits")
class _Bits:
    """Whole numbers as ``value - low`` in `width` bits each, lowest bit first, zero-padded."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        if array.dtype.kind not in "biu" or not array.size:
            return False
        width = (int(array.max()) - int(array.min())).bit_length()
        return width <= 32 and width < 8 * array.dtype.itemsize

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        if not array.size:
            return Part(b""), 0, 0
        low, high = int(array.min()), int(array.max())
        width = (high - low).bit_length()
        if array.dtype.kind == "b":
            codes = array.reshape(-1).astype(np.uint32) - np.uint32(low)
        else:
            # Wraps around at 2^64, where the differences are right again.
            codes = (array.reshape(-1).astype(np.uint64) - np.uint64(low % 2**64)).astype(np.uint32)
        bits = np.unpackbits(codes.astype("<u4").view(np.uint8), bitorder="little")
        kept = bits.reshape(-1, 32)[:, :width]
        return Part(np.packbits(kept, bitorder="little").tobytes()), width, low

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind in "biu", "Only whole numbers are stored as bits.")
        stream, width, low = take_arguments(arguments, 3)
        whole(width, 0, 32, "The number of bits")
        lowest, highest = (0, 1) if spec.dtype.kind == "b" else limits_of(spec.dtype)
        whole(low, lowest, highest, "The lowest value")
        room = highest - low
        data = reader.bytes(stream, (spec.size * width + 7) // 8)
        reader.charge(spec.size * (width + 44))

        def make() -> np.ndarray:
            count = spec.size * width
            bits = np.unpackbits(np.frombuffer(data(), np.uint8), bitorder="little")
            refuse_unless(not bits[count:].any(), "The padding after packed bits is not zero.")
            codes = np.zeros((spec.size, 4), np.uint8)
            packed = np.packbits(bits[:count].reshape(spec.size, width), axis=1, bitorder="little")
            codes[:, : packed.shape[1]] = packed
            numbers = codes.view("<u4").reshape(spec.shape)
            refuse_unless(int(numbers.max(initial=0)) <= room, "A packed number is out of range.")
            if spec.dtype.kind == "b":
                return (numbers + np.uint32(low)).astype(bool)
            return (numbers.astype(np.uint64) + np.uint64(low % 2**64)).astype(spec.dtype)

        return make


@codec("delta")
class _Delta:
    """Bit patterns as unsigned whole numbers, each as its difference from the one before it.

    The first differs from zero; differences wrap around.
    """

    inner = (LEAVES,)

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind in "iuf" and array.ndim == 1 and array.size > 1

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        patterns = _patterns(array)
        return (np.diff(patterns, prepend=patterns.dtype.type(0)),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind in "iuf", "Only numbers have differences.")
        (inner,) = take_arguments(arguments, 1)
        steps, make_steps = reader.array(inner)
        expected = Spec(np.dtype(f"u{spec.dtype.itemsize}"), (spec.size,))
        refuse_unless(steps == expected, "The differences do not fit their array.")
        reader.charge(spec.nbytes)

        def make() -> np.ndarray:
            patterns = np.cumsum(make_steps(), dtype=expected.dtype)
            return patterns.view(spec.dtype).reshape(spec.shape)

        return make


@codec("table")
class _Table:
    """The distinct elements, in rising order of their bit patterns, and the place of each."""

    inner = (("raw", "planes", "counts", "delta"), (*LEAVES, "columns"))

    def suits(self, array: np.ndarray) -> bool:
        if array.dtype.kind not in "iuf" or array.dtype.itemsize == 1 or array.size < 2:
            return False
        # Where most elements differ, a table of them takes what they take themselves.
        if array.size not in _SEARCHED:
            return True
        return np.unique(_patterns(array)).size <= _REPEATED * array.size

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        patterns = _patterns(array)
        distinct, codes = np.unique(patterns, return_inverse=True)
        small = np.min_scalar_type(max(distinct.size - 1, 0))
        return distinct.view(array.dtype), codes.astype(small).reshape(array.shape)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        plain(spec, "table")
        inner_table, inner_codes = take_arguments(arguments, 2)
        table, make_table = reader.array(inner_table)
        codes, make_codes = reader.array(inner_codes)
        refuse_unless(
            table.dtype == spec.dtype and len(table.shape) == 1, "A table does not fit its array."
        )
        refuse_unless(
            codes.dtype.kind == "u" and codes.shape == spec.shape,
            "The indices into a table do not fit their array.",
        )
        reader.charge(spec.size)

        def make() -> np.ndarray:
            places = make_codes()
            refuse_unless(
                not places.size or int(places.max()) < table.size, "An index exceeds its table."
            )
            return make_table()[places]

        return make


@codec("columns")
class _Columns:
    """A matrix as its transpose."""

    inner = ((*LEAVES, "delta"),)

    def suits(self, array: np.ndarray) -> bool:
        return array.ndim == 2 and min(array.shape) > 1 and array.dtype.kind != "U"

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        return (np.ascontiguousarray(array.T),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        (inner,) = take_arguments(arguments, 1)
        transposed, make_transposed = reader.array(inner)
        refuse_unless(
            transposed == Spec(spec.dtype, spec.shape[::-1]) and len(spec.shape) == 2,
            "A transposed matrix does not fit its array.",
        )
        return lambda: np.ascontiguousarray(make_transposed().T)


@codec("text")
class _Text:
    """All texts joined, in UTF-8 (surrogates as if they were characters), and their lengths."""

    inner = (LEAVES,)

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind == "U"

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        width = array.dtype.itemsize // 4
        points = array.reshape(-1).view(np.uint32).reshape(array.size, width)
        places = np.arange(1, width + 1, dtype=np.uint32)
        lengths = (places * (points != 0)).max(axis=1, initial=0).astype(np.uint32)
        joined = points[places <= lengths[:, None]].astype("<u4").tobytes()
        encoded = joined.decode("utf-32-le", "surrogatepass").encode("utf-8", "surrogatepass")
        small = np.min_scalar_type(int(lengths.max(initial=0)))
        return Part(encoded), len(encoded), lengths.astype(small)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind == "U", "Only text is stored as text.")
        stream, count, inner = take_arguments(arguments, 3)
        whole(count, 0, 2**62, "The length of the text")
        data = reader.bytes(stream, count)
        lengths, make_lengths = reader.array(inner)
        refuse_unless(
            lengths.dtype.kind == "u" and lengths.shape == (spec.size,),
            "The lengths of texts do not fit their array.",
        )
        width = spec.dtype.itemsize // 4
        reader.charge((spec.size + 8) * (width + 8) + 14 * count)

        def make() -> np.ndarray:
            try:
                text = str(data(), "utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise SkcFormatError(f"A text is not UTF-8: {error}") from None
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            sizes = make_lengths()
            refuse_unless(
                not sizes.size or int(sizes.max()) <= width, "A text is longer than its array."
            )
            filled = np.arange(width) < sizes[:, None]
            refuse_unless(
                int(np.count_nonzero(filled)) == points.size, "The lengths of texts do not add up."
            )
            array = np.zeros((spec.size, width), np.uint32)
            array[filled] = points
            return (
                array.view(spec.dtype).reshape(spec.shape)
                if width
                else np.zeros(spec.shape, spec.dtype)
            )

        return make


@codec("same")
class _Same:
    """An array equal to one described before; the writer of arrays finds it."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return False

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        raise NotImplementedError("Only the writer of all arrays knows the ones before.")

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        (place,) = take_arguments(arguments, 1)
        found, make = reader.earlier(place)
        refuse_unless(found == spec, "An array differs from the one that it is said to equal.")
        return make
