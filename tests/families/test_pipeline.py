"""Pipelines: which input they take, what they compute, and which ones are refused."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.ir import Transformed
from skcompress.runtime import CompactModel

X, y = make_classification(80, 5, n_informative=4, n_classes=3, n_redundant=0, random_state=0)
HOLES = np.where(np.random.default_rng(0).random(X.shape) < 0.15, np.nan, X)


def mlp():
    return MLPClassifier((6,), max_iter=10, random_state=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(),),
        (MinMaxScaler(), Normalizer()),
        (SimpleImputer(add_indicator=True), RobustScaler(), MaxAbsScaler()),
        ("passthrough", StandardScaler(), None),
    ],
    ids=str,
)
def test_chains_predict_the_same(steps, dtype):
    pipeline = make_pipeline(*steps, mlp()).fit(X.astype(dtype), y)
    model = lift(pipeline)
    small = CompactModel(model)
    for rows in (X, X.astype(np.float32)):
        assert (small.predict(rows) == pipeline.predict(rows)).all()
        proba = small.predict_proba(rows)
        assert proba.dtype == pipeline.predict_proba(rows).dtype
        rtol = 1e-12 if proba.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(proba, pipeline.predict_proba(rows), rtol=rtol)
    back = lower(model)
    assert (back.predict_proba(X) == pipeline.predict_proba(X)).all()
    assert isinstance(back[-1], MLPClassifier)


def test_projections_agree_within_rounding():
    pipeline = make_pipeline(StandardScaler(), PCA(3, whiten=True), mlp()).fit(X, y)
    model = lift(pipeline)
    proba = pipeline.predict_proba(X)
    np.testing.assert_allclose(CompactModel(model).predict_proba(X), proba, rtol=1e-11)
    back = lower(model, allow_missing=True)
    np.testing.assert_allclose(back.predict_proba(X), proba, rtol=1e-11)


def test_nested_frozen_and_passed_through_steps_are_seen_through():
    inner = Pipeline([("scale", StandardScaler()), ("nothing", "passthrough")])
    pipeline = Pipeline([("prepare", inner), ("also", "passthrough"), ("mlp", mlp())]).fit(X, y)
    frozen = FrozenEstimator(pipeline)
    for model in (lift(pipeline), lift(frozen)):
        assert len(model.chain.transforms) == 1
        assert (CompactModel(model).predict(X) == pipeline.predict(X)).all()
    held = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), FrozenEstimator(mlp().fit(X, y)))
    held.fit(X, y)
    proba = CompactModel(lift(held)).predict_proba(X)
    np.testing.assert_allclose(proba, held.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("last", ["passthrough", None, MinMaxScaler()])
def test_transforms_alone(last):
    pipeline = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler()), ("last", last)])
    pipeline.fit(HOLES)
    model = lift(pipeline)
    assert isinstance(model.head, Transformed)
    small = CompactModel(model)
    assert (small.transform(HOLES) == pipeline.transform(HOLES)).all()
    assert not hasattr(small, "predict")
    assert (lower(model).transform(HOLES) == pipeline.transform(HOLES)).all()


def test_cached_pipelines(tmp_path):
    pipeline = make_pipeline(StandardScaler(), mlp(), memory=str(tmp_path)).fit(X, y)
    assert (CompactModel(lift(pipeline)).predict(X) == pipeline.predict(X)).all()


@pytest.mark.parametrize(
    ("steps", "finite"),
    [
        ((StandardScaler(),), "all"),
        ((StandardScaler(), MinMaxScaler()), "all"),
        ((SimpleImputer(),), "allow-nan"),
        ((StandardScaler(), SimpleImputer()), "allow-nan"),
        ((StandardScaler(), SimpleImputer(), Normalizer()), "allow-nan"),
        ((SimpleImputer(missing_values=-1),), "all"),
        ((Normalizer(), SimpleImputer()), "all"),
        ((PCA(2), SimpleImputer()), "all"),
    ],
    ids=str,
)
def test_missing_values_are_refused_at_the_border_or_imputed(steps, finite):
    pipeline = make_pipeline(*steps, mlp()).fit(X, y)
    model = lift(pipeline)
    assert model.input.finite == finite
    small = CompactModel(model)
    if finite == "all":
        for estimator in (pipeline, small):
            with pytest.raises(ValueError, match="NaN"):
                estimator.predict(HOLES)
    else:
        assert (small.predict(HOLES) == pipeline.predict(HOLES)).all()
    infinite = np.where(np.isnan(HOLES), np.inf, HOLES)
    for estimator in (pipeline, small):
        with pytest.raises(ValueError, match="infinity"):
            estimator.predict(infinite)


def test_missing_values_pass_where_nothing_objects():
    scaler = make_pipeline(StandardScaler(), RobustScaler()).fit(HOLES)
    small = CompactModel(lift(scaler))
    np.testing.assert_array_equal(small.transform(HOLES), scaler.transform(HOLES))


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ((MaxAbsScaler(), StandardScaler(with_mean=False)), True),
        ((SimpleImputer(), Normalizer()), True),
        ((StandardScaler(),), False),
        ((MaxAbsScaler(), MinMaxScaler()), False),
        ((PCA(2), StandardScaler()), True),
    ],
    ids=str,
)
def test_sparse_rows(steps, taken):
    pipeline = make_pipeline(*steps, mlp()).fit(X, y)
    model = lift(pipeline)
    assert model.input.sparse == taken
    rows = sparse.csr_array(np.where(X > 0, X, 0))
    small = CompactModel(model)
    if taken:
        expected = pipeline.predict_proba(rows)
        np.testing.assert_allclose(small.predict_proba(rows), expected, rtol=1e-11)
    else:
        with pytest.raises((TypeError, ValueError), match=r"[Ss]parse|Cannot center"):
            pipeline.predict(rows)
        with pytest.raises(TypeError, match="Sparse"):
            small.predict(rows)


def test_text_pipelines():
    texts = ["a good film", "a bad film", "good good", "so bad", "meh film", "meh"] * 3
    labels = ["+", "-", "+", "-", "0", "0"] * 3
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), StandardScaler(with_mean=False), mlp()
    ).fit(texts, labels)
    model = lift(pipeline)
    assert model.input.text
    small = CompactModel(model)
    unseen = [*texts, "unseen words", ""]
    expected = pipeline.predict_proba(unseen)
    np.testing.assert_allclose(small.predict_proba(unseen), expected, rtol=1e-12)
    back = lower(model)
    assert (back.predict_proba(unseen) == pipeline.predict_proba(unseen)).all()
    with pytest.raises(ValueError, match="string object received"):
        small.predict("one text")


def test_names_come_from_the_first_step():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    pipeline = make_pipeline(StandardScaler(), mlp()).set_output(transform="pandas").fit(frame, y)
    model = lift(pipeline)
    assert model.input.names == tuple("abcde")
    assert (CompactModel(model).predict(frame) == pipeline.predict(frame)).all()
    assert lower(model)[0].feature_names_in_.tolist() == list("abcde")


class MyScaler(StandardScaler):
    """A subclass, which may behave otherwise."""


class MyPipeline(Pipeline):
    """Likewise."""


class Alien(TransformerMixin, BaseEstimator):
    """A transformer that skcompress has not heard of."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (make_pipeline(PolynomialFeatures(), mlp()), ["'polynomialfeatures'", "StandardScaler"]),
        (make_pipeline(FunctionTransformer(), mlp()), ["'functiontransformer'", "PCA"]),
        (make_pipeline(Alien(), mlp()), ["'alien'", "Alien"]),
        (make_pipeline(MyScaler(), mlp()), ["subclass of StandardScaler"]),
        (make_pipeline(StandardScaler(), DummyClassifier()), ["'dummyclassifier'", "MLPClassi"]),
        (
            Pipeline([("outer", make_pipeline(Alien(), StandardScaler())), ("mlp", mlp())]),
            ["'outer__alien'"],
        ),
        (MyPipeline([("scale", StandardScaler()), ("mlp", mlp())]), ["MyPipeline"]),
        (DummyClassifier(), ["DummyClassifier", "MLPRegressor", "Pipeline of these"]),
        (make_pipeline("passthrough"), ["passed through"]),
    ],
    ids=str,
)
def test_unsupported_steps_are_named(estimator, names):
    estimator.fit(X, y)
    with pytest.raises(UnsupportedEstimatorError) as caught:
        lift(estimator)
    for name in names:
        assert name in str(caught.value)


@pytest.mark.parametrize("thing", [StandardScaler, 3, None, "model"])
def test_what_is_no_estimator(thing):
    with pytest.raises(UnsupportedEstimatorError, match="fitted"):
        lift(thing)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), mlp()),
        make_pipeline(StandardScaler(), mlp().fit(X, y)),
        FrozenEstimator(mlp()),
    ],
)
def test_unfitted_steps(estimator):
    with pytest.raises(NotFittedError):
        lift(estimator)


def test_a_family_without_a_way_back_is_refused():
    model = lift(mlp().fit(X, y)).replace(family="somewhere.Else")
    with pytest.raises(UnsupportedEstimatorError, match="'Else'"):
        lower(model)


def test_overflow_in_a_scaler_is_an_error_as_it_is_in_scikit_learn():
    pipeline = make_pipeline(StandardScaler(), mlp()).fit(1e-8 * X, y)
    rows = np.full((1, 5), 1e305)
    with pytest.raises(ValueError, match="infinity"), np.errstate(over="ignore"):
        pipeline.predict(rows)
    with pytest.raises(ValueError, match="infinite"):
        CompactModel(lift(pipeline)).predict(rows)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("value", [1e39, -1e300, np.nan, np.inf])
@pytest.mark.parametrize(
    "tree",
    [
        DecisionTreeClassifier(random_state=0),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
    ],
    ids=lambda tree: type(tree).__name__,
)
@pytest.mark.parametrize("steps", [(), (MaxAbsScaler(),), (SimpleImputer(),)], ids=repr)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_trees_take_the_values_that_scikit_learn_takes(steps, tree, value, make):
    model = make_pipeline(*steps, tree).fit(X, y)
    compact = CompactModel(lift(model))
    rows = X.copy()
    rows[0, 1] = value
    rows = make(rows)
    try:
        expected = model.predict(rows)
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError), match=r"infinity|NaN|Sparse|infinite"):
            compact.predict(rows)
    else:
        np.testing.assert_array_equal(compact.predict(rows), expected)


def test_isolation_behind_a_scaler_refuses_values_that_float32_does_not_hold():
    compact = CompactModel(lift(make_pipeline(MaxAbsScaler(), IsolationForest()).fit(X)))
    with pytest.raises(ValueError, match="too large for dtype\\('float32'\\)"):
        compact.predict(np.full((1, 5), 1e300))
