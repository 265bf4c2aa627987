"""What a field of an IR class may hold, read from the class's own annotations.

The checks of the IR classes assume the types that they declare; what comes from a file is
compared with them here before any object is built.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any

import numpy as np

from ..ir import Node

__all__ = ["MISSING", "Accepts", "Field", "fields_of"]

MISSING = dataclasses.MISSING

_SCALARS = frozenset({bool, int, float, str, type(None)})


@dataclasses.dataclass(frozen=True)
class Accepts:
    """The values that a declared type allows.

    Attributes
    ----------
    scalars : frozenset of type
        Which of bool, int, float, str and NoneType.
    array : bool
        Whether a NumPy array.
    node : type of Node or None
        Instances of this class and its subclasses.
    every : Accepts or None
        A tuple of any length of these.
    each : tuple of Accepts or None
        A tuple of exactly these.
    """

    scalars: frozenset[type] = frozenset()
    array: bool = False
    node: type[Node] | None = None
    every: Accepts | None = None
    each: tuple[Accepts, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of an IR class; `default` is `MISSING` where there is none."""

    name: str
    accepts: Accepts
    default: Any


_FIELDS: dict[type, dict[str, Field]] = {}


def fields_of(cls: type[Node]) -> dict[str, Field]:
    """The fields of an IR class by name."""
    if cls not in _FIELDS:
        hints = typing.get_type_hints(cls)
        _FIELDS[cls] = {
            field.name: Field(field.name, _accepts(hints[field.name]), field.default)
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        }
    return _FIELDS[cls]


def _accepts(hint: Any) -> Accepts:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if hint in _SCALARS:
        return Accepts(scalars=frozenset({hint}))
    if hint is np.ndarray or origin is np.ndarray:
        return Accepts(array=True)
    if isinstance(hint, type) and issubclass(hint, Node):
        return Accepts(node=hint)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return Accepts(every=_accepts(arguments[0]))
        return Accepts(each=tuple(_accepts(argument) for argument in arguments))
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(_either, map(_accepts, arguments))
    raise TypeError(f"IR fields of type {hint!r} cannot be written to a file.")


def _either(a: Accepts, b: Accepts) -> Accepts:
    """What either allows; refused where a file could not tell which of the two is meant."""
    lists = [a.array or b.array, bool(a.every or a.each), bool(b.every or b.each)]
    if sum(lists) > 1 or (a.node and b.node):
        raise TypeError("An IR field's type is ambiguous in a file.")
    return Accepts(
        scalars=a.scalars | b.scalars,
        array=a.array or b.array,
        node=a.node or b.node,
        every=a.every or b.every,
        each=a.each or b.each,
    )
