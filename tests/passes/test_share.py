"""Shared thresholds: fewer of them, and every known row keeps its path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from skcompress.families import lift
from skcompress.ir import TreeEnsemble
from skcompress.passes import Context, Data, MissingToLarger, ShareThresholds, SkipPass
from skcompress.passes.share import _argmax_between, free_intervals, stab
from skcompress.runtime.trees import leaf_rows, pack

HOLES = load_diabetes(return_X_y=True)[0].copy()
HOLES[::7, 2] = np.nan

MODELS = {
    "tree": (DecisionTreeClassifier(random_state=0), load_breast_cancer()),
    "extra trees": (ExtraTreesClassifier(10, random_state=0), load_iris()),
    "forest": (RandomForestRegressor(10, random_state=0), load_diabetes()),
    "boosting": (GradientBoostingRegressor(n_estimators=20, random_state=0), load_diabetes()),
    "histograms": (HistGradientBoostingRegressor(max_iter=10), load_diabetes()),
    "missing values": (
        HistGradientBoostingRegressor(max_iter=10),
        {"data": HOLES, "target": load_diabetes().target},
    ),
}


def paths(trees, X):
    return leaf_rows(pack(trees, np.arange(trees.leaf.size)), X)


def n_thresholds(trees):
    return len(set(zip(trees.feature.tolist(), trees.threshold.tolist(), strict=True)))


@pytest.mark.parametrize("name", MODELS)
def test_rows_keep_their_paths(name):
    estimator, data = MODELS[name]
    X, y = data["data"], data["target"]
    model = lift(estimator.fit(X, y))
    shared = ShareThresholds(1.0).apply(model, Context(original=model, refit=Data(X)))
    np.testing.assert_array_equal(paths(model.predictor, X), paths(shared.predictor, X))
    assert n_thresholds(shared.predictor) < n_thresholds(model.predictor)
    assert shared.predictor.threshold.dtype == model.predictor.threshold.dtype


def test_rows_that_were_not_trained_on_keep_theirs_too():
    X, y = load_breast_cancer(return_X_y=True)
    model = lift(ExtraTreesClassifier(10, random_state=0).fit(X[:300], y[:300]))
    shared = ShareThresholds().apply(model, Context(original=model, refit=Data(X[400:])))
    rows = X[400:]
    np.testing.assert_array_equal(paths(model.predictor, rows), paths(shared.predictor, rows))


def test_a_threshold_that_rows_do_not_bound_stays_and_is_not_overtaken():
    """The root may move past 6, but the split below it, which no row bounds, stands there."""
    trees = TreeEnsemble(
        internal=np.array([True, True, False, False, False]),
        feature=np.zeros(2, np.uint8),
        threshold=np.array([8.0, 6.0], np.float32),
        leaf=np.array([0, 1, 2], np.uint8),
        values=np.arange(3.0)[:, None],
        n_features=1,
        n_outputs=1,
    )
    low, high = free_intervals(trees, np.array([[1.0], [2.0], [10.0]], np.float32))
    assert (low[1], high[1]) == (6.0, 6.0)
    assert 6.0 < low[0] < 6.001
    assert high[0] == np.nextafter(np.float32(10), np.float32(0))


def test_without_rows_nothing_moves():
    model = lift(DecisionTreeClassifier(random_state=0).fit(*load_iris(return_X_y=True)))
    with pytest.raises(SkipPass, match="no rows"):
        ShareThresholds().apply(model, Context(original=model))


def fewest_points(low, high):
    """The size of the greedy answer, interval by interval."""
    count, last = 0, -np.inf
    for end, start in sorted(zip(high, low, strict=True)):
        if start > last:
            count, last = count + 1, end
    return count


INTERVALS = st.lists(
    st.tuples(
        st.floats(-1e6, 1e6, width=32),
        st.one_of(st.just(0.0), st.floats(0, 100, width=32)),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=40,
)


@given(INTERVALS, st.sampled_from([np.float32, np.float64]))
def test_points_stab_all_intervals_and_are_the_fewest(intervals, dtype):
    low = np.array([start for start, _, _ in intervals], dtype)
    high = np.maximum(low, low + np.array([width for _, width, _ in intervals], dtype))
    wished = low + np.array([share for _, _, share in intervals]) * (high - low)
    points = stab(low, high, wished.astype(dtype))
    assert points.dtype == dtype
    assert ((low <= points) & (points <= high)).all()
    assert np.unique(points).size == fewest_points(low, high)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_the_largest_number_of_a_range_is_found(numbers, data):
    first = data.draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=9))
    last = [data.draw(st.integers(start, len(numbers) - 1)) for start in first]
    found = _argmax_between(np.array(numbers), np.array(first), np.array(last))
    for place, start, end in zip(found, first, last, strict=True):
        assert start <= place <= end
        assert numbers[place] == max(numbers[start : end + 1])


def test_what_never_misses_values_goes_to_the_larger_subtree():
    X, y = load_iris(return_X_y=True)
    holes = X.copy()
    holes[::5, 3] = np.nan
    model = lift(ExtraTreesClassifier(10, random_state=0).fit(holes, y))
    moved = MissingToLarger().apply(model, Context(original=model, refit=Data(holes)))
    before, after = model.predictor, moved.predictor
    kept = before.feature == 3
    np.testing.assert_array_equal(before.missing_left[kept], after.missing_left[kept])
    left = before.left_child()
    both_leaves = ~before.internal[left] & ~before.internal[left + 1]
    assert after.missing_left[both_leaves & ~kept].all()
    one_leaf = ~before.internal[left] & before.internal[left + 1]
    assert not after.missing_left[one_leaf & ~kept].any()
    np.testing.assert_array_equal(paths(before, holes), paths(after, holes))


def test_points_are_round_numbers():
    low, high = np.array([0.3, 0.4, 7.1]), np.array([0.9, 0.7, 7.3])
    np.testing.assert_array_equal(stab(low, high, (low + high) / 2), [0.5, 0.5, 7.25])


@pytest.mark.parametrize("edge", [np.inf, -np.inf])
def test_infinite_thresholds_stay(edge):
    low = np.array([edge, 0.0])
    high = np.array([edge, 1.0])
    np.testing.assert_array_equal(stab(low, high, np.array([edge, 0.4])), [edge, 0.0])
