"""The container: magic, version, header, streams, trailer. See ``docs/format.md``."""

from __future__ import annotations

import struct
from typing import Any

from ..exceptions import SkcFormatError
from ._header import MAX_HEADER, pack_header, unpack_header
from ._trailer import CHECKSUM_ONLY, TRAILER_BYTES, body_end, seal

__all__ = ["MAGIC", "OLDEST_WRITTEN", "VERSION", "body_start", "header_memory", "pack", "unpack"]

MAGIC = b"\x89SKC\r\n\x1a\n"
"""Not text, and damaged by whatever translates line ends, as that of PNG."""

VERSION = 4
"""The newest that is known. Each is a superset of the one before, so that one reader serves all."""

OLDEST_WRITTEN = 2
"""Files that need nothing newer say so, and are read by older releases."""

_READABLE = (1, 2, 3, VERSION)

_HEAD = struct.Struct("<8sBII")
"""Magic, version, bytes of the header as stored, bytes of its JSON."""

# JSON becomes Python objects of up to some 30 times its size, besides its text in two forms.
_MEMORY_PER_HEADER_BYTE = 40


def pack(
    header: dict[str, Any],
    streams: list[bytes],
    alignment: int = 1,
    *,
    version: int = OLDEST_WRITTEN,
) -> bytes:
    """The bytes of a file, in which each stream begins at a multiple of `alignment`."""
    stored, length = pack_header(header)
    if length > MAX_HEADER:
        raise ValueError(
            f"The description of the model takes {length} bytes; a file holds {MAX_HEADER}. "
            "Are there millions of feature names?"
        )
    pieces = [_HEAD.pack(MAGIC, version, len(stored), length), stored]
    end = _HEAD.size + len(stored)
    for stream in streams:
        pieces += [bytes(-end % alignment), stream]
        end += -end % alignment + len(stream)
    return seal(b"".join(pieces))


def body_start(data: bytes | memoryview) -> int:
    """Where the streams of a file begin."""
    return _HEAD.size + int(_HEAD.unpack_from(data)[2])


def header_memory(data: bytes | memoryview) -> int:
    """Bytes of memory that the header of a file takes at most, once it is read."""
    return _MEMORY_PER_HEADER_BYTE * int(_HEAD.unpack_from(data)[3])


def unpack(data: bytes | memoryview, max_memory: int) -> tuple[dict[str, Any], memoryview]:
    """The header and the bytes of all streams; nothing is parsed before the checksum is right."""
    end = _check_frame(data)
    _, _, stored, length = _HEAD.unpack_from(data)
    if stored > end - _HEAD.size:
        raise SkcFormatError("The header ends beyond the end of the file.")
    limit = min(MAX_HEADER, max_memory // _MEMORY_PER_HEADER_BYTE)
    if length > limit:
        raise SkcFormatError(
            f"The header declares {length} bytes; a file may have {MAX_HEADER}, and max_memory "
            f"allows {limit}."
        )
    start = _HEAD.size + stored
    return unpack_header(data[_HEAD.size : start], length), memoryview(data)[start:end]


def _check_frame(data: bytes | memoryview) -> int:
    """Where the trailer begins."""
    if data[: len(MAGIC)] != MAGIC:
        if data[1:4] == MAGIC[1:4]:
            raise SkcFormatError(
                "The file was changed in transfer: its line ends or high bits were translated. "
                "Transfer it as binary."
            )
        raise SkcFormatError("This is not an skcompress file: it does not begin as one.")
    if len(data) < _HEAD.size + TRAILER_BYTES[CHECKSUM_ONLY]:
        raise SkcFormatError(f"The file is cut off after {len(data)} bytes.")
    version = data[len(MAGIC)]
    if version not in _READABLE:
        raise SkcFormatError(
            f"The file is of version {version}; this release reads versions up to {VERSION}. "
            "Update skcompress."
        )
    if version == 1 and data[-1] in TRAILER_BYTES and data[-1] != CHECKSUM_ONLY:
        raise SkcFormatError("Files of version 1 are not signed; this one claims to be.")
    return body_end(data)
