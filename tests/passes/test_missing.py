"""Directions of missing values that nobody will ask for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skcompress as skc
from skcompress.families import lift
from skcompress.passes import Context, DropMissing, SkipPass

X, Y = load_breast_cancer(return_X_y=True)


def with_holes(X):
    holes = X.copy()
    holes[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return holes


def dropped(estimator):
    model = lift(estimator)
    return DropMissing().apply(model, Context(original=model))


@pytest.mark.parametrize(
    "estimator",
    [
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=5)),
        make_pipeline(SimpleImputer(missing_values=-1.0), HistGradientBoostingClassifier()),
    ],
    ids=["boosting", "scaler", "imputer of another value"],
)
def test_trees_of_models_that_refuse_missing_values_keep_no_directions(estimator):
    estimator.fit(X, Y)
    assert dropped(estimator).predictor.missing_left is None
    small = skc.compress(estimator, level="lossless")
    assert_allclose(small.predict_proba(X), estimator.predict_proba(X), rtol=1e-13)
    with pytest.raises(ValueError, match="NaN"):
        small.predict(with_holes(X))
    back = skc.to_sklearn(small, allow_missing=True)
    assert_allclose(back.predict_proba(X), estimator.predict_proba(X), rtol=1e-13)


def test_trees_behind_an_imputer_keep_none_either():
    forest = RandomForestClassifier(5, random_state=0)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), forest).fit(with_holes(X), Y)
    assert dropped(pipeline).predictor.missing_left is None
    small = skc.compress(pipeline, level="lossless")
    assert_array_equal(small.predict_proba(with_holes(X)), pipeline.predict_proba(with_holes(X)))


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(5, random_state=0), HistGradientBoostingClassifier(max_iter=5)],
    ids=["forest", "histograms"],
)
def test_trees_that_may_see_missing_values_keep_them(estimator):
    estimator.fit(X, Y)
    with pytest.raises(SkipPass, match="may come in"):
        dropped(estimator)
    small = skc.compress(estimator, level="lossless")
    holes = with_holes(X)
    assert_allclose(small.predict_proba(holes), estimator.predict_proba(holes), rtol=1e-13)
