"""Which codec suits an array: those that may are tried, and the smallest is taken."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from ._codecs import CODECS, Argument, InCommon, Later, Part
from ._scaled import scaled_arguments
from ._streams import estimate

__all__ = ["PLAIN_WAY", "Draft", "Way", "choose", "plain"]

_OVERHEAD = 6
"""Bytes that a codec's name and arguments take in the header, about."""


_BY_LZMA = ("raw", "planes", "bits")
"""Codecs whose bytes are left to LZMA."""

_FOR_REPEATS = ("raw", "planes", "table", "escape")
"""Codecs that have nothing to gain from numbers among which nothing repeats."""

_MANY = 256
_REPEATS = 0.02

_LARGE = 256 * 1024
"""Bytes above which codecs must first do well on a sample."""

_SAMPLE = 128 * 1024
_PIECES = 32
_FINALISTS = 2

_CLOSE = 1.2
"""Costs that are no farther apart are not told apart by estimates."""


@dataclasses.dataclass(frozen=True)
class Way:
    """How encodings are chosen.

    Attributes
    ----------
    shares : bool
        Whether small arrays go into the common section.
    tiny : int
        Bytes up to which numbers are stored as they are.
    rough : bool
        Whether what entropy coding takes is computed, or else tried where that decides.
    """

    shares: bool = False
    tiny: int = 32
    rough: bool = False


PLAIN_WAY = Way()


@dataclasses.dataclass(frozen=True)
class Draft:
    """An encoded array whose bytes are not in streams yet."""

    array: np.ndarray
    codec: str
    arguments: tuple[int | Part | Later | InCommon | Draft, ...]
    cost: float

    @property
    def is_leaf(self) -> bool:
        """Whether no other array is part of it."""
        return not any(isinstance(argument, Draft) for argument in self.arguments)


Scalers = Sequence[tuple[np.ndarray | None, ...]]


def choose(
    array: np.ndarray,
    codecs: Iterable[str] = tuple(CODECS),
    scalers: Scalers = (),
    way: Way = PLAIN_WAY,
    *,
    most: float = math.inf,
) -> Draft:
    """The encoding of an array that is estimated to be the smallest.

    What takes more than `most` is of no use: its cost need not be exact.
    """
    if array.nbytes <= way.tiny and array.dtype.kind != "U":
        return _draft("raw", array, way)
    names = [name for name in codecs if CODECS[name].suits(array)]
    if _is_noise(array):
        names = [name for name in names if name not in _FOR_REPEATS] or names
    if array.nbytes > _LARGE and len(names) > _FINALISTS:
        sample = _sample(array)
        tried = _drafts(names, sample, dataclasses.replace(way, rough=True), math.inf)
        # Ties go to what was named first, so that the choice is the same everywhere.
        names = sorted(names, key=lambda name: tried[name].cost)[:_FINALISTS]
    tried = _drafts(names, array, way, most)
    drafts: list[Draft | None] = [tried[name] for name in names]
    if array.ndim == 2 and array.dtype == np.float64 and array.size:
        drafts += [_behind(array, steps, way) for steps in scalers]
    first, *others = sorted(filter(None, drafts), key=lambda draft: draft.cost)
    close = [draft for draft in others if draft.cost < _CLOSE * first.cost]
    if way.rough or not close:
        return first
    return min(map(_made, [first, *close]), key=lambda draft: draft.cost)


def _drafts(names: Sequence[str], array: np.ndarray, way: Way, most: float) -> dict[str, Draft]:
    """A draft by each codec; those that wait for LZMA come last, and know what they must beat."""
    found: dict[str, Draft] = {}
    for name in sorted(names, key=_BY_LZMA.__contains__):
        found[name] = _draft(name, array, way, most)
        most = min(most, _CLOSE * found[name].cost)
    return found


def _is_noise(array: np.ndarray) -> bool:
    """Whether hardly two of many long numbers have equal low halves, so that nothing repeats."""
    if array.size < _MANY or array.itemsize < 8 or array.dtype.kind not in "uf":
        return False
    low = np.sort(array.reshape(-1).view(np.uint64).astype(np.uint32))
    return int(np.count_nonzero(low[1:] == low[:-1])) < _REPEATS * low.size


def _made(draft: Draft) -> Draft:
    """A draft with all bytes made, and their true cost."""
    arguments: list[int | Part | Later | InCommon | Draft] = []
    cost = draft.cost
    for argument in draft.arguments:
        if isinstance(argument, Later):
            made = argument.make()
            cost -= argument.cost
            cost += sum(len(part.data) for part in made if isinstance(part, Part))
            arguments += made
        elif isinstance(argument, Draft):
            inner = _made(argument)
            cost += inner.cost - argument.cost
            arguments.append(inner)
        else:
            arguments.append(argument)
    return dataclasses.replace(draft, arguments=tuple(arguments), cost=cost)


def _sample(array: np.ndarray) -> np.ndarray:
    """Some of the longer axis of a matrix, or pieces of a vector."""
    if array.ndim > 1:
        flat = array.reshape(array.shape[0], -1)
        axis = int(flat.shape[1] > flat.shape[0])
        stride = min(array.nbytes // _SAMPLE, max(flat.shape[axis] // _PIECES, 1))
        return np.ascontiguousarray(flat[:, ::stride] if axis else flat[::stride])
    piece = _SAMPLE // (_PIECES * array.itemsize)
    starts = np.linspace(0, array.size - piece, _PIECES).astype(np.int64)
    return np.concatenate([array[start : start + piece] for start in starts])


def _behind(array: np.ndarray, steps: tuple[np.ndarray | None, ...], way: Way) -> Draft | None:
    """An array whose columns are results of a scaler, if they are."""
    if any(step is not None and step.shape != array.shape[1:] for step in steps):
        return None
    arguments = scaled_arguments(array, steps)
    return None if arguments is None else _of("scaled", array, arguments, way)


def plain(array: np.ndarray) -> Draft:
    """The encoding that leaves an array as it is in memory; text has another one."""
    if array.dtype.kind != "U":
        return _draft("raw", array, PLAIN_WAY)
    arguments = tuple(
        _draft("raw", argument, PLAIN_WAY) if isinstance(argument, np.ndarray) else argument
        for argument in CODECS["text"].write(array)
    )
    return Draft(array, "text", arguments, 0.0)


def _draft(name: str, array: np.ndarray, way: Way, most: float = math.inf) -> Draft:
    return _of(name, array, CODECS[name].write(array), way, most)


def _of(
    name: str,
    array: np.ndarray,
    told: tuple[Argument, ...],
    way: Way,
    most: float = math.inf,
) -> Draft:
    cost = 0.0 if name == "raw" else float(_OVERHEAD)
    arguments: list[int | Part | Later | InCommon | Draft] = []
    inner = iter(CODECS[name].inner)
    for argument in told:
        if isinstance(argument, np.ndarray):
            chosen = choose(argument, next(inner), (), way, most=most - cost)
            cost += chosen.cost
            arguments.append(chosen)
        else:
            if isinstance(argument, InCommon) and not way.shares:
                argument = argument.apart
            if isinstance(argument, Later | InCommon):
                cost += argument.cost
            elif isinstance(argument, Part):
                cost += (
                    len(argument.data) if argument.dense else estimate(argument.data, most - cost)
                )
            arguments.append(argument)
    return Draft(array, name, tuple(arguments), cost)
