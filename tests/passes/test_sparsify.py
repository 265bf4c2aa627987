"""The smallest weights go, as many as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skcompress.ir import decode
from skcompress.passes import Context, PruneWeights, QuantizeWeights, SkipPass
from skcompress.passes.sparsify import magnitude_masks
from skcompress.runtime import CompactModel


def weights_of(model):
    return [decode(layer.weights) for layer in model.predictor.layers]


MATRICES = st.lists(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(-2, 2)
    ),
    min_size=1,
    max_size=4,
)


@given(MATRICES, st.floats(0, 1))
def test_as_many_go_as_the_share_says(weights, sparsity):
    """Also where weights are equal, or zero already."""
    masks = magnitude_masks(weights, sparsity)
    assert [mask.shape for mask in masks] == [matrix.shape for matrix in weights]
    size = sum(matrix.size for matrix in weights)
    assert sum(np.count_nonzero(~mask) for mask in masks) == round(sparsity * size)
    for matrix, mask in zip(weights, masks, strict=True):
        gone, stays = np.abs(matrix[~mask]), np.abs(matrix[mask])
        assert gone.max(initial=0.0) <= stays.min(initial=np.inf)


def test_layers_are_compared_by_their_own_scale():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(50, 50)), 1e-3 * rng.normal(size=(50, 50))]
    first, last = (mask.mean() for mask in magnitude_masks(weights, 0.5))
    assert 0.2 < first < 0.5 < last < 0.8  # the last layer counts twice


@pytest.mark.parametrize("sparsity", [0.3, 0.8, 0.99, 1.0])
def test_global_share(digits_mlp, sparsity):
    model, _, _ = digits_mlp
    pruned = PruneWeights(sparsity).apply(model, Context(original=model))
    weights = weights_of(pruned)
    size = sum(matrix.size for matrix in weights)
    zeros = sum(np.count_nonzero(matrix == 0) for matrix in weights)
    assert zeros == round(sparsity * size)
    for new, old in zip(pruned.predictor.layers, model.predictor.layers, strict=True):
        stays = new.weights != 0
        np.testing.assert_array_equal(new.weights[stays], old.weights[stays])
        np.testing.assert_array_equal(new.bias, old.bias)
        # A negative zero would be one more value to store.
        assert not np.signbit(new.weights[~stays]).any()


def test_the_output_layer_is_spared(digits_mlp):
    model, _, _ = digits_mlp
    pruned = PruneWeights(0.7).apply(model, Context(original=model))
    shares = [np.mean(matrix == 0) for matrix in weights_of(pruned)]
    assert shares[-1] < 0.6 < shares[0]


def test_per_layer_share(digits_mlp):
    model, _, _ = digits_mlp
    pruned = PruneWeights(0.7, per_layer=True).apply(model, Context(original=model))
    for matrix in weights_of(pruned):
        assert np.count_nonzero(matrix == 0) == round(0.7 * matrix.size)


def test_few_weights_can_go_at_no_cost(digits_mlp):
    model, X, y = digits_mlp
    pruned = PruneWeights(0.3).apply(model, Context(original=model))
    scores = [CompactModel(m).score(X[900:], y[900:]) for m in (model, pruned)]
    assert scores[1] > scores[0] - 0.01


def test_zeros_before_count(digits_mlp):
    model, _, _ = digits_mlp
    context = Context(original=model)
    once = PruneWeights(0.6).apply(model, context)
    assert PruneWeights(0.6).apply(once, context) is once
    assert PruneWeights(0.4).apply(once, context) is once
    assert PruneWeights(0.0).apply(model, context) is model


def test_encoded_weights_are_left(digits_mlp):
    model, _, _ = digits_mlp
    context = Context(original=model)
    coded = QuantizeWeights("affine", 8).apply(model, context)
    with pytest.raises(SkipPass, match="encoded already"):
        PruneWeights(0.5).apply(coded, context)
