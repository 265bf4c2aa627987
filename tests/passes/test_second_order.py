"""Rounding with compensation, and the price that bits have."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import decode
from skcompress.passes import (
    Context,
    Data,
    PruneWeights,
    QuantizeWeights,
    RoundLayers,
    SkipPass,
    SmallestRounding,
)
from skcompress.passes._second_order import curvature_of, rate_distortion, round_in_turn
from skcompress.runtime import CompactModel


def quietly(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data)


def rows_of(seed, n_rows=300, n_inputs=40):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_inputs)) @ rng.normal(size=(n_inputs, n_inputs))


def error_of(rows, weights, rounded):
    gap = rows - rows.mean(axis=0)
    return float(np.square(gap @ (weights - rounded)).mean())


# The engine


@given(st.integers(0, 2**31), st.integers(1, 70), st.integers(1, 5))
def test_blocks_are_the_definition(seed, n_inputs, n_units):
    """Rounding one input after the other, each time refitting all that follow."""
    rng = np.random.default_rng(seed)
    rows, weights = rng.normal(size=(90, n_inputs)), rng.normal(size=(n_inputs, n_units))
    curvature = curvature_of(rows)
    found = round_in_turn(weights, curvature, lambda _, values: np.rint(values))
    left, work = list(curvature.order), weights.copy()
    expected = np.empty_like(weights)
    while left:
        first, *rest = left
        expected[first] = np.rint(work[first])
        error = work[first] - expected[first]
        # The best answer of the others to an error of the first.
        if rest:
            inner = curvature.gram[np.ix_(rest, rest)]
            work[rest] += np.linalg.solve(inner, curvature.gram[rest, first])[:, None] * error
        left = rest
    close = np.isclose(found, expected)
    # Rounding to nearest may fall either way where a weight is just between.
    assert close.all() or np.abs(found - expected).max() == 1


def test_compensation_beats_rounding_to_nearest():
    rows = rows_of(0)
    weights = np.random.default_rng(1).normal(size=(40, 8))
    step = 0.5
    nearest = step * np.rint(weights / step)
    in_turn = round_in_turn(
        weights, curvature_of(rows), lambda _, values: step * np.rint(values / step)
    )
    assert error_of(rows, weights, in_turn) < 0.6 * error_of(rows, weights, nearest)


def test_a_higher_price_buys_fewer_bits():
    rows, weights = rows_of(2), np.random.default_rng(3).normal(size=(40, 8))
    curvature, errors, zeros = curvature_of(rows), [], []
    for price in (1e-2, 10.0, 1000.0):
        codes, cost = rate_distortion(weights, curvature, np.ones(8), 0.1, price)
        assert cost > 0
        errors.append(error_of(rows, weights, 0.1 * codes))
        zeros.append(np.count_nonzero(codes == 0))
    assert errors == sorted(errors)
    assert zeros == sorted(zeros)
    assert zeros[-1] > zeros[0]


def test_columns_that_never_vary_do_not_count():
    rows = rows_of(4)
    rows[:, 7] = 3.0
    weights = np.random.default_rng(5).normal(size=(40, 2))
    codes, _ = rate_distortion(weights, curvature_of(rows), np.ones(2), 0.5, 30.0)
    assert codes.any()
    assert not codes[7].any()


# The passes


def test_balanced_is_far_smaller_than_pruning_at_once(digits_mlp):
    model, X, y = digits_mlp
    context = Context(
        original=model, refit=Data(X[:900]), held_out=Data(X[900:1350], y[900:1350]), tolerance=0.01
    )
    rounded = SmallestRounding().apply(model, context)
    size = len(skc.dumps(CompactModel(rounded)))
    coarse = QuantizeWeights("codebook", 4).apply(PruneWeights(0.3).apply(model, context), context)
    assert size < 0.85 * len(skc.dumps(CompactModel(coarse)))
    score = CompactModel(model).score(X[1350:], y[1350:])
    assert CompactModel(rounded).score(X[1350:], y[1350:]) > score - 0.03


def test_prices_order_sizes_and_losses(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model, refit=Data(X[:900]))
    rounded = [RoundLayers(2.0**e).apply(model, context) for e in (-30, -16, -8)]
    sizes = [len(skc.dumps(CompactModel(m))) for m in rounded]
    assert sizes == sorted(sizes, reverse=True)
    original = CompactModel(model).predict(X[900:])
    agreement = [np.mean(CompactModel(m).predict(X[900:]) == original) for m in rounded]
    assert agreement[0] > 0.99
    assert agreement == sorted(agreement, reverse=True)


def test_zero_decodes_to_zero(digits_mlp):
    model, X, _ = digits_mlp
    rounded = RoundLayers(2.0**-14).apply(model, Context(original=model, refit=Data(X[:900])))
    for layer in rounded.predictor.layers:
        values = decode(layer.weights)
        assert np.count_nonzero(values == 0) > 0
        # Apart from zero, nothing is nearer to it than a step.
        assert np.abs(values[values != 0]).min() == pytest.approx(float(layer.weights.scale[0]))


def test_same_seed_same_weights(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model, refit=Data(X[:900]), random_state=4)
    first, again = (RoundLayers(1e-4).apply(model, context) for _ in range(2))
    assert skc.dumps(CompactModel(first)) == skc.dumps(CompactModel(again))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(activation):
    X, y = load_diabetes(return_X_y=True)
    mlp = MLPRegressor(
        hidden_layer_sizes=(16, 8),
        activation=activation,
        solver="lbfgs",
        max_iter=60,
        random_state=0,
    )
    mlp = quietly(mlp, X * 20, (y - y.mean()) / y.std())
    model = lift(mlp)
    rounded = RoundLayers(2.0**-16).apply(model, Context(original=model, refit=Data(X * 20)))
    before, after = mlp.predict(X * 20), CompactModel(rounded).predict(X * 20)
    assert np.square(before - after).mean() < 0.02 * before.var()
    assert len(skc.dumps(CompactModel(rounded))) < 0.3 * 8 * sum(w.size for w in mlp.coefs_)


def test_several_targets_of_different_size():
    X, y = load_diabetes(return_X_y=True)
    Y = np.c_[y, 1e-3 * X[:, 2]]
    pipeline = make_pipeline(
        StandardScaler(),
        MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=80, random_state=0),
    )
    pipeline = quietly(pipeline, X, Y)
    small = skc.compress(pipeline, X, Y, X_val=X, y_val=Y, tolerance=0.02)
    assert small.predict(X).shape == Y.shape
    assert small.score(X, Y) > pipeline.score(X, Y) - 0.02


def test_multi_label():
    X, Y = make_multilabel_classification(n_samples=400, n_classes=3, random_state=0)
    mlp = quietly(MLPClassifier((20,), max_iter=60, random_state=0), X[:300], Y[:300])
    small = skc.compress(mlp, X[:300], Y[:300], X_val=X[300:], y_val=Y[300:], tolerance=0.02)
    assert small.score(X[300:], Y[300:]) > mlp.score(X[300:], Y[300:]) - 0.021
    assert any("SmallestRounding" in e.step for e in small.size_report_.ledger)


def test_what_it_needs(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model)
    with pytest.raises(SkipPass, match="how inputs vary"):
        RoundLayers(1e-4).apply(model, context)
    with pytest.raises(SkipPass, match="no held-out rows"):
        SmallestRounding().apply(model, dataclasses.replace(context, refit=Data(X)))
    coded = QuantizeWeights("affine", 8).apply(model, context)
    with pytest.raises(SkipPass, match="encoded already"):
        RoundLayers(1e-4).apply(coded, dataclasses.replace(context, refit=Data(X)))
    with pytest.raises(SkipPass, match="more than 12 bits"):
        RoundLayers(2.0**-70).apply(model, dataclasses.replace(context, refit=Data(X)))


def test_without_rows_to_refit_on_sizes_of_weights_decide(digits_mlp):
    _, X, y = digits_mlp
    mlp = MLPClassifier((40, 20), max_iter=400, tol=1e-3, random_state=0).fit(X[:900], y[:900])
    small = skc.compress(mlp, X_val=X[900:], y_val=y[900:])
    step = next(e for e in small.size_report_.ledger if "SmallestRounding" in e.step)
    assert step.outcome == "applied"
    assert small.score(X[900:], y[900:]) > mlp.score(X[900:], y[900:]) - 0.0051


def test_an_interruption_keeps_the_best_price_so_far(digits_mlp):
    model, X, y = digits_mlp
    calls = []

    def listen(step, done, total):
        calls.append(done)
        if len(calls) == stop:
            raise KeyboardInterrupt

    context = Context(
        original=model,
        refit=Data(X[:900], y[:900]),
        held_out=Data(X[900:], y[900:]),
        tolerance=0.02,
        progress=listen,
    )
    stop = 0
    best = SmallestRounding().apply(model, context)
    stop = len(calls) - 1
    calls.clear()
    interrupted = SmallestRounding().apply(model, context)
    assert len(calls) == stop
    sizes = [len(skc.dumps(CompactModel(m))) for m in (best, interrupted)]
    assert sizes[0] <= sizes[1]
    assert context.acceptable(interrupted)
    stop = 1
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        SmallestRounding().apply(model, context)
