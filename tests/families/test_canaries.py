"""Says at once which of scikit-learn's internals a new release has moved."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from skcompress.families import _sklearn_internals as internals

# ---------------------------------------------------------------- transformers, text and networks


def test_standard_scaler_rounds_first():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)).astype(np.float32)
    scaler = StandardScaler().fit(rng.normal(size=(9, 3)))
    dtype = np.float32 if internals.standard_scaler_rounds_first() else np.float64
    expected = rows.copy()
    expected -= scaler.mean_.astype(dtype)
    expected /= scaler.scale_.astype(dtype)
    assert (scaler.transform(rows) == expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_imputer_fill_dtype(dtype):
    train = np.array([[0.1, 1], [0.2, 2], [0.5, 4]], dtype)
    imputer = SimpleImputer(strategy="constant", fill_value=0.3).fit(train)
    filled = imputer.transform(np.array([[np.nan, np.nan]], dtype))
    rounded = np.array(0.3).astype(internals.imputer_fill_dtype(imputer)).astype(dtype)
    assert (filled == rounded).all()


def test_set_fitted_imputer():
    imputer = SimpleImputer(add_indicator=True)
    imputer.statistics_ = np.array([1.0, 2.0])
    imputer.n_features_in_ = 2
    internals.set_fitted_imputer(imputer, np.array([1], np.uint8))
    assert imputer.transform([[np.nan, np.nan]]).tolist() == [[1.0, 2.0, 1.0]]


def test_tfidf_inside_a_vectorizer():
    vectorizer = TfidfVectorizer().fit(["a cat", "the cat", "the dog"])
    assert isinstance(internals.tfidf_of(vectorizer), TfidfTransformer)
    assert (internals.tfidf_of(vectorizer).idf_ == vectorizer.idf_).all()
    other = TfidfVectorizer(vocabulary=vectorizer.vocabulary_)
    internals.set_tfidf(other, internals.tfidf_of(vectorizer))
    other.vocabulary_ = vectorizer.vocabulary_
    assert (other.transform(["the cat"]) != vectorizer.transform(["the cat"])).nnz == 0


@pytest.mark.parametrize(
    "labels", [np.array([0, 1] * 5), np.array(list("abcab") * 2), np.eye(10, 3, dtype=int)]
)
def test_label_binarizer_of_a_network(labels):
    X = np.random.default_rng(0).normal(size=(10, 2))
    mlp = MLPClassifier((2,), max_iter=2, random_state=0).fit(X, labels)
    assert not internals.mlp_wants_sparse_labels(mlp)
    fitted = mlp._label_binarizer
    assert isinstance(fitted, LabelBinarizer)
    internals.set_label_binarizer(mlp, multilabel=labels.ndim == 2)
    assert mlp._label_binarizer is not fitted
    assert mlp._label_binarizer.y_type_ == fitted.y_type_
    assert (mlp._label_binarizer.classes_ == fitted.classes_).all()
