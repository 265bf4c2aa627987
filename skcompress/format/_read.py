"""The bytes of a file, of bounded length."""

from __future__ import annotations

import io
import mmap
import os
from typing import Any, BinaryIO

from ..exceptions import SkcFormatError

__all__ = ["DEFAULT_MAX_MEMORY", "Target", "contents", "limit_of", "map_file"]

DEFAULT_MAX_MEMORY = 2 * 2**30
"""Bytes of memory that reading a file may take, unless `max_memory` says otherwise."""

_PIECE = 2**20

Target = str | os.PathLike[str] | BinaryIO


def limit_of(max_memory: Any) -> int:
    """What the user gave as `max_memory`."""
    if max_memory is None:
        return DEFAULT_MAX_MEMORY
    if type(max_memory) is not int or max_memory < 0:
        raise ValueError(f"max_memory must be a number of bytes or None; got {max_memory!r}.")
    return max_memory


def contents(path: Target, limit: int) -> bytes:
    """All of a file, which may be open already."""
    if hasattr(path, "read"):
        return _read(path, limit)
    with io.FileIO(os.fspath(path)) as file:
        return _read(file, limit)


def _read(file: Any, limit: int) -> bytes:
    """All of a file, piece by piece, since a buffered file sets aside all that it is asked for."""
    pieces = []
    length = 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise SkcFormatError(f"The file is longer than max_memory, {limit} bytes.")
    return b"".join(pieces)


def map_file(path: Target) -> memoryview:
    """A read-only view of a file."""
    if hasattr(path, "read"):
        raise TypeError("mmap=True needs the path of a file, not an open file.")
    with io.FileIO(os.fspath(path)) as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")
        # The map outlives the descriptor, and lasts as long as any array that looks into it.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
