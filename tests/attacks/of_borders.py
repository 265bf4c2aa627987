"""Transforms, texts, heads and names that cannot be, or do harm where they are shown."""

import numpy as np
from craft import (
    Array,
    classes,
    impute,
    labels,
    linear,
    model,
    numbers,
    of_texts,
    one_vs_one,
    project,
    rescale,
    shares,
    text,
    texts,
    write,
    zeros,
)

U64 = 2**64 - 1


def borders():
    """Transforms, heads, names and texts."""
    for name, step, error in [
        ("rescale-kind", rescale(kind="odd"), "kind must be"),
        ("rescale-by-zero", rescale(divide=numbers(1, 0)), "scale is zero"),
        ("rescale-by-nan", rescale(multiply=numbers(1, np.nan)), "finite"),
        ("rescale-short", rescale(add=numbers(1)), "one entry"),
        ("rescale-clip-of-nan", rescale(clip=[{"f": "nan"}, 1.0]), "clip"),
        ("rescale-clip-of-one", rescale(clip=[1.0]), "items"),
        (
            "rescale-overflows",
            rescale(multiply=numbers(1e308, 1e308), divide=numbers(1e-308, 1)),
            None,
        ),
        ("impute-indicator", impute(indicators=numbers(2, dtype="u1")), "indicator"),
        ("impute-indicator-huge", impute(indicators=numbers(U64, dtype="u8")), "indicator"),
        ("impute-infinity", impute(fill=numbers(np.inf, 0)), "infinite"),
        (
            "impute-leaves-no-column",
            impute(fill=numbers(np.nan, np.nan)),
            "gives 0 columns",
        ),
        ("impute-drops-a-column", impute(fill=numbers(np.nan, 0)), "gives 1 columns"),
        ("project-shape", project(components=numbers([1, 1, 1], [1, 1, 1])), "takes|first step"),
        ("project-mean", project(mean=numbers(0)), "entries"),
        ("project-by-zero", project(divide=numbers(0, 1)), "scale is zero"),
        ("normalize-unknown", {"": "normalize", "norm": "l0", "n_features": 2}, "unknown norm"),
        (
            "normalize-columns",
            {"": "normalize", "norm": "l2", "n_features": 2**62},
            "takes|columns",
        ),
        ("transform-is-a-predictor", linear(), "not known here"),
        ("text-in-the-middle", text(), "takes|first step|text"),
    ]:
        yield name, write(model(linear(), transforms=[step])), error

    for name, fields, error in [
        # Time that doubles with each letter of a text
        ("token-pattern-that-hangs", {"token_pattern": r"(\w+\w+)+!"}, "token_pattern"),
        ("token-pattern-of-groups", {"token_pattern": r"(\w)(\w)"}, "token_pattern"),
        ("token-pattern-unsound", {"token_pattern": "("}, "token_pattern"),
        ("ngrams-huge", {"ngram_range": [1, 2**40]}, "ngram_range"),
        ("ngrams-backwards", {"ngram_range": [2, 1]}, "ngram_range"),
        ("ngrams-longest", {"ngram_range": [1, 64], "analyzer": "char"}, None),
        ("analyzer", {"analyzer": "eval"}, "analyzer"),
        ("term-twice", {"terms": texts("ab", "ab")}, "twice"),
        ("terms-of-numbers", {"terms": numbers(1, 2)}, "must be text"),
        ("terms-matrix", {"terms": zeros("u1", 1, 2)}, "must be text"),
        ("idf-short", {"idf": numbers(1)}, "one idf"),
        ("idf-nan", {"idf": numbers(1, np.nan)}, "finite"),
        (
            "stop-words-matrix",
            {"stop_words": Array(["U1", [1, 1], "text", 0, 1, ["u1", [1]]], b"a\1")},
            "stop words",
        ),
        ("surrogates", {"terms": texts("\ud800", "\udfff\ud800")}, None),
        ("accents", {"strip_accents": "rot13"}, "strip_accents"),
    ]:
        yield f"text-{name}", write(of_texts(text(**fields))), error
    yield (
        "text-for-a-model-of-numbers",
        write(model(linear(), input={"n_features": 2, "text": True})),
        "takes text",
    )
    empty = text(terms=Array(["U1", [0], "text", 0, 0, ["u1", [0]]]))
    yield "text-without-terms", write(of_texts(empty, linear(coef=zeros("u1", 1, 0)))), "no column"

    two = linear(coef=numbers([1, 2], [2, 1]), intercept=numbers(0, 0))
    three = linear(coef=np.ones((3, 2)), intercept=np.zeros(3))
    for name, predictor, head, error in [
        ("unknown", linear(), {"": "oracle"}, "not known here"),
        ("of-no-answer", linear(), {"": "transformed"}, "head that answers"),
        ("width", linear(), classes(3), "head takes"),
        ("link", linear(), classes(link="exec"), "link must be"),
        ("cut-nan", linear(), classes(cut={"f": "nan"}), "cut must be"),
        ("cut-unknown", linear(), classes(cut={"f": "Infinity"}), "unknown number"),
        ("scale-infinite", linear(), classes(scale={"f": "inf"}), "scale must be"),
        ("scale-huge", linear(), classes(scale=1e308), None),
        ("without-labels", linear(), classes(0), "class label"),
        ("labels-matrix", linear(), classes(target={"values": np.ones((1, 2))}), "class label"),
        ("labels-nan", linear(), classes(target={"values": numbers(np.nan, np.nan)}), None),
        ("pairs-of-one-class", linear(), one_vs_one(1), "two classes"),
        (
            "pairs-huge",
            linear(),
            {"": "one-vs-one", "target": {"values": zeros("u1", 10**5)}},
            "head takes",
        ),
        ("platt-short", three, one_vs_one(platt_a=numbers(1), platt_b=numbers(1)), "per pair"),
        ("platt-alone", three, one_vs_one(platt_a=numbers(1, 1, 1)), "go together"),
        (
            "platt-huge",
            three,
            one_vs_one(platt_a=np.full(3, 1e308), platt_b=np.full(3, -1e308)),
            None,
        ),
        ("shares-of-nothing", linear(), shares(), "must be a target"),
        ("shares-of-two-kinds", three, shares(labels(0), labels("a", "b")), "one kind"),
        (
            "shares-of-objects",
            three,
            shares({**labels(0), "as_object": True}, labels("a", "b")),
            None,
        ),
        ("several-numbers-in-a-vector", two, {"": "numbers", "n_outputs": 2}, "vector"),
        (
            "exp-overflows",
            linear(coef=numbers([1e308, 1e308])),
            {"": "numbers", "n_outputs": 1, "link": "exp"},
            None,
        ),
        ("outlier-infinite", linear(), {"": "outlier", "offset": {"f": "inf"}}, "finite"),
    ]:
        yield f"head-{name}", write(model(predictor, head=head)), error

    for name, fields, error in [
        ("columns-none", {"input": {"n_features": 0}}, "2\\^48"),
        ("columns-negative", {"input": {"n_features": -1}}, "2\\^48"),
        ("columns-fraction", {"input": {"n_features": 2.0}}, "wrong kind"),
        ("columns-boolean", {"input": {"n_features": True}}, "wrong kind"),
        ("columns-beyond-64-bits", {"input": {"n_features": 2**63}}, "out of range"),
        ("columns-other", {"input": {"n_features": 3}}, "takes 3 columns"),
        ("finite-unknown", {"input": {"n_features": 2, "finite": "some"}}, "bad finite"),
        ("names-short", {"input": {"n_features": 2, "names": ["a"]}}, "name for each"),
        ("names-of-numbers", {"input": {"n_features": 2, "names": ["a", 1]}}, "wrong kind"),
        # What is shown to people must not change what they see.
        (
            "names-of-markup",
            {"input": {"n_features": 2, "names": ["<script>", "\u001b[2J\u202e"]}},
            None,
        ),
        ("names-of-brackets", {"input": {"n_features": 2, "names": ['"[{\\' * 100, "]"]}}, None),
        ("family-of-markup", {"family": "<img src=x onerror=alert(1)>"}, "dotted name"),
        ("family-of-escape-codes", {"family": "\u001b]0;title\u0007"}, "dotted name"),
        ("family-of-surrogates", {"family": "\ud800"}, "dotted name"),
        ("family-turned-around", {"family": "a.\u202eb"}, "dotted name"),
        ("family-empty", {"family": ""}, "dotted name"),
        ("family-is-a-number", {"family": 1}, "wrong kind"),
        ("params-of-markup", {"params": [["<script>", "\u001b[2J"]]}, None),
        ("params-without-value", {"params": [["a"]]}, "items"),
        ("params-of-lists", {"params": [["a", []]]}, "items"),
        ("chain-of-objects", {"chain": {"predictor": linear(), "transforms": {}}}, "wrong kind"),
        (
            "chain-ends-in-a-head",
            {"chain": {"predictor": {"": "transformed"}, "transforms": []}},
            "predictor",
        ),
        (
            "chain-ends-in-a-transform",
            {
                "chain": {"predictor": rescale(), "transforms": []},
                "head": {"": "numbers", "n_outputs": 2, "ravel": False},
            },
            "must be a predictor",
        ),
        (
            "chain-ends-in-a-label",
            {"chain": {"predictor": {"": "labels", **labels(0)}, "transforms": []}},
            "predictor",
        ),
        ("chain-of-nothing", {"chain": {"predictor": None, "transforms": []}}, "transforms"),
    ]:
        yield f"model-{name}", write(model(linear(), **fields)), error
