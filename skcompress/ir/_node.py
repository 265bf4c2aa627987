"""The base of every IR class: a frozen record of read-only arrays that proves itself sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import numpy as np

from ..exceptions import InvalidModelError

_NodeType = TypeVar("_NodeType", bound="type[Node]")

TAGS: dict[str, type[Node]] = {}
"""Stable tag -> IR class. A tag that ever stood in a file keeps its meaning for ever."""


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def register(tag: str) -> Callable[[_NodeType], _NodeType]:
    """Make a class a frozen IR dataclass that files know under `tag`."""

    def decorate(cls: _NodeType) -> _NodeType:
        # The methods that all share stand in `Node`: generating them for each class would take a
        # tenth of the time in which a process starts.
        frozen = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
        frozen.tag = tag
        if tag in TAGS:
            raise ValueError(f"The IR tag {tag!r} is taken by {TAGS[tag].__name__}.")
        TAGS[tag] = frozen
        return frozen  # type: ignore[return-value]

    return decorate


def require(condition: bool | np.bool_, message: str) -> None:
    """Raise `InvalidModelError` with `message` unless `condition` holds."""
    if not condition:
        raise InvalidModelError(message)


class Node:
    """A frozen record of arrays, scalars and other nodes.

    Arrays that are writable when handed over are copied, so a node never shares memory that
    somebody can still change; they are contiguous and read-only from then on.
    """

    tag: ClassVar[str] = ""

    def __init__(self, **values: Any) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = values.pop(field.name, field.default)
            if value is dataclasses.MISSING:
                raise TypeError(f"{type(self).__name__} needs {field.name!r}.")
            if isinstance(value, np.ndarray):
                value = _frozen(value)
            object.__setattr__(self, field.name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(values))!r}.")
        self.check()

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"

    def check(self) -> None:
        """Raise `InvalidModelError` unless every index, size and number is sound."""

    def items(self) -> Iterator[tuple[str, Any]]:
        """Field names and values, in the order of declaration."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            yield field.name, getattr(self, field.name)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked anew."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def children(self) -> Iterator[tuple[str, Node]]:
        """Nodes directly below this one, with the path that leads to them."""
        for name, value in self.items():
            if isinstance(value, Node):
                yield name, value
            elif isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Node):
                        yield f"{name}.{index}", item

    def arrays(self, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
        """Every array below this node, with its dotted path."""
        for name, value in self.items():
            if isinstance(value, np.ndarray):
                yield prefix + name, value
        for name, child in self.children():
            yield from child.arrays(f"{prefix}{name}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.items()))

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays of this node occupy in memory."""
        return sum(array.nbytes for _, array in self.arrays())


def _rebuild(cls: type[Node], fields: dict[str, Any]) -> Node:
    return cls(**fields)


def _frozen(array: np.ndarray) -> np.ndarray:
    require(
        array.dtype.kind in "biufU",
        f"IR arrays hold booleans, numbers or text; got dtype {array.dtype}.",
    )
    require(array.dtype.isnative, f"IR arrays are in native byte order; got {array.dtype!r}.")
    frozen = np.array(array, order="C", copy=True if array.flags.writeable else None, subok=False)
    if frozen.flags.writeable:
        frozen.flags.writeable = False
    return frozen
