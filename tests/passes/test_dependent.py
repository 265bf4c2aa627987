"""Vectors that depend on others go, and outputs stay."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR

import skcompress as skc
from skcompress.families import lift, lower
from skcompress.ir import Chain, InputSpec, KernelExpansion, Model, Numbers, Sparse, decode
from skcompress.passes import Context, DropDependent, SkipPass
from skcompress.passes._dependence import first_equal, polynomial_features
from skcompress.runtime import CompactModel
from skcompress.runtime._registry import compile_node
from skcompress.runtime.kernel import kernel_matrix

X, Y = load_iris(return_X_y=True)


def dropped(model, tolerance=0.0):
    return DropDependent(tolerance).apply(model, Context(original=model))


def sizes_of_terms(kernel, rows):
    """Each term taken as large as it can be for a row of this length."""
    vectors = decode(kernel.vectors)

    def own(part):
        return np.sqrt([kernel_matrix(kernel, v[None], v[None])[0, 0] for v in part])

    most = own(rows)[:, np.newaxis] * own(vectors)
    return np.abs(kernel.intercept).max() + most @ np.abs(decode(kernel.coef)).sum(axis=0)


def assert_same(before, after, rows):
    gap = np.abs(compile_node(before)(rows) - compile_node(after)(rows)).max(axis=1)
    assert (gap <= 2e-12 * sizes_of_terms(before, rows)).all()


@st.composite
def expansions(draw):
    """Vectors on a coarse grid, so that many are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_vectors, n_features = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    vectors = rng.integers(-2, 3, (n_vectors, n_features)) / 2.0
    kernel = draw(st.sampled_from(["rbf", "poly", "linear", "sigmoid"]))
    groups = None
    n_outputs = n_rows = draw(st.integers(1, 3))
    if draw(st.booleans()):
        edges = np.sort(rng.integers(0, n_vectors + 1, n_rows))
        groups = np.diff(np.concatenate([[0], edges, [n_vectors]])).astype(np.uint32)
        n_outputs = n_rows * (n_rows + 1) // 2
    return KernelExpansion(
        vectors=vectors,
        coef=rng.choice([-1.0, 0.0, 1.0, 0.3], (n_rows, n_vectors)),
        intercept=rng.normal(size=n_outputs),
        kernel=kernel,
        gamma=0.7,
        coef0=draw(st.sampled_from([0.0, 1.0])),
        degree=draw(st.integers(1, 3)),
        group_sizes=groups,
    )


@settings(deadline=None, max_examples=40)
@given(expansions(), st.booleans())
def test_outputs_stay(kernel, is_sparse):
    plain = kernel
    if is_sparse:
        kernel = kernel.replace(vectors=Sparse.from_dense(kernel.vectors))
    model = Model(
        input=InputSpec(n_features=kernel.n_features, sparse=is_sparse),
        chain=Chain(transforms=(), predictor=kernel),
        head=Numbers(n_outputs=kernel.n_outputs, ravel=kernel.n_outputs == 1),
        family="sklearn.svm._classes.SVR",
    )
    try:
        after = dropped(model).predictor
    except SkipPass:
        return
    assert after.n_vectors < kernel.n_vectors
    rows = np.random.default_rng(0).normal(size=(20, kernel.n_features))
    assert_same(plain, after.replace(vectors=decode(after.vectors)), rows)


@given(st.integers(0, 2**32 - 1))
def test_equal_rows_are_found(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2, (30, 4)) * rng.choice([1.0, -0.5])
    for vectors in (rows, Sparse.from_dense(rows)):
        first = first_equal(vectors)
        expected = (rows[:, None] == rows).all(axis=2).argmax(axis=1)
        np.testing.assert_array_equal(first, expected)


@pytest.mark.parametrize(("degree", "coef0"), [(1, 0.0), (2, 0.0), (2, 1.0), (3, 0.5)])
def test_features_of_polynomials(degree, coef0):
    rng = np.random.default_rng(0)
    vectors = np.insert(rng.normal(size=(60, 3)), 1, 0.0, axis=1)
    kernel = KernelExpansion(
        vectors=vectors,
        coef=np.ones((1, 60)),
        intercept=np.zeros(1),
        kernel="poly",
        gamma=0.4,
        coef0=coef0,
        degree=degree,
    )
    features = polynomial_features(kernel, vectors)
    assert features.shape[1] == math.comb(3 + (coef0 > 0) + degree - 1, degree)
    np.testing.assert_allclose(
        features @ features.T, kernel_matrix(kernel, vectors, vectors), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("is_sparse", [False, True])
def test_duplicates_go_at_every_level_and_come_back(is_sparse):
    rows = np.vstack([X[:, :2]] * 2).round()
    held = csr_array(rows) if is_sparse else rows
    svc = SVC().fit(held, np.append(Y, Y))
    for small in (
        skc.compress(svc, level="lossless", keep_notes=True),
        skc.SVMQuantizer(FrozenEstimator(svc), n_bits=None, coef_bits=None, refit=False)
        .fit(held, np.append(Y, Y))
        .model_,
    ):
        assert small.ir.predictor.n_vectors < 0.3 * len(svc.support_)
        np.testing.assert_allclose(
            small.decision_function(held), svc.decision_function(held), atol=1e-9
        )
        assert any("vectors are left" in entry.note for entry in small.size_report_.ledger)
        back = skc.to_sklearn(small, allow_missing=True)
        np.testing.assert_array_equal(back.predict(held), small.predict(held))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_polynomials_need_no_more_vectors_than_they_have_features(n_classes):
    rows, labels = make_classification(
        200, 4, n_informative=4, n_redundant=0, n_classes=n_classes, flip_y=0.3, random_state=0
    )
    svc = SVC(kernel="poly", degree=2, coef0=1.0).fit(rows, labels)
    model = lift(svc)
    small = dropped(model)
    groups = small.predictor.group_sizes
    assert max([small.predictor.n_vectors] if groups is None else groups) <= 15
    assert small.predictor.n_vectors < 0.7 * len(svc.support_)
    assert_same(model.predictor, small.predictor, rows)
    np.testing.assert_array_equal(lower(small).predict(rows), svc.predict(rows))


def test_what_only_rounding_tells_apart_goes_at_safe():
    rows, numbers = load_diabetes(return_X_y=True)
    rows = rows[:, 2:4] * 10
    ridge = KernelRidge(kernel="rbf", gamma=0.5).fit(rows, numbers)
    model = lift(ridge)
    small = dropped(model, 1e-3)
    assert small.predictor.n_vectors < 100 < len(rows)
    gap = CompactModel(small).predict(rows) - ridge.predict(rows)
    assert np.abs(gap).max() < 1e-3 * numbers.std()
    with pytest.raises(SkipPass, match="no vector depends"):
        dropped(lift(SVR(C=100).fit(load_diabetes(return_X_y=True)[0], numbers)), 1e-3)


def test_coded_and_other_models_are_skipped():
    coded = skc.SVMQuantizer(FrozenEstimator(SVC().fit(X, Y))).fit(X, Y).model_
    with pytest.raises(SkipPass, match="codes"):
        dropped(coded.ir)
