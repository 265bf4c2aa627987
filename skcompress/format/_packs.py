"""Packs: several arrays of a node that are encoded together.

In a file, a node holds its pack under the key ``"*"``, as ``[name, argument, ...]``, in the place
of the fields that the pack gives back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..exceptions import SkcFormatError
from ..ir import Node, TreeEnsemble, shape_of
from ._choose import choose
from ._codecs import Part, Reader

__all__ = ["KEY", "PACKS", "Make", "Pack", "pack"]

KEY = "*"

Make = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The other fields of the node -> the fields that the pack holds."""


class Pack(Protocol):
    """One way to encode some fields of a class of nodes together."""

    cls: type[Node]
    """The class."""

    fields: tuple[str, ...]
    """What is encoded."""

    def write(self, node: Any) -> tuple[int | Part, ...] | None:
        """The arguments that describe these fields; None where other codecs do better."""

    def read(self, arguments: list[Any], reader: Reader) -> Make:
        """Check the arguments and declare what they need."""


class _Forest:
    """All trees of an ensemble, level by level."""

    cls: type[Node] = TreeEnsemble
    fields: tuple[str, ...] = ("internal", "feature", "threshold", "missing_left", "leaf")

    def write(self, node: TreeEnsemble) -> tuple[int | Part, ...] | None:
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


_SMALL = 500
"""Nodes up to which it is worth comparing with other codecs."""

_SAVED = 60
"""Bytes that the descriptions of five arrays take in the header, about."""

PACKS: dict[str, Pack] = {"forest": _Forest()}


def pack(node: Node) -> tuple[str, tuple[int | Part, ...], tuple[str, ...]] | None:
    """Name, arguments and fields of the pack that suits a node, if one does."""
    for name, found in PACKS.items():
        if type(node) is found.cls and (arguments := found.write(node)) is not None:
            return name, arguments, found.fields
    return None
