"""Linear models go into the IR, predict as before, and come back."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.ir import LinearMap, Sparse
from skcompress.runtime import CompactModel

SEED = {"random_state": 0}
CLASSIFIERS = [
    LinearSVC(**SEED),
    LinearSVC(fit_intercept=False, multi_class="crammer_singer", **SEED),
    LogisticRegression(max_iter=300),
    LogisticRegression(fit_intercept=False, C=0.1, max_iter=300),
    LogisticRegression(class_weight="balanced", solver="saga", max_iter=300, **SEED),
    RidgeClassifier(),
    SGDClassifier(**SEED),
    SGDClassifier(loss="log_loss", average=True, **SEED),
    SGDClassifier(loss="squared_error", **SEED),
    Perceptron(**SEED),
]
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    Ridge(fit_intercept=False),
    Lasso(),
    ElasticNet(),
    LinearSVR(**SEED),
    SGDRegressor(**SEED),
]
METHODS = ("predict", "decision_function", "predict_proba", "predict_log_proba")
# The logarithm of a probability that vanished.
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning")

HAS_MULTI_CLASS = "multi_class" in LogisticRegression().get_params()


def named(models):
    return {"argvalues": models, "ids": [str(model) for model in models]}


def classes(n_classes, n_rows=120):
    return make_classification(
        n_rows, 8, n_informative=5, n_classes=n_classes, n_clusters_per_class=1, random_state=0
    )


def assert_same(model, other, X, atol=1e-300):
    for method in METHODS:
        assert hasattr(model, method) == hasattr(other, method)
        if not hasattr(model, method):
            continue
        wanted, result = getattr(model, method)(X), getattr(other, method)(X)
        assert result.shape == wanted.shape
        assert result.dtype == wanted.dtype
        if method.endswith("proba"):
            np.testing.assert_allclose(result, wanted, rtol=1e-13, atol=atol)
        elif wanted.dtype.kind != "f":
            assert (result == wanted).all()
        else:
            scale = 1 + np.abs(wanted).max()
            np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-14 * scale)


def check(model, *queries, atol=1e-300):
    lifted = lift(model)
    back = lower(lifted)
    assert type(back) is type(model)
    assert back.get_params() == model.get_params()
    for X in queries:
        assert_same(model, CompactModel(lifted), X, atol)
        assert_same(model, back, X, atol)
        assert_same(model, CompactModel(lift(back)), X, atol)
    return lifted


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", **named(CLASSIFIERS))
def test_classifiers(model, n_classes):
    X, y = classes(n_classes)
    labels = np.array(["one", "two", "three"])[y]
    model = clone(model)
    if n_classes == 2 or getattr(model, "multi_class", "ovr") != "crammer_singer":
        check(model.fit(X, labels), X, sparse.csr_array(X))
    check(model.fit(X, y), X, sparse.csr_array(X))


@pytest.mark.parametrize("model", **named(REGRESSORS))
def test_regressors(model):
    X, y = make_regression(60, 6, n_informative=3, random_state=0)
    X, y = X * 3 - 1, y / 10
    lifted = check(clone(model).fit(X, y), X, sparse.csr_array(X))
    assert isinstance(lifted.predictor, LinearMap)
    assert lifted.head.ravel


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("model", **named(REGRESSORS[:5]))
def test_several_targets(model, n_targets):
    X, y = make_regression(60, 6, n_targets=n_targets, random_state=0)
    check(clone(model).fit(X, y.reshape(60, n_targets)), X)


@pytest.mark.parametrize("rows", [np.float32, np.float64])
@pytest.mark.parametrize("fitted", [np.float32, np.float64])
@pytest.mark.parametrize("model", **named([*CLASSIFIERS, *REGRESSORS]))
def test_precision(model, fitted, rows):
    X, y = classes(3)
    model = clone(model).fit(X.astype(fitted), y)
    small = CompactModel(lift(model))
    for queries in (X.astype(rows), sparse.csr_array(X.astype(rows))):
        wanted, result = model.predict(queries), small.predict(queries)
        assert result.dtype == wanted.dtype
        if is_classifier(model):
            assert (result == wanted).all()
            result, wanted = small.decision_function(queries), model.decision_function(queries)
            assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=2e-5 if fitted != rows else 1e-5)


@pytest.mark.parametrize("model", [SGDClassifier(**SEED), LogisticRegression(), Perceptron()])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparsified_weights_stay_sparse(model, n_classes):
    X, y = classes(n_classes)
    X = np.concatenate([X, np.zeros((len(X), 40))], axis=1)
    model = clone(model).fit(X, y).sparsify()
    lifted = lift(model)
    assert isinstance(lifted.predictor.coef, Sparse)
    for queries in (X, sparse.csr_array(X)):
        assert_same(model, CompactModel(lifted), queries)
        assert_same(model, lower(lifted), queries)


def test_a_sparsified_regressor():
    X, y = make_regression(60, 6, random_state=0)
    model = SGDRegressor(**SEED).fit(X, y).sparsify()
    assert_same(model, CompactModel(lift(model)), X)


@pytest.mark.skipif(not HAS_MULTI_CLASS, reason="taken out in 1.8")
@pytest.mark.filterwarnings("ignore:'multi_class' was deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:Using the 'liblinear' solver for multiclass:FutureWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "settings", [("ovr", "lbfgs"), ("multinomial", "lbfgs"), ("auto", "liblinear")]
)
def test_multi_class_of_older_versions(settings, n_classes):
    X, y = classes(n_classes)
    multi_class, solver = settings
    model = LogisticRegression(multi_class=multi_class, solver=solver, max_iter=300)
    # Of two classes, the softmax and the complement of a logistic function round differently.
    check(model.fit(X, y), X, atol=1e-11)


@pytest.mark.parametrize("shape", [(-800.0, 0.0), (-1e6, 1e6)])
def test_probabilities_far_out(shape):
    X, y = classes(3)
    model = LogisticRegression(max_iter=300).fit(X, y)
    assert_same(model, CompactModel(lift(model)), np.clip(X * 1e4, *shape))


def test_large_vocabulary():
    rng = np.random.default_rng(0)
    rows = sparse.csr_array(rng.random((50, 100_000)) * (rng.random((50, 100_000)) < 1e-4))
    check(LogisticRegression(C=10).fit(rows, np.arange(50) % 3), rows)


def test_names_of_columns():
    pd = pytest.importorskip("pandas")
    X, y = classes(2)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    model = LogisticRegression().fit(frame, y)
    assert lift(model).input.names == tuple("abcdefgh")
    assert lower(lift(model)).feature_names_in_.tolist() == list("abcdefgh")


def test_what_cannot_be_represented():
    X, y = classes(2)
    with pytest.raises(UnsupportedEstimatorError, match=r"modified_huber.*log_loss"):
        lift(SGDClassifier(loss="modified_huber", **SEED).fit(X, y))
    X, labels = make_multilabel_classification(random_state=0)
    with pytest.raises(UnsupportedEstimatorError, match="several labels"):
        lift(RidgeClassifier().fit(X, labels))


@pytest.mark.parametrize("model", **named([*CLASSIFIERS, *REGRESSORS]))
def test_not_fitted(model):
    with pytest.raises(NotFittedError):
        lift(clone(model))


def test_subclasses_are_refused():
    class Mine(LogisticRegression):
        pass

    X, y = classes(2)
    with pytest.raises(UnsupportedEstimatorError, match=r"Mine.*subclass of LogisticRegression"):
        lift(Mine().fit(X, y))
