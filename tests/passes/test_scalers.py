"""Scalers that are folded, or get short numbers."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import LinearSVR

import skcompress as skc
from skcompress.families import lift
from skcompress.passes import Context, QuantizeWeights, SimplifyScalers, SkipPass
from skcompress.runtime import CompactModel


def fitted(scaler, X, y):
    pipeline = make_pipeline(
        scaler, MLPRegressor(hidden_layer_sizes=(6,), max_iter=20, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(X, y)


def far_apart():
    X, y = load_diabetes(return_X_y=True)
    return X * np.logspace(-3, 4, X.shape[1]) + np.logspace(-3, 6, X.shape[1]), y


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), StandardScaler(with_mean=False), RobustScaler(), MinMaxScaler()]
)
def test_what_it_computes_stays(scaler):
    X, y = far_apart()
    pipeline = fitted(scaler, X, y)
    model = lift(pipeline)
    simple = SimplifyScalers().apply(model, Context(original=model))
    assert len(simple.chain.transforms) == 1
    np.testing.assert_allclose(
        CompactModel(simple).predict(X), pipeline.predict(X), rtol=1e-9, atol=1e-9
    )
    before, after = (len(skc.dumps(CompactModel(m))) for m in (model, simple))
    assert after < before - 20


def test_columns_that_are_alike_are_folded():
    X, y = load_digits(return_X_y=True)
    model = lift(fitted(MinMaxScaler(), X, y.astype(float)))
    simple = SimplifyScalers().apply(model, Context(original=model))
    assert simple.chain.transforms == ()


def test_what_is_left_alone():
    X, y = far_apart()
    context = Context(original=lift(fitted(MinMaxScaler(clip=True), X, y)))
    with pytest.raises(SkipPass, match="clips"):
        SimplifyScalers().apply(context.original, context)
    coded = QuantizeWeights("affine", 8).apply(context.original, context)
    with pytest.raises(SkipPass, match="encoded"):
        SimplifyScalers().apply(coded, context)


def test_a_linear_map_whose_inputs_differ_in_scale_keeps_its_scaler():
    X, y = far_apart()
    model = make_pipeline(StandardScaler(), LinearSVR(max_iter=10_000, random_state=0)).fit(X, y)
    lifted = lift(model)
    simple = SimplifyScalers().apply(lifted, Context(original=lifted))
    assert len(simple.chain.transforms) == 1
    np.testing.assert_allclose(CompactModel(simple).predict(X), model.predict(X), rtol=1e-9)
    rounded = skc.SVMQuantizer(FrozenEstimator(model), n_bits=8).fit(X, y)
    assert rounded.score(X, y) > model.score(X, y) - 0.01
    coded = QuantizeWeights("affine", 8).apply(lifted, Context(original=lifted))
    with pytest.raises(SkipPass, match="encoded already"):
        SimplifyScalers().apply(coded, Context(original=lifted))


def test_a_linear_map_of_columns_that_are_alike_takes_its_scaler_in():
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(MinMaxScaler(), LinearSVR(max_iter=10_000, random_state=0)).fit(X, y)
    small = skc.SVMQuantizer(FrozenEstimator(model), n_bits=8).fit(X, y)
    assert small.model_.ir.chain.transforms == ()
