"""Trees, forests and boosting predict as scikit-learn does, and come back as what they were."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.dummy import DummyClassifier, DummyRegressor
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
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    export_graphviz,
    export_text,
)

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import all_families, lift, lower
from skcompress.ir import TreeEnsemble
from skcompress.passes import DropNotes
from skcompress.passes.ensemble import keep_trees
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
    for name in ("predict_proba", "decision_function", "score_samples"):
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


def rows_with_categories(n_rows=400):
    """Numbers, and two columns of categories (the fourth and second), one with gaps."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4))
    X[:, 1] = rng.choice([-3.5, 0.0, 0.1, 7.0, np.nan], n_rows)
    X[:, 3] = rng.integers(0, 180, n_rows)
    y = X[:, 0] + X[:, 3] % 7 + np.isin(X[:, 1], [0.1, 7.0])
    return X, y


@pytest.mark.parametrize("columns", [[1, 3], [False, True, False, False], [1]])
def test_boosting_on_categories(columns):
    X, y = rows_with_categories()
    new = np.tile(X, (2, 1))
    new[::3, 1] = 0.2
    new[::5, 3] = np.nan
    new[::7, 3] = -1.0
    new[::11, [0, 2]] = np.inf
    for estimator, target in (
        (HistGradientBoostingRegressor(max_iter=9, categorical_features=columns), y),
        (HistGradientBoostingClassifier(max_iter=9, categorical_features=columns), y > 3),
        (
            HistGradientBoostingClassifier(max_iter=4, categorical_features=columns),
            np.digitize(y, [2, 4]),
        ),
    ):
        model = lift(estimator.fit(X, target))
        assert model.predictor.categories.is_category.any()
        for rows in (X, new, new.astype(np.float32)):
            assert_same(model, estimator, rows)
            raw = getattr(estimator, "decision_function", estimator.predict)
            compact = CompactModel(model)
            found = getattr(compact, "decision_function", compact.predict)
            np.testing.assert_array_equal(found(rows), raw(rows))


def test_categories_in_other_dtypes():
    X, y = rows_with_categories()
    flags = np.stack([X[:, 0] > 0, X[:, 2] > 0], axis=1)
    for rows in (X.astype(object), np.nan_to_num(X).astype(int), flags):
        boosting = HistGradientBoostingRegressor(max_iter=3, categorical_features=[1])
        boosting.fit(rows, y)
        np.testing.assert_array_equal(
            CompactModel(lift(boosting)).predict(rows), boosting.predict(rows)
        )


def test_a_column_of_missing_categories_alone():
    X, y = rows_with_categories()
    X[:, 1] = np.nan
    boosting = HistGradientBoostingRegressor(max_iter=3, categorical_features=[1, 3]).fit(X, y)
    X[::2, 1] = 5.0
    assert_same(lift(boosting), boosting, X)


def test_infinite_categories_are_refused():
    X, y = rows_with_categories()
    boosting = HistGradientBoostingRegressor(max_iter=3, categorical_features=[3]).fit(X, y)
    X[0, 3] = np.inf
    for model in (boosting, CompactModel(lift(boosting))):
        with pytest.raises(ValueError, match="infinity"):
            model.predict(X)


def test_categories_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    X, y = rows_with_categories()
    frame = pandas.DataFrame(X, columns=list("abcd"))
    frame["d"] = (frame["d"] % 7).astype(int).astype("category")
    boosting = HistGradientBoostingRegressor(max_iter=3).fit(frame, y)
    model = lift(boosting)
    assert model.input.names == tuple("abcd")
    assert model.predictor.categories.is_category.any()
    np.testing.assert_array_equal(CompactModel(model).predict(frame), boosting.predict(frame))


@pytest.mark.parametrize(
    ("init", "name"),
    [
        (DecisionTreeClassifier(), "DecisionTreeClassifier"),
        (DummyClassifier(strategy="stratified"), "stratified"),
    ],
)
def test_boosting_that_starts_from_no_constant_is_refused(init, name):
    X, y = load_iris(return_X_y=True)
    custom = GradientBoostingClassifier(n_estimators=2, init=init).fit(X, y)
    with pytest.raises(UnsupportedEstimatorError, match=f"init estimator .*{name}"):
        lift(custom)


@pytest.mark.parametrize("values", [["a", "b"], [2**60, 2**60 + 1]])
def test_categories_that_are_no_numbers_of_ours_are_refused(values):
    X = np.array([[value] for value in values * 30], dtype=object)
    boosting = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])
    with pytest.raises(UnsupportedEstimatorError, match="categories must be numbers"):
        lift(boosting.fit(X, np.arange(60.0)))


WHERE_MISSING_MATTERS = [
    DecisionTreeClassifier(),
    DecisionTreeClassifier(splitter="random"),
    DecisionTreeRegressor(),
    DecisionTreeRegressor(criterion="absolute_error"),
    DecisionTreeRegressor(monotonic_cst=[1, 0, 0, 0]),
    ExtraTreeClassifier(),
    ExtraTreeRegressor(splitter="best"),
    RandomForestClassifier(2),
    RandomForestRegressor(2, criterion="absolute_error"),
    ExtraTreesRegressor(2),
    GradientBoostingClassifier(n_estimators=2),
    GradientBoostingRegressor(n_estimators=2),
    HistGradientBoostingRegressor(max_iter=2),
]


@pytest.mark.parametrize("estimator", WHERE_MISSING_MATTERS, ids=repr)
def test_missing_values_are_taken_where_scikit_learn_takes_them(estimator):
    X, y = load_iris(return_X_y=True)
    compact = CompactModel(lift(estimator.fit(X, y)))
    X[::4, 2] = np.nan
    try:
        expected = estimator.predict(X)
    except ValueError:
        with pytest.raises(ValueError, match="NaN"):
            compact.predict(X)
    else:
        np.testing.assert_array_equal(compact.predict(X), expected)


def test_missing_values_in_sparse_rows_are_refused():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier().fit(X, y)
    X[0, 0] = np.nan
    for model in (tree, CompactModel(lift(tree))):
        with pytest.raises(ValueError, match="NaN"):
            model.predict(csr_matrix(X))


@pytest.mark.parametrize(
    "settings",
    [
        {"class_weight": "balanced"},
        {"class_weight": {0: 1, 1: 5, 2: 0.1}},
        {"ccp_alpha": 0.02},
        {"criterion": "entropy", "min_samples_leaf": 5, "max_features": "sqrt"},
        {"splitter": "random"},
    ],
    ids=str,
)
def test_settings_of_training(settings):
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0, **settings).fit(X, y)
    assert_same(lift(tree), tree, X)
    again = lower(lift(tree))
    np.testing.assert_array_equal(again.predict_proba(X), tree.predict_proba(X))
    assert again.max_features_ == tree.max_features_
    plain = {name for name, value in settings.items() if not isinstance(value, dict)}
    assert {name: again.get_params()[name] for name in plain} == {
        name: settings[name] for name in plain
    }


def test_monotonic_trees():
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(3, monotonic_cst=[-1] * 15 + [0] * 15, random_state=0)
    assert_same(lift(forest.fit(X, y)), forest, X)


# The others are tested on their own.
GENUINE = [pair for pair in EXAMPLES if pair[0].lower is not None and hasattr(pair[1], "apply")]


def answers(estimator, X):
    names = ("predict", "predict_proba", "decision_function")
    return [getattr(estimator, name)(X) for name in names if hasattr(estimator, name)]


def assert_comes_back(estimator, X):
    again = lower(lift(estimator))
    assert type(again) is type(estimator)
    again = pickle.loads(pickle.dumps(again))
    for found, expected in zip(answers(again, X), answers(estimator, X), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(again.feature_importances_, estimator.feature_importances_)
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, int | float | str | None):
            assert getattr(again, name) == value
    return again


@pytest.mark.parametrize(("family", "example"), GENUINE, ids=lambda value: repr(value)[:60])
def test_models_come_back_as_genuine_estimators(family, example):
    X, y = data(example)
    estimator = example.fit(X, y)
    again = assert_comes_back(estimator, X)
    if estimator.max_leaf_nodes is None:
        # Those grown best first are numbered in another order.
        np.testing.assert_array_equal(again.apply(X), estimator.apply(X))
    np.testing.assert_array_equal(
        again.apply(X), again.apply(np.asfortranarray(X.astype(np.float32)))
    )
    if hasattr(estimator, "decision_path"):
        depth = estimator.decision_path(X)
        depth = depth[0] if isinstance(depth, tuple) else depth
        found = again.decision_path(X)
        found = found[0] if isinstance(found, tuple) else found
        np.testing.assert_array_equal(found.sum(axis=1), depth.sum(axis=1))
    # All that a fit leaves behind but for what is listed as missing.
    private = {"_rng", "_n_samples", "_n_samples_bootstrap", "_sample_weight", "_monotonic_cst"}
    lacking = set(vars(estimator)) - set(vars(again)) - private
    assert lacking <= set(getattr(again, "skcompress_missing_", ()))


def test_edge_cases_come_back():
    X, y = load_iris(return_X_y=True)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    two = np.stack([np.array(["a", "bb", "c"])[y], np.where(y > 0, "yes", "no")], axis=1)
    cases = [
        (DecisionTreeClassifier().fit(X, np.zeros(len(X))), X),
        (DecisionTreeRegressor().fit(X, np.ones(len(X))), X),
        (DecisionTreeClassifier(random_state=0).fit(holes, y), holes),
        (RandomForestClassifier(3, random_state=0).fit(holes, y), holes),
        (ExtraTreesRegressor(3, random_state=0).fit(X, np.stack([y, -y], axis=1)), X),
        (RandomForestClassifier(3, random_state=0).fit(X, y.astype("U").astype(object)), X),
    ]
    for estimator, rows in cases:
        assert_comes_back(estimator, rows)
    for estimator in (DecisionTreeClassifier(), ExtraTreesClassifier(3)):
        again = lower(lift(estimator.fit(X, two)))
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
        for found, expected in zip(again.predict_proba(X), estimator.predict_proba(X), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "boosting",
    [
        GradientBoostingClassifier(n_estimators=8, learning_rate=0.37, random_state=0),
        GradientBoostingClassifier(n_estimators=8, loss="exponential", learning_rate=0.03),
        GradientBoostingClassifier(n_estimators=3, init=DummyClassifier(strategy="uniform")),
        GradientBoostingRegressor(n_estimators=8, learning_rate=0.07, loss="absolute_error"),
        GradientBoostingRegressor(n_estimators=2, learning_rate=0.0),
        GradientBoostingRegressor(
            n_estimators=3, init=DummyRegressor(strategy="quantile", quantile=0.3)
        ),
    ],
    ids=repr,
)
def test_boosting_comes_back(boosting):
    X, y = load_breast_cancer(return_X_y=True)
    again = assert_comes_back(boosting.fit(X, y), X)
    stages = zip(again.staged_predict(X), boosting.staged_predict(X), strict=True)
    assert all(np.array_equal(found, expected) for found, expected in stages)


def test_pruned_boosting_comes_back():
    X, y = load_diabetes(return_X_y=True)
    model = lift(GradientBoostingRegressor(n_estimators=6, random_state=0).fit(X, y))
    trees = model.predictor
    fewer = model.with_predictor(keep_trees(trees, np.arange(3)))
    again = lower(fewer)
    assert again.n_estimators_ == again.n_estimators == 3
    np.testing.assert_array_equal(again.predict(X), CompactModel(fewer).predict(X))
    rounded = trees.values.astype(np.float32)
    coarse = model.with_predictor(trees.replace(values=rounded))
    # No value need give a rounded step when it is multiplied by the learning rate.
    np.testing.assert_allclose(
        lower(coarse).predict(X), CompactModel(coarse).predict(X), rtol=1e-14
    )


def test_boosting_that_is_no_longer_in_stages_is_refused():
    X, y = load_iris(return_X_y=True)
    model = lift(GradientBoostingClassifier(n_estimators=2, random_state=0).fit(X, y))
    for chosen in ([0, 1, 3], [1, 2, 3, 4]):
        part = model.with_predictor(keep_trees(model.predictor, np.array(chosen)))
        with pytest.raises(UnsupportedEstimatorError, match="stages"):
            lower(part)
    shifted = model.with_predictor(model.predictor.replace(base=np.array([1.0, 0.0, 0.0])))
    with pytest.raises(UnsupportedEstimatorError, match="probabilities"):
        lower(shifted)


def test_shares_below_zero_come_back_only_from_a_single_tree():
    X, y = load_iris(return_X_y=True)

    def refined(estimator):
        model = lift(estimator.fit(X, y))
        values = model.predictor.values - np.array([0.4, 0.1, 0.0])
        changed = model.with_predictor(model.predictor.replace(values=values))
        return changed.replace(head=model.head.replace(clip=True))

    tree = refined(DecisionTreeClassifier(max_depth=2))
    np.testing.assert_array_equal(lower(tree).predict_proba(X), CompactModel(tree).predict_proba(X))
    forest = refined(RandomForestClassifier(3))
    with pytest.raises(UnsupportedEstimatorError, match="range from 0 to 1"):
        lower(forest)
    again = lower(forest, allow_missing=True)
    assert any("predict_proba" in name for name in again.skcompress_missing_)
    np.testing.assert_array_equal(again.predict(X), CompactModel(forest).predict(X))


def test_a_tree_that_came_back_can_be_read():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    again = lower(lift(tree))
    assert export_text(again) == export_text(tree)
    # Thresholds in the picture are rounded to three digits, and those of the copy were to float32.
    assert export_graphviz(again, precision=3) == export_graphviz(tree, precision=3)
    forest = RandomForestClassifier(2, max_depth=3, random_state=0).fit(X, y)
    again = lower(lift(forest))
    assert export_text(again.estimators_[1]) == export_text(forest.estimators_[1])
    assert again.estimators_[0].max_depth == 3


def test_names_come_back():
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for estimator in (DecisionTreeClassifier(), RandomForestClassifier(2)):
        again = lower(lift(estimator.fit(frame, y)))
        assert again.feature_names_in_.tolist() == list("abcd")
        np.testing.assert_array_equal(again.predict(frame), estimator.predict(frame))


def test_without_notes_the_way_back_is_refused_or_says_what_is_missing():
    X, y = load_iris(return_X_y=True)
    for estimator in (
        DecisionTreeClassifier(random_state=0),
        ExtraTreeRegressor(random_state=0),
        RandomForestClassifier(2, random_state=0),
        GradientBoostingClassifier(n_estimators=2, loss="log_loss", random_state=0),
    ):
        model = lift(estimator.fit(X, y))
        bare = DropNotes().apply(model, None)
        with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
            lower(bare)
        again = lower(bare, allow_missing=True)
        assert "feature_importances_" in again.skcompress_missing_
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))


def test_a_pipeline_that_came_back_says_what_is_missing():
    X, y = load_iris(return_X_y=True)
    model = lift(make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, y))
    again = lower(DropNotes().apply(model, None), allow_missing=True)
    assert isinstance(again, Pipeline)
    assert again.skcompress_missing_ == again[-1].skcompress_missing_
    assert "feature_importances_" in again.skcompress_missing_
