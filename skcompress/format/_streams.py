"""Streams: the bytes of arrays, stored as they are or as LZMA2 without a container."""

from __future__ import annotations

import math
import zlib
from typing import Any

from ..exceptions import SkcFormatError

__all__ = ["compress", "decompress", "estimate", "split_body"]

_LZMA2 = 0x21
"""`lzma.FILTER_LZMA2`, a number of the xz format."""

_SAMPLE = 192 * 1024
_SAMPLE_PIECES = 48
_MAX_WINDOW = 8 * 2**20

# Literal context, position and alignment bits: for text and bytes, for sparse or skewed bytes,
# and for numbers of four and of eight bytes.
_SETTINGS = (
    {"lc": 3, "lp": 0, "pb": 0},
    {"lc": 0, "lp": 0, "pb": 0},
    {"lc": 0, "lp": 2, "pb": 2},
    {"lc": 0, "lp": 3, "pb": 3},
)
_LEAST = 0.4
"""Bytes that LZMA leaves of each one of deflate, for what repeats often."""
_QUICK = (_SETTINGS[0], _SETTINGS[3])


def compress(data: bytes) -> bytes:
    """The shortest of a few LZMA2 encodings, or the data itself where none is shorter."""
    sample = _sample(data)
    settings = min(_SETTINGS, key=lambda setting: len(_encode(sample, setting)))
    encoded = _encode(data, settings)
    return encoded if len(encoded) < len(data) else data


def estimate(data: bytes, most: float = math.inf) -> float:
    """About how many bytes `compress` makes of the data, or too few but more than `most`."""
    sample = _sample(data)
    if not sample:
        return 0.0
    if most < len(data):
        # Deflate at its fastest takes a fiftieth of the time.
        least = _LEAST * len(zlib.compress(sample, level=1)) * len(data) / len(sample)
        if least > most:
            return least
    smallest = min(len(_encode(sample, setting)) for setting in _QUICK)
    return min(smallest, len(sample)) * len(data) / len(sample)


def decompress(stored: bytes | memoryview, length: int) -> bytes:
    """Exactly `length` bytes, or an error; never more memory than they need."""
    if len(stored) == length:
        return bytes(stored)
    import lzma  # many files hold nothing that it compressed

    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=[_window(length)])
    try:
        data = decoder.decompress(stored, max_length=length)
        excess = b"" if decoder.eof else decoder.decompress(b"", max_length=1)
    except (lzma.LZMAError, EOFError) as error:
        raise SkcFormatError(f"A stream is damaged: {error}") from None
    if len(data) != length or excess or not decoder.eof or decoder.unused_data:
        raise SkcFormatError("A stream does not have the length that it declares.")
    return data


def _window(length: int) -> dict[str, Any]:
    """The filter; its window follows from the length, so that no file can ask for a large one."""
    return {
        "id": _LZMA2,
        "dict_size": min(max(1 << (length - 1).bit_length(), 4096), _MAX_WINDOW),
    }


def _encode(data: bytes, settings: dict[str, int]) -> bytes:
    import lzma

    # Every setting is spelled out: presets may change between releases of LZMA.
    effort = {"mode": lzma.MODE_NORMAL, "mf": lzma.MF_BT4, "nice_len": 64, "depth": 0}
    filters = [{**_window(max(len(data), 1)), **effort, **settings}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)


def _sample(data: bytes) -> bytes:
    """The data, or pieces spread over it if it is long."""
    if len(data) <= _SAMPLE:
        return data
    piece = _SAMPLE // _SAMPLE_PIECES
    stride = (len(data) - piece) // (_SAMPLE_PIECES - 1)
    return b"".join(
        data[start : start + piece] for start in range(0, stride * _SAMPLE_PIECES, stride)
    )


def split_body(
    body: memoryview, entries: Any, start: int, alignment: int
) -> tuple[list[memoryview], list[int]]:
    """Each stream as stored, and its length; `entries` are what the header says of them.

    `body` begins at place `start` of the file. Each stream begins at a multiple of `alignment`,
    after as many zeros as that takes.
    """
    if not isinstance(entries, list):
        raise SkcFormatError("The table of streams must be a list.")
    streams, lengths = [], []
    end = 0
    for entry in entries:
        stored, length = _sizes(entry)
        gap = -(start + end) % alignment
        if any(body[end : end + gap]):
            raise SkcFormatError("The padding before a stream is not zero.")
        end += gap
        streams.append(body[end : end + stored])
        lengths.append(length)
        end += stored
    if end != len(body):
        raise SkcFormatError(
            f"The streams declare {end} bytes, but the file has {len(body)} for them."
        )
    return streams, lengths


def _sizes(entry: Any) -> tuple[int, int]:
    """Bytes of a stream as stored and as it is; a number where it is stored as it is."""
    if _is_size(entry):
        return entry, entry
    if isinstance(entry, list) and len(entry) == 2 and all(map(_is_size, entry)):
        stored, length = entry
        if stored < length:
            return stored, length
    raise SkcFormatError("A stream does not declare its sizes as it must.")


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62
