"""Arrays to streams and back: the two sides that share one description."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

from ..exceptions import InvalidModelError, SkcFormatError
from ._choose import PLAIN_WAY, Draft, Way, choose, plain
from ._codecs import CODECS, InCommon, Later, Make, Part, Spec
from ._common import MOST_COUNTS, CommonReader, CommonWriter
from ._container import OLDEST_WRITTEN
from ._streams import compress, decompress, split_body

__all__ = ["ArrayReader", "ArrayWriter", "read_only"]

_COMMON_VERSION = 4

_SMALL = 1024
"""Bytes below which a part goes to the common stream 0: a stream of its own takes some 20."""

_SMALL_DENSE = 128
"""The same for a part that does not compress any further: its stream has fewer settings."""

_DTYPES = {
    name: np.dtype(name)
    for name in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
}
_TEXT = re.compile(r"U(0|[1-9][0-9]{0,9})")

_WORTH_SHARING = 64
"""Bytes of an array above which a reference to an equal one is shorter."""

_MAX_DIMENSIONS = 8
T = TypeVar("T")
_DEFAULT = ["raw", 0]

_MEMORY_PER_ROW = 16

_MEMORY_PER_STREAM = 4096
"""What a stream takes besides its bytes; a decoder of LZMA takes no less."""

# What proving an array sound takes for a moment, per element, in bytes. The arrays are proven one
# after the other, so the largest counts. Trees turn their booleans into running sums.
_PROOF = {"b": 64, "U": 16}
_PROOF_OF_NUMBERS = 32


class ArrayWriter:
    """Collects arrays and distributes their bytes over streams.

    Parameters
    ----------
    mapped : bool
        Store each array as it is in memory, in a stream of its own.
    scalers : sequence of tuples of ndarray or None
        Steps of scalers, of which an array's columns may be results.
    way : Way
        How encodings are chosen.
    """

    def __init__(
        self,
        *,
        mapped: bool = False,
        scalers: Sequence[tuple[np.ndarray | None, ...]] = (),
        way: Way = PLAIN_WAY,
    ) -> None:
        self.mapped = mapped
        self.version = OLDEST_WRITTEN
        self._scalers = scalers
        self._streams: list[list[bytes]] = [[]]
        self._dense: set[int] = set()
        self._leaves: dict[Any, int] = {}
        self._count = 0
        self._way = way
        self._common: CommonWriter | None = None

    def add(self, array: np.ndarray) -> list[Any]:
        """Encode an array as suits it best, or as it is in memory."""
        if array.dtype.kind != "U" and array.dtype.str[1:] not in _DTYPES:
            raise InvalidModelError(f"An array of dtype {array.dtype} has no place in a file.")
        if self.mapped:
            return self.place(plain(array))
        return self.place(choose(array, scalers=self._scalers, way=self._way))

    def finish(self) -> tuple[list[Any], list[bytes]]:
        """The header's entry for each stream, and the streams as stored."""
        entries: list[Any] = []
        streams = []
        for place, parts in enumerate(self._streams):
            data = b"".join(parts)
            stored = data if self.mapped or place in self._dense else compress(data)
            entries.append(len(data) if len(stored) == len(data) else [len(stored), len(data)])
            streams.append(stored)
        if self._common is not None:
            streams.append(self._common.finish())
            entries.append(len(streams[-1]))
        return entries, streams

    def arguments(self, told: Iterable[int | Part | Later | InCommon]) -> list[int]:
        """Arguments as the header tells them, once their bytes and symbols are kept."""
        found = []
        for argument in told:
            if isinstance(argument, InCommon):
                found += self._shared(argument)
            elif isinstance(argument, Later):
                found += self.arguments(argument.make())
            else:
                found.append(self.stream(argument) if isinstance(argument, Part) else argument)
        return found

    def _shared(self, argument: InCommon) -> list[int]:
        """No arguments for what goes into the common section; others where it cannot."""
        common = self._common or CommonWriter()
        if not self._way.shares or common.n_counts + argument.n_counts > MOST_COUNTS:
            return self.arguments([argument.apart])
        self._common = common
        self.version = max(self.version, _COMMON_VERSION)
        argument.put(common)
        return []

    def place(self, draft: Draft) -> list[Any]:
        """The description of an encoded array, whose bytes are kept."""
        array = draft.array
        spec = [array.dtype.str[1:], list(array.shape)]
        content = (
            (spec[0], array.shape, array.tobytes()) if draft.is_leaf and not self.mapped else None
        )
        if content in self._leaves and array.nbytes > _WORTH_SHARING:
            self._count += 1
            return [*spec, "same", self._leaves[content]]
        how: list[Any] = [draft.codec]
        for argument in draft.arguments:
            if isinstance(argument, Draft):
                how.append(self.place(argument))
            else:
                how += self.arguments([argument])
        if content is not None:
            self._leaves.setdefault(content, self._count)
        self._count += 1
        return spec if how == _DEFAULT else [*spec, *how]

    def stream(self, part: Part) -> int:
        """The number of the stream that takes some bytes."""
        if self.mapped:
            self._streams.append([part.data])
            return len(self._streams) - 1
        if len(part.data) < (_SMALL_DENSE if part.dense else _SMALL):
            self._streams[0].append(part.data)
            return 0
        if part.dense:
            self._dense.add(len(self._streams))
        self._streams.append([part.data])
        return len(self._streams) - 1


class ArrayReader:
    """Adds up what all arrays need, refuses what is too much, then makes them.

    Parameters
    ----------
    entries : list
        The header's entry for each stream.
    body : memoryview
        The bytes of all streams.
    budget : int
        Bytes of memory that may be used.
    start : int
        Where in the file they begin.
    alignment : int
        In the file, each stream begins at a multiple of this.
    views : bool
        Whether arrays are made as views of `body` where they stand in it as they are in memory.
    """

    def __init__(
        self,
        entries: Any,
        body: memoryview,
        budget: int,
        *,
        start: int = 0,
        alignment: int = 1,
        views: bool = False,
    ) -> None:
        self.views = views
        self._budget = budget
        self._charged = 0
        self._overhead = 0
        self._proof = 0
        if isinstance(entries, list):
            self.overhead(_MEMORY_PER_STREAM * len(entries))
        self._stored, self._lengths = split_body(body, entries, start, alignment)
        self._taken = [0] * len(self._lengths)
        self._streams: list[memoryview] = []
        self._arrays: list[tuple[Spec, Make] | None] = []
        self._common: CommonReader | None = None
        self._wanted: list[Callable[[CommonReader], Any]] = []
        self._found: list[Any] = []
        # Twice, since the decoder joins the pieces that it gives.
        self.charge(0 if views else 2 * sum(self._lengths))

    def add(self, description: Any) -> tuple[Spec, Make]:
        """Check an array's description; the function given back makes the array after `finish`."""
        if not isinstance(description, list) or len(description) < 2:
            raise SkcFormatError("An array must be described by its dtype, shape and codec.")
        spec = Spec(_dtype(description[0]), _shape(description[1]))
        name, *arguments = description[2:] or _DEFAULT
        found = CODECS.get(name) if isinstance(name, str) else None
        if found is None:
            raise SkcFormatError(
                f"An array has a codec that is not known here: {str(name)[:40]!r}."
            )
        self.charge(0 if self.views and name == "raw" else spec.nbytes)
        if not spec.size:
            # Summed along its other sides it is not empty any more.
            self.charge(_MEMORY_PER_ROW * max(spec.shape, default=0))
        self.prove(spec.size, spec.dtype.kind)
        make = found.read(spec, arguments, self)
        self._arrays.append((spec, make) if found.inner == () and name != "same" else None)
        return spec, make

    array = add

    def earlier(self, place: Any) -> tuple[Spec, Make]:
        """An array described before, of which no other array is part."""
        known = type(place) is int and 0 <= place < len(self._arrays)
        found = self._arrays[place] if known else None
        if found is None:
            raise SkcFormatError(f"There is no array {str(place)[:40]} to refer to.")
        # However many refer to it, it is decoded once for all of them.
        shared = found[0], functools.cache(functools.partial(read_only, found[1]))
        self._arrays[place] = shared
        return shared

    def bytes(self, stream: Any, length: int) -> Callable[[], memoryview]:
        """Declare that the next `length` bytes of a stream are an array's."""
        if type(stream) is not int or not 0 <= stream < len(self._lengths):
            raise SkcFormatError(f"There is no stream {str(stream)[:40]}.")
        start = self._taken[stream]
        self._taken[stream] += length
        return lambda: self._streams[stream][start : start + length]

    def common(self, take: Callable[[CommonReader], T]) -> Callable[[], T]:
        """Declare what is taken from the common section next."""
        if self._common is None:
            self._common = self._open_common()
        place = len(self._wanted)
        self._wanted.append(take)
        # In the order of the descriptions, whatever the order in which the model is built.
        return lambda: self._found[place]

    def take_common(self) -> None:
        """Take all that was declared from the common section."""
        if self._common is not None:
            self._found += [take(self._common) for take in self._wanted]
            self._common.finish()

    def _open_common(self) -> CommonReader:
        """The last stream, which belongs to the common section alone."""
        if not self._stored or len(self._stored[-1]) != self._lengths[-1] or self._taken[-1]:
            raise SkcFormatError("There is no common section.")
        self._taken[-1] = self._lengths[-1]
        section = CommonReader(self._stored[-1])
        self.charge(section.memory)
        return section

    def charge(self, count: int) -> None:
        """Count memory that will be needed."""
        self._charged += count

    def overhead(self, count: int) -> None:
        """Count memory that is needed already, for descriptions."""
        self.charge(count)
        self._overhead += count
        if self._overhead > self._budget:
            self._refuse(self._overhead)

    def prove(self, size: int, kind: str) -> None:
        """Declare an array that is to be proven sound, by its size and the kind of its dtype."""
        self._proof = max(self._proof, size * _PROOF.get(kind, _PROOF_OF_NUMBERS))

    def finish(self) -> None:
        """Compare what the arrays need with what there is, then unpack the streams."""
        if self._taken != self._lengths:
            raise SkcFormatError("The arrays do not take exactly the bytes of the streams.")
        # Their makers hold this reader: in a circle, the streams would outlive the reading.
        self._arrays.clear()
        needed = self._charged + self._proof
        if needed > self._budget:
            self._refuse(needed)
        self._streams = [
            stored if self.views else memoryview(decompress(stored, length))
            for stored, length in zip(self._stored, self._lengths, strict=True)
        ]

    def _refuse(self, needed: int) -> NoReturn:
        raise SkcFormatError(
            f"The file declares arrays that take up to {needed} bytes of memory while they are "
            f"read; max_memory leaves {max(self._budget, 0)}. Raise max_memory if you trust it."
        )


def read_only(make: Make) -> np.ndarray:
    """An array that nobody can change, and the IR need not copy."""
    array = make()
    array.flags.writeable = False
    return array


def _dtype(name: Any) -> np.dtype[Any]:
    if isinstance(name, str):
        if name in _DTYPES:
            return _DTYPES[name]
        if _TEXT.fullmatch(name) and int(name[1:]) < 2**29:
            return np.dtype(name)
    raise SkcFormatError(f"An array has a dtype that is not known here: {str(name)[:40]!r}.")


def _shape(shape: Any) -> tuple[int, ...]:
    if (
        not isinstance(shape, list)
        or len(shape) > _MAX_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**48 for size in shape)
    ):
        raise SkcFormatError(f"An array has an impossible shape: {str(shape)[:80]}.")
    return tuple(shape)
