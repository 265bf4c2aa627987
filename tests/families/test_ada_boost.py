"""AdaBoost of trees predicts as scikit-learn does, and comes back as what it was."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

import skcompress as skc
from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.passes import Context, CostComplexity, DropNotes, QuantizeLeaves, SelectTrees
from skcompress.runtime import CompactModel

TWO, THREE = load_breast_cancer(return_X_y=True), load_iris(return_X_y=True)
NUMBERS = load_diabetes(return_X_y=True)

CLASSIFIERS = [
    AdaBoostClassifier(random_state=0),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=9, random_state=0),
    AdaBoostClassifier(n_estimators=7, learning_rate=0.3, random_state=0),
    AdaBoostClassifier(ExtraTreeClassifier(max_leaf_nodes=5), n_estimators=9, random_state=0),
    # One tree is right on all rows, so boosting ends.
    AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=9, random_state=0),
]
REGRESSORS = [
    AdaBoostRegressor(random_state=0),
    AdaBoostRegressor(n_estimators=7, loss="square", learning_rate=0.5, random_state=0),
    AdaBoostRegressor(ExtraTreeRegressor(max_depth=4), n_estimators=9, random_state=0),
    AdaBoostRegressor(n_estimators=1, random_state=0),
    # Errors are too large from the second tree on.
    AdaBoostRegressor(DecisionTreeRegressor(max_depth=1), loss="exponential", random_state=0),
]


def assert_same(found, estimator, X):
    np.testing.assert_array_equal(found.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(found.decision_function(X), estimator.decision_function(X))
        np.testing.assert_allclose(
            found.predict_proba(X), estimator.predict_proba(X), rtol=1e-14, atol=1e-15
        )


def assert_comes_back(estimator, X):
    again = pickle.loads(pickle.dumps(lower(lift(estimator))))
    assert type(again) is type(estimator)
    assert repr(again) == repr(estimator)
    assert_same(again, estimator, X)
    np.testing.assert_allclose(again.estimator_weights_, estimator.estimator_weights_, rtol=1e-15)
    np.testing.assert_allclose(again.feature_importances_, estimator.feature_importances_)
    for staged in ("staged_predict", "staged_decision_function"):
        # scikit-learn divides by zero where there is one class.
        if hasattr(estimator, staged) and len(getattr(estimator, "classes_", "ab")) > 1:
            pairs = zip(getattr(again, staged)(X), getattr(estimator, staged)(X), strict=True)
            assert all(np.array_equal(found, expected) for found, expected in pairs)
    assert "estimator_errors_" in again.skcompress_missing_


@pytest.mark.parametrize("data", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=repr)
def test_classifiers(estimator, data):
    X, y = data
    estimator.fit(X, np.array(["a", "bb", "c"])[y])
    assert_same(CompactModel(lift(estimator)), estimator, X)
    assert_same(CompactModel(lift(estimator)), estimator, X.astype(np.float32))
    assert_comes_back(estimator, X)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=repr)
def test_regressors(estimator):
    X, y = NUMBERS
    estimator.fit(X, y)
    assert_same(CompactModel(lift(estimator)), estimator, X)
    assert_comes_back(estimator, X)


def test_a_median_of_equal_predictions():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (200, 3)).astype(float)
    y = rng.integers(0, 2, 200).astype(float)
    estimator = AdaBoostRegressor(n_estimators=30, random_state=0).fit(X, y)
    assert_same(CompactModel(lift(estimator)), estimator, X)


def test_weights():
    X, y = THREE
    weight = np.where(y == 1, 0.0, np.linspace(0.1, 2, len(y)))
    estimator = AdaBoostClassifier(n_estimators=5, random_state=0)
    estimator.fit(X, y, sample_weight=weight)
    assert_same(CompactModel(lift(estimator)), estimator, X)
    regressor = AdaBoostRegressor(n_estimators=5, random_state=0).fit(X, y, sample_weight=weight)
    assert_same(CompactModel(lift(regressor)), regressor, X)


def test_sparse_rows():
    X, y = THREE
    X = csr_array(np.where(X < 1.5, 0, X))
    for estimator in (AdaBoostClassifier(n_estimators=5), AdaBoostRegressor(n_estimators=5)):
        assert_same(CompactModel(lift(estimator.fit(X, y))), estimator, X)


def test_a_single_class():
    X, y = THREE
    estimator = AdaBoostClassifier(n_estimators=3).fit(X, np.full_like(y, 4))
    assert_same(CompactModel(lift(estimator)), estimator, X)
    assert_comes_back(estimator, X)


@pytest.mark.parametrize("cls", [AdaBoostClassifier, AdaBoostRegressor])
def test_missing_values_are_refused(cls):
    X, y = THREE
    estimator = cls(n_estimators=2).fit(X, y)
    X = X.copy()
    X[0, 0] = np.nan
    for model in (estimator, CompactModel(lift(estimator))):
        with pytest.raises(ValueError, match="NaN"):
            model.predict(X)


@pytest.mark.parametrize("estimator", [AdaBoostClassifier(), AdaBoostRegressor()])
def test_it_goes_through_a_file(estimator):
    X, y = THREE
    compact = skc.loads(skc.dumps(skc.compress(estimator.fit(X, y), level="lossless")))
    assert_same(compact, estimator, X)
    assert compact.score(X, y) == pytest.approx(estimator.score(X, y))


def test_other_members_are_refused():
    X, y = THREE
    estimator = AdaBoostClassifier(LogisticRegression(), n_estimators=2).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match="LogisticRegression"):
        lift(estimator)


@pytest.mark.parametrize("data", [TWO, THREE], ids=["two", "three"])
def test_pruned_votes_come_back(data):
    X, y = data
    base = DecisionTreeClassifier(max_depth=4)
    estimator = AdaBoostClassifier(base, n_estimators=8, learning_rate=0.5, random_state=0)
    model = lift(estimator.fit(X, y))
    context = Context(original=model)
    smaller = SelectTrees(5).apply(model, context)
    # Scores stay weighted means: an earlier stage of boosting.
    stages = list(estimator.staged_decision_function(X))
    compact = CompactModel(smaller)
    np.testing.assert_allclose(compact.decision_function(X), stages[4], rtol=1e-12)
    smaller = CostComplexity(0.01).apply(smaller, context)
    again = lower(smaller)
    assert len(again.estimators_) == 5
    assert again.estimators_[1].tree_.node_count < estimator.estimators_[1].tree_.node_count
    compact = CompactModel(smaller)
    np.testing.assert_allclose(
        again.decision_function(X), compact.decision_function(X), rtol=1e-12, atol=1e-15
    )
    assert np.isfinite(again.feature_importances_).all()


def test_what_are_no_longer_votes_does_not_come_back():
    X, y = THREE
    base = DecisionTreeClassifier(max_depth=2)
    model = lift(AdaBoostClassifier(base, n_estimators=8, random_state=0).fit(X, y))
    rounded = QuantizeLeaves(2).apply(model, Context(original=model))
    with pytest.raises(UnsupportedEstimatorError, match="no longer hold votes"):
        lower(rounded, allow_missing=True)
    moved = model.with_predictor(model.predictor.replace(base=np.array([1.0, 0.0, 0.0])))
    with pytest.raises(UnsupportedEstimatorError, match="that vote"):
        lower(moved)


@pytest.mark.parametrize("divisor", [2.0, 100.0])
def test_scores_may_be_divided_by_what_is_not_the_sum_of_weights(divisor):
    X, y = THREE
    base = DecisionTreeClassifier(max_depth=2)
    model = lift(AdaBoostClassifier(base, n_estimators=8, random_state=0).fit(X, y))
    scaled = model.with_predictor(model.predictor.replace(divisor=divisor))
    again, compact = lower(scaled), CompactModel(scaled)
    np.testing.assert_allclose(again.decision_function(X), compact.decision_function(X), rtol=1e-12)
    np.testing.assert_array_equal(again.predict(X), compact.predict(X))
    np.testing.assert_allclose(
        CompactModel(lift(again)).decision_function(X), compact.decision_function(X), rtol=1e-12
    )


@pytest.mark.parametrize("started", [0.0, 0.4, -0.7])
def test_two_values_a_tree_come_back_as_votes(started):
    """Rounded weights are not as far from zero on both sides: one more tree votes for the rest."""
    X, y = TWO
    base = DecisionTreeClassifier(max_depth=3)
    model = lift(AdaBoostClassifier(base, n_estimators=12, random_state=0).fit(X, y))
    rounded = QuantizeLeaves(3).apply(model, Context(original=model))
    base = None if started == 0 else np.array([started])
    rounded = rounded.with_predictor(rounded.predictor.replace(base=base))
    again, compact = lower(rounded), CompactModel(rounded)
    assert len(again.estimators_) in (12, 13)
    for name in ("decision_function", "predict_proba"):
        np.testing.assert_allclose(
            getattr(again, name)(X), getattr(compact, name)(X), rtol=1e-6, atol=1e-9
        )
    np.testing.assert_array_equal(again.predict(X), compact.predict(X))
    assert np.isfinite(again.feature_importances_).all()
    values = np.random.default_rng(0).normal(size=(50, 1))
    many = rounded.predictor.replace(
        values=values, leaf=np.arange(rounded.predictor.leaf.size, dtype=np.uint64) % 50
    )
    with pytest.raises(UnsupportedEstimatorError, match="no longer hold votes"):
        lower(rounded.with_predictor(many))


def test_fewer_numbers_in_the_median():
    X, y = NUMBERS
    estimator = AdaBoostRegressor(n_estimators=9, random_state=0).fit(X, y)
    model = lift(estimator)
    fewer = SelectTrees(4).apply(model, Context(original=model))
    stages = list(estimator.staged_predict(X))
    np.testing.assert_array_equal(CompactModel(fewer).predict(X), stages[3])
    np.testing.assert_array_equal(lower(fewer).predict(X), stages[3])
    rounded = QuantizeLeaves(4).apply(fewer, Context(original=model))
    np.testing.assert_array_equal(lower(rounded).predict(X), CompactModel(rounded).predict(X))
    started = model.with_predictor(model.predictor.replace(base=np.ones(9)))
    with pytest.raises(UnsupportedEstimatorError, match="median"):
        lower(started)


def test_without_notes_it_comes_back_on_request():
    X, y = THREE
    for estimator in (AdaBoostClassifier(n_estimators=4), AdaBoostRegressor(n_estimators=4)):
        bare = DropNotes().apply(lift(estimator.fit(X, y)), None)
        with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
            lower(bare)
        again = lower(bare, allow_missing=True)
        assert "feature_importances_" in again.skcompress_missing_
        assert_same(again, estimator, X)


@pytest.mark.parametrize("level", ["safe", "balanced", "tiny"])
def test_levels(level):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    y = X[:, 0] + np.sin(2 * X[:, 1])
    train, held_out, test = slice(0, 900), slice(900, 1200), slice(1200, None)
    for estimator, target in (
        (AdaBoostRegressor(DecisionTreeRegressor(max_depth=5), random_state=0), y),
        (AdaBoostClassifier(DecisionTreeClassifier(max_depth=4), random_state=0), y > 0.5),
    ):
        estimator.fit(X[train], target[train])
        rows = {"X_val": X[held_out], "y_val": target[held_out]}
        small = skc.compress(estimator, X[train], target[train], level=level, **rows)
        lossless = skc.compress(estimator, level="lossless")
        assert len(skc.dumps(small)) < len(skc.dumps(lossless))
        lost = estimator.score(X[test], target[test]) - small.score(X[test], target[test])
        assert lost < 0.03
