"""Nearest neighbours predict as scikit-learn's do, also where rows are equally far."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_wine, make_classification
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import KDTree, KNeighborsClassifier, KNeighborsRegressor
from threadpoolctl import threadpool_limits

import skcompress as skc
from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.runtime import CompactModel, _neighbor_search


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    # With several, which of equally distant rows brute force keeps depends on their number.
    with threadpool_limits(limits=1, user_api="openmp"):
        yield


@pytest.fixture(autouse=True, scope="module", params=["as built", "numpy"])
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(_neighbor_search, "_neighbor_kernel", None)
        yield request.param


def clear(model, X):
    """Where no two classes weigh the same but for rounding."""
    if not hasattr(model, "predict_proba"):
        return slice(None)
    shares = np.sort(model.predict_proba(X), axis=1)
    return slice(None) if shares.shape[1] == 1 else shares[:, -1] - shares[:, -2] > 1e-12


def assert_same(model, X, *, bits=True):
    small = CompactModel(lift(model))
    methods = ["predict"] + ["predict_proba"] * hasattr(model, "predict_proba")
    for method in methods:
        results, wanted = getattr(small, method)(X), getattr(model, method)(X)
        if not isinstance(wanted, list):
            results, wanted = [results], [wanted]
        for result, expected in zip(results, wanted, strict=True):
            assert result.dtype == expected.dtype
            assert result.shape == expected.shape
            if method == "predict" and expected.ndim == 1 and model.weights == "distance":
                result, expected = result[clear(model, X)], expected[clear(model, X)]
            if bits or result.dtype.kind != "f":
                assert (result == expected).all()
            else:
                np.testing.assert_allclose(result, expected, rtol=1e-12)


@given(
    seed=st.integers(0, 10**6),
    n_rows=st.integers(9, 300),
    n_features=st.integers(1, 4),
    levels=st.integers(2, 12),
    n_neighbors=st.integers(1, 9),
    algorithm=st.sampled_from(["kd_tree", "ball_tree", "brute", "auto"]),
    p=st.sampled_from([1, 2, 2, 3, math.inf]),
    leaf_size=st.sampled_from([1, 2, 5, 30]),
    weights=st.sampled_from(["uniform", "distance"]),
    step=st.sampled_from([1.0, 0.1, 1 / 3]),
)
# A row hidden behind a rounded bound; a bound whose terms must be added in scikit-learn's order.
@example(115, 76, 3, 5, 4, "ball_tree", 1, 1, "uniform", 1 / 3)
@example(1220, 191, 4, 12, 7, "kd_tree", 1, 2, "uniform", 0.1)
@settings(max_examples=150)
def test_ties_are_settled_as_scikit_learn_does(
    seed, n_rows, n_features, levels, n_neighbors, algorithm, p, leaf_size, weights, step
):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, levels, (n_rows, n_features)) * step
    y = rng.integers(0, 5, n_rows)
    queries = rng.integers(0, levels, (40, n_features)) * step
    settings = {"algorithm": algorithm, "p": p, "leaf_size": leaf_size, "weights": weights}
    assert_same(KNeighborsClassifier(n_neighbors, **settings).fit(X, y), queries)
    # Sums over neighbours at one distance may be taken in another order.
    assert_same(KNeighborsRegressor(n_neighbors, **settings).fit(X, y), queries, bits=False)


@given(
    seed=st.integers(0, 10**6),
    n_features=st.integers(1, 40),
    algorithm=st.sampled_from(["kd_tree", "ball_tree", "brute"]),
    offset=st.sampled_from([0.0, 1e3, 1e8]),
)
@settings(max_examples=40)
def test_duplicates_of_real_numbers(seed, n_features, algorithm, offset):
    rng = np.random.default_rng(seed)
    X = offset + rng.normal(size=(60, n_features))[rng.integers(0, 60, 200)]
    y = rng.integers(0, 4, 200)
    queries = np.concatenate([X[:30], offset + rng.normal(size=(30, n_features))])
    assert_same(KNeighborsClassifier(4, algorithm=algorithm).fit(X, y), queries)


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("asked", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("fitted", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_dtypes(algorithm, fitted, asked, p):
    if algorithm == "brute" and asked is np.int64 and fitted is not np.int64:
        pytest.skip("integers become floats at the border, and ties are settled as for these")
    rng = np.random.default_rng(0)
    X = (rng.integers(0, 50, (300, 3)) / 10).astype(fitted)
    y = rng.integers(0, 3, 300)
    queries = (rng.integers(0, 50, (200, 3)) / 10).astype(asked)
    model = KNeighborsClassifier(5, algorithm=algorithm, p=p, weights="distance").fit(X, y)
    assert_same(model, queries, bits=False)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
def test_several_targets(algorithm, weights):
    X, _ = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    y = np.stack([rng.integers(0, 3, len(X)), 5 + rng.integers(0, 2, len(X))], axis=1)
    settings = {"algorithm": algorithm, "weights": weights}
    assert_same(KNeighborsClassifier(**settings).fit(X[::2], y[::2]), X)
    assert_same(KNeighborsRegressor(**settings).fit(X[::2], y[::2] * 1.1), X, bits=False)
    assert_same(KNeighborsRegressor(**settings).fit(X[::2], y[::2, :1] * 1.1), X, bits=False)
    column = KNeighborsRegressor(**settings).fit(X[::2], y[::2, 0].astype(np.float32))
    assert_same(column, X, bits=False)


def test_labels():
    X, y = make_classification(80, 4, random_state=0)
    for labels in (y.astype(bool), y.astype(str), y.astype(str).astype(object), y * 2.0):
        assert_same(KNeighborsClassifier(3).fit(X, labels), X)
    assert_same(KNeighborsClassifier(3).fit(X, np.zeros(80)), X)


@pytest.mark.parametrize("algorithm", ["auto", "kd_tree", "ball_tree", "brute"])
def test_as_many_neighbors_as_rows(algorithm):
    X, y = make_classification(20, 4, random_state=0)
    assert_same(KNeighborsClassifier(20, algorithm=algorithm).fit(X, y), X)
    assert_same(KNeighborsClassifier(1, algorithm=algorithm).fit(X[:1], y[:1]), X)


@pytest.mark.parametrize("metric", ["euclidean", "l2", "manhattan", "cityblock", "l1", "chebyshev"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_metrics_by_name(algorithm, metric):
    X, y = make_classification(80, 4, random_state=0)
    assert_same(KNeighborsClassifier(3, algorithm=algorithm, metric=metric).fit(X, y), X + 0.1)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cityblock", "l1", "chebyshev"])
def test_metrics_by_name_and_brute_force(metric):
    X, y = make_classification(80, 4, random_state=0)
    assert_same(KNeighborsClassifier(3, algorithm="brute", metric=metric).fit(X, y), X + 0.1)


def test_order_among_the_settings_of_the_metric():
    X, y = make_classification(80, 4, random_state=0)
    model = KNeighborsClassifier(3, metric_params={"p": 3})
    with pytest.warns(SyntaxWarning, match="Parameter p is found"):
        model.fit(X, y)
    assert_same(model, X + 0.1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsClassifier(metric="cosine"), "'cosine'.*supported"),
        (KNeighborsClassifier(metric="l2", algorithm="brute"), "'l2'.*supported"),
        (KNeighborsClassifier(metric=lambda a, b: abs(a - b).sum()), "metric.*supported"),
        (KNeighborsClassifier(metric=DistanceMetric.get_metric("euclidean")), "metric"),
        (KNeighborsClassifier(metric_params={"w": np.ones(4)}), "without weights"),
        (KNeighborsClassifier(weights=lambda d: d + 1), "weights must be"),
        (KNeighborsRegressor(p=0.5, algorithm="brute"), "p=0.5"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mind that for 0 < p < 1:UserWarning")
def test_unsupported_settings(model, message):
    X, y = make_classification(40, 4, random_state=0)
    with pytest.raises(UnsupportedEstimatorError, match=message):
        lift(model.fit(X, y))


def test_unsupported_rows():
    X, y = make_classification(40, 4, random_state=0)
    with pytest.raises(UnsupportedEstimatorError, match="dense"):
        lift(KNeighborsClassifier().fit(sparse.csr_array(X), y))
    with pytest.raises(UnsupportedEstimatorError, match="array"):
        lift(KNeighborsClassifier().fit(KDTree(X), y))


@given(
    cls=st.sampled_from([KNeighborsClassifier, KNeighborsRegressor]),
    seed=st.integers(0, 10**6),
    n_rows=st.integers(9, 200),
    algorithm=st.sampled_from(["kd_tree", "ball_tree", "brute"]),
    leaf_size=st.sampled_from([1, 3, 30]),
    p=st.sampled_from([1, 2, 3]),
    step=st.sampled_from([1.0, 1 / 3]),
)
@settings(max_examples=60)
def test_way_back(cls, seed, n_rows, algorithm, leaf_size, p, step):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 5, (n_rows, 3)) * step, rng.integers(0, 4, n_rows)
    queries = rng.integers(0, 5, (60, 3)) * step
    model = cls(4, algorithm=algorithm, leaf_size=leaf_size, p=p).fit(X, y)
    back = lower(lift(model))
    assert type(back) is cls
    assert back.get_params() == model.get_params()
    for queried in (model, CompactModel(lift(back))):
        result, wanted = queried.predict(queries), back.predict(queries)
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=1e-12)


def test_way_back_of_labels_targets_and_names():
    pd = pytest.importorskip("pandas")
    X, y = make_classification(80, 4, random_state=0)
    labels = np.array(["no", "yes"], dtype=object)[y]
    frame = pd.DataFrame(X, columns=list("abcd"))
    for fitted in (
        KNeighborsClassifier(3).fit(frame, labels),
        KNeighborsClassifier(3, weights="distance").fit(frame, np.stack([y, 1 - y], axis=1)),
        KNeighborsRegressor(3).fit(frame, X[:, :2]),
        KNeighborsRegressor(3).fit(frame, X[:, :1]),
    ):
        back = lower(lift(fitted))
        assert back.feature_names_in_.tolist() == list("abcd")
        result, wanted = back.predict(frame), fitted.predict(frame)
        assert result.dtype == wanted.dtype
        assert result.shape == wanted.shape
        assert np.all(result == wanted) or np.allclose(result, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "distance", [{"p": 1}, {"p": 3}, {"metric": "manhattan"}, {"metric": "chebyshev"}]
)
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_the_distance_comes_back_without_notes(distance, algorithm):
    X = np.random.default_rng(0).normal(size=(120, 3))
    model = KNeighborsRegressor(algorithm=algorithm, **distance).fit(X[:60], X[:60, 0])
    back = skc.to_sklearn(skc.compress(model, level="lossless"))
    assert back.effective_metric_ == model.effective_metric_
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-12)
