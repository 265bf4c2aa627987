"""Files whose frame, streams or descriptions of arrays lie."""

import json

import numpy as np
from craft import Array, linear, model, numbers, pack, store, write, zeros


def containers():
    """Lengths that lie, in both directions, and what JSON must not hold."""
    sound = write(model(linear()))
    header = b'{"m":{},"s":[0]}'
    stored = store(header)
    yield "empty", b"", "does not begin"
    yield "pickle", b"\x80\4\x95\x0b\0\0\0\0\0\0\0\x8c\7builtins.", "does not begin"
    yield "magic-alone", sound[:8], "cut off"
    yield "line-ends-translated", sound.replace(b"\r\n", b"\n"), "transfer"
    yield "high-bits-stripped", b"\x09" + sound[1:], "transfer"
    yield "version-of-the-future", pack(header, version=250), "version 250.*Update"
    yield "version-zero", pack(header, version=0), "version 0"
    yield "trailer-of-unknown-kind", pack(header, trailer=7), "trailer is of kind 7"
    yield "checksum-wrong", sound[:-5] + b"\0\0\0\0\0", "checksum"
    yield "bytes-after-the-trailer", sound + b"\0", "checksum|trailer"
    yield "header-longer-than-the-file", pack(header, stored_length=2**32 - 1), "beyond the end"
    yield "header-shorter-than-stored", pack(header, stored_length=len(stored) - 1), "length"
    yield "header-longer-than-stored", pack(header, b"\0", stored_length=len(stored) + 1), "length"
    yield "json-longer-than-declared", pack(header, length=len(header) - 1), "length"
    yield "json-shorter-than-declared", pack(header, length=len(header) + 1), "length"
    yield "json-of-four-gigabytes", pack(header, length=2**32 - 1), "declares"
    yield "header-is-not-deflate", pack(header, stored=b"\xff" * 9), "damaged"
    yield "header-is-empty", pack(b""), "not JSON"

    def raw(text):
        return pack(text.encode("latin-1"))

    yield "json-is-a-list", raw("[]"), "JSON object"
    yield "json-is-cut-off", raw('{"m":{}'), "not JSON"
    yield "json-is-not-utf-8", raw("\xff"), "not JSON"
    yield "json-goes-on", raw('{"m":{},"s":[0]}{}'), "not JSON"
    yield "json-lacks-keys", raw("{}"), "keys"
    yield "json-has-another-key", raw('{"m":{},"s":[0],"x":1}'), "keys"
    yield "json-key-twice", raw('{"m":{},"s":[0],"s":[0]}'), "twice"
    yield "json-key-twice-inside", raw('{"m":{"family":"a","family":"b"},"s":[0]}'), "twice"
    yield "json-key-twice-by-escape", raw('{"m":{},"\\u006d":{},"s":[0]}'), "twice"
    yield "json-nan", raw('{"m":NaN,"s":[0]}'), "not JSON"
    yield "json-infinity", raw('{"m":-Infinity,"s":[0]}'), "not JSON"
    yield (
        "json-number-beyond-float64",
        raw('{"m":{"family":1e999},"s":[0]}'),
        "out of range|lacks|wrong",
    )
    yield "json-integer-of-5000-digits", raw('{"m":' + "9" * 5000 + ',"s":[0]}'), "out of range"
    yield "json-lists-deep", raw("[" * 60_000), "deeper"
    yield "json-objects-deep", raw('{"a":' * 12_000), "deeper"
    yield "json-depth-behind-escapes", raw('{"\\\\":' * 70 + "1" + "}" * 70), "deeper"
    yield "model-is-null", raw('{"m":null,"s":[0]}'), "wrong kind"
    yield "model-is-a-chain", raw('{"m":{"":"chain"},"s":[0]}'), "not known here"
    yield "tag-is-a-list", raw('{"m":{"":["model"]},"s":[0]}'), "not known here"


def streams():
    """Streams that lie about their sizes, overlap, or are used twice."""
    sound = model(linear())
    for name, table in {
        "object": {},
        "negative": [-1],
        "beyond-64-bits": [2**63],
        "boolean": [True],
        "fraction": [1.5],
        "compressed-not-smaller": [[5, 5]],
        "compressed-larger": [[9, 5]],
        "three-sizes": [[1, 2, 3]],
        "none": [],
    }.items():
        error = "must be a list" if name == "object" else "sizes|declare"
        yield f"table-{name}", write(sound, streams=table), error
    yield "longer-than-the-file", write(sound, streams=[25]), "streams declare"
    yield "shorter-than-the-file", write(sound, streams=[23]), "streams declare"
    yield "of-no-array", write(sound, streams=[24, 1], more=b"\0"), "exactly the bytes"
    yield "not-taken-whole", write(sound, more=b"\0"), "exactly the bytes"
    twice = linear(coef=Array(["f8", [1, 2], "raw", 0]), intercept=numbers(0))
    yield "taken-twice", write(model(twice)), "exactly the bytes"
    beyond = linear(coef=Array(["f8", [1, 2], "raw", 1], bytes(16)))
    yield "that-does-not-exist", write(model(beyond)), "no stream"
    yield "lzma-of-nothing", write(sound, streams=[[24, 2**20]]), "exactly the bytes"
    garbage = linear(coef=zeros("u1", 1, 2), intercept=Array(["f8", [512], "raw", 0]))
    garbled = write(model(garbage), streams=[[9, 4096]], more=b"\x01\xff\xff" + b"x" * 6)
    yield "lzma-garbage", garbled, "damaged|length"
    mapped = json.dumps({"a": 64, "m": {}, "s": [8]}).encode()
    yield "mapped-padding-is-not-zero", pack(mapped, b"\1" * 80), "padding|declare"
    yield "mapped-alignment-of-one", pack(mapped.replace(b"64", b"1")), "aligned"
    yield "mapped-stream-compressed", pack(mapped.replace(b"[8]", b"[[1, 8]]")), "as they are"


def arrays():
    """Descriptions of arrays that cannot be."""
    for name, description, error in [
        ("not-described", [], "described"),
        ("object-dtype", ["O", [1, 2]], "dtype"),
        ("big-endian", [">f8", [1, 2]], "dtype"),
        ("void-dtype", ["V16", [1]], "dtype"),
        ("dtype-is-a-number", [8, [1]], "dtype"),
        ("dtype-of-too-long-texts", ["U9999999999", [0]], "dtype"),
        ("shape-negative", ["f8", [-1, 2]], "shape"),
        ("shape-boolean", ["f8", [True, 2]], "shape"),
        ("shape-fraction", ["f8", [1, 2.0]], "shape"),
        ("shape-of-nine-dimensions", ["f8", [1] * 9], "shape"),
        ("shape-beyond-48-bits", ["f8", [2**48, 0]], "shape"),
        ("shape-product-overflows", ["u1", [2**47] * 8, "bits", 0, 0, 0], "bytes of memory"),
        ("shape-product-wraps-to-zero", ["f8", [2**32, 2**32], "bits", 0, 0, 0], "whole numbers"),
        ("shape-zero-times-huge", ["f8", [0, *[2**47] * 7]], "bytes of memory"),
        ("codec-unknown", ["f8", [1, 2], "pickle", 0], "codec"),
        ("codec-is-a-list", ["f8", [1, 2], ["raw"], 0], "codec"),
        ("codec-lacks-arguments", ["f8", [1, 2], "raw"], "arguments"),
        ("codec-has-more-arguments", ["u2", [2], "planes", 0, 0], "arguments"),
        ("bits-of-floats", ["f8", [1, 2], "bits", 0, 4, 0], "whole numbers"),
        ("bits-of-33", ["u8", [2], "bits", 0, 33, 0], r"in \[0, 32\]"),
        ("bits-below-the-dtype", ["i1", [2], "bits", 0, 4, -129], "lowest value"),
        ("delta-of-another-size", ["f8", [2], "delta", ["u8", [3]]], "differences"),
        ("delta-of-another-dtype", ["f8", [2], "delta", ["u4", [2]]], "differences"),
        ("table-of-another-dtype", ["f8", [2], "table", ["f4", [2]], ["u1", [2]]], "table"),
        ("table-by-signed-indices", ["f8", [2], "table", ["f8", [2]], ["i1", [2]]], "indices"),
        ("table-of-another-shape", ["f8", [2], "table", ["f8", [2]], ["u1", [3]]], "indices"),
        ("columns-of-a-vector", ["f8", [2], "columns", ["f8", [2]]], "transposed"),
        ("text-stored-raw", ["U1", [1]], "raw"),
        (
            "numbers-stored-as-text",
            ["f8", [1, 2], "text", 0, 4, ["u1", [2]]],
            "Only text|only text",
        ),
        ("encoded-by-itself", {"codes": ["u1", [1]]}, "tell its kind"),
        ("encoded-as-labels", {"": "labels", "values": ["u1", [1]]}, "not known here"),
    ]:
        yield name, write(model(linear(coef=Array(description)))), error

    for name, description, data, error in [
        ("boolean-is-two", ["b1", [1]], b"\2", "boolean"),
        ("bits-boolean-is-two", ["b1", [1], "bits", 0, 2, 0], b"\2", "out of range"),
        ("bits-overflow", ["u1", [1], "bits", 0, 8, 1], b"\xff", "out of range"),
        ("bits-padding", ["u1", [1], "bits", 0, 1, 0], b"\2", "padding"),
        (
            "table-index",
            ["f8", [1], "table", ["f8", [1]], ["u1", [1]]],
            b"\0" * 8 + b"\1",
            "exceeds",
        ),
        ("table-empty", ["f8", [1], "table", ["f8", [0]], ["u1", [1]]], b"\0", "exceeds"),
        ("text-not-utf-8", ["U1", [1], "text", 0, 1, ["u1", [1]]], b"\xff\1", "UTF-8"),
        ("text-too-long", ["U1", [1], "text", 0, 2, ["u1", [1]]], b"ab\2", "longer"),
        ("text-lengths-short", ["U2", [1], "text", 0, 2, ["u1", [1]]], b"ab\1", "add up"),
        ("text-lengths-long", ["U2", [1], "text", 0, 1, ["u1", [1]]], b"a\2", "add up"),
        ("text-count-of-lengths", ["U2", [1], "text", 0, 1, ["u1", [2]]], b"a\1\1", "lengths"),
        ("nan", ["f8", [1]], np.array([np.nan]).tobytes(), "finite"),
        ("infinity", ["f4", [1]], np.array([np.inf], "f4").tobytes(), "finite"),
    ]:
        yield f"bytes-{name}", write(model(linear(intercept=Array(description, data)))), error

    nested = ["u1", [1, 2], "bits", 0, 0, 0]
    for _ in range(40):
        nested = ["u1", [1, 2], "table", ["u1", [1], "bits", 0, 0, 0], nested]
    yield "codecs-nested", write(model(linear(coef=Array(nested)))), None
    for _ in range(40):
        nested = ["u1", [1, 2], "table", ["u1", [1], "bits", 0, 0, 0], nested]
    yield "codecs-nested-deeper", write(model(linear(coef=Array(nested)))), "deeper"
