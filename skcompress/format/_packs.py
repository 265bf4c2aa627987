"""Packs: several arrays of a node that are encoded together.

In a file, a node holds its pack under the key ``"*"``, as ``[name, argument, ...]``, in the place
of the fields that the pack gives back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..exceptions import SkcFormatError
from ..ir import Node, Sparse, TreeEnsemble, shape_of
from ..ir.arrays import smallest_unsigned
from ._choose import choose
from ._codecs import InCommon, Later, Part, Reader
from ._common import MOST_BYTES

__all__ = ["KEY", "PACKS", "Make", "Pack", "pack"]

KEY = "*"

Make = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The other fields of the node -> the fields that the pack holds."""

Arguments = tuple[int | Part | InCommon, ...]


class Pack(Protocol):
    """One way to encode some fields of a class of nodes together."""

    cls: type[Node]
    """The class."""

    fields: tuple[str, ...]
    """What is encoded."""

    version: int
    """Of the file that it came with."""

    def write(self, node: Any) -> Arguments | None:
        """The arguments that describe these fields; None where other codecs do better."""

    def read(self, arguments: list[Any], reader: Reader) -> Make:
        """Check the arguments and declare what they need."""


class _Forest:
    """All trees of an ensemble, level by level."""

    cls: type[Node] = TreeEnsemble
    fields: tuple[str, ...] = ("internal", "feature", "threshold", "missing_left", "leaf")
    version = 1

    def write(self, node: TreeEnsemble) -> Arguments | None:
        from ._forest import encode_forest

        section = encode_forest(node)
        if section is None:
            return None
        if node.n_nodes < _SMALL:
            arrays = [getattr(node, name) for name in self.fields]
            if sum(choose(a).cost for a in arrays if a is not None) < len(section) - _SAVED:
                return None
        return Part(section, dense=True), len(section), node.n_nodes

    def read(self, arguments: list[Any], reader: Reader) -> Make:
        # Most models, and all files to be mapped, are read without this codec.
        from ._forest import decode_forest, memory_to_decode

        if len(arguments) != 3 or not all(type(a) is int and 0 <= a < 2**31 for a in arguments):
            raise SkcFormatError("A forest must tell its stream, bytes and nodes.")
        stream, length, n_nodes = arguments
        data = reader.bytes(stream, length)
        reader.charge(memory_to_decode(n_nodes))
        reader.prove(n_nodes, "b")

        def make(others: Mapping[str, Any]) -> dict[str, Any]:
            n_rows, n_features = shape_of(others["values"])[0], others["n_features"]
            return decode_forest(data(), n_nodes=n_nodes, n_features=n_features, n_rows=n_rows)

        return make


class _Pattern:
    """Where a sparse matrix has entries."""

    cls: type[Node] = Sparse
    fields: tuple[str, ...] = ("indices", "indptr", "n_columns")
    version = 3

    def write(self, node: Sparse) -> Arguments | None:
        from ._pattern import MOST_CELLS, encode_pattern, pattern_bits, put_pattern

        n_rows, n_columns = node.shape
        usual = node.indices.dtype == smallest_unsigned(max(n_columns - 1, 0))
        usual &= node.indptr.dtype == np.int64
        if not usual or not 0 < n_rows * n_columns <= MOST_CELLS:
            return None
        told = node.indices, node.indptr, n_columns
        others = sum(choose(array).cost for array in (node.indices, node.indptr))
        weight = pattern_bits(*told) / 8
        if others + _SAVED_PATTERN < weight:
            return None

        def apart() -> tuple[int | Part, ...]:
            section = encode_pattern(*told)
            return Part(section, dense=True), len(section)

        shape = n_rows, n_columns, node.indices.size
        if weight > MOST_BYTES:
            return *apart(), *shape
        return InCommon(weight, partial(put_pattern, *told), Later(weight, apart)), *shape

    def read(self, arguments: list[Any], reader: Reader) -> Make:
        from ._pattern import MOST_CELLS, decode_pattern, memory_to_decode, take_pattern

        known = len(arguments) in (3, 5)
        if not known or not all(type(a) is int and 0 <= a < 2**31 for a in arguments):
            raise SkcFormatError("A pattern must tell its stream, bytes, rows, columns, entries.")
        *own, n_rows, n_columns, n_stored = arguments
        if not 0 < n_rows * n_columns <= MOST_CELLS or n_stored > n_rows * n_columns:
            raise SkcFormatError("A pattern has too many places, or none, or too many entries.")
        told = n_rows, n_columns, n_stored
        if own:
            data = reader.bytes(*own)
        else:
            found = reader.common(lambda section: take_pattern(section, *told))
        reader.charge(memory_to_decode(*told))
        reader.prove(n_stored + n_rows, "i")

        def make(others: Mapping[str, Any]) -> dict[str, Any]:
            indices, indptr = decode_pattern(data(), *told) if own else found()
            return {"indices": indices, "indptr": indptr, "n_columns": n_columns}

        return make


_SAVED_PATTERN = 30
"""Bytes that the descriptions of two arrays and a number take in the header, about."""

_SMALL = 500
"""Nodes up to which it is worth comparing with other codecs."""

_SAVED = 60
"""Bytes that the descriptions of five arrays take in the header, about."""

PACKS: dict[str, Pack] = {"forest": _Forest(), "pattern": _Pattern()}


def pack(node: Node) -> tuple[str, Arguments] | None:
    """Name and arguments of the pack that suits a node, if one does."""
    for name, found in PACKS.items():
        if type(node) is found.cls and (arguments := found.write(node)) is not None:
            return name, arguments
    return None
