"""Texts become the rows that scikit-learn's vectorizers make, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from skcompress.families import lift
from skcompress.ir import TextVectorize
from skcompress.ir.text import TOKEN_PATTERNS
from skcompress.runtime._registry import compile_node

TEXTS = [
    "The cat sat on the mat; the cat purred.",
    "  Ein Käfer krabbelt über Straßen, ÉLÈVE déjà vu — 42 times!  ",
    "a I x",
    "",
    "the the the THE",
    "İstanbul ﬁne\tnew\n\nline  double   spaces",
    "it's well-known: e-mail me@example.org, 3.14",
    "日本語 テキスト naïve café naive cafe",
]

COUNTS = [
    {},
    {"binary": True},
    {"lowercase": False},
    {"strip_accents": "ascii"},
    {"strip_accents": "unicode"},
    {"ngram_range": (1, 3)},
    {"ngram_range": (2, 2), "stop_words": ["the", "on"]},
    {"stop_words": ["the"]},
    {"analyzer": "char", "ngram_range": (1, 3)},
    {"analyzer": "char", "ngram_range": (3, 9), "lowercase": False},
    {"analyzer": "char_wb", "ngram_range": (2, 4)},
    {"analyzer": "char_wb", "ngram_range": (1, 12)},
    {"max_features": 5},
    {"vocabulary": ["mat", "cat", "the"]},
    *({"token_pattern": pattern} for pattern in TOKEN_PATTERNS),
]

WEIGHTS = [
    {},
    {"norm": "l1"},
    {"norm": None},
    {"use_idf": False},
    {"sublinear_tf": True},
    {"smooth_idf": False, "sublinear_tf": True, "binary": True},
]


def evaluate(model, texts):
    (node,) = model.chain.transforms
    return compile_node(node)(texts)


def assert_same(rows, expected, dtype):
    expected = expected.tocsr()
    assert rows.shape == expected.shape
    assert rows.data.dtype == dtype
    assert rows.indptr.tolist() == expected.indptr.tolist()
    assert rows.indices.tolist() == expected.indices.tolist()
    assert rows.data.tolist() == expected.data.tolist()


@pytest.mark.parametrize("settings", COUNTS, ids=str)
def test_counts(settings):
    vectorizer = CountVectorizer(**settings).fit(TEXTS)
    unseen = [*TEXTS, "another CAT, another Straße; x y", "\0 null \0"]
    assert_same(evaluate(lift(vectorizer), unseen), vectorizer.transform(unseen), np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", WEIGHTS, ids=str)
def test_weights(settings, dtype):
    vectorizer = TfidfVectorizer(dtype=dtype, **settings).fit(TEXTS)
    unseen = [*TEXTS, "the unheard-of cat and the mat"]
    assert_same(evaluate(lift(vectorizer), unseen), vectorizer.transform(unseen), dtype)


@given(
    train=st.lists(st.text("abAB éß. \n", min_size=3, max_size=12), min_size=1, max_size=5),
    texts=st.lists(st.text(max_size=15) | st.text("abé ", max_size=15), min_size=1, max_size=4),
    settings=st.fixed_dictionaries(
        {
            "analyzer": st.sampled_from(["word", "char", "char_wb"]),
            "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 3)]),
            "strip_accents": st.sampled_from([None, "ascii", "unicode"]),
            "lowercase": st.booleans(),
            "sublinear_tf": st.booleans(),
        }
    ),
)
def test_arbitrary_texts(train, texts, settings):
    # The words make the vocabulary non-empty whatever the settings are.
    fitted = TfidfVectorizer(**settings).fit([*train, "aa ab ba"])
    assert_same(evaluate(lift(fitted), texts), fitted.transform(texts), np.float64)


def test_no_known_term_at_all():
    node = TextVectorize(terms=np.array(["cat", "dog"]), norm="l2")
    rows = compile_node(node)(["bird", ""])
    assert rows.shape == (2, 2)
    assert rows.data.size == 0
    assert rows.indptr.tolist() == [0, 0, 0]


def test_arrays_of_texts_are_taken():
    node = TextVectorize(terms=np.array(["cat", "dog"]))
    rows = compile_node(node)(np.array(["dog cat dog"], dtype=object).tolist())
    assert rows.to_dense().tolist() == [[1.0, 2.0]]
