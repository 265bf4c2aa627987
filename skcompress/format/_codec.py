"""What a codec is: how an array becomes bytes, and how the same array comes back.

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
from typing import Any, Protocol, TypeVar

import numpy as np

from ..exceptions import SkcFormatError
from ._common import CommonReader, Put

__all__ = [
    "CODECS",
    "LEAVES",
    "Argument",
    "Codec",
    "InCommon",
    "Later",
    "Make",
    "Part",
    "Reader",
    "Spec",
    "codec",
    "limits_of",
    "little",
    "plain",
    "refuse_unless",
    "take_arguments",
    "whole",
]

T = TypeVar("T")
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


@dataclasses.dataclass(frozen=True)
class Later:
    """Arguments that are made once it is known that they are used; what they take, about."""

    cost: float
    make: Callable[[], tuple[int | Part, ...]]


@dataclasses.dataclass(frozen=True)
class InCommon:
    """What goes into the common section.

    Attributes
    ----------
    cost : float
        Bytes that it takes there, about.
    put : callable
        Puts it there.
    apart : Later
        Arguments that describe it elsewhere.
    n_counts : int
        Counts that it learns.
    """

    cost: float
    put: Put
    apart: Later
    n_counts: int = 0


Argument = int | Part | Later | InCommon | np.ndarray
"""What `Codec.write` gives: numbers, bytes, and arrays that are encoded in their turn."""


class Reader(Protocol):
    """What a codec asks of the file that it reads from."""

    views: bool
    """Whether an array may be a view of the file, which is aligned."""

    def bytes(self, stream: Any, length: int) -> Callable[[], memoryview]:
        """Declare that the next `length` bytes of a stream belong to this array."""

    def common(self, take: Callable[[CommonReader], T]) -> Callable[[], T]:
        """Declare what is taken from the common section next."""

    def array(self, description: Any) -> tuple[Spec, Make]:
        """Declare an inner array."""

    def earlier(self, place: Any) -> tuple[Spec, Make]:
        """An array described before, of which no other array is part."""

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

LEAVES = ("raw", "planes", "bits", "counts")
"""Codecs that hold no inner arrays."""


def codec(name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a codec under the name that it has in files."""

    def decorate(cls: type[Any]) -> type[Any]:
        CODECS[name] = cls()
        return cls

    return decorate


def take_arguments(arguments: list[Any], count: int) -> list[Any]:
    if len(arguments) != count:
        raise SkcFormatError(f"An array's codec has {len(arguments)} arguments instead of {count}.")
    return arguments


def whole(value: Any, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise SkcFormatError(f"{what} must be in [{low}, {high}]; found {value!r}.")
    return value


def refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise SkcFormatError(message)


def little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


def plain(spec: Spec, name: str) -> None:
    refuse_unless(spec.dtype.kind != "U", f"Text cannot be stored by the codec {name!r}.")


def limits_of(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
