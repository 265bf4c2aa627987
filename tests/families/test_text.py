"""Text vectorizers go into the IR and come back; what a file cannot hold is refused by name."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import all_transforms, lift, lower
from skcompress.ir import TextVectorize

TEXTS = ["the cat sat on the mat", "a dog and a cat", "the dog barked at the moon"]

EXAMPLES = [
    pytest.param(example, id=str(example))
    for family in all_transforms()
    for example in family.examples()
    if "feature_extraction" in family.name
]


@pytest.mark.parametrize("vectorizer", EXAMPLES)
def test_there_and_back(vectorizer):
    fitted = vectorizer.fit(TEXTS)
    model = lift(fitted)
    assert model.input.text
    back = lower(model)
    assert type(back) is type(fitted)
    unseen = [*TEXTS, "another cat on the moon"]
    expected = fitted.transform(unseen)
    assert back.transform(unseen).dtype == expected.dtype
    assert (back.transform(unseen) != expected).nnz == 0
    assert back.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()


@pytest.mark.parametrize(
    ("parameter", "settings"),
    [
        ("tokenizer", {"tokenizer": str.split, "token_pattern": None}),
        ("preprocessor", {"preprocessor": str.upper}),
        ("analyzer", {"analyzer": str.split}),
        ("strip_accents", {"strip_accents": str.upper}),
        ("token_pattern", {"token_pattern": r"[a-z]+"}),
    ],
)
@pytest.mark.parametrize("cls", [CountVectorizer, TfidfVectorizer])
def test_code_is_refused_by_name(cls, parameter, settings):
    fitted = cls(**settings).fit(TEXTS)
    with pytest.raises(UnsupportedEstimatorError, match=rf"{cls.__name__}: `{parameter}`"):
        lift(fitted)


def test_files_as_input_are_refused(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a cat and a dog")
    fitted = CountVectorizer(input="filename").fit([str(path)])
    with pytest.raises(UnsupportedEstimatorError, match="`input` must be 'content'"):
        lift(fitted)


def test_patterns_of_unused_tokenizers_do_not_matter():
    model = lift(CountVectorizer(analyzer="char", ngram_range=(2, 2)).fit(TEXTS))
    assert model.chain.transforms[0].analyzer == "char"


def test_a_term_with_a_trailing_null_is_refused():
    fitted = CountVectorizer(analyzer="char").fit(["ab\0"])
    with pytest.raises(UnsupportedEstimatorError, match="null"):
        lift(fitted)


def test_stop_words_are_kept_only_where_they_matter():
    single = lift(CountVectorizer(stop_words=["the"]).fit(TEXTS)).chain.transforms[0]
    assert single.stop_words is None
    double = lift(CountVectorizer(stop_words=["the"], ngram_range=(1, 2)).fit(TEXTS))
    assert double.chain.transforms[0].stop_words.tolist() == ["the"]
    known = CountVectorizer(stop_words=["the"], vocabulary=["cat", "the"]).fit(TEXTS)
    assert lift(known).chain.transforms[0].stop_words.tolist() == ["the"]


def test_vocabulary_stands_in_column_order():
    fitted = CountVectorizer(vocabulary={"moon": 2, "cat": 0, "dog": 1}).fit(TEXTS)
    assert lift(fitted).chain.transforms[0].terms.tolist() == ["cat", "dog", "moon"]


@pytest.mark.parametrize(
    "weights", [TfidfTransformer(), TfidfTransformer(norm="l1", use_idf=False, sublinear_tf=True)]
)
def test_counts_then_weights_become_one_step(weights):
    pipeline = make_pipeline(CountVectorizer(binary=True), weights).fit(TEXTS)
    model = lift(pipeline)
    (node,) = model.chain.transforms
    assert isinstance(node, TextVectorize)
    assert (lower(model).transform(TEXTS) != pipeline.transform(TEXTS)).nnz == 0


def test_weights_alone_are_refused():
    counts = CountVectorizer().fit_transform(TEXTS)
    with pytest.raises(UnsupportedEstimatorError, match="TfidfTransformer"):
        lift(TfidfTransformer().fit(counts))


def test_unfitted_vectorizers():
    for vectorizer in (CountVectorizer(), TfidfVectorizer()):
        with pytest.raises(NotFittedError):
            lift(vectorizer)


def test_float32_is_remembered():
    assert lift(TfidfVectorizer(dtype=np.float32).fit(TEXTS)).chain.transforms[0].float32
