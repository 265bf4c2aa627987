"""The end of a file: its checksum, and its signature if it has one. See ``docs/format.md``."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from ..exceptions import SignatureError, SkcFormatError

if TYPE_CHECKING:
    from ._keys import SigningKey, TrustedKey

__all__ = [
    "CHECKSUM_ONLY",
    "KEY_ID_BYTES",
    "TRAILER_BYTES",
    "body_end",
    "check_signature",
    "seal",
    "sign",
]

CHECKSUM_ONLY = 0
"""The kind of trailer that has no signature."""

_SIGNATURE_BYTES = {1: 64, 2: 32}
"""Of Ed25519 and HMAC-SHA256."""

_CHECKSUM = struct.Struct("<I")
KEY_ID_BYTES = 8

TRAILER_BYTES = {
    CHECKSUM_ONLY: _CHECKSUM.size + 1,
    **{kind: _CHECKSUM.size + KEY_ID_BYTES + size + 1 for kind, size in _SIGNATURE_BYTES.items()},
}
"""Kind, the last byte of a file -> bytes of its trailer."""

# No other use of a key signs what begins like this, should somebody use one key for two things.
_CONTEXT = b"skcompress file signature"


def seal(body: bytes) -> bytes:
    """The body and a trailer without signature."""
    return body + _checksum(body, len(body)) + bytes([CHECKSUM_ONLY])


def sign(sealed: bytes, key: SigningKey) -> bytes:
    """A file without signature, signed."""
    signed = sealed[:-1] + key.key_id
    return signed + key.sign(_message(key.kind, signed, len(signed))) + bytes([key.kind])


def body_end(data: bytes | memoryview) -> int:
    """Where the trailer begins, once the checksum is right."""
    size = TRAILER_BYTES.get(data[-1])
    if size is None:
        raise SkcFormatError(f"The file is cut off or damaged: its trailer is of kind {data[-1]}.")
    end = len(data) - size
    if end < 0 or data[end : end + _CHECKSUM.size] != _checksum(data, end):
        raise SkcFormatError("The file is damaged: its checksum does not match.")
    return end


def check_signature(data: bytes | memoryview, keys: tuple[TrustedKey, ...]) -> TrustedKey:
    """The one of the keys that signed the file; nothing but the trailer is looked at."""
    kind = data[-1] if len(data) else CHECKSUM_ONLY
    if kind == CHECKSUM_ONLY:
        raise SignatureError("The file is not signed, so that none of trusted_keys vouches for it.")
    if kind not in _SIGNATURE_BYTES or len(data) < TRAILER_BYTES[kind]:
        raise SignatureError(
            "The file does not end in a signature that is known here: it is cut off, damaged, or "
            "written by a newer version."
        )
    end = len(data) - 1 - _SIGNATURE_BYTES[kind]
    key_id = bytes(data[end - KEY_ID_BYTES : end])
    key = next((key for key in keys if (key.kind, key.key_id) == (kind, key_id)), None)
    if key is None:
        raise SignatureError(
            f"The file says that it is signed with the key {key_id.hex()}, which is not among "
            f"trusted_keys: {', '.join(key.key_id.hex() for key in keys)}."
        )
    try:
        key.verify(bytes(data[end:-1]), _message(kind, data, end))
    except SignatureError:
        raise SignatureError(
            f"The file was changed since it was signed with the key {key_id.hex()}, or never was."
        ) from None
    return key


def _checksum(data: bytes | memoryview, end: int) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(memoryview(data)[:end]))


def _message(kind: int, data: bytes | memoryview, end: int) -> bytes:
    """What is signed: as short for a large file, and the kind cannot be taken for another."""
    # A process that checks no signatures does not wait for this import.
    import hashlib

    return _CONTEXT + bytes([kind]) + hashlib.sha512(memoryview(data)[:end]).digest()
