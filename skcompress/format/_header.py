"""The header: bounded JSON, deflated against a dictionary that every reader knows."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from ..exceptions import SkcFormatError
from ._dictionary import DICTIONARY

__all__ = ["MAX_DEPTH", "MAX_HEADER", "pack_header", "unpack_header"]

MAX_HEADER = 16 * 2**20
"""Bytes of JSON."""

MAX_DEPTH = 64
"""Brackets and braces open at once."""

_MAX_DIGITS = 20
_RAW_DEFLATE = -15


def pack_header(content: dict[str, Any]) -> tuple[bytes, int]:
    """Deflated JSON, and the length of the JSON."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, zdict=DICTIONARY)
    return deflate.compress(text) + deflate.flush(), len(text)


def unpack_header(stored: bytes | memoryview, length: int) -> dict[str, Any]:
    """The JSON object behind the deflated bytes; `length` was checked by the caller."""
    text = _inflate(stored, length)
    _check_depth(text)
    try:
        content = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_int=_parse_int,
        )
    except SkcFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise SkcFormatError(f"The header is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise SkcFormatError("The header must be a JSON object.")
    return content


def _inflate(stored: bytes | memoryview, length: int) -> bytes:
    inflate = zlib.decompressobj(_RAW_DEFLATE, zdict=DICTIONARY)
    try:
        # One byte of room beyond the end lets the end be seen, or be found missing.
        text = inflate.decompress(stored, length + 1)
    except zlib.error as error:
        raise SkcFormatError(f"The header is damaged: {error}") from None
    if len(text) != length or not inflate.eof or inflate.unused_data:
        raise SkcFormatError("The header does not have the length that it declares.")
    return text


def _check_depth(text: bytes) -> None:
    """Refuse deep nesting before a recursive parser sees it, in linear time."""
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = np.frombuffer(plain, np.uint8)
    in_text = np.cumsum(marks == ord('"'), dtype=np.int32) & 1
    step = np.zeros(256, np.int32)
    step[[ord("["), ord("{")]] = 1
    step[[ord("]"), ord("}")]] = -1
    depth = np.cumsum(step[marks] * (1 - in_text), dtype=np.int32)
    if int(depth.max(initial=0)) > MAX_DEPTH:
        raise SkcFormatError(f"The header nests deeper than {MAX_DEPTH} levels.")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise SkcFormatError("A key occurs twice in an object of the header.")
    return result


def _refuse_constant(name: str) -> Any:
    raise SkcFormatError(f"{name} is not JSON.")


def _parse_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise SkcFormatError("An integer in the header is out of range.")
    return int(digits)
