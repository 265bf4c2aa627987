"""Removing units changes nothing that it should not; keeping few refits what follows."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_digits
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skcompress.families import lift
from skcompress.ir import Chain, DenseNetwork, InputSpec, Layer, Model, Numbers
from skcompress.passes import Context, Data, KeepUnits, QuantizeWeights, RemoveDeadUnits, SkipPass
from skcompress.runtime import CompactModel


def network_model(weights, biases, activations, dtype=np.float64):
    layers = tuple(
        Layer(weights=np.array(w, dtype), bias=np.array(b, dtype), activation=a)
        for w, b, a in zip(weights, biases, activations, strict=True)
    )
    network = DenseNetwork(layers=layers)
    return Model(
        input=InputSpec(n_features=network.n_features),
        chain=Chain(transforms=(), predictor=network),
        head=Numbers(n_outputs=network.n_outputs, ravel=False),
        family="sklearn.neural_network._multilayer_perceptron.MLPRegressor",
    )


def sizes(model):
    return [layer.bias.shape[0] for layer in model.predictor.layers]


def removed(model):
    return RemoveDeadUnits().apply(model, Context(original=model))


def same(before, after, rows):
    """Within the bound for sums that are not bit-identical; all sizes here are about one."""
    np.testing.assert_allclose(
        CompactModel(after).raw(rows), CompactModel(before).raw(rows), rtol=0, atol=1e-12
    )


ROWS = np.random.default_rng(7).normal(size=(40, 3))


@given(
    st.sampled_from(["relu", "tanh", "logistic", "identity", "exp"]),
    st.lists(st.integers(1, 8), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 0.9),
)
def test_predictions_stay(activation, hidden, seed, zeros):
    """Parameters on a coarse grid with many zeros: dead, constant and equal units abound."""
    rng = np.random.default_rng(seed)
    widths = [3, *hidden, 2]
    weights = [
        rng.integers(-1, 2, size) / 4 * (rng.random(size) > zeros)
        for size in itertools.pairwise(widths)
    ]
    biases = [rng.integers(-1, 2, width) / 4 for width in widths[1:]]
    model = network_model(weights, biases, [activation] * len(hidden) + ["identity"])
    after = removed(model)
    same(model, after, ROWS / 4)
    assert all(new <= old for new, old in zip(sizes(after), sizes(model), strict=True))
    assert removed(after) is after


def test_each_kind_of_unit_goes():
    first = np.array([[1.0, 0.0, 1.0, 2.0], [0.5, 0.0, 0.5, -1.0], [0.0, 0.0, 0.0, 1.0]])
    # One unit is real, one constant (third output weight), one equal to the first, one silent.
    model = network_model(
        [first, [[1.0], [2.0], [3.0], [0.0]]],
        [[0.1, 0.7, 0.1, 0.0], [0.5]],
        ["tanh", "identity"],
    )
    after = removed(model)
    assert sizes(after) == [1, 1]
    np.testing.assert_array_equal(after.predictor.layers[1].weights, [[4.0]])
    np.testing.assert_allclose(after.predictor.layers[1].bias, [0.5 + 2 * np.tanh(0.7)])
    same(model, after, ROWS)


def test_what_feeds_only_dead_units_dies_too():
    rng = np.random.default_rng(0)
    last = np.zeros((4, 1))
    last[0] = 1.0
    middle = rng.normal(size=(5, 4))
    middle[1:, 0] = 0.0
    model = network_model(
        [rng.normal(size=(3, 5)), middle, last],
        [rng.normal(size=5), rng.normal(size=4), [0.0]],
        ["tanh", "tanh", "identity"],
    )
    after = removed(model)
    assert sizes(after) == [1, 1, 1]
    same(model, after, ROWS)


def test_units_that_can_never_be_positive_go():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(3, 4))
    # After a rectifier inputs are not negative: the first unit cannot be positive.
    second = np.array([[-1.0, 1.0], [0.0, 2.0], [-2.0, -1.0], [-0.5, 0.5]])
    model = network_model(
        [first, second, [[1.0], [1.0]]],
        [np.zeros(4), [-0.1, 0.0], [0.0]],
        ["relu", "relu", "identity"],
    )
    after = removed(model)
    assert sizes(after) == [4, 1, 1]
    same(model, after, ROWS)
    # With any other activation before it, it can.
    other = network_model(
        [first, second, [[1.0], [1.0]]],
        [np.zeros(4), [-0.1, 0.0], [0.0]],
        ["tanh", "relu", "identity"],
    )
    assert removed(other) is other


def test_clipped_inputs_bound_what_a_unit_can_be():
    X, y = load_diabetes(return_X_y=True)
    mlp = MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0)
    dead = {}
    for clip in (False, True):
        pipe = make_pipeline(MinMaxScaler(clip=clip), mlp)
        with pytest.warns(Warning, match="converge"):
            pipe.fit(X, y)
        mlp.coefs_[0][:, 2] = -1.0
        mlp.intercepts_[0][2] = 0.0
        model = lift(pipe)
        after = removed(model)
        dead[clip] = 6 - sizes(after)[0]
        np.testing.assert_allclose(CompactModel(after).predict(X), pipe.predict(X), rtol=1e-12)
    assert dead == {False: 0, True: 1}


def test_a_layer_of_one_constant_unit_is_counted_once():
    """It cannot go, so its share of the next bias must not stay in its weights as well."""
    rng = np.random.default_rng(0)
    model = network_model(
        [np.c_[rng.normal(size=(3, 2)), np.zeros(3)], np.zeros((3, 1)), [[2.0]]],
        [[1.0, 1.0, 1.0], [1.5], [0.0]],
        ["relu", "relu", "identity"],
    )
    after = removed(model)
    assert sizes(after) == [1, 1, 1]
    np.testing.assert_array_equal(CompactModel(after).raw(ROWS), np.full((40, 1), 3.0))


def test_layers_whose_units_depend_on_each_other_are_left():
    rng = np.random.default_rng(0)
    model = network_model(
        [np.c_[rng.normal(size=(3, 2)), np.zeros(3)], [[1.0], [2.0], [0.0]]],
        [[1.0, 1.0, 1.0], [0.0]],
        ["softmax", "identity"],
    )
    assert removed(model) is model


def test_a_constant_too_large_for_a_bias_stays():
    model = network_model(
        [np.zeros((3, 2)), [[1e300], [1.0]]], [[700.0, 0.0], [0.0]], ["exp", "identity"]
    )
    assert removed(model) is model


def test_float32_units_are_merged_only_where_nothing_is_rounded():
    first = np.ones((3, 2))
    exact = network_model(
        [first, [[0.5], [0.25]]], [[0, 0], [0]], ["relu", "identity"], dtype=np.float32
    )
    rounded = network_model(
        [first, [[1.0], [2.0**-24]]], [[0, 0], [0]], ["relu", "identity"], dtype=np.float32
    )
    assert sizes(removed(exact)) == [1, 1]
    assert removed(exact).predictor.layers[1].weights.dtype == np.float32
    assert removed(rounded) is rounded
    same(exact, removed(exact), ROWS)
    constant = network_model(
        [np.c_[np.ones(3), np.zeros(3)], [[1.0], [0.1]]],
        [[0.0, 0.3], [0.7]],
        ["relu", "identity"],
        dtype=np.float32,
    )
    assert sizes(removed(constant)) == [1, 1]
    same(constant, removed(constant), ROWS)


def test_nothing_else_is_taken():
    X, y = load_digits(return_X_y=True)
    model = lift(SVC().fit(X[:100], y[:100]))
    with pytest.raises(SkipPass, match="no layers"):
        removed(model)
    with pytest.raises(SkipPass, match="no layers"):
        KeepUnits(3).apply(model, Context(original=model))


@pytest.mark.parametrize(
    ("n_units", "left"),
    [(7, [7, 7]), (0.25, [10, 5]), ((0.5, 3), [20, 3]), (100, [40, 20]), (1e-9, [1, 1])],
)
def test_numbers_and_shares(digits_mlp, n_units, left):
    model, X, _ = digits_mlp
    for refit in (None, Data(X[:300])):
        after = KeepUnits(n_units).apply(model, Context(original=model, refit=refit))
        assert sizes(after) == [*left, 10]
    assert sizes(model) == [40, 20, 10]


def test_numpy_integers_are_numbers(digits_mlp):
    model, _, _ = digits_mlp
    after = KeepUnits(np.int64(7)).apply(model, Context(original=model))
    assert sizes(after) == [7, 7, 10]


def test_all_units_kept_is_no_change(digits_mlp):
    model, X, _ = digits_mlp
    assert KeepUnits(1.0).apply(model, Context(original=model, refit=Data(X[:100]))) is model


def test_one_entry_for_each_layer(digits_mlp):
    model, _, _ = digits_mlp
    with pytest.raises(SkipPass, match="3 entries for 2 hidden layers"):
        KeepUnits((1, 2, 3)).apply(model, Context(original=model))


def test_rows_make_up_for_lost_units(digits_mlp):
    model, X, y = digits_mlp
    fewer = KeepUnits(0.6)
    blind = fewer.apply(model, Context(original=model))
    refitted = fewer.apply(model, Context(original=model, refit=Data(X[:900])))
    scores = [CompactModel(m).score(X[900:], y[900:]) for m in (model, blind, refitted)]
    assert scores[2] > scores[0] - 0.08
    assert scores[2] > scores[1] + 0.02


def test_what_other_units_can_give_is_refitted():
    """Each unit that goes is twice one that stays: the weights that follow take it over."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 4))
    outgoing = rng.normal(size=(4, 2))
    model = network_model(
        [np.hstack([half, 2 * half]), np.vstack([outgoing, 0.05 * outgoing])],
        [np.zeros(8), np.zeros(2)],
        ["relu", "identity"],
    )
    rows = rng.normal(size=(500, 3))
    after = KeepUnits(4).apply(model, Context(original=model, refit=Data(rows)))
    np.testing.assert_array_equal(after.predictor.layers[0].weights, half)
    np.testing.assert_allclose(after.predictor.layers[1].weights, 1.1 * outgoing, rtol=1e-2)
    np.testing.assert_allclose(
        CompactModel(after).raw(rows), CompactModel(model).raw(rows), atol=2e-3
    )


def test_units_go_behind_a_scaler_too():
    X, y = load_diabetes(return_X_y=True)
    mlp = MLPRegressor(hidden_layer_sizes=(30,), max_iter=3000, solver="lbfgs", random_state=0)
    pipe = make_pipeline(StandardScaler(), mlp).fit(X[:300], y[:300] / 100)
    model = lift(pipe)
    blind = KeepUnits(0.8).apply(model, Context(original=model))
    refitted = KeepUnits(0.8).apply(model, Context(original=model, refit=Data(X[:300])))
    gaps = [
        np.square(CompactModel(after).predict(X[:300]) - pipe.predict(X[:300])).mean()
        for after in (blind, refitted)
    ]
    assert gaps[1] < 0.3 * gaps[0]


def test_encoded_weights_are_left(digits_mlp):
    model, _, _ = digits_mlp
    coded = QuantizeWeights("affine", 8).apply(model, Context(original=model))
    for step in (RemoveDeadUnits(), KeepUnits(5)):
        with pytest.raises(SkipPass, match="encoded already"):
            step.apply(coded, Context(original=coded))
