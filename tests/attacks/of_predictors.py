"""Encoded arrays and predictors with indices, sizes and numbers that cannot be."""

import numpy as np
from craft import (
    affine,
    codebook,
    fixed_point,
    kernel,
    labels,
    layer,
    linear,
    low_rank,
    model,
    network,
    numbers,
    one_vs_one,
    pairs,
    prototypes,
    shares,
    sparse,
    texts,
    voters,
    write,
    zeros,
)

U64 = 2**64 - 1


def encodings():
    """Encoded arrays that lead out of their tables or ranges."""
    codes = numbers([1, 2], dtype="u1")
    signed = numbers([1, -2], dtype="i1")
    for name, coef, error in [
        ("affine-codes", affine(codes, bits=1), "exceed"),
        ("affine-bits", affine(codes, bits=17), "bits must be"),
        ("affine-bits-of-none", affine(codes, bits=0), "bits must be"),
        ("affine-signed", affine(signed), "must be integers"),
        ("affine-nan", affine(codes, scale=numbers(np.nan)), "finite"),
        ("affine-infinity", affine(codes, zero=numbers(np.inf)), "finite"),
        ("affine-overflow", affine(codes, scale=numbers(1e308)), "overflow"),
        ("affine-broadcast", affine(codes, scale=np.ones((3, 1, 2))), "broadcast"),
        ("codebook-codes", codebook(numbers([1, 3], dtype="u1")), "exceed"),
        ("codebook-empty", codebook(codes, table=numbers()), "exceed"),
        ("codebook-nan", codebook(codes, table=numbers(0, 1, np.nan)), "finite"),
        ("codebook-columns", codebook(codes, table=np.ones((3, 3))), "columns of codes"),
        ("codebook-cube", codebook(codes, table=np.ones((1, 1, 3))), "one or two"),
        ("codebook-bits", codebook(codes, bits=1), "more rows"),
        ("fixed-point-codes", fixed_point(signed, bits=1), "exceed"),
        (
            "fixed-point-exponent",
            fixed_point(signed, exponent=numbers(30000, dtype="i2")),
            r"\[-1000",
        ),
        (
            "fixed-point-unsigned-exponent",
            fixed_point(signed, exponent=numbers(1, dtype="u1")),
            "signed",
        ),
        ("low-rank-shapes", low_rank(numbers([1, 2]), numbers([1, 2])), "do not fit"),
        ("low-rank-vector", low_rank(numbers(1, 2), numbers([1, 2])), "do not fit"),
        ("low-rank-overflow", low_rank(numbers([1e200]), numbers([1e200, 1])), "overflow"),
        ("low-rank-of-rank-zero", low_rank(zeros("f8", 1, 0), zeros("f8", 0, 2)), "whole numbers"),
    ]:
        yield name, write(model(linear(coef=coef))), error
    one = {"coef": None, "intercept": numbers(0, 0)}
    head = {"": "numbers", "n_outputs": 2, "ravel": False}
    for name, fields, error in [
        ("column", {"indices": numbers(0, 2, dtype="u1")}, "out of range"),
        ("column-signed", {"indices": numbers(0, -1, dtype="i1")}, "unsigned"),
        (
            "columns-fall",
            {"indptr": numbers(0, 2, 2, dtype="u1"), "indices": numbers(1, 0, dtype="u1")},
            "rise within",
        ),
        (
            "column-twice",
            {"indptr": numbers(0, 2, 2, dtype="u1"), "indices": numbers(1, 1, dtype="u1")},
            "rise within",
        ),
        ("columns-negative", {"n_columns": -1}, "columns"),
        ("columns-beyond", {"n_columns": 2**62}, "columns"),
        ("pointers-fall", {"indptr": numbers(0, 3, 2, dtype="u1")}, "must rise"),
        ("pointers-negative", {"indptr": numbers(0, -1, 2, dtype="i1")}, "must rise"),
        ("pointers-short", {"indptr": numbers(0, 1, 1, dtype="u1")}, "must rise"),
        ("pointers-late", {"indptr": numbers(1, 1, 2, dtype="u1")}, "must rise"),
        ("pointers-none", {"indptr": numbers(dtype="u1")}, "pointers"),
        # In 64 bits all of their differences are 2^62, whose sum is nothing.
        (
            "pointers-wrap",
            {"indptr": numbers(0, 2**62, 2**63, 3 * 2**62, 0, 2, dtype="u8")},
            "must rise",
        ),
        ("pointers-fractions", {"indptr": numbers(0, 1, 2)}, "pointers"),
        ("data-short", {"data": numbers(1)}, "differ in length"),
        ("data-matrix", {"data": numbers([1, 2])}, "one dimension"),
        ("data-nan", {"data": numbers(1, np.nan)}, "finite"),
        ("data-codes", {"data": codebook(numbers(1, 3, dtype="u1"))}, "exceed"),
    ]:
        coef = linear(**{**one, "coef": sparse(**fields)})
        yield f"sparse-{name}", write(model(coef, head=head)), error


def predictors():
    """Indices, sizes and numbers of predictors that cannot be."""
    for name, fields, error in [
        ("vector", {"coef": numbers(1, 2)}, "two dimensions"),
        ("intercepts", {"intercept": numbers(0, 0)}, "does not fit"),
        ("columns", {"coef": numbers([1, 2, 3])}, "takes 2 columns|first step"),
        ("booleans", {"coef": np.array([[1, 0]], bool)}, "numeric"),
        ("texts", {"intercept": texts("a")}, "numeric"),
        ("tag", {"": "os.system"}, "not known here"),
        ("tag-of-a-head", {"": "transformed"}, "unknown field"),
        ("field", {"price": 1}, "unknown field"),
        ("field-of-python", {"__class__": "object"}, "unknown field"),
        ("pack", {"*": ["forest", 0, 0, 0]}, "pack"),
    ]:
        yield f"linear-{name}", write(model(linear(**fields))), error
    yield "linear-without-coefficients", write(model({"": "linear"})), "lacks coef, intercept"

    for name, fields, error in [
        ("unknown", {"kernel": "eval"}, "kernel must be"),
        ("gamma-nan", {"gamma": {"f": "nan"}}, "finite"),
        ("gamma-negative", {"gamma": -1e300}, None),
        ("coefficients", {"coef": numbers([1, 1])}, "does not fit"),
        ("degree-huge", {"kernel": "poly", "degree": 2**62}, "degree"),
        ("degree-negative", {"kernel": "poly", "degree": -1}, "degree"),
        ("degree-largest", {"kernel": "poly", "degree": 1000, "coef0": 1e308}, None),
        ("vectors-far-out", {"vectors": numbers([1e308, 1e308], [-1e308, 0], [0, 0])}, None),
        ("codes-of-four-bytes", {"vectors": codebook(zeros("u4", 3, 2))}, None),
        ("codes-of-one-byte", {"vectors": codebook(zeros("u1", 3, 2))}, None),
        ("without-vectors", {"vectors": zeros("u1", 0, 2), "coef": zeros("u1", 1, 0)}, None),
        ("intercept-infinite", {"intercept": numbers(np.inf)}, "finite"),
    ]:
        yield f"kernel-{name}", write(model(kernel(**fields))), error
    for name, fields, error in [
        ("sum", numbers(1, 1, 2, dtype="u1"), "add up"),
        ("sum-wraps", numbers(U64, 4, 0, dtype="u8"), "add up"),
        ("signed", numbers(1, 3, -1, dtype="i1"), "unsigned"),
        ("of-one-class", numbers(3, dtype="u1"), "classes need"),
    ]:
        head = one_vs_one()
        yield (
            f"group-sizes-{name}",
            write(model({**pairs(), "group_sizes": fields}, head=head)),
            error,
        )

    for name, net, error in [
        ("without-layers", network(), "at least one"),
        ("layers-do-not-fit", network(layer(2, 3), layer(2, 1)), "feeds"),
        ("bias", network(layer(bias=numbers(1, 1))), "does not fit"),
        ("activation", network(layer(activation="exec")), "activation"),
        ("without-units", network(layer(2, 0, "softmax"), layer(0, 1)), "unit"),
        ("weights-nan", network(layer(weights=numbers([np.nan], [1]))), "finite"),
        (
            "sums-overflow",
            network(layer(2, 2, "exp", weights=np.full((2, 2), 1e308)), layer()),
            None,
        ),
        ("layer-of-another-kind", network(linear()), "not known here"),
    ]:
        yield f"network-{name}", write(model(net)), error

    for name, fields, error in [
        ("more-neighbors-than-rows", {"n_neighbors": 5}, "n_neighbors"),
        ("no-neighbors", {"n_neighbors": 0}, "n_neighbors"),
        ("targets", {"targets": numbers([0], [1])}, "do not fit"),
        ("weights", {"weights": "pickle"}, "unknown weights"),
        ("p-below-one", {"p": 0.5}, "p must be"),
        ("p-nan", {"p": {"f": "nan"}}, "p must be"),
        ("p-huge", {"p": 1e300}, None),
        ("p-infinite", {"p": {"f": "inf"}, "tree": True}, None),
        ("leaf-size-zero", {"leaf_size": 0, "tree": True}, "leaf_size"),
        ("leaf-size-huge", {"leaf_size": 2**62, "tree": True}, None),
        ("leaf-size-one", {"leaf_size": 1, "tree": True}, None),
        ("centers-without-tree", {"centers": np.ones((1, 2))}, "is a tree"),
        ("centers-short", {"centers": np.ones((2, 2)), "tree": True}, "centers must be"),
        ("centers-of-bytes", {"centers": zeros("u1", 1, 2), "tree": True}, "must be float64"),
        ("centers-nan", {"centers": np.full((1, 2), np.nan), "tree": True}, "finite"),
        ("centers-far-out", {"centers": np.full((1, 2), 1e308), "tree": True}, None),
        ("vectors-far-out", {"vectors": np.full((4, 2), 1e200)}, None),
        ("vectors-far-out-in-a-tree", {"vectors": np.full((4, 2), 1e200), "tree": True}, None),
        (
            "vectors-alike",
            {"vectors": zeros("u1", 4, 2), "tree": True, "weights": "distance"},
            None,
        ),
    ]:
        yield f"prototypes-{name}", write(model(prototypes(**fields))), error
    for name, fields, error in [
        ("target-out-of-range", {"n_classes": numbers(1, dtype="u8")}, "not one of"),
        ("targets-signed", {"targets": numbers([0], [1], [0], [-1], dtype="i1")}, "unsigned"),
        ("columns", {"n_classes": numbers(2, 2, dtype="u8")}, "class count per column"),
        (
            "classes-wrap",
            {"n_classes": numbers(U64, 3, dtype="u8"), "targets": zeros("u1", 4, 2)},
            "2\\^31",
        ),
    ]:
        yield f"votes-{name}", write(model(voters(**fields), head=shares(labels(0, 1)))), error
