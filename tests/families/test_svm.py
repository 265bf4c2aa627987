"""Kernel machines go into the IR, predict within the bound, and come back."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits, load_iris, make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

import skcompress as skc
from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.ir import KernelExpansion, LinearMap, OneVsOne, Outlier, Sparse, decode
from skcompress.runtime import CompactModel

KERNELS = {
    "linear": {},
    "poly": {"degree": 2, "coef0": 1.0},
    "rbf": {},
    "sigmoid": {"gamma": 0.01, "coef0": 0.1},
}
CLASSIFIERS, REGRESSORS = [SVC, NuSVC], [SVR, NuSVR]
METHODS = ("predict", "decision_function", "score_samples", "predict_proba", "predict_log_proba")


def classes(n_classes, n_rows=90, seed=0):
    return make_classification(
        n_rows, 6, n_informative=4, n_classes=n_classes, n_clusters_per_class=1, random_state=seed
    )


def fit(model, X, y=None):
    with warnings.catch_warnings():
        # From 1.9 on.
        warnings.filterwarnings("ignore", "The `probability` parameter was deprecated")
        return model.fit(X, y)


def bound(svm, X):
    """1e-12 of the sum of the sizes of all terms, over all outputs together."""
    names = {"linear": (), "poly": ("gamma", "coef0", "degree"), "rbf": ("gamma",)}
    params = {"gamma": svm._gamma, "coef0": svm.coef0, "degree": svm.degree}
    used = names.get(svm.kernel, ("gamma", "coef0"))
    K = pairwise_kernels(X, svm.support_vectors_, svm.kernel, **{n: params[n] for n in used})
    dual = svm.dual_coef_.toarray() if sparse.issparse(svm.dual_coef_) else svm.dual_coef_
    K = np.asarray(K.todense()) if sparse.issparse(K) else K
    return 1e-12 * (np.abs(svm.intercept_).max() + np.abs(K) @ np.abs(dual).sum(axis=0))


def assert_same(svm, other, X, *, of=None):
    """`other` answers as `svm` does; bound and margins are those of the model `of`."""
    svm_of = svm if of is None else of
    allowed = bound(svm_of, X)[:, np.newaxis]
    # Where a score is as good as zero, its sign is an accident, and so are votes.
    clear = (np.abs(CompactModel(lift(svm_of)).raw(X)) > allowed).all(axis=1)
    votes = is_classifier(svm) and len(svm.classes_) > 2 and svm.decision_function_shape == "ovr"
    for method in METHODS:
        assert hasattr(svm, method) == hasattr(other, method)
        if not hasattr(svm, method):
            continue
        wanted, result = getattr(svm, method)(X), getattr(other, method)(X)
        assert result.shape == wanted.shape
        assert result.dtype == wanted.dtype
        if method.startswith("predict_"):
            np.testing.assert_allclose(result, wanted, rtol=1e-8, atol=1e-12)
        elif method == "predict" and wanted.dtype.kind != "f":
            assert (result == wanted)[clear].all()
        else:
            gap = np.abs(result - wanted).reshape(len(wanted), -1)
            assert (gap <= allowed)[clear if votes else slice(None)].all()


def arrays_of(svm):
    values = {name: value for name, value in vars(svm).items() if name.endswith("_")}
    return {n: v.toarray() if sparse.issparse(v) else np.copy(v) for n, v in values.items()}


def check(svm, X):
    before = arrays_of(svm)
    model = lift(svm)
    assert_same(svm, CompactModel(model), X)
    back = lower(model)
    assert type(back) is type(svm)
    assert_same(svm, back, X)
    assert_same(svm, CompactModel(lift(back)), X)
    np.testing.assert_equal(arrays_of(svm), before)
    return model


@pytest.mark.parametrize("sparse_fit", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_classifiers(cls, kernel, n_classes, sparse_fit):
    X, y = classes(n_classes)
    rows = sparse.csr_array(X) if sparse_fit else X
    # A small nu is feasible whatever the kernel.
    nu = {"nu": 0.2} if cls is NuSVC else {}
    svm = cls(kernel=kernel, **KERNELS[kernel], **nu).fit(rows, y)
    for queries in [X, sparse.csr_array(X)] if sparse_fit else [X]:
        model = check(svm, queries)
    kind = LinearMap if kernel == "linear" else KernelExpansion
    assert isinstance(model.predictor, kind)
    assert model.input.sparse == sparse_fit
    if kind is KernelExpansion:
        assert isinstance(model.predictor.vectors, Sparse) == sparse_fit


@pytest.mark.parametrize("sparse_fit", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cls", [*REGRESSORS, OneClassSVM])
def test_regressors_and_outlier_detection(cls, kernel, sparse_fit):
    X, y = make_regression(80, 5, random_state=0)
    rows = sparse.csr_array(X) if sparse_fit else X
    svm = cls(kernel=kernel, **KERNELS[kernel]).fit(rows, y / 50)
    for queries in [X, sparse.csr_array(X)] if sparse_fit else [X]:
        model = check(svm, queries)
    if cls is OneClassSVM:
        assert isinstance(model.head, Outlier)


@pytest.mark.parametrize("shape", ["ovo", "ovr"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_shape_of_the_decision_function(n_classes, shape):
    X, y = classes(n_classes)
    svm = SVC(decision_function_shape=shape).fit(X, y)
    model = check(svm, X)
    assert model.head.decision_shape == shape
    assert lower(model).decision_function_shape == shape


@pytest.mark.parametrize("n_classes", [2, 5])
def test_ties_between_votes(n_classes):
    X, y = classes(n_classes, n_rows=200)
    grid = np.random.default_rng(0).normal(scale=3, size=(400, 6))
    svm = SVC(break_ties=True, decision_function_shape="ovr").fit(X, y)
    check(svm, grid)
    plain = SVC().fit(X, y)
    check(plain, grid)
    assert (n_classes == 2) == bool((svm.predict(grid) == plain.predict(grid)).all())


@pytest.mark.parametrize("sparse_fit", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_platt_probabilities(cls, n_classes, sparse_fit):
    X, y = classes(n_classes)
    rows = sparse.csr_array(X) if sparse_fit else X
    for kernel in ("rbf", "linear"):
        nu = {"nu": 0.2} if cls is NuSVC else {}
        svm = fit(cls(kernel=kernel, probability=True, random_state=0, **nu), rows, y)
        model = check(svm, rows)
        assert isinstance(model.head, OneVsOne)
        assert model.head.platt_a.shape == (n_classes * (n_classes - 1) // 2,)


def test_class_and_sample_weights():
    X, y = classes(3)
    weight = np.random.default_rng(0).random(len(y)) + 0.1
    for class_weight in ("balanced", {0: 1.0, 1: 5.0, 2: 0.1}):
        check(SVC(class_weight=class_weight).fit(X, y, sample_weight=weight), X)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ham", "spam", "neither"]),
        np.array(["ham", "spam", "neither"], dtype=object),
        np.array([5, -3, 12]),
        np.array([0.0, 2.0, 4.0]),
        np.array([False, True, True]),
    ],
    ids=["text", "objects", "integers", "floats", "booleans"],
)
def test_labels(labels):
    X, y = classes(3)
    check(SVC().fit(X, labels[y]), X)


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.3])
def test_gamma(gamma):
    X, y = classes(3)
    X = X * 3.0
    model = check(SVC(gamma=gamma).fit(X, y), X)
    resolved = {"scale": 1 / (6 * X.var()), "auto": 1 / 6}.get(gamma, gamma)
    assert model.predictor.gamma == pytest.approx(resolved, rel=1e-12)
    assert lower(model).gamma == model.predictor.gamma


def test_real_data():
    X, y = load_digits(return_X_y=True)
    check(SVC(C=10).fit(X[::3], y[::3]), X)
    check(SVC(kernel="poly").fit(X[::3], y[::3]), X)


def test_texts():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{k}" for k in rng.geometric(0.05, 12)) for _ in range(80)]
    y = rng.integers(0, 4, 80)
    rows = TfidfVectorizer(token_pattern=r"\S+").fit_transform(texts)
    for kernel in KERNELS:
        check(SVC(kernel=kernel, C=10).fit(rows, y), rows)


def test_linear_kernel_over_a_large_vocabulary_keeps_its_sparse_vectors():
    rng = np.random.default_rng(0)
    rows = sparse.csr_array(rng.random((60, 5000)) * (rng.random((60, 5000)) < 0.002))
    y = np.arange(60) % 6
    svm = SVC(kernel="linear").fit(rows, y)
    model = check(svm, rows)
    assert isinstance(model.predictor, KernelExpansion)
    assert model.nbytes < 15 * 5000 * 8 / 4


def test_single_precision_rows():
    X, y = classes(3)
    svm = SVC().fit(X, y)
    assert_same(svm, CompactModel(lift(svm)), X.astype(np.float32), of=svm)


def test_no_support_vectors():
    X, y = make_regression(20, 3, random_state=0)
    svm = SVR(epsilon=1e6).fit(X, y)
    assert svm.support_vectors_.shape == (0, 3)
    assert (CompactModel(lift(svm)).predict(X) == svm.predict(X)).all()


def test_names_of_columns():
    pd = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    frame = pd.DataFrame(X, columns=list("abcd"))
    svm = SVC().fit(frame, y)
    model = lift(svm)
    assert model.input.names == tuple("abcd")
    assert lower(model).feature_names_in_.tolist() == list("abcd")
    assert (lower(model).predict(frame) == svm.predict(frame)).all()


def test_dense_models_refuse_sparse_rows_as_scikit_learn_does():
    X, y = classes(2)
    svm = SVC().fit(X, y)
    rows = sparse.csr_array(X)
    with pytest.raises(ValueError, match="sparse input"):
        svm.predict(rows)
    with pytest.raises(TypeError, match="dense rows"):
        CompactModel(lift(svm)).predict(rows)


@pytest.mark.parametrize("kernel", ["precomputed", "a callable"])
def test_unsupported_kernels(kernel):
    X, y = classes(2)
    if kernel == "precomputed":
        svm = SVC(kernel="precomputed").fit(X @ X.T, y)
    else:
        svm = SVC(kernel=lambda a, b: a @ b.T).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match=f"{kernel}.*linear, poly, rbf, sigmoid"):
        lift(svm)


@pytest.mark.parametrize("cls", [*CLASSIFIERS, *REGRESSORS, OneClassSVM])
def test_not_fitted(cls):
    with pytest.raises(NotFittedError):
        lift(cls())


def test_parameters_of_training_come_back():
    X, y = classes(3)
    svm = SVC(C=7.0, tol=1e-2, class_weight="balanced", cache_size=50, coef0=3.0).fit(X, y)
    back = lower(lift(svm))
    changed = {"gamma": back.gamma}
    assert back.get_params() == svm.get_params() | changed
    # What comes back can be trained anew.
    refitted = clone(back).fit(X, y)
    assert (refitted.predict(X) == svm.predict(X)).all()


def test_lowered_attributes():
    X, y = classes(3)
    svm = SVC().fit(X, y)
    back = lower(lift(svm))
    for name in ("support_vectors_", "dual_coef_", "intercept_", "n_support_", "classes_"):
        assert (getattr(back, name) == getattr(svm, name)).all()
    assert back.n_features_in_ == svm.n_features_in_
    assert back.fit_status_ == 0
    detector = OneClassSVM().fit(X)
    assert lower(lift(detector)).offset_ == detector.offset_
    linear = SVC(kernel="linear").fit(X, y)
    np.testing.assert_allclose(lower(lift(linear)).coef_, linear.coef_, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", ["ovo", "ovr"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_shared_vectors_come_back_as_copies(cls, kernel, shape):
    X, y = classes(4)
    rng = np.random.default_rng(0)
    nu = {"nu": 0.2} if cls is NuSVC else {"probability": True}
    svm = cls(kernel="poly", decision_function_shape=shape, random_state=0, **nu)
    model = lift(fit(svm, X, y))
    shared = KernelExpansion(
        vectors=X[:7],
        coef=rng.normal(size=(6, 7)),
        intercept=rng.normal(size=6),
        kernel=kernel,
        gamma=0.3,
        coef0=0.5,
        degree=2,
    )
    compact = CompactModel(model.with_predictor(shared))
    back = lower(compact.ir)
    assert type(back) is cls
    assert back.n_support_.tolist() == [7, 7, 7, 0]
    assert back.dual_coef_.shape == (3, 21)
    assert (back.support_vectors_[7:14] == X[:7]).all()
    for other in (back, pickle.loads(pickle.dumps(back)), CompactModel(lift(back))):
        assert_same(back, other, X)
        np.testing.assert_array_equal(other.predict(X), compact.predict(X))
        np.testing.assert_allclose(
            other.decision_function(X), compact.decision_function(X), atol=1e-9
        )
    if cls is SVC:
        np.testing.assert_allclose(back.predict_proba(X), compact.predict_proba(X), atol=1e-9)
    refitted = fit(clone(back), X, y)
    assert refitted.dual_coef_.shape == (3, len(refitted.support_)) != (3, 21)


def test_a_reduced_machine_comes_back():
    X, y = load_digits(return_X_y=True)
    svc = make_pipeline(StandardScaler(), SVC()).fit(X[:300], y[:300])
    quantizer = skc.SVMQuantizer(FrozenEstimator(svc), n_vectors=20, n_bits=6, keep_notes=True)
    small = quantizer.fit(X[:300], y[:300]).model_
    back = skc.to_sklearn(small)
    assert type(back[-1]) is SVC
    np.testing.assert_array_equal(back.predict(X), small.predict(X))
    np.testing.assert_allclose(back.decision_function(X), small.decision_function(X), atol=1e-9)


def test_arrays_are_not_shared_with_the_original():
    X, y = classes(2)
    svm = SVC().fit(X, y)
    model = lift(svm)
    wanted = CompactModel(model).decision_function(X)
    svm.support_vectors_[:] = 0
    svm.dual_coef_[:] = 0
    assert (CompactModel(model).decision_function(X) == wanted).all()
    back = lower(model)
    back.support_vectors_[:] = 0
    assert decode(model.predictor.vectors).any()


@given(
    cls=st.sampled_from([SVC, NuSVC, SVR, NuSVR, OneClassSVM]),
    kernel=st.sampled_from(list(KERNELS)),
    seed=st.integers(0, 10**6),
    n_features=st.integers(1, 6),
    n_classes=st.integers(2, 5),
    shift=st.sampled_from([0.0, 10.0]),
    duplicates=st.booleans(),
    sparse_fit=st.booleans(),
)
@settings(max_examples=60)
def test_any_model(cls, kernel, seed, n_features, n_classes, shift, duplicates, sparse_fit):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, n_features)) + shift * (kernel == "rbf")
    if duplicates:
        X = X[rng.integers(0, 10, 40)]
    svm = cls(kernel=kernel, **KERNELS[kernel])
    y = np.arange(40) % n_classes if is_classifier(svm) else rng.normal(size=40)
    if cls is NuSVC:
        svm.set_params(nu=0.2)
    try:
        svm.fit(sparse.csr_array(X) if sparse_fit else X, y)
    except ValueError:
        # The solver fails on some of these.
        reject()
    check(svm, X)


def test_comparison_sees_differences():
    X, y = classes(3)
    svm = SVC().fit(X, y)
    other = SVC(C=1.001).fit(X, y)
    with pytest.raises(AssertionError):
        assert_same(svm, other, X)
