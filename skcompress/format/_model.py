"""From the IR to a file and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..exceptions import InvalidModelError, SkcFormatError
from ..ir import TAGS, Model, Node, Rescale
from ..runtime import memory_to_predict
from ._arrays import ArrayReader, ArrayWriter, read_only
from ._choose import PLAIN_WAY, Way
from ._container import body_start, header_memory, unpack
from ._container import pack as pack_file
from ._packs import KEY, PACKS, pack
from ._packs import Make as Packed
from ._schema import MISSING, Accepts, fields_of

__all__ = ["decode_model", "encode_model"]

_TAG = ""
"""The key of a node's tag in its JSON object."""

_NUMBER = "f"
"""The key of an object that stands for a number that JSON lacks."""

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

ALIGNMENT = 64
"""In the mapped layout: a line of cache, and more than any dtype asks for."""

_WAYS = (Way(shares=True), Way(shares=True, tiny=8), Way(tiny=8), Way())
_SMALL = 2048
"""Bytes of a file up to which all ways are tried, not the first one alone."""

# What describes a node or an array while a file is read, and what holds it then, in bytes.
_MEMORY_PER_NODE = 4096
_MEMORY_PER_ITEM = 512

_ROOT = Accepts(node=Model)

Build = Callable[[], Any]


def encode_model(model: Model, *, mapped: bool = False) -> bytes:
    """The bytes of a file that holds the model."""
    if mapped:
        return _encode(model, PLAIN_WAY, mapped=True)
    first, *others = _WAYS
    data = _encode(model, first)
    if len(data) > _SMALL:
        return data
    # What the common section takes by itself may be more than it saves, and LZMA likes to see tiny
    # arrays beside each other.
    return min([data, *(_encode(model, way) for way in others)], key=len)


def _encode(model: Model, way: Way, *, mapped: bool = False) -> bytes:
    """The bytes of a file."""
    writer = ArrayWriter(mapped=mapped, scalers=_scalers(model), way=way)
    tree = _write(model, _ROOT, writer, "model")
    entries, streams = writer.finish()
    header = {"m": tree, "s": entries}
    if mapped:
        return pack_file({"a": ALIGNMENT, **header}, streams, ALIGNMENT)
    return pack_file(header, streams, version=writer.version)


def _scalers(model: Model) -> list[tuple[np.ndarray | None, ...]]:
    """The steps of the chain's scalers, behind which rows may be whole numbers."""
    return [
        (found.subtract, found.divide, found.multiply, found.add)
        for found in model.chain.transforms
        if isinstance(found, Rescale)
    ]


def decode_model(data: bytes | memoryview, max_memory: int, *, views: bool = False) -> Model:
    """The model in a file's bytes; `SkcFormatError` if it is not sound, or too large.

    With `views`, arrays are views of `data`, whose layout must be "mapped".
    """
    header, body = unpack(data, max_memory)
    alignment = _alignment(header)
    if views and alignment == 1:
        raise SkcFormatError(
            "The file is in the coded layout, which cannot be mapped into memory. Write it with "
            'dump(model, path, layout="mapped"), or read it with mmap=False.'
        )
    # The file counts twice: as it is, and in the pieces that it was read in.
    budget = max_memory - header_memory(data) - (0 if views else 2 * len(data))
    reader = ArrayReader(
        header["s"], body, budget, start=body_start(data), alignment=alignment, views=views
    )
    build = _read(header["m"], _ROOT, reader, "model")
    reader.finish()
    try:
        with np.errstate(all="ignore"):
            reader.take_common()
            model: Model = build()
    except SkcFormatError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The checks of the IR speak of the model; a file's reader is told that the file is bad.
        raise SkcFormatError(f"The file does not hold a sound model: {error}") from error
    needed = memory_to_predict(model)
    left = max_memory - (0 if views else model.nbytes)
    if needed > left:
        raise SkcFormatError(
            f"The file holds a model that takes up to {needed} bytes of memory to predict, besides "
            f"its arrays; max_memory leaves {max(left, 0)}. Raise max_memory if you trust it."
        )
    return model


def _alignment(header: dict[str, Any]) -> int:
    """Of what the places of streams are multiples."""
    keys = set(header)
    if keys == {"m", "s"}:
        return 1
    if keys != {"a", "m", "s"}:
        raise SkcFormatError("The header must have the keys 'm' and 's', may have 'a', no others.")
    if type(header["a"]) is not int or header["a"] != ALIGNMENT:
        raise SkcFormatError(f"Streams can be aligned to {ALIGNMENT} bytes only.")
    entries = header["s"]
    if not isinstance(entries, list) or any(isinstance(entry, list) for entry in entries):
        raise SkcFormatError("In the mapped layout, streams are stored as they are.")
    return ALIGNMENT


def _write(value: Any, accepts: Accepts, writer: ArrayWriter, path: str) -> Any:
    if isinstance(value, np.ndarray) and accepts.array:
        return writer.add(value)
    if isinstance(value, Node) and accepts.node and isinstance(value, accepts.node):
        return _write_node(value, accepts, writer, path)
    if isinstance(value, tuple) and (accepts.every or accepts.each is not None):
        kinds = _kinds(len(value), accepts, path, InvalidModelError)
        return [
            _write(item, kind, writer, f"{path}.{place}")
            for place, (item, kind) in enumerate(zip(value, kinds, strict=True))
        ]
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is int and int not in accepts.scalars and float in accepts.scalars:
        value = float(value)
    if type(value) not in accepts.scalars:
        raise InvalidModelError(f"{path} cannot hold {value!r} in a file.")
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: repr(value)}
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise InvalidModelError(f"{path} must be in [-2^63, 2^63) in a file; got {value}.")
    return value


def _write_node(node: Node, accepts: Accepts, writer: ArrayWriter, path: str) -> dict[str, Any]:
    fields = fields_of(type(node))
    result: dict[str, Any] = {} if type(node) is accepts.node else {_TAG: type(node).tag}
    packed = None if writer.mapped else pack(node)
    if packed is not None:
        name, arguments = packed
        writer.version = max(writer.version, PACKS[name].version)
        held = PACKS[name].fields
        result[KEY] = [name, *writer.arguments(arguments)]
        fields = {name: field for name, field in fields.items() if name not in held}
    # Sorted as the JSON will be, since the reader takes arrays from streams in that order.
    for name in sorted(fields):
        value = getattr(node, name)
        if not _is_default(value, fields[name].default):
            result[name] = _write(value, fields[name].accepts, writer, f"{path}.{name}")
    return result


def _is_default(value: Any, default: Any) -> bool:
    if default is MISSING or isinstance(value, np.ndarray):
        return False
    # The representation tells 0 from False and from -0.0.
    return type(value) is type(default) and repr(value) == repr(default)


def _read(value: Any, accepts: Accepts, reader: ArrayReader, path: str) -> Build:
    if isinstance(value, list):
        if accepts.array:
            reader.overhead(_MEMORY_PER_NODE)
            return partial(read_only, reader.add(value)[1])
        if accepts.every and accepts.every.scalars and not accepts.every.node:
            # Millions of names need no function each.
            scalars = tuple(_scalar(item, accepts.every, path) for item in value)
            return lambda: scalars
        kinds = _kinds(len(value), accepts, path, SkcFormatError)
        reader.overhead(_MEMORY_PER_ITEM * len(value))
        items = [
            _read(item, kind, reader, f"{path}.{place}")
            for place, (item, kind) in enumerate(zip(value, kinds, strict=True))
        ]
        return lambda: tuple(build() for build in items)
    if isinstance(value, dict) and accepts.node:
        return _read_node(value, accepts.node, reader, path)
    scalar = _scalar(value, accepts, path)
    return lambda: scalar


def _scalar(value: Any, accepts: Accepts, path: str) -> Any:
    """A value that is neither a node nor an array nor a tuple."""
    if isinstance(value, dict) and float in accepts.scalars and set(value) == {_NUMBER}:
        number = _NOT_FINITE.get(value[_NUMBER]) if isinstance(value[_NUMBER], str) else None
        if number is None:
            raise SkcFormatError(f"{path} holds an unknown number.")
        return number
    if type(value) not in accepts.scalars:
        raise SkcFormatError(f"{path} holds a value of the wrong kind.")
    if isinstance(value, float) and not math.isfinite(value):
        raise SkcFormatError(f"{path} holds a number that is out of range.")
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise SkcFormatError(f"{path} holds an integer that is out of range.")
    return value


def _read_node(
    content: dict[str, Any], declared: type[Node], reader: ArrayReader, path: str
) -> Build:
    cls = declared
    if _TAG in content:
        tag = content[_TAG]
        found = TAGS.get(tag) if isinstance(tag, str) else None
        if found is None or not issubclass(found, declared):
            raise SkcFormatError(f"{path} is of a kind that is not known here: {str(tag)[:40]!r}.")
        cls = found
    elif TAGS.get(declared.tag) is not declared:
        raise SkcFormatError(f"{path} does not tell its kind.")
    fields = dict(fields_of(cls))
    reader.overhead(_MEMORY_PER_NODE)
    builds = {}
    packed: Packed | None = None
    for name, value in content.items():
        if name == _TAG:
            continue
        if name == KEY:
            packed, held = _read_pack(value, cls, reader, path)
            fields = {name: field for name, field in fields.items() if name not in held}
            continue
        if name not in fields:
            raise SkcFormatError(f"{path} has an unknown field: {name[:40]!r}.")
        builds[name] = _read(value, fields[name].accepts, reader, f"{path}.{name}")
    missing = [name for name in fields if name not in builds and fields[name].default is MISSING]
    if missing:
        raise SkcFormatError(f"{path} lacks {', '.join(missing)}.")

    def build() -> Node:
        values = {name: build() for name, build in builds.items()}
        return cls(**values) if packed is None else cls(**values, **packed(values))

    return build


def _read_pack(
    value: Any, cls: type[Node], reader: ArrayReader, path: str
) -> tuple[Packed, tuple[str, ...]]:
    """What makes the fields that a pack holds, and their names."""
    name = value[0] if isinstance(value, list) and value else None
    found = PACKS.get(name) if isinstance(name, str) else None
    if found is None or found.cls is not cls:
        raise SkcFormatError(f"{path} has a pack that is not known here: {str(value)[:40]!r}.")
    return found.read(value[1:], reader), found.fields


def _kinds(
    count: int, accepts: Accepts, path: str, error: type[InvalidModelError]
) -> tuple[Accepts, ...]:
    """What each item of a tuple may be."""
    if accepts.every:
        return (accepts.every,) * count
    if accepts.each is None or len(accepts.each) != count:
        raise error(f"{path} holds {count} items, which it cannot.")
    return accepts.each
