"""Trees that do not close, and indices that lead out of them."""

import numpy as np
from craft import Array, categories, codebook, model, numbers, trees, write, zeros

U64 = 2**64 - 1


def forests():
    """Trees that do not close, and indices that lead out of them."""
    bits = np.array([1, 1, 0, 0, 0, 1, 0, 0], bool)
    for name, fields, error in [
        ("without-nodes", {"internal": np.array([], bool)}, "at least one node"),
        (
            "that-does-not-close",
            {"internal": np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)},
            "incomplete",
        ),
        ("cut-off", {"internal": bits[:-1]}, "incomplete"),
        ("with-a-node-too-many", {"internal": np.append(bits, False)}, "leaves|trees|row index"),
        ("of-splits-alone", {"internal": np.ones(8, bool)}, "incomplete"),
        ("of-numbers", {"internal": bits.astype("u1")}, "vector of booleans"),
        ("feature-out-of-range", {"feature": numbers(0, 1, 2, dtype="u1")}, "feature 2 of 2"),
        ("feature-huge", {"feature": numbers(0, 1, U64, dtype="u8")}, "feature"),
        ("feature-signed", {"feature": numbers(0, 1, -1, dtype="i1")}, "unsigned feature"),
        ("features-short", {"feature": numbers(0, 1, dtype="u1")}, "unsigned feature"),
        ("features-beyond-32-bits", {"n_features": 2**31}, "2\\^31"),
        ("thresholds-short", {"threshold": numbers(0, 1)}, "one threshold"),
        ("threshold-nan", {"threshold": numbers(0, 1, np.nan)}, "NaN"),
        ("threshold-infinite", {"threshold": numbers(np.inf, -np.inf, 0)}, None),
        ("threshold-integer", {"threshold": numbers(0, 1, 2, dtype="i8")}, "floating"),
        ("threshold-codes", {"threshold": codebook(numbers(0, 1, 3, dtype="u1"))}, "exceed"),
        ("missing-short", {"missing_left": np.array([1], bool)}, "direction"),
        ("leaf-out-of-range", {"leaf": numbers(0, 1, 3, 0, 1, dtype="u1")}, "outside"),
        ("leaf-huge", {"leaf": numbers(0, 1, U64, 0, 1, dtype="u8")}, "outside"),
        ("leaf-signed", {"leaf": numbers(0, 1, -1, 0, 1, dtype="i1")}, "unsigned row"),
        ("leaves-short", {"leaf": numbers(0, 1, dtype="u1")}, "unsigned row"),
        ("values-nan", {"values": numbers([1], [np.nan], [3])}, "finite"),
        ("values-infinite", {"values": numbers([1], [np.inf], [3])}, "finite"),
        ("values-wide", {"values": numbers([1, 2], [3, 4], [5, 6])}, "must have 1 columns"),
        ("values-none", {"values": zeros("u1", 0, 1)}, "outside"),
        ("output-out-of-range", {"tree_output": numbers(0, 1, dtype="u1")}, "output column"),
        ("outputs-short", {"tree_output": numbers(0, dtype="u1")}, "output column"),
        (
            "outputs-beyond-32-bits",
            {"tree_output": numbers(0, 2**31, dtype="u8"), "n_outputs": 2**31 + 1},
            "2\\^31",
        ),
        ("outputs-negative", {"n_outputs": -1}, "outputs"),
        ("base-long", {"base": numbers(0, 0)}, "base"),
        ("base-nan", {"base": numbers(np.nan)}, "finite"),
        (
            "notes-short",
            {
                "notes": {
                    "impurity": numbers(0),
                    "n_samples": numbers(0, dtype="u1"),
                    "values": numbers([0]),
                    "weight": numbers(0),
                }
            },
            "notes",
        ),
    ]:
        yield name, write(model(trees(**fields))), error
    for name, fields, error in [
        ("known-row", {"known_row": numbers(1, -1, dtype="i4")}, "known_row"),
        ("known-row-negative", {"known_row": numbers(-2, -1, dtype="i4")}, "known_row"),
        ("known-rows-short", {"known_row": numbers(0, dtype="i4")}, "do not match"),
        ("numeric-feature", {"known_row": numbers(-1, 0, dtype="i4")}, "numerical feature"),
        ("sets-short", {"left": zeros("u4", 0, 8)}, "one category set"),
        ("sets-narrow", {"left": zeros("u4", 1, 7)}, "uint32"),
        ("flags-short", {"is_category": np.array([1], bool)}, "do not match"),
    ]:
        yield f"categories-{name}", write(model(categories(**fields))), error
    n_splits = 30_000
    chain = {
        "feature": zeros("u1", n_splits),
        # A split, then as often as there are others a leaf beside a split, at last two leaves
        "internal": np.array([1] + [1, 0] * (n_splits - 1) + [0, 0], bool),
        "leaf": zeros("u1", n_splits + 1),
        "threshold": numbers(*[0.0] * 4).repeat(n_splits // 4).astype("f2"),
    }
    chain["internal"] = Array(
        ["b1", [2 * n_splits + 1], "bits", 0, 1, 0],
        np.packbits(chain["internal"], bitorder="little").tobytes(),
    )
    chain["threshold"] = zeros("u2", n_splits)
    chain["threshold"] = codebook(zeros("u1", n_splits))
    yield "of-one-path", write(model(trees(**chain))), None
