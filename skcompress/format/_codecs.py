"""The codecs: how an array becomes bytes, and how the same array comes back.

An array is described by ``[dtype, shape, codec, argument, ...]``. An argument is a whole number,
or the number of the stream that holds the next bytes of the array, or another array, described
alike. ``[dtype, shape]`` alone means the codec "raw" on stream 0.

Reading is done in two phases. `read` checks the description and declares all that it needs, by
which the reader knows every size before it allocates anything; the function that it gives back
then makes the array.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..exceptions import SkcFormatError

__all__ = ["CODECS", "Argument", "Codec", "Make", "Part", "Reader", "Spec", "codec"]

Make = Callable[[], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Spec:
    """The dtype and shape of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.size * self.dtype.itemsize

    @classmethod
    def of(cls, array: np.ndarray) -> Spec:
        """That of an array."""
        return cls(array.dtype, array.shape)


@dataclasses.dataclass(frozen=True)
class Part:
    """Bytes of an array, to be put into a stream; `dense` ones do not compress any further."""

    data: bytes
    dense: bool = False


Argument = int | Part | np.ndarray
"""What `Codec.write` gives: numbers, bytes, and arrays that are encoded in their turn."""


class Reader(Protocol):
    """What a codec asks of the file that it reads from."""

    views: bool
    """Whether an array may be a view of the file, which is aligned."""

    def bytes(self, stream: Any, length: int) -> Callable[[], memoryview]:
        """Declare that the next `length` bytes of a stream belong to this array."""

    def array(self, description: Any) -> tuple[Spec, Make]:
        """Declare an inner array."""

    def charge(self, count: int) -> None:
        """Declare that making the array takes so many bytes besides the array."""

    def prove(self, size: int, kind: str) -> None:
        """Declare an array that is to be proven sound, by its size and the kind of its dtype."""


class Codec(Protocol):
    """One way to encode an array."""

    inner: tuple[tuple[str, ...], ...]
    """Which codecs suit the arrays among the arguments."""

    def suits(self, array: np.ndarray) -> bool:
        """Whether it is worth trying on the array."""

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        """The arguments that describe the array."""

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        """Check the arguments and declare what they need."""


CODECS: dict[str, Codec] = {}

LEAVES = ("raw", "planes", "bits")


def codec(name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a codec under the name that it has in files."""

    def decorate(cls: type[Any]) -> type[Any]:
        CODECS[name] = cls()
        return cls

    return decorate


def _arguments(arguments: list[Any], count: int) -> list[Any]:
    if len(arguments) != count:
        raise SkcFormatError(f"An array's codec has {len(arguments)} arguments instead of {count}.")
    return arguments


def _whole(value: Any, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise SkcFormatError(f"{what} must be in [{low}, {high}]; found {value!r}.")
    return value


def _refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise SkcFormatError(message)


def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


def _plain(spec: Spec, name: str) -> None:
    _refuse_unless(spec.dtype.kind != "U", f"Text cannot be stored by the codec {name!r}.")


@codec("raw")
class _Raw:
    """Elements in C order, little-endian, booleans as one byte each."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind != "U"

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        return (Part(array.astype(_little(array.dtype), copy=False).tobytes()),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        _plain(spec, "raw")
        (stream,) = _arguments(arguments, 1)
        data = reader.bytes(stream, spec.nbytes)

        def make() -> np.ndarray:
            array = np.frombuffer(data(), _little(spec.dtype))
            if spec.dtype.kind == "b":
                _refuse_unless(bool((array.view(np.uint8) <= 1).all()), "A boolean is not 0 or 1.")
            return array.astype(spec.dtype, copy=not reader.views).reshape(spec.shape)

        return make


@codec("planes")
class _Planes:
    """The lowest byte of every element, then the second lowest, and so on."""

    inner = ()

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind in "iuf" and array.dtype.itemsize > 1

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        data = array.astype(_little(array.dtype), copy=False).reshape(-1).view(np.uint8)
        return (Part(data.reshape(array.size, array.dtype.itemsize).T.tobytes()),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        _refuse_unless(spec.dtype.kind in "iuf", "Only numbers have byte planes.")
        (stream,) = _arguments(arguments, 1)
        data = reader.bytes(stream, spec.nbytes)
        reader.charge(spec.nbytes)

        def make() -> np.ndarray:
            planes = np.frombuffer(data(), np.uint8).reshape(spec.dtype.itemsize, spec.size)
            array = np.ascontiguousarray(planes.T).view(_little(spec.dtype))
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
        _refuse_unless(spec.dtype.kind in "biu", "Only whole numbers are stored as bits.")
        stream, width, low = _arguments(arguments, 3)
        _whole(width, 0, 32, "The number of bits")
        lowest, highest = (0, 1) if spec.dtype.kind == "b" else _range(spec.dtype)
        _whole(low, lowest, highest, "The lowest value")
        room = highest - low
        data = reader.bytes(stream, (spec.size * width + 7) // 8)
        reader.charge(spec.size * (width + 44))

        def make() -> np.ndarray:
            count = spec.size * width
            bits = np.unpackbits(np.frombuffer(data(), np.uint8), bitorder="little")
            _refuse_unless(not bits[count:].any(), "The padding after packed bits is not zero.")
            codes = np.zeros((spec.size, 4), np.uint8)
            packed = np.packbits(bits[:count].reshape(spec.size, width), axis=1, bitorder="little")
            codes[:, : packed.shape[1]] = packed
            numbers = codes.view("<u4").reshape(spec.shape)
            _refuse_unless(int(numbers.max(initial=0)) <= room, "A packed number is out of range.")
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
        patterns = array.reshape(-1).view(f"u{array.dtype.itemsize}")
        return (np.diff(patterns, prepend=patterns.dtype.type(0)),)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        _refuse_unless(spec.dtype.kind in "iuf", "Only numbers have differences.")
        (inner,) = _arguments(arguments, 1)
        steps, make_steps = reader.array(inner)
        expected = Spec(np.dtype(f"u{spec.dtype.itemsize}"), (spec.size,))
        _refuse_unless(steps == expected, "The differences do not fit their array.")
        reader.charge(spec.nbytes)

        def make() -> np.ndarray:
            patterns = np.cumsum(make_steps(), dtype=expected.dtype)
            return patterns.view(spec.dtype).reshape(spec.shape)

        return make


@codec("table")
class _Table:
    """The distinct elements, in rising order of their bit patterns, and the place of each."""

    inner = (("raw", "planes", "delta"), (*LEAVES, "columns"))

    def suits(self, array: np.ndarray) -> bool:
        return array.dtype.kind in "iuf" and array.dtype.itemsize > 1 and array.size > 1

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        patterns = array.reshape(-1).view(f"u{array.dtype.itemsize}")
        distinct, codes = np.unique(patterns, return_inverse=True)
        small = np.min_scalar_type(max(distinct.size - 1, 0))
        return distinct.view(array.dtype), codes.astype(small).reshape(array.shape)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        _plain(spec, "table")
        inner_table, inner_codes = _arguments(arguments, 2)
        table, make_table = reader.array(inner_table)
        codes, make_codes = reader.array(inner_codes)
        _refuse_unless(
            table.dtype == spec.dtype and len(table.shape) == 1, "A table does not fit its array."
        )
        _refuse_unless(
            codes.dtype.kind == "u" and codes.shape == spec.shape,
            "The indices into a table do not fit their array.",
        )
        reader.charge(spec.size)

        def make() -> np.ndarray:
            places = make_codes()
            _refuse_unless(
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
        (inner,) = _arguments(arguments, 1)
        transposed, make_transposed = reader.array(inner)
        _refuse_unless(
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
        _refuse_unless(spec.dtype.kind == "U", "Only text is stored as text.")
        stream, count, inner = _arguments(arguments, 3)
        _whole(count, 0, 2**62, "The length of the text")
        data = reader.bytes(stream, count)
        lengths, make_lengths = reader.array(inner)
        _refuse_unless(
            lengths.dtype.kind == "u" and lengths.shape == (spec.size,),
            "The lengths of texts do not fit their array.",
        )
        width = spec.dtype.itemsize // 4
        reader.charge(spec.size * (width + 8) + 14 * count)

        def make() -> np.ndarray:
            try:
                text = str(data(), "utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise SkcFormatError(f"A text is not UTF-8: {error}") from None
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            sizes = make_lengths()
            _refuse_unless(
                not sizes.size or int(sizes.max()) <= width, "A text is longer than its array."
            )
            filled = np.arange(width) < sizes[:, None]
            _refuse_unless(
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


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
