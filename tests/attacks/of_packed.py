"""Trees as they are walked: whatever the compiled walk reads without looking is checked before."""

import numpy as np
from craft import Array, categories, model, numbers, trees, write

from skcompress.ir import CategorySplits, TreeEnsemble
from skcompress.runtime._packed import pack

FIELDS = (
    "column_bits", "feature", "known", "left", "missing_left", "n_features", "node_bytes", "nodes",
    "ranked", "roots", "start", "step_bits", "stop", "table",
)  # fmt: skip


def sound(base, *, ranked):
    """The packed form of the trees of `craft`, as the library makes it."""
    fields = {name: value for name, value in base.items() if name}
    if "categories" in fields:
        fields["categories"] = CategorySplits(**fields["categories"])
    packed = pack(TreeEnsemble(**fields), ranked=ranked)
    return {name: getattr(packed, name) for name in FIELDS}


def lies():
    """Name, file and error of each attack."""
    values, ranks = sound(trees(), ranked=False), sound(trees(), ranked=True)
    sets = sound(categories(), ranked=True)

    def file(base, packed, **changes):
        packed = {name: _written(value) for name, value in {**packed, **changes}.items()}
        return write(model({**base, "packed": packed}))

    yield "values-sound", file(trees(), values), None
    yield "ranks-sound", file(trees(), ranks), None
    yield "sets-sound", file(categories(), sets), None
    yield "of-other-trees", file(categories(), ranks), "category sets"

    n_places = values["nodes"].size
    wide = {
        "node_bytes": 4,
        "column_bits": 20,
        "nodes": _repacked(values, 4, 20, 4, leaf_column=2**20 - 1),
        "step_bits": 4,
    }
    # The walk stays at a leaf for some steps, and looks at what its column would be.
    yield "columns-of-leaves", file(trees(), values, **wide), "other leaves"
    wide["nodes"] = _repacked(values, 4, 20, 4)
    yield "wider-fields", file(trees(), values, **wide), None
    # A rank beyond the field of ranks would be taken for the mark of a leaf.
    narrow = {
        "column_bits": 2,
        "nodes": _repacked(ranks, 4, 2, 28),
        "node_bytes": 4,
        "step_bits": 28,
        "stop": np.full(ranks["stop"].size, 1000),
        "table": np.arange(1000.0).astype("f4"),
    }
    yield "ranks-into-the-leaf-mark", file(trees(), ranks, **narrow), "ranks of packed trees"
    for name, changes, error in [
        ("nodes-none", {"nodes": np.zeros(0, values["nodes"].dtype)}, "cut off"),
        ("nodes-short", {"nodes": values["nodes"][:-1]}, "same size"),
        ("nodes-of-zeros", {"nodes": np.zeros_like(values["nodes"])}, "branch elsewhere"),
        ("nodes-of-ones", {"nodes": ~np.zeros_like(values["nodes"])}, "branch elsewhere"),
        ("nodes-of-bytes", {"node_bytes": 5, "nodes": np.zeros(5 * n_places, "u1")}, "cut off"),
        ("nodes-of-no-bytes", {"node_bytes": 0}, "do not fit"),
        ("nodes-of-nine-bytes", {"node_bytes": 9}, "do not fit"),
        ("bits-beyond-a-node", {"column_bits": 60}, "do not fit"),
        ("bits-negative", {"step_bits": -1}, "do not fit"),
        ("roots-elsewhere", {"roots": values["roots"] + 2}, "begin elsewhere"),
        ("roots-none", {"roots": values["roots"][:0]}, "same size"),
        ("feature-out-of-range", {"feature": np.full_like(values["feature"], 2)}, "does not exist"),
        ("feature-negative", {"feature": np.full_like(values["feature"], -1)}, "does not exist"),
        ("features-other", {"feature": values["feature"][::-1].copy()}, "other splits|missing"),
        ("columns-none", {"feature": values["feature"][:0], "start": values["start"][:0],
                          "stop": values["stop"][:0],
                          "missing_left": values["missing_left"][:0]}, "do not agree"),
        ("missing-short", {"missing_left": values["missing_left"][:-1]}, "do not agree"),
        ("missing-elsewhere", {"missing_left": ~values["missing_left"]}, "missing values"),
        ("table-short", {"table": values["table"][:-1]}, "other thresholds"),
        ("table-none", {"table": values["table"][:0]}, "table"),
        ("table-other", {"table": values["table"] + 1}, "other thresholds"),
        ("table-in-float64", {"table": values["table"].astype("f8")}, "same size"),
        ("features-more", {"n_features": 3}, "same size"),
        ("ranked-in-two-bytes", {"ranked": True}, "larger nodes"),
    ]:  # fmt: skip
        yield f"values-{name}", file(trees(), values, **changes), error
    for name, changes, error in [
        ("start-negative", {"start": ranks["start"] - 1}, "table"),
        ("start-behind-stop", {"start": ranks["stop"] + 1}, "table"),
        ("stop-behind-the-table", {"stop": np.full_like(ranks["stop"], 100)}, "table"),
        ("stop-too-early", {"stop": ranks["start"]}, "out of range"),
        ("table-falls", {"table": ranks["table"][::-1].copy()}, "rise|thresholds"),
        ("table-nan", {"table": ranks["table"] * np.float32(np.nan)}, "rise|thresholds"),
        ("not-ranked", {"ranked": False}, "thresholds|splits"),
    ]:
        yield f"ranks-{name}", file(trees(), ranks, **changes), error
    for name, changes, error in [
        ("sets-none", {"left": sets["left"][:0]}, "category sets"),
        ("sets-other", {"left": sets["left"] + 1}, "category sets"),
        ("known-none", {"known": sets["known"][:0]}, "do not agree"),
        ("known-other", {"known": sets["known"] - 1}, "category sets"),
        ("feature-numeric", {"feature": sets["feature"] * 0 + 1}, "category sets|splits"),
    ]:
        yield f"sets-{name}", file(categories(), sets, **changes), error


def _repacked(packed, node_bytes, column_bits, step_bits, leaf_column=0):
    """The nodes with fields of other widths."""
    words = packed["nodes"].astype("u8")
    old_bits = 8 * packed["nodes"].itemsize
    is_leaf = words >> (old_bits - 1) == 1
    body = words & np.uint64(2 ** (old_bits - 1) - 1)
    column = body & np.uint64(2 ** packed["column_bits"] - 1)
    body >>= np.uint64(packed["column_bits"])
    step = body & np.uint64(2 ** packed["step_bits"] - 1)
    rank = body >> np.uint64(packed["step_bits"])
    mark = np.uint64(1 << (8 * node_bytes - 1))
    split = column | step << np.uint64(column_bits) | rank << np.uint64(column_bits + step_bits)
    leaf = np.uint64(leaf_column) | body << np.uint64(column_bits) | mark
    return np.where(is_leaf, leaf, split).astype(f"u{node_bytes}")


def _written(value):
    """What stands in the file for a value."""
    if isinstance(value, np.ndarray) and not value.size:
        return (
            Array([value.dtype.str[1:], list(value.shape), "bits", 0, 0, 0])
            if (value.dtype.kind in "biu")
            else numbers(dtype=value.dtype)
        )
    return value
