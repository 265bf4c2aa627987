"""Version 1 read in plain Python, from docs/format.md alone: no NumPy, nothing of skcompress.

It shows that the specification is sufficient, and that no file depends on this library. It is slow
and trusts the file.
"""

import json
import lzma
import struct
import zlib
from pathlib import Path

DICTIONARY = Path(__file__).parents[2] / "docs" / "format_dictionary.txt"
CODES = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
CODES |= {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d"}


def read(data):
    """The model's JSON, and the bytes of its arrays: {path: (dtype, shape, bytes)}."""
    magic, version, stored, length = struct.unpack_from("<8sBII", data)
    assert magic == bytes.fromhex("89534B430D0A1A0A")
    assert version in (1, 2)
    end = len(data) - {0: 5, 1: 77, 2: 45}[data[-1]]
    assert struct.unpack_from("<I", data, end) == (zlib.crc32(data[:end]),)
    inflate = zlib.decompressobj(-15, zdict=DICTIONARY.read_bytes())
    text = inflate.decompress(data[17 : 17 + stored])
    assert len(text) == length
    header = json.loads(text)
    place, streams = 17 + stored, []
    for entry in header["s"]:
        count = entry[0] if isinstance(entry, list) else entry
        place += -place % header.get("a", 1)
        content = data[place : place + count]
        streams.append(unpack(content, entry[1]) if isinstance(entry, list) else content)
        place += count
    assert place == end
    arrays = Arrays(streams)
    found = dict(arrays.of(header["m"], "model"))
    assert not any(arrays.streams)
    return header["m"], found


def unpack(content, length):
    window = 2**12
    while window < min(length, 2**23):
        window *= 2
    settings = [{"id": lzma.FILTER_LZMA2, "dict_size": window}]
    return lzma.decompress(content, format=lzma.FORMAT_RAW, filters=settings)


class Arrays:
    """Takes arrays from the streams in the order in which they are described."""

    def __init__(self, streams):
        self.streams = list(streams)

    def of(self, value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key:
                    yield from self.of(inner, f"{path}.{key}")
        elif is_array(value):
            yield path, (value[0], value[1], b"".join(self.elements(*value)))
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                yield from self.of(inner, f"{path}.{place}")

    def take(self, stream, count):
        content, self.streams[stream] = (
            self.streams[stream][:count],
            self.streams[stream][count:],
        )
        assert len(content) == count
        return content

    def elements(self, dtype, shape, codec="raw", *arguments):
        """The bytes of each element, little-endian."""
        size = 1
        for count in shape:
            size *= count
        width = 4 * int(dtype[1:]) if dtype[0] == "U" else int(dtype[1:])
        return getattr(self, codec)(dtype, shape, size, width, *(arguments or [0]))

    def raw(self, dtype, shape, size, width, stream):
        content = self.take(stream, size * width)
        return [content[place : place + width] for place in range(0, size * width, width)]

    def planes(self, dtype, shape, size, width, stream):
        content = self.take(stream, size * width)
        return [content[place::size] for place in range(size)]

    def bits(self, dtype, shape, size, width, stream, bits, low):
        content = int.from_bytes(self.take(stream, (size * bits + 7) // 8), "little")
        numbers = [(content >> (bits * place) & (2**bits - 1)) + low for place in range(size)]
        return [struct.pack(f"<{CODES[dtype]}", number) for number in numbers]

    def delta(self, dtype, shape, size, width, steps):
        total, result = 0, []
        for step in self.elements(*steps):
            total = (total + int.from_bytes(step, "little")) % 2 ** (8 * width)
            result.append(total.to_bytes(width, "little"))
        return result

    def table(self, dtype, shape, size, width, table, places):
        values = self.elements(*table)
        return [values[int.from_bytes(place, "little")] for place in self.elements(*places)]

    def columns(self, dtype, shape, size, width, transposed):
        elements = self.elements(*transposed)
        rows, columns = shape
        return [elements[column * rows + row] for row in range(rows) for column in range(columns)]

    def text(self, dtype, shape, size, width, stream, count, lengths):
        text = self.take(stream, count).decode("utf-8", "surrogatepass")
        place, result = 0, []
        for length in self.elements(*lengths):
            end = place + int.from_bytes(length, "little")
            content = text[place:end].encode("utf-32-le", "surrogatepass")
            result.append(content.ljust(width, b"\0"))
            place = end
        return result


def is_array(value):
    return (
        isinstance(value, list)
        and len(value) >= 2
        and isinstance(value[0], str)
        and (value[0] in CODES or (value[0][:1] == "U" and value[0][1:].isdigit()))
        and isinstance(value[1], list)
    )
