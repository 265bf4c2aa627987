"""Small files that stand for much memory."""

import numpy as np
from craft import (
    Array,
    kernel,
    layer,
    linear,
    low_rank,
    model,
    network,
    numbers,
    project,
    prototypes,
    shares,
    sparse,
    trees,
    voters,
    write,
    zeros,
)

HUGE = 2**40


def bombs():
    """Small files that stand for much memory."""
    for name, description in {
        "floats": ["f8", [HUGE]],
        "bits": ["u1", [2**47], "bits", 0, 0, 0],
        "booleans": ["b1", [2**47], "bits", 0, 0, 1],
        "table": ["f8", [HUGE], "table", ["f8", [1]], ["u1", [HUGE], "bits", 0, 0, 0]],
        "columns": ["f8", [2**24, 2**24], "columns", ["f8", [2**24, 2**24], "planes", 0]],
        "delta": ["f8", [HUGE], "delta", ["u8", [HUGE], "bits", 0, 0, 0]],
        "texts": ["U1", [HUGE], "text", 0, 0, ["u1", [HUGE], "bits", 0, 0, 0]],
        "empty-texts": ["U0", [HUGE], "text", 0, 0, ["u1", [HUGE], "bits", 0, 0, 0]],
        "wide-texts": ["U400000000", [10], "text", 0, 0, ["u1", [10], "bits", 0, 0, 0]],
        "wide-texts-of-which-none": ["U400000000", [0], "text", 0, 0, ["u1", [0]]],
        "length-of-text": ["U1", [1], "text", 0, HUGE, ["u1", [1]]],
    }.items():
        yield (
            name,
            write(model(linear(coef=Array(description)))),
            "memory|exactly the bytes",
        )
    within = Array(["u1", [2**18, 2], "bits", 0, 0, 0])
    many = shares(*[{"values": zeros("u1", 1)}] * 30_000)
    yield "of-descriptions", write(model(linear(), head=many), stored=None), "memory|allows"
    names = {"n_features": 2, "names": [""] * 10**5}
    yield "of-names", write(model(linear(), input=names)), "name for each"
    yield "of-streams", write(model(linear()), streams=[24, *[0] * 20_000]), "memory"
    yield (
        "of-rows",
        write(model(prototypes(vectors=within, targets=zeros("u1", 2**18, 1)))),
        None,
    )

    # Arrays that are small, and stand for large ones
    wide = {"n_features": HUGE, "sparse": True}
    numberless = {"data": numbers(), "indices": numbers(dtype="u1")}
    rows = sparse(**numberless, indptr=zeros("u1", 2), n_columns=HUGE)
    for name, predictor in {
        "linear": linear(coef=rows),
        "kernel": kernel(vectors=sparse(**numberless, indptr=zeros("u1", 4), n_columns=HUGE)),
        "prototypes": prototypes(
            vectors=sparse(**numberless, indptr=zeros("u1", 5), n_columns=HUGE)
        ),
    }.items():
        error = None if name == "linear" else "memory to predict"
        yield f"sparse-columns-of-{name}", write(model(predictor, input=wide)), error
    square = sparse(**numberless, indptr=zeros("u1", 20_001), n_columns=20_000)
    flat = low_rank(zeros("u1", 20_000, 0), zeros("u1", 0, 20_000))
    for name, matrix in {"sparse": square, "low-rank": flat}.items():
        fields = {"n_features": 20_000}
        yield (
            f"{name}-components",
            write(
                model(
                    None,
                    transforms=[project(components=matrix)],
                    input=fields,
                    head={"": "transformed"},
                )
            ),
            "memory to predict",
        )
        dense = {"weights": matrix, "bias": zeros("u1", 20_000)}
        yield (
            f"{name}-weights",
            write(
                model(
                    network(layer(**dense)),
                    input=fields,
                    head={"": "numbers", "n_outputs": 20_000, "ravel": False},
                )
            ),
            "memory to predict",
        )
    ones = sparse(
        data=zeros("u1", 5000),
        indices=zeros("u1", 5000),
        indptr=zeros("u1", 20_001),
        n_columns=20_000,
    )
    ones["indptr"] = np.minimum(np.arange(20_001), 5000).astype("u2")
    ones["indices"] = np.arange(5000, dtype="u2")
    yield (
        "sparse-coefficients",
        write(
            model(
                linear(coef=ones, intercept=zeros("u1", 20_000)),
                input={"n_features": 20_000},
                head={"": "numbers", "n_outputs": 20_000, "ravel": False},
            )
        ),
        "memory to predict",
    )
    # Nothing by many is nothing, until it is summed along the other side.
    thin = low_rank(zeros("u1", 2**31, 0), zeros("u1", 0, 2))
    yield "low-rank-of-nothing", write(model(linear(coef=thin))), "bytes of memory"
    none = kernel(vectors=zeros("u1", 0, HUGE), coef=zeros("u1", 1, 0))
    yield "kernel-without-vectors", write(model(none, input=wide)), "bytes of memory"
    labels = [{"values": zeros("u1", 10**5)}] + [
        {"values": Array(["u1", [10**5], "same", 2])} for _ in range(300)
    ]
    yield "one-array-many-times", write(model(linear(), head=shares(*labels))), "head takes"
    inside = low_rank(sparse(**numberless, indptr=zeros("u1", 2), n_columns=HUGE), numbers([1, 1]))
    yield "sparse-in-low-rank", write(model(linear(coef=inside))), "neither sparse"
    many = {"n_outputs": 2**30, "tree_output": numbers(0, 0, dtype="u1")}
    head = {"": "numbers", "n_outputs": 2**30, "ravel": False}
    yield "tree-outputs", write(model(trees(**many), head=head)), "memory to predict"
    votes = voters(n_classes=numbers(HUGE, dtype="u8"))
    yield "votes", write(model(votes, head={"": "transformed"})), "sound model"
