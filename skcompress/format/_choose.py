"""Which codec suits an array: those that may are tried, and the smallest is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from ._codecs import CODECS, Part, Spec
from ._streams import estimate

__all__ = ["Draft", "choose", "plain"]

_TINY = 32
"""Bytes up to which numbers are stored as they are."""

_OVERHEAD = 6
"""Bytes that a codec's name and arguments take in the header, about."""


@dataclasses.dataclass(frozen=True)
class Draft:
    """An encoded array whose bytes are not in streams yet."""

    spec: Spec
    codec: str
    arguments: tuple[int | Part | Draft, ...]
    cost: float


def choose(array: np.ndarray, codecs: Iterable[str] = tuple(CODECS)) -> Draft:
    """The encoding of an array that is estimated to be the smallest."""
    if array.nbytes <= _TINY and array.dtype.kind != "U":
        return _draft("raw", array)
    drafts = [_draft(name, array) for name in codecs if CODECS[name].suits(array)]
    return min(drafts, key=lambda draft: draft.cost)


def plain(array: np.ndarray) -> Draft:
    """The encoding that leaves an array as it is in memory; text has another one."""
    if array.dtype.kind != "U":
        return _draft("raw", array)
    arguments = tuple(
        _draft("raw", argument) if isinstance(argument, np.ndarray) else argument
        for argument in CODECS["text"].write(array)
    )
    return Draft(Spec.of(array), "text", arguments, 0.0)


def _draft(name: str, array: np.ndarray) -> Draft:
    inner = iter(CODECS[name].inner)
    cost = 0.0 if name == "raw" else float(_OVERHEAD)
    arguments: list[int | Part | Draft] = []
    for argument in CODECS[name].write(array):
        if isinstance(argument, np.ndarray):
            chosen = choose(argument, next(inner))
            cost += chosen.cost
            arguments.append(chosen)
        else:
            cost += estimate(argument.data) if isinstance(argument, Part) else 0.0
            arguments.append(argument)
    return Draft(Spec.of(array), name, tuple(arguments), cost)
