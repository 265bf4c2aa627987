"""Entropy-coded forests: counts, lanes and streams that lie.

Their good parts come from the library's own encoder, which is integer arithmetic.
"""

import struct
from unittest import mock

import numpy as np
from craft import Array, layer, model, network, numbers, trees, write

from skcompress.format import _forest, _forest_walk
from skcompress.format._forest import encode_forest
from skcompress.format._packs import PACKS
from skcompress.format._pattern import encode_pattern
from skcompress.format._varint import read_varints, write_varints
from skcompress.ir import Sparse, TreeEnsemble

HEAD = ("flags", "n_trees", "n_used", "n_lanes", *_forest._NAMED)


def ensemble(internal, n_features=2, n_rows=3, seed=0):
    """Trees of a shape, with random splits and leaves."""
    rng = np.random.default_rng(seed)
    internal = np.array(internal, bool)
    n_splits = int(internal.sum())
    return TreeEnsemble(
        internal=internal,
        feature=rng.integers(0, n_features, n_splits).astype("u1"),
        threshold=rng.integers(0, 50, n_splits).astype("f4"),
        leaf=rng.integers(0, n_rows, internal.size - n_splits).astype("u1"),
        values=np.arange(n_rows, dtype="f8").reshape(-1, 1),
        n_features=n_features,
        n_outputs=1,
    )


def path(n_splits):
    """The topology of a tree that goes down on one side."""
    return [1, *[1, 0] * (n_splits - 1), 0, 0]


def section(data, payload=None, **changes):
    """A section with other numbers at its head, or another payload."""
    values, end = read_varints(data, len(HEAD))
    head = {**dict(zip(HEAD, values, strict=True)), **changes}
    return write_varints(head.values()) + (data[end:] if payload is None else payload)


def coded(data, n_nodes, *, length=None, stream=0, pack=None, **fields):
    """A file whose forest is a section."""
    base = trees()
    for name in PACKS["forest"].fields:
        base.pop(name, None)
    length = len(data) if length is None else length
    description = ["forest", stream, length, n_nodes] if pack is None else pack
    return write(model({**base, "*": Array(description, data), **fields}))


def sections():
    """Name, file and error of each attack."""
    shape = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0]
    sound = encode_forest(ensemble(shape))
    size = len(shape)
    values, end = read_varints(sound, len(HEAD))
    payload = sound[end:]
    yield "sound", coded(sound, size), None

    for name, data, error in [
        ("empty", b"", "cut off"),
        ("head-cut-off", sound[:5], "cut off"),
        ("payload-missing", section(sound, b""), "too short"),
        ("payload-cut-off", sound[:-4], "too early|too short"),
        ("payload-of-odd-length", sound[:-1], "too short"),
        ("payload-goes-on", sound + bytes(4), "end where it should"),
        ("payload-of-zeros", section(sound, bytes(len(payload))), "forest|section|split|table"),
        ("payload-of-ones", section(sound, b"\xff" * len(payload)), "forest|section|split|table"),
        ("number-of-ten-bytes", b"\xff" * 10 + sound, "too long"),
        ("number-without-end", b"\x80" * 40, "too long"),
        ("flags-unknown", section(sound, flags=values[0] | 8), "trees cannot"),
        ("flag-of-missing", section(sound, flags=values[0] ^ 4), "section"),
        ("flag-of-float64", section(sound, flags=values[0] ^ 2), "section|table|threshold"),
        ("without-trees", section(sound, n_trees=0), "trees cannot"),
        ("more-trees-than-nodes", section(sound, n_trees=size + 1), "trees cannot"),
        ("trees-beyond-63-bits", section(sound, n_trees=2**62), "trees cannot"),
        ("without-features", section(sound, n_used=0), "fewer nodes|section"),
        ("more-features", section(sound, n_used=3), "more features"),
        ("without-lanes", section(sound, n_lanes=0), "too short"),
        ("lanes-beyond-the-payload", section(sound, n_lanes=200), "too short"),
        ("lanes-beyond-256", section(sound, b"\0" * 8 * 300, n_lanes=257), "too short"),
        ("lanes-beyond-63-bits", section(sound, n_lanes=2**62), "too short"),
        (
            "another-number-of-lanes",
            section(sound, payload + bytes(8), n_lanes=2),
            "section|forest",
        ),
        *[
            (f"variant-of-{name.replace(' ', '-')}", section(sound, **{name: 9}), "does not exist")
            for name in ("step length", "topology", "feature", "rank", "leaf")
        ],
    ]:
        yield name, coded(data, size), error
    for name, n_nodes, error in [
        ("nodes-none", 0, "cannot have"),
        ("nodes-too-few", size - 2, "more nodes|section"),
        ("nodes-too-many", size + 2, "fewer nodes|section"),
        ("nodes-of-a-billion", 10**9, "memory"),
        ("nodes-negative", -1, "forest must tell"),
        ("nodes-beyond-31-bits", 2**31, "forest must tell"),
    ]:
        yield name, coded(sound, n_nodes), error
    yield "longer-than-its-stream", coded(sound, size, length=len(sound) + 1), "exactly the bytes"
    yield "shorter-than-its-stream", coded(sound, size, length=len(sound) - 1), "exactly the bytes"
    yield "in-no-stream", coded(sound, size, stream=1), "no stream"
    pack = ["forest", 0, len(sound)]
    yield "lacks-an-argument", coded(sound, size, pack=pack), "forest must tell"
    yield "pack-unknown", coded(sound, size, pack=["exec", 0, len(sound), size]), "pack"
    yield "features-none", coded(sound, size, n_features=0), "more features"
    yield "features-negative", coded(sound, size, n_features=-1), "more features"
    yield "features-one", coded(sound, size, n_features=1), "more features"
    yield "field-twice", coded(sound, size, leaf=numbers(0, dtype="u1")), "unknown field"
    rows = numbers([1], [2])
    yield "leaf-rows-fewer", coded(sound, size, values=rows), "section|forest"
    yield "leaf-rows-none", coded(sound, size, values=numbers().reshape(0, 1)), "leaf rows"
    yield "leaf-rows-of-a-scalar", coded(sound, size, values=np.array(1.0)), "sound model"

    # Where there is no choice nothing is coded: every node is a leaf, and takes no byte.
    free = encode_forest(ensemble([0], n_rows=1))
    yield "leaves-for-free", coded(free, 10**5, values=numbers([1])), "fewer nodes"
    yield "path-of-512-levels", *deep(511, None)
    yield "path-of-513-levels", *deep(512, "more than 512 levels")
    state = struct.pack("<Q", 2**64 - 1)
    yield "state-of-all-ones", coded(section(sound, state + payload[8:]), size), "section|forest"


def deep(n_splits, error):
    """A path in a section, written in spite of the limit."""
    path_of = ensemble(path(n_splits), n_features=1, n_rows=1)
    with (
        mock.patch.multiple(_forest, MOST_LEVELS=10**6),
        mock.patch.multiple(_forest_walk, MOST_LEVELS=10**6),
    ):
        data = encode_forest(path_of)
    return coded(data, path_of.n_nodes, n_features=2, values=numbers([1])), error


def patterns():
    """Patterns of sparse matrices that lie about their places."""
    stays = np.random.default_rng(0).random((6, 5)) < 0.4
    sound_matrix = Sparse.from_dense(stays.astype(float))
    sound = encode_pattern(sound_matrix.indices, sound_matrix.indptr, 5)
    count = int(stays.sum())
    told = ["pattern", 0, len(sound), 6, 5, count]

    def of(data=sound, pack=None, n_entries=count, **fields):
        weights = {
            "": "sparse",
            "*": Array(told if pack is None else pack, data),
            "data": numbers(*range(1, n_entries + 1)),
            **fields,
        }
        found = layer(6, 5, weights=weights)
        return write(
            model(
                network(found),
                input={"n_features": 6},
                head={"": "numbers", "n_outputs": 5, "ravel": False},
            )
        )

    yield "sound", of(), None
    yield "lacks-an-argument", of(pack=told[:-1]), "pattern must tell"
    yield "rows-negative", of(pack=[*told[:3], -1, 5, count]), "pattern must tell"
    yield "rows-none", of(pack=[*told[:3], 0, 5, count]), "too many places, or none"
    yield "places-of-gigabytes", of(pack=[*told[:3], 2**30, 2**30, count]), "too many places"
    yield "places-of-millions", of(pack=[*told[:3], 2**12, 2**12, count]), "memory|section|pattern"
    yield "entries-fewer", of(pack=[*told[:5], count - 1]), "number of entries"
    yield "entries-beyond-places", of(pack=[*told[:5], 31]), "too many entries"
    yield "columns-fewer", of(pack=[*told[:4], 4, count]), "section|pattern|sound"
    yield "data-of-another-length", of(n_entries=count + 1), "differ in length"
    yield "columns-told-twice", of(n_columns=5), "unknown field"
    yield "payload-cut-off", of(sound[:-4], [*told[:2], len(sound) - 4, *told[3:]]), "too"
    yield "head-cut-off", of(sound[:3], [*told[:2], 3, *told[3:]]), "cut off"
    for place, name in enumerate(("lanes", "row-classes", "column-classes")):
        data = bytes([*sound[:place], 0, *sound[place + 1 :]])
        yield f"without-{name}", of(data), "too short|impossible classes"
    data = bytes([*sound[:3], 2, *sound[4:]])
    yield "moves-of-another-kind", of(data), "impossible classes"
    data = bytes([*sound[:5], 3, *sound[6:]])
    yield "variant-of-places", of(data), "does not exist"
