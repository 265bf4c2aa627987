"""Factors of low rank, nearest where inputs vary."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcompress.families import lift
from skcompress.ir import DenseNetwork, Layer, LowRank, Numbers, decode
from skcompress.passes import Context, Data, LowRankLayers, QuantizeWeights, SkipPass
from skcompress.passes._networks import layer_inputs
from skcompress.runtime import CompactModel


def test_factors_have_the_rank_asked_for_where_that_is_smaller(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model, refit=Data(X[:900]))
    first, second, last = LowRankLayers(8).apply(model, context).predictor.layers
    assert (first.weights.left.shape, first.weights.right.shape) == ((64, 8), (8, 40))
    assert (second.weights.left.shape, second.weights.right.shape) == ((40, 8), (8, 20))
    assert last is model.predictor.layers[-1]


def test_outputs_stay_apart_where_they_are_few(digits_mlp):
    """Factors would be smaller for both output layers; only the wide one gets them."""
    model, _, _ = digits_mlp
    few = LowRankLayers(2).apply(model, Context(original=model))
    last = model.predictor.layers[-1]
    assert few.predictor.layers[-1] is last
    rng = np.random.default_rng(0)
    wide = Layer(weights=rng.normal(size=(20, 50)), bias=np.zeros(50), activation="identity")
    network = DenseNetwork(layers=(*model.predictor.layers[:-1], wide))
    many = model.replace(
        chain=model.chain.replace(predictor=network), head=Numbers(n_outputs=50, ravel=False)
    )
    reduced = LowRankLayers(2).apply(many, Context(original=many))
    assert reduced.predictor.layers[-1].weights.left.shape == (20, 2)


def test_a_share_is_of_the_largest_rank(digits_mlp):
    model, _, _ = digits_mlp
    reduced = LowRankLayers(0.25).apply(model, Context(original=model))
    ranks = [layer.weights.left.shape[1] for layer in reduced.predictor.layers[:-1]]
    assert ranks == [10, 5]
    assert reduced.nbytes < model.nbytes


def test_without_rows_it_is_the_nearest_matrix(digits_mlp):
    model, _, _ = digits_mlp
    reduced = LowRankLayers(6).apply(model, Context(original=model))
    hidden = zip(model.predictor.layers[:-1], reduced.predictor.layers[:-1], strict=True)
    for before, after in hidden:
        left_out = np.linalg.svd(before.weights, compute_uv=False)[6:]
        gap = np.linalg.norm(decode(after.weights) - before.weights)
        assert gap == pytest.approx(np.linalg.norm(left_out))
        np.testing.assert_array_equal(after.bias, before.bias)


def test_with_rows_the_sums_are_nearest(digits_mlp):
    model, X, y = digits_mlp
    blind = LowRankLayers(6).apply(model, Context(original=model))
    weighed = LowRankLayers(6).apply(model, Context(original=model, refit=Data(X[:900])))
    layer = model.predictor.layers[0]
    wanted = X[:900] @ layer.weights + layer.bias

    def gap(reduced):
        first = reduced.predictor.layers[0]
        return np.linalg.norm(X[:900] @ decode(first.weights) + first.bias - wanted)

    # No factors of that rank can do better than the singular values of the centred sums.
    bound = np.linalg.norm(np.linalg.svd(wanted - wanted.mean(axis=0), compute_uv=False)[6:])
    assert bound <= gap(weighed) < 1.01 * bound
    assert gap(blind) > 1.2 * bound
    scores = [CompactModel(m).score(X[900:], y[900:]) for m in (blind, weighed)]
    assert scores[1] > scores[0]


def test_a_matrix_of_that_rank_is_met():
    X, y = load_diabetes(return_X_y=True)
    mlp = MLPRegressor(hidden_layer_sizes=(30,), solver="lbfgs", max_iter=5000, random_state=0)
    pipe = make_pipeline(StandardScaler(), mlp).fit(X, y)
    model = lift(pipe)
    first, last = model.predictor.layers
    thin = np.random.default_rng(0).normal(size=(10, 3)) @ first.weights[:3]
    network = model.predictor.replace(layers=(first.replace(weights=thin), last))
    model = model.with_predictor(network)
    reduced = LowRankLayers(3).apply(model, Context(original=model, refit=Data(X)))
    assert isinstance(reduced.predictor.layers[0].weights, LowRank)
    assert reduced.predictor.layers[1] is last  # one output cannot be factorized
    np.testing.assert_allclose(
        CompactModel(reduced).predict(X), CompactModel(model).predict(X), rtol=1e-6
    )


def test_inputs_are_drawn_from_many_rows(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model, refit=Data(X))
    everything = layer_inputs(model, context, context.refit)
    assert [seen.shape for seen in everything] == [(1797, 64), (1797, 40), (1797, 20)]
    some = layer_inputs(model, context, context.refit, most=100)
    assert [seen.shape for seen in some] == [(100, 64), (100, 40), (100, 20)]
    again = layer_inputs(model, context, context.refit, most=100)
    np.testing.assert_array_equal(some[2], again[2])


def test_what_cannot_be_done_is_said(digits_mlp):
    model, _, _ = digits_mlp
    context = Context(original=model)
    with pytest.raises(SkipPass, match="no layer gets smaller"):
        LowRankLayers(1000).apply(model, context)
    coded = QuantizeWeights("affine", 8).apply(model, context)
    with pytest.raises(SkipPass, match="encoded already"):
        LowRankLayers(3).apply(coded, context)
