"""Trees, forests and boosting predict as scikit-learn does, and come back as what they were."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    export_text,
)

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import all_families, lift, lower
from skcompress.families._layout import floor_to_float32
from skcompress.ir import TreeEnsemble
from skcompress.passes import DropNotes
from skcompress.runtime import CompactModel

FAMILIES = [
    family for family in all_families() if "tree" in family.name or "ensemble" in family.name
]
EXAMPLES = [(family, example) for family in FAMILIES for example in family.examples()]


def data(estimator):
    return (
        load_iris(return_X_y=True)
        if hasattr(estimator, "predict_proba")
        else load_diabetes(return_X_y=True)
    )


def assert_same(model, estimator, X):
    compact = CompactModel(model)
    np.testing.assert_array_equal(compact.predict(X), estimator.predict(X))
    for name in ("predict_proba", "decision_function"):
        if hasattr(estimator, name):
            expected = getattr(estimator, name)(X)
            found = getattr(compact, name)(X)
            if isinstance(expected, list):
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(one, other)
            else:
                # The link functions of boosting may differ in the last place.
                np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(("family", "example"), EXAMPLES, ids=lambda value: repr(value)[:60])
def test_lifted_models_predict_as_scikit_learn(family, example):
    X, y = data(example)
    model = lift(example.fit(X, y))
    assert model.family == family.name
    assert isinstance(model.predictor, TreeEnsemble)
    assert_same(model, example, X)
    assert_same(model, example, X.astype(np.float32))


@pytest.mark.parametrize(
    "cls", [DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier]
)
def test_several_targets_text_labels_and_weights(cls):
    X, y = load_iris(return_X_y=True)
    Y = np.stack([np.array(["a", "bb", "c"])[y], np.where(y > 0, "yes", "no")], axis=1)
    estimator = cls(random_state=0).fit(X, Y, sample_weight=np.linspace(0.1, 2, len(y)))
    assert_same(lift(estimator), estimator, X)


@pytest.mark.parametrize("cls", [DecisionTreeRegressor, ExtraTreesRegressor])
def test_several_numbers(cls):
    X, Y = load_linnerud(return_X_y=True)
    estimator = cls(random_state=0).fit(X, Y)
    assert_same(lift(estimator), estimator, X)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestRegressor(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
    ],
)
def test_missing_values(estimator):
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(0)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = y.astype(float) if "Regressor" in type(estimator).__name__ else y
    estimator.fit(X[:400], y[:400])
    assert_same(lift(estimator), estimator, X)


def test_missing_values_in_prediction_only():
    X, y = load_iris(return_X_y=True)
    estimator = RandomForestClassifier(5, random_state=0).fit(X, y)
    X[::3, 1] = np.nan
    assert_same(lift(estimator), estimator, X)


@pytest.mark.parametrize("cls", [GradientBoostingClassifier, RandomForestClassifier])
def test_missing_values_that_scikit_learn_refuses(cls):
    X, y = load_iris(return_X_y=True)
    estimator = cls(n_estimators=2, random_state=0).fit(X, y)
    X[0, 0] = np.nan
    rows = X if cls is GradientBoostingClassifier else csr_matrix(X)
    with pytest.raises(ValueError, match="NaN"):
        estimator.predict(rows)
    with pytest.raises(ValueError, match="NaN"):
        CompactModel(lift(estimator)).predict(rows)


def test_a_random_start_of_boosting_is_refused():
    X, y = load_iris(return_X_y=True)
    boosting = GradientBoostingClassifier(
        n_estimators=2, init=DummyClassifier(strategy="stratified", random_state=0)
    ).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match="init"):
        lift(boosting)


def test_sparse_input():
    X, y = load_iris(return_X_y=True)
    X[X < 1.5] = 0
    estimator = ExtraTreesClassifier(5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(
        CompactModel(lift(estimator)).predict(csr_matrix(X)), estimator.predict(csr_matrix(X))
    )


def test_single_leaf_and_single_class():
    X, _ = load_iris(return_X_y=True)
    for y in (np.zeros(len(X), int), np.full(len(X), "only")):
        estimator = DecisionTreeClassifier().fit(X, y)
        assert_same(lift(estimator), estimator, X)


def test_more_features_than_two_bytes_count():
    rng = np.random.default_rng(0)
    X = csr_matrix(rng.random((30, 70_000)) * (rng.random((30, 70_000)) < 0.01))
    y = (X[:, 69_999].toarray().ravel() > 0).astype(int)
    y[:3] = [0, 1, 0]
    estimator = DecisionTreeClassifier(random_state=0).fit(X, y)
    model = lift(estimator)
    assert model.predictor.feature.dtype == np.uint32
    np.testing.assert_array_equal(CompactModel(model).predict(X), estimator.predict(X))


def test_boosting_variants():
    X, y = load_breast_cancer(return_X_y=True)
    for estimator in (
        GradientBoostingClassifier(loss="exponential", n_estimators=5, random_state=0),
        GradientBoostingClassifier(n_estimators=5, subsample=0.5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, early_stopping=True, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, monotonic_cst=[1] * 30, random_state=0),
    ):
        assert_same(lift(estimator.fit(X, y)), estimator, X)
    positive = 1.0 + y
    for loss in ("poisson", "gamma", "absolute_error"):
        estimator = HistGradientBoostingRegressor(max_iter=5, loss=loss, random_state=0)
        assert_same(lift(estimator.fit(X, positive)), estimator, X)


def test_what_boosting_cannot_be():
    X, y = load_diabetes(return_X_y=True)
    custom = GradientBoostingRegressor(n_estimators=2, init=DecisionTreeRegressor()).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match="init estimator DecisionTreeRegressor"):
        lift(custom)
    rounded = np.round(X * 50)
    categorical = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])
    with pytest.raises(UnsupportedEstimatorError, match="categorical_features"):
        lift(categorical.fit(rounded - rounded.min(axis=0), y))


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-50, -1e-50, 3.5e38, -3.5e38, np.inf, 2.0, 1 / 3])
def test_thresholds_are_rounded_down(value):
    floor = floor_to_float32(np.array([value]))
    assert floor.dtype == np.float32
    assert float(floor[0]) <= value
    with np.errstate(over="ignore"):
        above = np.nextafter(floor[0], np.float32(np.inf))
    assert float(above) > value or floor[0] == value


GENUINE = [pair for pair in EXAMPLES if pair[0].lower is not None]


@pytest.mark.parametrize(("family", "example"), GENUINE, ids=lambda value: repr(value)[:60])
def test_models_come_back_as_genuine_estimators(family, example):
    X, y = data(example)
    estimator = example.fit(X, y)
    again = lower(lift(estimator))
    assert type(again) is type(estimator)
    again = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    np.testing.assert_allclose(again.feature_importances_, estimator.feature_importances_)
    # Thresholds were rounded down to float32, where inputs are.
    np.testing.assert_array_equal(again.apply(X) >= 0, estimator.apply(X) >= 0)
    assert again.decision_path(X) is not None


def test_a_tree_that_came_back_can_be_read():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    assert export_text(lower(lift(tree))) == export_text(tree)


def test_refitted_leaves_come_back_only_when_asked_for():
    X, y = load_iris(return_X_y=True)
    model = lift(RandomForestClassifier(3, random_state=0).fit(X, y))
    model = model.replace(head=model.head.replace(clip=True))
    with pytest.raises(UnsupportedEstimatorError, match="below zero"):
        lower(model)
    assert lower(model, allow_missing=True).predict(X).shape == y.shape


def test_without_notes_the_way_back_is_refused_or_says_what_is_missing():
    X, y = load_iris(return_X_y=True)
    for estimator in (DecisionTreeClassifier(random_state=0), ExtraTreeRegressor(random_state=0)):
        model = lift(estimator.fit(X, y))
        bare = DropNotes().apply(model, None)
        with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
            lower(bare)
        again = lower(bare, allow_missing=True)
        assert "feature_importances_" in again.skcompress_missing_
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
