"""Bagged trees predict as scikit-learn does, and come back as what they were."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.passes import Context, CostComplexity, DropNotes, SelectTrees
from skcompress.runtime import CompactModel

CLASSIFIERS = [
    BaggingClassifier(random_state=0),
    BaggingClassifier(n_estimators=1, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(max_depth=2), 7, max_samples=0.5, random_state=0),
    BaggingClassifier(ExtraTreeClassifier(), 5, max_features=2, random_state=0),
    BaggingClassifier(n_estimators=5, bootstrap_features=True, random_state=0),
    BaggingClassifier(n_estimators=5, bootstrap=False, max_features=0.5, random_state=0),
    BaggingClassifier(n_estimators=5, oob_score=True, random_state=3),
]
REGRESSORS = [
    BaggingRegressor(random_state=0),
    BaggingRegressor(DecisionTreeRegressor(max_leaf_nodes=9), 7, max_samples=50, random_state=0),
    BaggingRegressor(ExtraTreeRegressor(), 5, max_features=3, random_state=0),
    BaggingRegressor(n_estimators=5, bootstrap_features=True, random_state=0),
    BaggingRegressor(DecisionTreeRegressor(criterion="absolute_error", max_depth=3), 4),
]


def assert_same(model, estimator, X):
    found = CompactModel(model)
    np.testing.assert_array_equal(found.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(found.predict_proba(X), estimator.predict_proba(X))


def assert_comes_back(estimator, X):
    again = pickle.loads(pickle.dumps(lower(lift(estimator))))
    assert type(again) is type(estimator)
    assert repr(again) == repr(estimator)
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    return again


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.filterwarnings("ignore:divide by zero encountered in log")
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=repr)
def test_classifiers(estimator):
    X, y = load_iris(return_X_y=True)
    estimator.fit(X, np.array(["a", "bb", "c"])[y])
    assert_same(lift(estimator), estimator, X)
    assert_same(lift(estimator), estimator, X.astype(np.float32))
    again = assert_comes_back(estimator, X)
    assert ("oob_score_" in again.skcompress_missing_) == estimator.oob_score
    for model in (CompactModel(lift(estimator)), again):
        log = model.predict_log_proba(X)
        np.testing.assert_allclose(log, estimator.predict_log_proba(X), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=repr)
def test_regressors(estimator):
    X, y = load_diabetes(return_X_y=True)
    estimator.fit(X, y)
    assert_same(lift(estimator), estimator, X)
    again = assert_comes_back(estimator, X)
    assert again.estimators_[0].tree_.node_count == estimator.estimators_[0].tree_.node_count
    np.testing.assert_array_equal(
        again.estimators_[0].tree_.n_node_samples.sum(),
        estimator.estimators_[0].tree_.n_node_samples.sum(),
    )


def test_several_numbers():
    X, Y = load_linnerud(return_X_y=True)
    estimator = BaggingRegressor(n_estimators=4, random_state=0).fit(X, Y)
    assert_same(lift(estimator), estimator, X)
    assert_comes_back(estimator, X)


def test_weights_and_warm_start():
    X, y = load_iris(return_X_y=True)
    weight = np.linspace(0, 2, len(y))
    estimator = BaggingClassifier(n_estimators=3, max_features=3, warm_start=True, random_state=0)
    estimator.fit(X, y, sample_weight=weight)
    estimator.set_params(n_estimators=6)
    with pytest.raises(UnsupportedEstimatorError, match="fit it again"):
        lift(estimator)
    estimator.fit(X, y, sample_weight=weight)
    assert_same(lift(estimator), estimator, X)


def test_missing_values_and_monotonic_trees():
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(0)
    X[rng.random(X.shape) < 0.1] = np.nan
    estimator = BaggingClassifier(n_estimators=4, max_features=9, random_state=0).fit(X, y)
    assert_same(lift(estimator), estimator, X)
    assert_comes_back(estimator, X)
    monotonic = DecisionTreeClassifier(monotonic_cst=[1] * 30)
    whole = np.nan_to_num(X)
    estimator = BaggingClassifier(monotonic, 3, random_state=0).fit(whole, y)
    assert_same(lift(estimator), estimator, whole)


@pytest.mark.parametrize(
    "base",
    [
        DecisionTreeRegressor(),
        DecisionTreeRegressor(criterion="absolute_error", max_depth=2),
        DecisionTreeRegressor(monotonic_cst=[1, 0, 0, 0]),
        ExtraTreeRegressor(),
    ],
    ids=repr,
)
def test_missing_values_are_taken_where_scikit_learn_takes_them(base):
    X, y = load_iris(return_X_y=True)
    estimator = BaggingRegressor(base, 2, random_state=0).fit(X, y)
    X[::4, 2] = np.nan
    try:
        estimator.predict(X)
    except ValueError:
        with pytest.raises(ValueError, match="NaN"):
            CompactModel(lift(estimator)).predict(X)
    else:
        assert_same(lift(estimator), estimator, X)


def test_sparse_rows():
    X, y = load_iris(return_X_y=True)
    X[X < 1.5] = 0
    estimator = BaggingClassifier(n_estimators=4, max_features=2, random_state=0)
    estimator.fit(csr_array(X), y)
    assert_same(lift(estimator), estimator, csr_array(X))


def test_a_single_class():
    X, y = load_iris(return_X_y=True)
    estimator = BaggingClassifier(n_estimators=2).fit(X, np.zeros_like(y))
    assert_same(lift(estimator), estimator, X)
    assert_comes_back(estimator, X)


def test_trees_that_know_some_of_the_classes():
    X, y = load_iris(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = BaggingClassifier(n_estimators=5, max_samples=2, random_state=0).fit(X, y)
    known = {tuple(tree.classes_.tolist()) for tree in estimator.estimators_}
    if known == {(0, 1, 2)}:
        pytest.skip("this scikit-learn tells every tree of all classes")
    assert_same(lift(estimator), estimator, X)
    again = lower(lift(estimator))
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_a_pipeline_with_names():
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    estimator = BaggingClassifier(n_estimators=3, random_state=0).fit(frame, y)
    assert lower(lift(estimator)).feature_names_in_.tolist() == list("abcd")
    scaled = make_pipeline(StandardScaler(), BaggingClassifier(random_state=0)).fit(frame, y)
    assert_same(lift(scaled), scaled, frame)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (BaggingClassifier(LogisticRegression(), 2), "LogisticRegression"),
        (BaggingClassifier(make_pipeline(DecisionTreeClassifier()), 2), "Pipeline"),
        (BaggingRegressor(DecisionTreeClassifier(), 2), "DecisionTreeClassifier"),
    ],
)
def test_other_members_are_refused(estimator, name):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(UnsupportedEstimatorError, match=f"must be a .*{name}"):
        lift(estimator.fit(X, y))


def test_a_made_up_member_is_refused():
    X, y = load_iris(return_X_y=True)
    model = lift(BaggingClassifier(DecisionTreeClassifier(), 2).fit(X, y))
    assert ("estimator", "DecisionTreeClassifier") in model.params
    with pytest.raises(UnsupportedEstimatorError, match="no tree of class 'system'"):
        lower(model.replace(params=(("estimator", "system"),)))


def test_pruned_bagging_comes_back():
    X, y = load_iris(return_X_y=True)
    estimator = BaggingClassifier(n_estimators=6, max_features=3, random_state=0).fit(X, y)
    model = lift(estimator)
    context = Context(original=model)
    for step in (SelectTrees(3), CostComplexity(0.02)):
        model = step.apply(model, context)
    again = lower(model)
    assert again.n_estimators == len(again.estimators_) == 3
    assert again.estimators_[0].tree_.node_count < estimator.estimators_[0].tree_.node_count
    np.testing.assert_array_equal(again.predict_proba(X), CompactModel(model).predict_proba(X))
    bare = DropNotes().apply(model, context)
    with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
        lower(bare)
    again = lower(bare, allow_missing=True)
    np.testing.assert_array_equal(again.predict(X), CompactModel(model).predict(X))
