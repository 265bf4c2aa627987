"""Common sections that lie: the library's own files with another table, section or description."""

import json

import numpy as np
from craft import deflate, model, pack

from skcompress.format._arrays import ArrayWriter
from skcompress.format._choose import Way, choose
from skcompress.format._varint import read_varints, write_varints


def commons():
    """Name, file and error of each attack."""
    rng = np.random.default_rng(0)
    coef = rng.integers(0, 5, (1, 400)).astype(float)
    way = Way(shares=True)
    writer = ArrayWriter(way=way)
    told = writer.place(choose(coef, ["counts"], way=way))
    _, (_, section) = writer.finish()
    assert told[2:] == ["counts"]

    def of(section=section, streams=None, body=None, coef=told, more=None):
        predictor = {"": "linear", "coef": coef, "intercept": more or ["u1", [1], "bits", 0, 0, 0]}
        tree = model(predictor, input={"n_features": 400})
        header = {"m": tree, "s": [0, len(section)] if streams is None else streams}
        text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        stored = deflate(text)
        return pack(text, section if body is None else body, stored=stored, version=4)

    yield "sound", of(), None
    (n_counts, n_lanes), end = read_varints(section, 2)
    payload = section[end:]

    def changed(n_counts=n_counts, n_lanes=n_lanes, payload=payload):
        return of(write_varints([n_counts, n_lanes]) + payload)

    yield "empty", of(b""), "cut off"
    yield "no-streams", of(streams=[], body=b""), "no common section"
    yield "compressed", of(streams=[0, [len(section), 10**6]]), "no common section"
    yield "head-cut-off", of(section[:1]), "cut off"
    yield "payload-cut-off", changed(payload=payload[:-4]), "too early"
    yield "payload-missing", changed(payload=b""), "too short"
    yield "payload-goes-on", changed(payload=payload + bytes(4)), "end where it should"
    yield "payload-of-ones", changed(payload=b"\xff" * len(payload)), "impossible|fit|counts|range"
    yield "payload-of-zeros", changed(payload=bytes(len(payload))), "impossible|fit|counts|where"
    yield "counts-fewer", changed(n_counts=n_counts - 1), "more counts"
    yield "counts-more", changed(n_counts=n_counts + 1), "fewer counts"
    yield "counts-of-gigabytes", changed(n_counts=2**40), "too many counts"
    yield "lanes-none", changed(n_lanes=0), "too short"
    yield "lanes-of-more", changed(n_lanes=200), "too short"
    yield "taken-by-an-array-too", of(coef=told, more=["u1", [1], "raw", 1]), "exactly the bytes"
    yield "asked-for-twice", of(more=["u1", [1], "counts"]), "too early|impossible|fit|counts"
    yield "empty-array", of(more=["u1", [0], "counts"]), "empty array"
    yield "array-of-gigabytes", of(coef=["f8", [1, 2**34], "counts"]), "memory"
    yield "of-text", of(coef=["U1", [1, 400], "counts"]), "Only numbers"
    yield "longer-array", of(coef=["f8", [1, 401], "counts"]), "section|fit|impossible|range|counts"
    yield "argument-too-few", of(coef=[*told, 0, len(section)]), "arguments"
