"""Text vectorizers into the IR, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from ..exceptions import UnsupportedEstimatorError
from ..ir import InputSpec, TextVectorize, Transform
from ..ir.text import TOKEN_PATTERNS
from ._registry import TransformFamily, dotted_name, register
from ._sklearn_internals import set_tfidf, tfidf_of

__all__ = ["join_counts_and_weights", "lower_text"]


def _lift_counts(vectorizer: Any) -> tuple[Transform, ...]:
    return (TextVectorize(**_counting(vectorizer)),)


def _lift_tfidf(vectorizer: Any) -> tuple[Transform, ...]:
    weights = tfidf_of(vectorizer)
    return (
        TextVectorize(
            **_counting(vectorizer),
            idf=getattr(weights, "idf_", None),
            sublinear_tf=bool(weights.sublinear_tf),
            norm=weights.norm,
        ),
    )


def join_counts_and_weights(counts: Any, weights: Any) -> Any:
    """The fitted `TfidfVectorizer` that does what a `CountVectorizer` and a `TfidfTransformer` do.

    Both steps belong to one transform of the IR.
    """
    joined = TfidfVectorizer(**counts.get_params(), **weights.get_params())
    joined.vocabulary_ = counts.vocabulary_
    set_tfidf(joined, weights)
    return joined


def _counting(vectorizer: Any) -> dict[str, Any]:
    """The fields that say what is counted; refuses what a file without code cannot hold."""
    for name in ("preprocessor", "tokenizer"):
        if getattr(vectorizer, name) is not None:
            raise _refused(vectorizer, name, "None: a function cannot be stored")
    for name in ("analyzer", "strip_accents"):
        if callable(getattr(vectorizer, name)):
            raise _refused(vectorizer, name, "one of its names: a function cannot be stored")
    if vectorizer.input != "content":
        raise _refused(vectorizer, "input", "'content'")
    by_words = vectorizer.analyzer == "word"
    if by_words and vectorizer.token_pattern not in TOKEN_PATTERNS:
        raise _refused(
            vectorizer, "token_pattern", f"one of {', '.join(map(repr, TOKEN_PATTERNS))}"
        )
    vocabulary = vectorizer.vocabulary_
    terms = sorted(vocabulary, key=vocabulary.__getitem__)
    stop_words = vectorizer.get_stop_words() if by_words else None
    low, high = (int(size) for size in vectorizer.ngram_range)
    if stop_words is not None and high == 1 and stop_words.isdisjoint(terms):
        # Words that are not in the vocabulary are not counted anyway.
        stop_words = None
    return {
        "terms": _texts(terms),
        "analyzer": vectorizer.analyzer,
        "ngram_range": (low, high),
        "token_pattern": vectorizer.token_pattern if by_words else TOKEN_PATTERNS[0],
        "lowercase": bool(vectorizer.lowercase),
        "strip_accents": vectorizer.strip_accents,
        "stop_words": None if stop_words is None else _texts(sorted(stop_words)),
        "binary": bool(vectorizer.binary),
        "float32": np.dtype(vectorizer.dtype) == np.float32,
    }


def _texts(words: list[str]) -> np.ndarray:
    """Words as an array, which cannot hold a word that ends in a null character."""
    array = np.array(words, dtype=np.str_)
    if array.tolist() != words:
        raise UnsupportedEstimatorError("A term of the vocabulary ends in a null character.")
    return array


def _refused(vectorizer: Any, name: str, wanted: str) -> UnsupportedEstimatorError:
    return UnsupportedEstimatorError(
        f"{type(vectorizer).__name__}: `{name}` must be {wanted}; "
        f"got {getattr(vectorizer, name)!r}."
    )


def lower_text(text: TextVectorize) -> Any:
    """The vectorizer that computes what a transform computes."""
    weighs = text.idf is not None or text.norm is not None or text.sublinear_tf
    floats = np.float32 if text.float32 else np.float64
    settings: dict[str, Any] = {
        "analyzer": text.analyzer,
        "ngram_range": text.ngram_range,
        "token_pattern": text.token_pattern,
        "lowercase": text.lowercase,
        "strip_accents": text.strip_accents,
        "stop_words": None if text.stop_words is None else text.stop_words.tolist(),
        "binary": text.binary,
    }
    if weighs:
        weighing = {
            "norm": text.norm,
            "use_idf": text.idf is not None,
            "sublinear_tf": text.sublinear_tf,
        }
        vectorizer = TfidfVectorizer(**settings, **weighing, dtype=floats)
        weights = TfidfTransformer(**weighing)
        if text.idf is not None:
            weights.idf_ = text.idf.copy()
        weights.n_features_in_ = text.n_outputs
        set_tfidf(vectorizer, weights)
    else:
        vectorizer = CountVectorizer(**settings, dtype=np.float32 if text.float32 else np.int64)
    vectorizer.vocabulary_ = {term: column for column, term in enumerate(text.terms.tolist())}
    vectorizer.fixed_vocabulary_ = False
    return vectorizer


def _text_input(vectorizer: Any) -> InputSpec:
    return InputSpec(n_features=1, text=True)


register(
    TransformFamily(
        dotted_name(CountVectorizer()),
        _lift_counts,
        _text_input,
        lambda: (CountVectorizer(), CountVectorizer(ngram_range=(1, 2), stop_words="english")),
    )
)
register(
    TransformFamily(
        dotted_name(TfidfVectorizer()),
        _lift_tfidf,
        _text_input,
        lambda: (
            TfidfVectorizer(),
            TfidfVectorizer(sublinear_tf=True, norm="l1", dtype=np.float32),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), use_idf=False),
        ),
    )
)
