"""Sparse storage holds the same numbers in fewer bytes, or is not used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from skcompress.families import lift
from skcompress.ir import Affine, Codebook, FixedPoint, LinearMap, LowRank, Sparse, decode
from skcompress.passes import (
    SCHEMES,
    Context,
    PruneWeights,
    QuantizeWeights,
    SkipPass,
    SparseStorage,
    quantize,
)
from skcompress.passes.storage import _smaller
from skcompress.runtime import CompactModel


def stored(model):
    return SparseStorage().apply(model, Context(original=model))


@pytest.mark.parametrize("sparsity", [0.3, 0.6, 0.95, 1.0])
def test_predictions_are_the_same_to_the_last_bit(digits_mlp, sparsity):
    model, X, _ = digits_mlp
    pruned = PruneWeights(sparsity).apply(model, Context(original=model))
    held = stored(pruned)
    assert held.nbytes < pruned.nbytes
    np.testing.assert_array_equal(CompactModel(held).raw(X), CompactModel(pruned).raw(X))
    assert stored(held) is held


def test_dense_weights_stay(digits_mlp):
    model, _, _ = digits_mlp
    assert stored(model) is model


def pruned_matrix(seed, zeros, dtype=np.float64):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(30, 17)) * (rng.random((30, 17)) >= zeros)
    return matrix.astype(dtype)


@given(st.integers(0, 1000), st.floats(0, 1), st.sampled_from([np.float32, np.float64]))
def test_it_is_sparse_exactly_where_that_is_smaller(seed, zeros, dtype):
    matrix = pruned_matrix(seed, zeros, dtype)
    held = _smaller(matrix)
    n_bytes = np.count_nonzero(matrix) * (matrix.itemsize + 1) + 8 * 31
    assert isinstance(held, Sparse) == (n_bytes < matrix.nbytes)
    if isinstance(held, Sparse):
        assert held.nbytes == n_bytes
        assert decode(held).dtype == dtype
        np.testing.assert_array_equal(decode(held), matrix)
    else:
        assert held is matrix


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("bits", [3, 12])
def test_codes_stay_codes(scheme, bits):
    # Affine codes meet zero where it is one end of the grid.
    matrix = np.abs(pruned_matrix(0, 0.9)) if scheme == "affine" else pruned_matrix(0, 0.9)
    coded = quantize(matrix, scheme, bits, None)
    held = _smaller(coded)
    assert isinstance(held, Sparse)
    assert type(held.data) is type(coded)
    assert held.data.bits == bits
    assert held.nbytes < coded.nbytes
    np.testing.assert_array_equal(decode(held), decode(coded))


def test_codes_that_no_column_decodes_to_zero_stay_dense():
    codes = np.zeros((40, 5), np.uint8)
    coded = Affine(codes=codes, scale=np.ones((1, 5)), zero=np.ones((1, 5)), bits=8)
    assert _smaller(coded) is coded


def test_columns_that_share_their_rule_are_one():
    codes = np.zeros((20, 100), np.uint16)
    codes[::5] = 7
    for coded in (
        Affine(codes=codes, scale=np.full((1, 100), 0.5), zero=np.zeros((1, 100)), bits=12),
        FixedPoint(codes=codes.astype(np.int16), exponent=np.full((1, 100), -3), bits=12),
        Codebook(codes=codes, table=np.tile(np.arange(9.0), (100, 1)), bits=12),
    ):
        held = _smaller(coded)
        assert isinstance(held, Sparse)
        np.testing.assert_array_equal(decode(held), decode(coded))


def test_columns_with_rules_of_their_own_stay_dense():
    codes = np.zeros((20, 100), np.uint16)
    codes[::5] = 7
    one_each = np.arange(1, 101)[None, :]
    tables = np.outer(np.arange(1.0, 101.0), np.arange(9.0))
    for coded in (
        Affine(codes=codes, scale=one_each * 0.5, zero=np.zeros((1, 100)), bits=12),
        Affine(codes=codes, scale=np.ones((1, 100)), zero=one_each - 1.0, bits=12),
        FixedPoint(codes=codes.astype(np.int16), exponent=-one_each, bits=12),
        Codebook(codes=codes, table=tables, bits=12),
    ):
        assert _smaller(coded) is coded


def test_factors_and_sparse_arrays_are_left():
    factors = LowRank(left=np.zeros((30, 2)), right=np.zeros((2, 20)))
    assert _smaller(factors) is factors
    sparse = Sparse.from_dense(np.zeros((30, 20)))
    assert _smaller(sparse) is sparse


def test_quantizing_before_or_after_is_the_same(digits_mlp):
    model, X, _ = digits_mlp
    context = Context(original=model)
    pruned = PruneWeights(0.9).apply(model, context)
    step = QuantizeWeights("codebook", 6)
    before = stored(step.apply(pruned, context))
    assert all(isinstance(layer.weights.data, Codebook) for layer in before.predictor.layers[:2])
    dense = step.apply(pruned, context)
    np.testing.assert_array_equal(CompactModel(before).raw(X), CompactModel(dense).raw(X))


def test_float32_networks_predict_the_same_to_the_last_bit(digits_mlp):
    model, X, _ = digits_mlp
    narrow = model.with_predictor(
        model.predictor.replace(
            layers=tuple(
                layer.replace(
                    weights=layer.weights.astype(np.float32), bias=layer.bias.astype(np.float32)
                )
                for layer in model.predictor.layers
            )
        )
    )
    pruned = PruneWeights(0.9).apply(narrow, Context(original=narrow))
    held = stored(pruned)
    assert held.nbytes < pruned.nbytes
    for rows in (X, X.astype(np.float32)):
        np.testing.assert_array_equal(CompactModel(held).raw(rows), CompactModel(pruned).raw(rows))


def test_linear_maps():
    X, y = load_digits(return_X_y=True)
    X = np.c_[X, np.zeros((len(X), 100))]
    model = lift(LogisticRegression(max_iter=3000).fit(X[:600] / 16, y[:600]))
    held = stored(model)
    assert isinstance(held.predictor, LinearMap)
    assert isinstance(held.predictor.coef, Sparse)
    assert held.nbytes < 0.6 * model.nbytes
    np.testing.assert_allclose(
        CompactModel(held).raw(X), CompactModel(model).raw(X), rtol=0, atol=1e-11
    )
    assert stored(held) is held


def test_nothing_else_is_taken():
    X, y = load_digits(return_X_y=True)
    with pytest.raises(SkipPass, match="no weights"):
        stored(lift(SVC().fit(X[:100], y[:100])))
