"""Whole numbers in as few bytes as they take: LEB128, seven bits a byte, the lowest first."""

from __future__ import annotations

from collections.abc import Iterable

from ..exceptions import SkcFormatError

__all__ = ["read_varints", "write_varints"]

_MOST_BYTES = 9


def write_varints(numbers: Iterable[int]) -> bytes:
    """Bytes of numbers that are not negative."""
    out = bytearray()
    for number in numbers:
        rest = int(number)
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def read_varints(data: bytes | memoryview, count: int) -> tuple[list[int], int]:
    """The first `count` numbers, and where they end.

    Raises
    ------
    SkcFormatError
        If the data end before, or a number takes more than nine bytes.
    """
    numbers, place = [], 0
    for _ in range(count):
        number, shift = 0, 0
        while True:
            if place >= len(data) or shift >= 7 * _MOST_BYTES:
                raise SkcFormatError("A whole number in a section is cut off or too long.")
            byte = data[place]
            place += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        numbers.append(number)
    return numbers, place
