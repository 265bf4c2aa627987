"""Streams come back as they were, or are refused."""

import lzma

import pytest

from skcompress.exceptions import SkcFormatError
from skcompress.format._streams import compress, decompress


def pack(data):
    settings = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=settings)


@pytest.mark.parametrize("data", [b"", b"x", bytes(5000), bytes(range(256)) * 40])
def test_what_is_compressed_comes_back(data):
    stored = compress(data)
    assert len(stored) <= len(data)
    assert decompress(stored, len(data)) == data


@pytest.mark.parametrize("length", [1999, 2000, 2002, 5000])
def test_another_length_than_is_declared(length):
    with pytest.raises(SkcFormatError, match="length"):
        decompress(pack(bytes(length)), 2001)


def test_something_after_the_end():
    with pytest.raises(SkcFormatError, match="length"):
        decompress(pack(bytes(2001)) + b"\0", 2001)


def test_an_end_that_is_missing():
    with pytest.raises(SkcFormatError, match="length"):
        decompress(pack(bytes(2001))[:-1], 2001)


def test_damage():
    stream = pack(bytes(2001))
    with pytest.raises(SkcFormatError, match=r"damaged|length"):
        decompress(stream[:4] + bytes(len(stream) - 4), 2001)
