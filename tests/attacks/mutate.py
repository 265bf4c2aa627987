"""Real files, changed at random in places that matter.

A file is taken apart into its JSON and the bytes that every array takes, so that a changed file
can be put together with lengths and a checksum that are right again: what is wrong is one thing,
behind all the checks that would have refused the file for another reason.
"""

import copy
import json
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from craft import deflate, pack

from skcompress.exceptions import SkcFormatError
from skcompress.format._arrays import _dtype, _shape
from skcompress.format._codecs import CODECS, Spec
from skcompress.format._dictionary import DICTIONARY
from skcompress.format._packs import KEY, PACKS
from skcompress.format._streams import decompress
from skcompress.ir import TAGS

GOLDEN = sorted((Path(__file__).parent.parent / "format" / "golden").glob("*/*.skc"))

_HEAD = struct.Struct("<8sBII")

WHOLE = (0, 1, 2, 3, 7, 8, 31, 64, 255, 256, 65535, 2**16, 2**31 - 1, 2**31, 2**40, 2**63 - 1, -1)
REAL = (0.0, -0.0, 0.5, -1.0, 1e-320, 1e30, 1e308, -1e308)
NOT_FINITE = ({"f": "nan"}, {"f": "inf"}, {"f": "-inf"})
DTYPES = ("b1", "u1", "u2", "u4", "u8", "i1", "i4", "i8", "f2", "f4", "f8", "U1", "U3", "U0")
WORDS = (
    "", "f", "x", "rbf", "poly", "softmax", "exp", "distance", "ovr", "shares", "char", "max",
    "any", "allow-nan", "l2", r"\S+",
)  # fmt: skip


@dataclass
class Parts:
    """A file taken apart: `tree` holds `Pieces` where an array stands.

    The common section, where there is one, stays whole.
    """

    tree: dict
    n_streams: int
    version: int = 2
    extra: dict = field(default_factory=dict)
    common: bytes | None = None


@dataclass(frozen=True)
class Pieces:
    """An array or pack as described, and the bytes that it takes: pairs of stream and bytes."""

    description: list
    data: list


class _Cutter:
    """What a codec asks of a reader; notes which bytes it takes."""

    views = False

    def __init__(self, streams=None):
        self.streams = streams
        self.taken = []
        self.known = []
        self.has_common = False

    def common(self, take):
        self.has_common = True
        return bytes

    def bytes(self, stream, length):
        if self.streams is None:
            self.taken.append((stream, length))
        else:
            self.taken.append((stream, bytes(self.streams[stream][:length])))
            self.streams[stream] = self.streams[stream][length:]
        return bytes

    def array(self, description):
        if not isinstance(description, list) or len(description) < 2:
            raise SkcFormatError("not an array")
        spec = Spec(_dtype(description[0]), _shape(description[1]))
        name, *arguments = description[2:] or ["raw", 0]
        if not isinstance(name, str) or name not in CODECS:
            raise SkcFormatError("no codec")
        make = CODECS[name].read(spec, arguments, self)
        whole = CODECS[name].inner == () and name != "same"
        self.known.append((spec, make) if whole else None)
        return spec, make

    def earlier(self, place):
        if type(place) is not int or not 0 <= place < len(self.known) or not self.known[place]:
            raise SkcFormatError("no such array")
        return self.known[place]

    def charge(self, count):
        pass

    def prove(self, size, kind):
        pass


def take_apart(data):
    """The parts of a sound file."""
    _, version, stored, _ = _HEAD.unpack_from(data)
    inflate = zlib.decompressobj(-15, zdict=DICTIONARY)
    header = json.loads(inflate.decompress(data[_HEAD.size : _HEAD.size + stored]))
    place, streams = _HEAD.size + stored, []
    for entry in header["s"]:
        size, length = entry if isinstance(entry, list) else (entry, entry)
        place += -place % header.get("a", 1)
        streams.append(decompress(data[place : place + size], length))
        place += size
    extra = {key: header[key] for key in header if key not in "ms"}
    cutter = _Cutter(list(streams))
    tree = _cut(header["m"], cutter)
    common = streams.pop() if cutter.has_common else None
    return Parts(tree, len(streams), version, extra, common)


def _cut(value, cutter):
    if isinstance(value, dict):
        return {
            key: _cut_pack(value[key], cutter) if key == KEY else _cut(value[key], cutter)
            for key in sorted(value)
        }
    if _is_array(value):
        cutter.taken = []
        cutter.array(value)
        return Pieces(value, cutter.taken)
    if isinstance(value, list):
        return [_cut(item, cutter) for item in value]
    return value


def _cut_pack(value, cutter):
    cutter.taken = []
    PACKS[value[0]].read(value[1:], cutter)
    return Pieces(value, cutter.taken)


def _is_array(value):
    return (
        isinstance(value, list)
        and len(value) >= 2
        and isinstance(value[0], str)
        and isinstance(value[1], list)
        and all(type(size) is int for size in value[1])
    )


_ALIGNMENTS = range(1, 4097)
"""With what else a header may ask for, nothing can be put together."""


def put_together(parts):
    """A file whose lengths and checksum are right."""
    streams = [bytearray() for _ in range(parts.n_streams)]
    tree = _place(parts.tree, streams)
    streams += [] if parts.common is None else [parts.common]
    header = {"m": tree, "s": [len(stream) for stream in streams], **parts.extra}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    stored = deflate(text)
    told = parts.extra.get("a", 1)
    alignment = told if type(told) is int and told in _ALIGNMENTS else 1
    body = bytearray()
    start = _HEAD.size + len(stored)
    for stream in streams:
        body += bytes(-(start + len(body)) % alignment) + stream
    return pack(text, bytes(body), stored=stored, version=parts.version)


def _place(value, streams):
    if isinstance(value, dict):
        return {key: _place(value[key], streams) for key in sorted(value)}
    if isinstance(value, list):
        return [_place(item, streams) for item in value]
    if isinstance(value, Pieces):
        for stream, data in value.data:
            if type(stream) is int and 0 <= stream < len(streams):
                streams[stream] += data
        return value.description
    return value


def seal(data):
    """The same file with a checksum that is right."""
    return data[:-5] + struct.pack("<IB", zlib.crc32(data[:-5]), 0)


def mutate(data, rng, others=()):
    """A changed file: `rng` is a `random.Random`, `others` are files to take parts from."""
    if rng.random() < 0.05:
        return seal(_change_bytes(data, rng))
    parts = _parts_or_none(data)
    if parts is None:
        return seal(_change_bytes(data, rng))
    parts.tree.pop("params", None)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if parts.common and rng.random() < 0.3:
            parts.common = _change_bytes(parts.common, rng)
        else:
            _change(parts, rng, others)
    return put_together(parts)


def _parts_or_none(data):
    try:
        parts = take_apart(data)
    except Exception:  # noqa: BLE001 - whatever it is, it is no file that can be taken apart
        return None
    return parts if isinstance(parts.tree, dict) else None


def _change(parts, rng, others):
    places = list(_places(parts.tree))
    if not places:
        return
    weights = [_weight(holder[key]) for holder, key in places]
    ((holder, key),) = rng.choices(places, weights)
    value = holder[key]
    if isinstance(value, Pieces):
        holder[key] = _changed_array(value, rng)
    elif others and rng.random() < 0.1:
        donor = _parts_or_none(rng.choice(others))
        grafts = [h[k] for h, k in _places(donor.tree) if k == key] if donor else []
        if grafts:
            parts.n_streams = max(parts.n_streams, donor.n_streams)
            holder[key] = rng.choice(grafts)
    elif isinstance(holder, dict) and rng.random() < 0.05:
        del holder[key]
    elif isinstance(holder, list) and rng.random() < 0.3:
        holder.insert(key, copy.deepcopy(value))
    else:
        holder[key] = _changed_value(value, rng)


def _weight(value):
    """How often a value is changed: most of what can go wrong is in arrays."""
    if isinstance(value, Pieces):
        return 6
    return 1 if isinstance(value, (dict, list)) else 3


def _places(value):
    """Every holder and key below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def _changed_value(value, rng):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int) and rng.random() < 0.95:
        return rng.choice((value + 1, value - 1, 2 * value, -value, *WHOLE))
    if isinstance(value, float) and rng.random() < 0.95:
        return rng.choice((2 * value, -value, *REAL, *NOT_FINITE))
    if isinstance(value, str) and rng.random() < 0.95:
        return rng.choice((*WORDS, *TAGS, value + "a"))
    if isinstance(value, dict) and "" in value and rng.random() < 0.95:
        return {**value, "": rng.choice(tuple(TAGS))}
    return rng.choice((None, True, {}, [], *WHOLE, *REAL, *NOT_FINITE, *WORDS))


def _changed_array(array, rng):
    """Other bytes, or another description with as many bytes as it asks for."""
    if rng.random() < 0.5 and any(data for _, data in array.data):
        which = rng.choice([n for n, (_, data) in enumerate(array.data) if data])
        pieces = list(array.data)
        stream, data = pieces[which]
        changed = _change_bytes(data, rng)
        if rng.random() < 0.9:
            changed = changed[: len(data)].ljust(len(data), b"\0")
        pieces[which] = stream, changed
        return Pieces(array.description, pieces)
    description = copy.deepcopy(array.description)
    _change_description(description, rng)
    return _fitted(description, array.data, rng)


def _change_description(description, rng):
    if rng.random() < 0.15 and _is_array(description):
        # Nothing but zeros, which take no byte.
        description[0] = rng.choice(DTYPES[:9])
        description[2:] = ["bits", 0, 0, 0]
        return
    holder, key = rng.choice(list(_places(description)))
    value = holder[key]
    if isinstance(value, str):
        holder[key] = rng.choice((*DTYPES, *CODECS))
    elif isinstance(value, int):
        holder[key] = _changed_value(value, rng)
    elif isinstance(value, list) and value and rng.random() < 0.5:
        value[rng.randrange(len(value))] = rng.choice(WHOLE)
    elif isinstance(value, list):
        value.append(rng.choice(WHOLE))


def _fitted(description, pieces, rng):
    cutter = _Cutter()
    try:
        if description and description[0] in PACKS:
            PACKS[description[0]].read(description[1:], cutter)
        else:
            cutter.array(description)
    except (SkcFormatError, ArithmeticError, TypeError):
        return Pieces(description, pieces)
    fitted = []
    for place, (stream, length) in enumerate(cutter.taken):
        data = pieces[place][1] if place < len(pieces) else b""
        if length > 2**16:
            return Pieces(description, pieces)
        fill = bytes(rng.randrange(256) for _ in range(min(max(length - len(data), 0), 64)))
        fitted.append((stream, (data + fill)[:length].ljust(length, b"\0")))
    return Pieces(description, fitted)


def _change_bytes(data, rng):
    """Bits turned over, bytes set, put in, taken out or repeated."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(data) + 1)
        size = min(rng.choice((1, 1, 2, 4, 8)), len(data) - place)
        match rng.randrange(6):
            case 0 if size:
                data[place] ^= 1 << rng.randrange(8)
            case 1 if size:
                data[place : place + size] = bytes([rng.choice((0, 1, 127, 128, 255))]) * size
            case 2:
                data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
            case 3:
                del data[place : place + size]
            case 4:
                data[place:place] = data[place : place + size]
            case 5 if size == 8:
                odd = rng.choice((np.nan, np.inf, -0.0, 1e308, 5e-324))
                data[place : place + 8] = struct.pack("<d", odd)
    return bytes(data)
