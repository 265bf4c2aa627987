"""Entropy-coded arrays, and those made of others: heads, places and shapes that lie."""

import numpy as np
from craft import Array, linear, model, write

from skcompress.format._varint import write_varints

STATE = (2**32).to_bytes(8, "little")
"""Of a lane that has nothing to tell."""

# Lanes, zeros, rotated, rows, models; then the model: low, low, kind, size, step, parents, cuts
HEAD = (1, 0, 0, 1, 1)
ROW = (0, 0, 0, 1, 1, 0, 0)


def codecs():
    """Name, file and error of each attack."""
    for name, head, error in [
        ("sound", (*HEAD, *ROW), None),
        ("lanes-none", (0, *HEAD[1:], *ROW), "too short"),
        ("lanes-beyond-the-payload", (2, *HEAD[1:], *ROW), "too short"),
        ("zeros", (1, 1, *HEAD[2:], *ROW), "do not fit"),
        ("rotated", (1, 0, 2, 1, 1, *ROW), "do not fit"),
        ("rows-none", (1, 0, 0, 0, 1, *ROW), "rows do not fit"),
        ("rows-that-do-not-divide", (1, 0, 0, 3, 1, *ROW), "rows do not fit"),
        ("rows-more-than-elements", (1, 0, 0, 2**40, 1, *ROW), "rows do not fit"),
        ("models-none", (1, 0, 0, 2, 0), "rows do not fit"),
        ("models-of-some-rows", (1, 0, 0, 2, 3, *ROW, *ROW, *ROW), "rows do not fit"),
        ("low-huge", (*HEAD, 2**32, *ROW[1:]), "impossible"),
        ("bits-of-65", (*HEAD, 0, 0, 2 * 65, *ROW[3:]), "impossible"),
        ("bits-of-17-logarithmic", (*HEAD, 0, 0, 2 * 17 + 1, *ROW[3:]), "impossible"),
        ("size-none", (*HEAD, 0, 0, 0, 0, 1, 0, 0), "impossible"),
        ("size-huge", (*HEAD, 0, 0, 0, 8193, 1, 0, 0), "impossible"),
        ("size-beyond-all-numbers", (*HEAD, 0, 0, 2 * 64, 2, 1, 0, 0), "impossible"),
        ("step-none", (*HEAD, 0, 0, 0, 1, 0, 0, 0), "impossible"),
        ("step-huge", (*HEAD, 0, 0, 0, 1, 65, 0, 0), "impossible"),
        ("parents-five", (*HEAD, *ROW[:5], 5, 1, 1, 1, 1, 1, 0), "four parents"),
        ("parent-is-itself", (*HEAD, *ROW[:5], 1, 0, 0), "impossible"),
        ("parent-far-above", (*HEAD, *ROW[:5], 1, 2**40, 0), None),
        ("cuts-many", (*HEAD, *ROW[:6], 256, *[1] * 256), "too many classes"),
        ("cut-at-the-end", (*HEAD, 0, 0, 0, 2, 1, 0, 1, 2), "impossible"),
        ("cut-at-the-beginning", (*HEAD, 0, 0, 0, 2, 1, 0, 1, 0), "impossible"),
        ("head-cut-off", HEAD[:3], "rows do not fit"),
    ]:
        yield f"counts-{name}", counts(head), error
    sound = (*HEAD, *ROW)
    yield "counts-of-counts-more", counts(sound, n_counts=3), "number of counts"
    yield "counts-of-counts-huge", counts(sound, n_counts=2**23), "number of counts"
    yield "counts-of-counts-none", counts(sound, n_counts=0), "number of counts"
    yield "counts-length-short", counts(sound, length=5), "exactly the bytes"
    yield "counts-length-huge", counts(sound, length=2**40), "exactly the bytes"
    yield "counts-payload-goes-on", counts(sound, payload=STATE + bytes(4)), "end where it should"
    yield "counts-state-of-ones", counts(sound, payload=b"\xff" * 8), "end where it should"
    yield "counts-numbers-beyond-the-dtype", counts((*HEAD, 0, 256, *ROW[2:])), "out of range"
    yield "counts-of-text", counts(sound, dtype="U1"), "Only numbers"
    bits = (*HEAD, 0, 0, 0, 2, 1, 0, 0)
    yield "counts-words-missing", counts(bits, payload=bytes(8), n_counts=3), "too early"
    many = (1, 0, 0, 8192, 1, *ROW)
    yield "counts-of-many-rows", counts(many, shape=[8192, 2]), "rows do not fit"
    rows = (1, 0, 0, 4096, 1, *ROW)
    yield "counts-of-4096-rows", counts(rows, shape=[4096, 2]), "does not fit|head takes"

    table, codes = ["f8", [1], "raw", 0], ["u1", [1, 2], "bits", 0, 0, 0]
    rest = ["f8", [0], "raw", 0]
    for name, arguments, data, error in [
        ("escape-sound", ["escape", table, codes, rest], bytes(8), None),
        (
            "escape-rest-missing",
            ["escape", table, ["u1", [1, 2]], rest],
            bytes(8) + b"\1\1",
            "places",
        ),
        (
            "escape-place-beyond",
            ["escape", table, ["u1", [1, 2]], rest],
            bytes(8) + b"\0\3",
            "places",
        ),
        ("escape-rest-too-long", ["escape", table, codes, ["f8", [1]]], bytes(16), "places"),
        (
            "escape-table-large",
            ["escape", ["f8", [255]], codes, rest],
            bytes(255 * 8),
            "do not fit",
        ),
        ("escape-of-other-floats", ["escape", ["f4", [1]], codes, rest], bytes(4), "do not fit"),
        ("escape-of-itself", ["escape", table, codes], bytes(8), "arguments"),
        ("rising-of-another-size", ["rising", ["u4", [2, 1]]], bytes(8), "do not fit"),
        ("rising-of-another-shape", ["rising", ["u8", [1, 2]]], bytes(16), "do not fit"),
        ("rising-to-nan", ["rising", ["u8", [2, 1]]], b"\xff" * 16, "finite"),
        ("same-as-itself", ["same", 0], b"", "no array 0"),
        ("same-as-a-later-one", ["same", 1], b"", "no array 1"),
        ("same-as-none", ["same", -1], b"", "no array"),
        ("same-as-true", ["same", True], b"", "no array"),
    ]:
        coef = Array(["f8", [1, 2], *arguments], data)
        yield name, write(model(linear(coef=coef))), error
    later = linear(intercept=Array(["f8", [1], "same", 0]))
    yield "same-as-one-of-another-shape", write(model(later)), "differs"
    part = linear(
        coef=Array(["f8", [1, 2], "columns", ["f8", [2, 1]]], bytes(16)),
        intercept=Array(["f8", [1], "same", 1]),
    )
    yield "same-as-one-of-parts", write(model(part)), "no array"

    digits, kept = ["i1", [2], "bits", 0, 0, 0], ["u1", [2, 1], "bits", 0, 0, 1]
    for name, arguments, data, error in [
        ("sound", [digits, kept, 0, 0, 0, 0, 0], b"", None),
        ("by-zero", [digits, kept, 0, 0, ["f8", [2]], 0, 0], bytes(16), "finite"),
        ("digits-impossible", [["i1", [2]], kept, 0, 0, 0, 0, 0], b"\x20\x10", "digits"),
        ("digits-of-the-rest", [["i1", [2]], kept, 0, 0, 0, 0, 0], b"\x7f\x7f", "digits"),
        ("rest-of-another-shape", [digits, kept, ["f8", [2]], 0, 0, 0, 0], bytes(16), "do not fit"),
        ("steps-short", [digits, kept, 0, ["f8", [1]], 0, 0, 0], bytes(8), "do not fit"),
        ("steps-missing", [digits, kept, 0], b"", "arguments"),
        ("numbers-of-floats", [digits, ["f8", [2, 1]], 0, 0, 0, 0, 0], bytes(16), "do not fit"),
    ]:
        coef = Array(["f8", [1, 2], "scaled", *arguments], data)
        yield f"scaled-{name}", write(model(linear(coef=coef))), error
    n = 10**5
    columns = [["i1", [n], "bits", 0, 0, 0], ["u1", [n, 0], "bits", 0, 0, 0], 0, 0, 0, 0, 0]
    coef = Array(["f8", [0, n], "scaled", *columns])
    yield "scaled-of-many-columns", write(model(linear(coef=coef))), "bytes of memory"


def counts(head, *, payload=STATE, dtype="u1", shape=(1, 2), length=None, n_counts=2):
    """A file with an array in the codec `counts`."""
    data = write_varints(head) + payload
    length = len(data) if length is None else length
    description = [dtype, list(shape), "counts", 0, length, n_counts]
    rows = shape[0]
    return write(model(linear(coef=Array(description, data), intercept=np.zeros(rows))))
