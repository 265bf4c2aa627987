"""Histogram gradient boosting comes back as a genuine estimator, categories included."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.ir import Chain
from skcompress.passes import Context, CutDepth, DropNotes, SelectTrees, ShareThresholds
from skcompress.passes._context import Data
from skcompress.runtime import CompactModel


def rows_with_categories(n_rows=400):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4))
    X[:, 1] = rng.choice([-3.5, 0.0, 0.1, 7.0, np.nan], n_rows)
    X[:, 3] = rng.integers(0, 180, n_rows)
    return X, X[:, 0] + X[:, 3] % 7 + np.isin(X[:, 1], [0.1, 7.0])


def answers(estimator, X):
    names = ("predict", "predict_proba", "decision_function")
    return [getattr(estimator, name)(X) for name in names if hasattr(estimator, name)]


def assert_comes_back(estimator, *rows):
    again = pickle.loads(pickle.dumps(lower(lift(estimator))))
    assert type(again) is type(estimator)
    for X in rows:
        for found, expected in zip(answers(again, X), answers(estimator, X), strict=True):
            np.testing.assert_array_equal(found, expected)
        stages = zip(again.staged_predict(X), estimator.staged_predict(X), strict=True)
        assert all(np.array_equal(found, expected) for found, expected in stages)
    for mine, theirs in zip(again._predictors, estimator._predictors, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            for field in ("count", "depth", "left", "right", "feature_idx", "is_categorical"):
                np.testing.assert_array_equal(one.nodes[field], other.nodes[field])
            np.testing.assert_allclose(one.nodes["value"], other.nodes["value"], rtol=1e-14)
    assert again.n_iter_ == estimator.n_iter_
    lacking = {name for name in set(vars(estimator)) - set(vars(again)) if name.endswith("_")}
    assert lacking <= set(again.skcompress_missing_)
    return again


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=5),
        HistGradientBoostingClassifier(max_iter=30, early_stopping=True, random_state=0),
        HistGradientBoostingClassifier(max_iter=4, monotonic_cst=[1] * 30, learning_rate=1),
        HistGradientBoostingRegressor(max_iter=5),
        HistGradientBoostingRegressor(max_iter=5, loss="absolute_error"),
        HistGradientBoostingRegressor(max_iter=5, loss="quantile", quantile=0.3),
        HistGradientBoostingRegressor(max_iter=5, loss="poisson", warm_start=True),
        HistGradientBoostingRegressor(max_iter=5, loss="gamma", learning_rate=0.3),
    ],
    ids=repr,
)
def test_boosting_comes_back(estimator):
    X, y = load_breast_cancer(return_X_y=True)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    y = y if hasattr(estimator, "predict_proba") else 1.0 + y
    assert_comes_back(estimator.fit(X, y), X, holes)
    assert_comes_back(estimator.fit(holes, y), X, holes)


def test_several_and_single_classes_come_back():
    X, y = load_iris(return_X_y=True)
    boosting = HistGradientBoostingClassifier(max_iter=4)
    assert_comes_back(boosting.fit(X, np.array(["a", "bb", "c"])[y]), X)
    assert_comes_back(boosting.fit(X, np.zeros(len(X))), X)


@pytest.mark.parametrize("columns", [[1, 3], [1]])
def test_categories_come_back(columns):
    X, y = rows_with_categories()
    new = np.tile(X, (2, 1))
    new[::3, 1] = 0.2
    new[::5, 3] = np.nan
    new[::7, 3] = -1.0
    new[::11, [0, 2]] = np.inf
    regressor = HistGradientBoostingRegressor(max_iter=9, categorical_features=columns).fit(X, y)
    classifier = HistGradientBoostingClassifier(max_iter=9, categorical_features=columns)
    classifier.fit(X, np.digitize(y, [2, 4]))
    for estimator in (regressor, classifier):
        again = assert_comes_back(estimator, X, new, new.astype(np.float32))
        assert again.categorical_features == columns
        np.testing.assert_array_equal(again.is_categorical_, estimator.is_categorical_)


def test_a_column_of_missing_categories_comes_back():
    X, y = rows_with_categories()
    X[:, 1] = np.nan
    boosting = HistGradientBoostingRegressor(max_iter=3, categorical_features=[1, 3]).fit(X, y)
    assert_comes_back(boosting, X, np.nan_to_num(X))


def test_names_and_frames_come_back():
    pandas = pytest.importorskip("pandas")
    X, y = rows_with_categories()
    frame = pandas.DataFrame(X, columns=list("abcd"))
    frame["d"] = (frame["d"] % 7).astype(int).astype("category")
    boosting = HistGradientBoostingRegressor(max_iter=3).fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = assert_comes_back(boosting, frame)
    assert again.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="missing"):
        again.predict(frame[["a", "b", "c"]])


def test_it_comes_back_behind_a_scaler():
    X, y = rows_with_categories()
    boosting = HistGradientBoostingRegressor(max_iter=3, categorical_features=[3])
    chain = make_pipeline(StandardScaler(), boosting).fit(X, y)
    again = lower(lift(chain))
    assert [type(step) for _, step in again.steps] == [type(step) for _, step in chain.steps]
    np.testing.assert_array_equal(again.predict(X), chain.predict(X))


def test_pruned_boosting_comes_back():
    X, y = rows_with_categories()
    boosting = HistGradientBoostingRegressor(max_iter=9, categorical_features=[3]).fit(X, y)
    model = lift(boosting)
    context = Context(original=model, refit=Data(X, y))
    for step in (SelectTrees(4), CutDepth(2), ShareThresholds()):
        model = step.apply(model, context)
    again = lower(model)
    assert again.n_iter_ == 4
    assert max(stage[0].get_max_depth() for stage in again._predictors) == 2
    np.testing.assert_array_equal(again.predict(X), CompactModel(model).predict(X))
    cut = sum(stage[0].nodes.size for stage in again._predictors)
    assert cut < sum(stage[0].nodes.size for stage in boosting._predictors[:4])


def test_values_of_splits_are_those_of_leaves():
    X, y = rows_with_categories()
    y = y - y.mean()
    boosting = HistGradientBoostingRegressor(max_iter=1, learning_rate=0.3).fit(X, y)
    model = lift(boosting)
    stump = CutDepth(0).apply(model, Context(original=model))
    assert stump.predictor.n_nodes == 1
    # As a leaf the root would add the shrunken mean of the gradients, which is zero.
    np.testing.assert_allclose(stump.predictor.values, 0, atol=1e-6)
    one = CutDepth(1).apply(model, Context(original=model))
    small = HistGradientBoostingRegressor(max_iter=1, learning_rate=0.3, max_depth=1).fit(X, y)
    np.testing.assert_allclose(CompactModel(one).predict(X), small.predict(X), rtol=1e-6)


def test_without_notes_it_comes_back_on_request():
    X, y = rows_with_categories()
    boosting = HistGradientBoostingRegressor(max_iter=2).fit(X, y)
    bare = DropNotes().apply(lift(boosting), None)
    with pytest.raises(UnsupportedEstimatorError, match="allow_missing=True"):
        lower(bare)
    again = lower(bare, allow_missing=True)
    assert "numbers of samples in nodes" in again.skcompress_missing_
    np.testing.assert_array_equal(again.predict(X), boosting.predict(X))


def test_what_it_cannot_hold_is_refused():
    X, y = rows_with_categories()
    model = lift(HistGradientBoostingRegressor(max_iter=2, categorical_features=[3]).fit(X, y))
    (encoder,), trees = model.chain.transforms, model.predictor

    def changed(**fields):
        chain = Chain(transforms=(encoder.replace(**fields),), predictor=trees)
        return model.replace(chain=chain)

    for other in (
        changed(columns=np.array([3, 1, 0, 2], np.uint8)),
        changed(sizes=np.zeros(0, np.uint8), categories=np.zeros(0)),
    ):
        with pytest.raises(UnsupportedEstimatorError, match="columns of categories first"):
            lower(other)
    with pytest.raises(UnsupportedEstimatorError, match="float64"):
        lower(model.with_predictor(trees.replace(float32_inputs=True)))
    with pytest.raises(UnsupportedEstimatorError, match="not that of the loss"):
        lower(model.replace(head=model.head.replace(link="exp")))
    forest = "sklearn.ensemble._forest.RandomForestRegressor"
    with pytest.raises(UnsupportedEstimatorError, match="OrdinalEncode"):
        lower(model.replace(family=forest))
