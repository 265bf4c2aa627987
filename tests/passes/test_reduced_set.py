"""Support vectors replaced by few that are placed freely."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR, OneClassSVM

from skcompress.families import lift
from skcompress.ir import KernelExpansion, LowRank
from skcompress.passes import (
    Context,
    Data,
    QuantizeCoefficients,
    QuantizeVectors,
    ReduceVectors,
    RefitDecisions,
    SkipPass,
    _centers,
)
from skcompress.passes._centers import merged_vectors, pivots
from skcompress.passes._decisions import Margins, Values, VoteMargins
from skcompress.passes._expansion import MovingKernel
from skcompress.passes._reduction import Fit
from skcompress.runtime import CompactModel

X, Y = load_digits(return_X_y=True)
X_NUMBERS, Y_NUMBERS = load_diabetes(return_X_y=True)


def reduced(estimator, X, n_vectors, *more, **context):
    model = lift(estimator)
    context = Context(original=model, refit=Data(X), **context)
    small = model
    for step in (ReduceVectors(n_vectors), *more):
        small = step.apply(small, context)
    return small


@pytest.mark.parametrize("kernel", ["rbf", "poly", "sigmoid", "linear"])
def test_gradients(kernel):
    rng = np.random.default_rng(0)
    rows, vectors, step = rng.normal(size=(40, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    expansion = KernelExpansion(
        vectors=vectors,
        coef=np.ones((1, 5)),
        intercept=np.zeros(1),
        kernel=kernel,
        gamma=0.3,
        coef0=0.5,
        degree=3,
    )
    moving = MovingKernel(expansion, rows)
    weights = rng.normal(size=(40, 5)).astype(np.float32)

    def total(along, gamma):
        return float(np.vdot(weights, moving(vectors + along * step, gamma)[0]))

    of_vectors, of_gamma = moving(vectors, 0.3)[1](weights.copy())
    slope = (total(0.01, 0.3) - total(-0.01, 0.3)) / 0.02
    assert np.vdot(of_vectors, step) == pytest.approx(slope, rel=1e-2)
    if kernel != "linear":
        assert of_gamma == pytest.approx((total(0, 0.31) - total(0, 0.29)) / 0.02, rel=1e-2)


@pytest.mark.parametrize(
    "make",
    [
        Values,
        lambda raw: Margins(raw[:, :1], 0.7),
        lambda raw: VoteMargins(raw, 4, 1.0, by_class=True),
        lambda raw: VoteMargins(raw, 4, 1.0, by_class=False),
    ],
    ids=["values", "margins", "classes", "pairs"],
)
def test_losses(make):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(60, 6))
    loss = make(raw)
    scores, step = (rng.normal(size=loss.start.shape).astype(np.float32) for _ in range(2))
    slope = (loss(scores + 0.01 * step)[0] - loss(scores - 0.01 * step)[0]) / 0.02
    assert np.vdot(loss(scores)[1], step) == pytest.approx(slope, rel=1e-2)
    rows = np.arange(0, 60, 2)
    np.testing.assert_array_equal(loss.of_rows(rows).start, loss.start[rows])


def test_what_the_original_gives_costs_nothing():
    raw = lift(SVC().fit(X[:500], Y[:500]))
    pairs = np.asarray(CompactModel(raw).raw(X[500:600]))
    assert VoteMargins(pairs, 10, 1.0, by_class=False)(pairs.astype(np.float32))[0] < 1e-10


@pytest.mark.parametrize("make", [SVC, NuSVC])
def test_digits_with_a_tenth_of_the_vectors(make):
    svc = make().fit(X[:1200], Y[:1200])
    small = reduced(svc, X[:1200], 0.1)
    assert small.predictor.n_vectors == round(0.1 * len(svc.support_))
    assert CompactModel(small).score(X[1200:], Y[1200:]) > svc.score(X[1200:], Y[1200:]) - 0.03


def test_classes_share_scores_where_pairs_outnumber_features():
    narrow = X.reshape(-1, 8, 8).sum(axis=2)
    svc = SVC(C=10).fit(narrow[:1200], Y[:1200])
    small = reduced(
        svc,
        narrow[:1200],
        80,
        QuantizeVectors("affine", 8),
        RefitDecisions(),
        QuantizeCoefficients(12),
    )
    coef = small.predictor.coef
    assert isinstance(coef, LowRank)
    assert coef.right.shape == (9, 80)
    compact = CompactModel(small)
    assert np.mean(compact.predict(narrow[1200:]) == svc.predict(narrow[1200:])) > 0.85
    assert compact.decision_function(narrow[:3]).shape == (3, 10)


@pytest.mark.parametrize("make", [SVR, NuSVR])
def test_numbers(make):
    svr = make(C=100).fit(X_NUMBERS, Y_NUMBERS)
    small = CompactModel(reduced(svr, X_NUMBERS, 30))
    expected = svr.predict(X_NUMBERS)
    assert np.mean((small.predict(X_NUMBERS) - expected) ** 2) < 0.03 * expected.var()


def test_outliers():
    rows = load_iris(return_X_y=True)[0]
    svm = OneClassSVM(nu=0.3).fit(rows)
    small = CompactModel(reduced(svm, rows, 12))
    assert np.mean(small.predict(rows) == svm.predict(rows)) > 0.93


@pytest.mark.parametrize("kernel", ["poly", "sigmoid"])
def test_other_kernels(kernel):
    y = Y % 2
    svc = SVC(kernel=kernel, coef0=1.0 if kernel == "poly" else 0.0, gamma=1e-3).fit(X, y)
    small = CompactModel(reduced(svc, X, 20))
    assert np.mean(small.predict(X) == svc.predict(X)) > 0.9


def test_without_rows_the_support_vectors_serve():
    svc = SVC().fit(X[:1200], Y[:1200])
    model = lift(svc)
    small = ReduceVectors(100).apply(model, Context(original=model))
    assert CompactModel(small).score(X[1200:], Y[1200:]) > 0.9


def test_auto_stops_where_held_out_rows_accept():
    svc = SVC().fit(X[:900], Y[:900])
    model = lift(svc)
    path = []
    context = Context(
        original=model,
        refit=Data(X[:900]),
        held_out=Data(X[900:], Y[900:]),
        tolerance=0.01,
    )
    small = ReduceVectors("auto", record=path.append).apply(model, context)
    (points,) = path
    counts = [point.n_vectors for point in points]
    assert counts == sorted(counts)
    assert small.predictor.n_vectors in counts
    assert context.expected_loss(small) <= 0.5 * 0.01
    assert context.acceptable(small, cautious=False)
    assert len(points) >= 2


@pytest.mark.parametrize("name", ["_means", "_merged", "_strongest"])
def test_starts(name):
    svc = SVC().fit(X[:600], Y[:600])
    model = lift(svc)
    fit = Fit.prepare(model, Context(original=model, refit=Data(X[:600])), by_class=False)
    vectors = getattr(fit, name)(40)
    assert vectors.shape == (40, 64)
    assert len(np.unique(vectors, axis=0)) == 40
    if name == "_strongest":
        assert (vectors[:, None] == svc.support_vectors_).all(axis=2).any(axis=1).all()


def test_neighbours_of_a_group_are_merged_by_weight():
    vectors = np.array([[0.0], [1.0], [10.0], [11.0], [11.4], [30.0]])
    weights, groups = np.array([1.0, 3.0, 2.0, 1.0, 1.0, 5.0]), np.array([0, 0, 1, 1, 2, 2])
    merged = merged_vectors(vectors, weights, groups, 4)
    # Nearer ones of different classes stay apart.
    np.testing.assert_allclose(merged[:, 0], [0.75, 31 / 3, 11.4, 30], atol=1e-5)
    assert merged_vectors(vectors, weights, groups, 2)[:, 0].tolist() == pytest.approx([0.75, 26.9])
    np.testing.assert_allclose(merged_vectors(vectors, weights, groups, 6), vectors, atol=1e-5)


def test_of_very_many_vectors_some_are_merged(monkeypatch):
    monkeypatch.setattr(_centers, "_MOST_COMPARED", 50)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 2)) + 10 * (np.arange(500) % 2)[:, np.newaxis]
    merged = merged_vectors(vectors, np.ones(500), np.arange(500) % 2, 20)
    assert merged.shape == (20, 2)
    assert 5 <= np.sum(merged[:, 0] < 5) <= 15


def test_pivots_see_that_equal_vectors_say_the_same():
    rows = np.repeat(np.eye(5), 3, axis=0)
    chosen = pivots(lambda places: rows @ rows[places].T, np.ones(15), np.arange(1.0, 16.0), 5)
    assert sorted(chosen % 3 == 2) == [True] * 5


def test_pivots_of_an_indefinite_kernel():
    rng = np.random.default_rng(0)
    rows = 5 * rng.normal(size=(600, 4))
    values = np.tanh(rows @ rows.T - 1.0)
    chosen = pivots(lambda places: values[:, places], np.abs(np.diag(values)), np.ones(600), 300)
    assert np.unique(chosen).size == 300


def test_the_same_rows_serve_all_fits_of_a_context():
    model = lift(SVC().fit(X[:200], Y[:200]))
    context = Context(original=model, refit=Data(X[:200]))
    fit = Fit.prepare(model, context, by_class=False)
    assert Fit.prepare(model, context, by_class=False) is fit
    assert Fit.prepare(model, context, by_class=True) is not fit
    assert len(fit.rows) == 600


def test_the_same_twice():
    svc = SVC().fit(X[:300], Y[:300])
    first, second = (reduced(svc, X[:300], 20) for _ in range(2))
    np.testing.assert_array_equal(first.predictor.vectors, second.predictor.vectors)


def test_nothing_to_reduce():
    svc = SVC().fit(X[:100], Y[:100])
    model = lift(svc)
    assert reduced(svc, X[:100], 10**6).predictor.n_vectors == model.predictor.n_vectors
    with pytest.raises(SkipPass):
        reduced(LinearSVC().fit(X[:100] / 16, Y[:100]), X[:100], 10)
    with pytest.raises(SkipPass):
        reduced(svc, X[:100], "auto")
