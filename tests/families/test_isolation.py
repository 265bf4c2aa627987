"""Isolation forests score rows as scikit-learn does, and come back as what they were."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest

import skcompress as skc
from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.families._sklearn_internals import isolation_path_length
from skcompress.families.isolation import _rows_of
from skcompress.ir import Numbers
from skcompress.passes import Context, CostComplexity, DropNotes, SelectTrees
from skcompress.passes._base import SkipPass
from skcompress.passes.ensemble import keep_trees
from skcompress.runtime import CompactModel

X, _ = load_breast_cancer(return_X_y=True)
METHODS = ("score_samples", "decision_function", "predict")

FORESTS = [
    IsolationForest(random_state=0),
    IsolationForest(n_estimators=7, contamination=0.2, random_state=0),
    IsolationForest(n_estimators=9, max_samples=40, max_features=0.3, random_state=0),
    IsolationForest(n_estimators=9, max_samples=0.9, bootstrap=True, random_state=0),
    IsolationForest(n_estimators=3, max_features=1, max_samples=2, random_state=0),
    IsolationForest(n_estimators=3, max_samples=1, random_state=0),
]


def assert_same(found, estimator, rows):
    for name in METHODS:
        np.testing.assert_array_equal(getattr(found, name)(rows), getattr(estimator, name)(rows))


@pytest.mark.parametrize("forest", FORESTS, ids=repr)
def test_scores_are_those_of_scikit_learn(forest):
    forest.fit(X)
    compact = CompactModel(lift(forest))
    assert_same(compact, forest, X)
    assert_same(compact, forest, X.astype(np.float32))
    assert compact.offered == set(METHODS)
    again = pickle.loads(pickle.dumps(lower(lift(forest))))
    assert type(again) is IsolationForest
    assert repr(again) == repr(forest)
    if forest.max_samples != 1:
        assert_same(again, forest, X)
        assert again.max_samples_ == forest.max_samples_
    np.testing.assert_allclose(again.score_samples(X), forest.score_samples(X), rtol=1e-14)
    assert again.offset_ == forest.offset_
    assert again.skcompress_missing_ == ("estimators_samples_",)


def test_weights_and_warm_start():
    forest = IsolationForest(n_estimators=3, warm_start=True, random_state=0)
    forest.fit(X, sample_weight=np.linspace(0.1, 2, len(X)))
    assert_same(CompactModel(lift(forest)), forest, X)
    forest.set_params(n_estimators=8).fit(X)
    assert lift(forest).predictor.n_trees == 8
    assert_same(CompactModel(lift(forest)), forest, X)


def test_missing_and_infinite_values():
    rows = X.copy()
    rows[::5, 3] = np.nan
    rows[::7, 20] = np.inf
    rows[::9, 21] = -np.inf
    forest = IsolationForest(n_estimators=20, random_state=0).fit(X)
    assert_same(CompactModel(lift(forest)), forest, rows)
    assert_same(lower(lift(forest)), forest, rows)
    rows[np.isinf(rows)] = 0
    forest = IsolationForest(n_estimators=20, max_features=9, random_state=0).fit(rows)
    assert_same(CompactModel(lift(forest)), forest, rows)


def test_sparse_rows():
    rows = np.where(np.median(X, axis=0) > X, 0, X)
    forest = IsolationForest(n_estimators=6, max_features=0.5, random_state=0).fit(csr_array(rows))
    assert_same(CompactModel(lift(forest)), forest, csr_array(rows))


def test_it_goes_through_a_file():
    forest = IsolationForest(n_estimators=6, contamination=0.1, random_state=0).fit(X)
    assert_same(skc.loads(skc.dumps(skc.compress(forest, level="lossless"))), forest, X)


@pytest.mark.parametrize("n_rows", [2, 3, 10, 256, 100_000])
def test_rows_are_found_from_the_length_of_their_paths(n_rows):
    assert _rows_of(isolation_path_length(n_rows)) == n_rows
    assert _rows_of(isolation_path_length(n_rows) * (1 + 1e-12)) == n_rows


def test_fewer_trees_keep_the_scale():
    forest = IsolationForest(n_estimators=50, random_state=0).fit(X)
    model = lift(forest)
    fewer = SelectTrees(20).apply(model, Context(original=model))
    first = IsolationForest(n_estimators=20, random_state=0).fit(X)
    first.estimators_ = forest.estimators_[:20]
    first.estimators_features_ = forest.estimators_features_[:20]
    for name in ("_average_path_length_per_tree", "_decision_path_lengths"):
        setattr(first, name, getattr(forest, name)[:20])
    np.testing.assert_allclose(
        CompactModel(fewer).score_samples(X), first.score_samples(X), rtol=1e-14
    )
    again = lower(fewer)
    assert again.n_estimators == 20
    assert again.max_samples_ == 256
    np.testing.assert_allclose(again.score_samples(X), first.score_samples(X), rtol=1e-14)


def test_trees_that_went_into_the_start_come_back_in_another():
    model = lift(IsolationForest(n_estimators=5, random_state=0).fit(X))
    trees = keep_trees(model.predictor, np.arange(1, 5))
    model = model.with_predictor(trees.replace(base=np.array([7.0])))
    np.testing.assert_allclose(
        lower(model).score_samples(X), CompactModel(model).score_samples(X), rtol=1e-13
    )


def test_levels_keep_the_outliers():
    train, held_out, test = X[:300], X[300:450], X[450:]
    forest = IsolationForest(contamination=0.1, random_state=0).fit(train)
    small = skc.compress(forest, train, X_val=held_out, level="balanced")
    assert np.mean(small.predict(test) == forest.predict(test)) > 0.97
    assert len(skc.dumps(small)) < len(skc.dumps(skc.compress(forest, level="lossless")))


def test_impurities_of_random_trees_say_nothing():
    model = lift(IsolationForest(n_estimators=5, random_state=0).fit(X))
    with pytest.raises(SkipPass, match="at random"):
        CostComplexity(0.1).apply(model, Context(original=model))


def test_without_notes_it_comes_back_on_request():
    forest = IsolationForest(n_estimators=5, random_state=0).fit(X)
    bare = DropNotes().apply(lift(forest), None)
    with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
        lower(bare)
    assert_same(lower(bare, allow_missing=True), forest, X)


def test_trees_that_tell_no_depths_are_refused():
    model = lift(IsolationForest(n_estimators=5, random_state=0).fit(X))
    with pytest.raises(UnsupportedEstimatorError, match="depths"):
        lower(model.replace(head=Numbers(n_outputs=1)))
