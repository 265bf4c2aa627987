"""Units scaled without changing anything, and sums that keep their mean and spread."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPRegressor

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import DenseNetwork, Layer, decode
from skcompress.passes import (
    Context,
    Data,
    EqualizeLayers,
    KeepMoments,
    KeepUnits,
    PruneWeights,
    QuantizeWeights,
    SkipPass,
)
from skcompress.passes._networks import layer_inputs
from skcompress.runtime import CompactModel


def model_with(layers):
    """A regressor with other layers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, layers[0].weights.shape[0]))
    mlp = MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs", max_iter=1).fit(X, X[:, 0])
    return lift(mlp).with_predictor(DenseNetwork(layers=tuple(layers))), X


def random_layers(seed, activation):
    rng = np.random.default_rng(seed)
    sizes = [3, 6, 5, 1]
    return [
        Layer(
            weights=rng.normal(size=(n, m)) * np.exp2(rng.integers(-9, 9, m)),
            bias=rng.normal(size=m),
            activation=activation if m > 1 else "identity",
        )
        for n, m in itertools.pairwise(sizes)
    ]


@given(st.integers(0, 2**31), st.sampled_from(["relu", "identity"]))
def test_equalizing_changes_ranges_and_no_answer(seed, activation):
    model, X = model_with(random_layers(seed, activation))
    scaled = EqualizeLayers().apply(model, Context(original=model))
    np.testing.assert_array_equal(CompactModel(scaled).predict(X), CompactModel(model).predict(X))
    layers = scaled.predictor.layers
    for before, after in itertools.pairwise(layers):
        incoming = np.abs(before.weights).max(axis=0)
        ratio = np.log2(incoming / np.abs(after.weights).max(axis=1))
        assert (np.abs(ratio) <= 1 + 1e-6).all()
    again = EqualizeLayers().apply(scaled, Context(original=model))
    assert again is scaled


def test_units_without_input_or_output_stay():
    first, second, last = random_layers(1, "relu")
    first = first.replace(weights=first.weights * (np.arange(6) != 2))
    second = second.replace(weights=second.weights * (np.arange(6) != 3)[:, None])
    model, X = model_with([first, second, last])
    scaled = EqualizeLayers().apply(model, Context(original=model))
    np.testing.assert_array_equal(CompactModel(scaled).predict(X), CompactModel(model).predict(X))
    np.testing.assert_array_equal(scaled.predictor.layers[0].bias[[2, 3]], first.bias[[2, 3]])


def test_what_bends_at_a_fixed_size_is_left_alone():
    model, _ = model_with(random_layers(0, "tanh"))
    with pytest.raises(SkipPass, match="must be relu or identity"):
        EqualizeLayers().apply(model, Context(original=model))


def sums_of(model, context):
    """Sums of each layer on the refit rows."""
    inputs = layer_inputs(model, context, context.refit)
    return [
        seen @ decode(layer.weights) + decode(layer.bias)
        for seen, layer in zip(inputs, model.predictor.layers, strict=True)
    ]


@pytest.mark.parametrize(
    "step", [PruneWeights(0.6), QuantizeWeights("codebook", 2), QuantizeWeights("affine", 3)]
)
def test_sums_keep_mean_and_spread(digits_mlp, step):
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:900], y[:900]))
    wanted = sums_of(model, context)
    kept = sums_of(KeepMoments(step, spreads=True).apply(model, context), context)
    for before, after in zip(wanted, kept, strict=True):
        np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-5)
        assert after.var(axis=0).mean() == pytest.approx(before.var(axis=0).mean(), rel=1e-4)
    plain = CompactModel(step.apply(model, context)).score(X[900:], y[900:])
    corrected = KeepMoments(step, spreads=True).apply(model, context)
    assert CompactModel(corrected).score(X[900:], y[900:]) > plain


def test_zeros_stay_where_they_are(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model, refit=Data(X[:900]))
    step = PruneWeights(0.6)
    kept = KeepMoments(step, spreads=True).apply(model, context)
    for before, after in zip(
        step.apply(model, context).predictor.layers, kept.predictor.layers, strict=True
    ):
        np.testing.assert_array_equal(before.weights == 0, after.weights == 0)
        assert after.bias.dtype == before.bias.dtype


def test_without_rows_nothing_is_corrected_and_other_shapes_are_refused(digits_mlp):
    model, X, _ = digits_mlp
    step, blind = PruneWeights(0.6), Context(original=model)
    kept = KeepMoments(step).apply(model, blind).predictor.layers
    for before, after in zip(step.apply(model, blind).predictor.layers, kept, strict=True):
        np.testing.assert_array_equal(before.bias, after.bias)
    with pytest.raises(SkipPass, match="other shapes"):
        KeepMoments(KeepUnits(3)).apply(model, Context(original=model, refit=Data(X)))


def test_the_reducer_has_a_switch_for_each():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)) + 1
    y = np.abs(X[:, 0]) + X[:, 1]
    mlp = FrozenEstimator(
        MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", max_iter=200, random_state=0).fit(
            X[:200], y[:200]
        )
    )

    def steps_of(**settings):
        reducer = skc.MLPReducer(mlp, sparsity=0.4, n_bits=4, **settings).fit(X[:200], y[:200])
        return " ".join(entry.step for entry in reducer.size_report_.ledger)

    assert steps_of().count("means and spreads of sums kept") == 2
    assert steps_of(rescale=False).count("means of sums kept") == 2
    assert "sums kept" not in steps_of(bias_correction=False, rescale=False)
    assert "EqualizeLayers" in steps_of(equalize=True)
    assert "EqualizeLayers" not in steps_of()
