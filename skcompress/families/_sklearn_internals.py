"""The one place that touches what is private to scikit-learn, by feature detection.

Each function reads or writes one internal; a canary test per function in
``tests/families/test_canaries.py`` says at once what a new scikit-learn release moved.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator
from sklearn.preprocessing import LabelBinarizer, StandardScaler

# ---------------------------------------------------------------- transformers, text and networks


@functools.cache
def standard_scaler_rounds_first() -> bool:
    """Whether `StandardScaler` rounds mean and scale to float32 before it scales float32 rows.

    It does from scikit-learn 1.8 on; before, it computed in float64 and rounded the result.
    """
    scaler = StandardScaler().fit([[0.0], [0.2]])
    # The mean as a float32 number: nothing is left of it only if the mean was rounded as well.
    return bool(scaler.transform(scaler.mean_.astype(np.float32).reshape(1, 1))[0, 0] == 0)


def imputer_fill_dtype(imputer: Any) -> np.dtype:
    """The dtype that `SimpleImputer` rounds its statistics to; float64 where it does not."""
    dtype = np.dtype(getattr(imputer, "_fill_dtype", np.float64))
    return dtype if dtype.kind in "iuf" else np.dtype(np.float64)


def set_fitted_imputer(imputer: Any, indicators: np.ndarray | None) -> None:
    """Give a `SimpleImputer` with statistics the rest of what its `transform` reads."""
    imputer._fit_dtype = np.dtype(np.float64)
    imputer._fill_dtype = np.dtype(np.float64)
    imputer.indicator_ = None
    if indicators is not None:
        flags = MissingIndicator(missing_values=imputer.missing_values, error_on_new=False)
        flags.features_ = indicators.astype(np.int64)
        flags.n_features_in_ = imputer.statistics_.size
        flags._n_features = imputer.statistics_.size
        flags._precomputed = True
        imputer.indicator_ = flags


def tfidf_of(vectorizer: Any) -> Any:
    """The `TfidfTransformer` inside a fitted `TfidfVectorizer`."""
    return vectorizer._tfidf


def set_tfidf(vectorizer: Any, transformer: Any) -> None:
    """Put a fitted `TfidfTransformer` into a `TfidfVectorizer`."""
    vectorizer._tfidf = transformer


def mlp_wants_sparse_labels(mlp: Any) -> bool:
    """Whether an `MLPClassifier` was fitted on a sparse label matrix."""
    return bool(mlp._label_binarizer.sparse_input_)


def set_label_binarizer(mlp: Any, *, multilabel: bool) -> None:
    """Give an `MLPClassifier` with classes the binarizer that turns its output into labels."""
    seen = np.eye(len(mlp.classes_), dtype=int) if multilabel else mlp.classes_
    mlp._label_binarizer = LabelBinarizer().fit(seen)
