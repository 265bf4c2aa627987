"""Linear maps, dense and sparse on either side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skcompress.ir import Affine, LinearMap, Sparse
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows


def csr(X):
    rows = sparse.csr_array(X)
    return CsrRows(rows.data, rows.indices, rows.indptr.astype(np.int64), X.shape)


def assert_close(node, X, coef):
    X, coef = X.astype(np.longdouble), coef.astype(np.longdouble)
    wanted = X @ coef.T + node.intercept
    scale = np.abs(X) @ np.abs(coef.T) + np.abs(node.intercept)
    for rows in (X.astype(float), csr(X.astype(float))):
        result = compile_node(node)(rows)
        assert result.shape == wanted.shape
        assert (np.abs(result - wanted) <= 1e-14 * scale).all()


@given(
    seed=st.integers(0, 10**6),
    n_rows=st.integers(1, 9),
    n_features=st.integers(1, 30),
    n_outputs=st.integers(1, 4),
    density=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    used=st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=100)
def test_any_shape(seed, n_rows, n_features, n_outputs, density, used):
    rng = np.random.default_rng(seed)
    shape = (n_rows, n_features)
    X = rng.normal(size=shape) * (rng.random(shape) < density)
    coef = rng.normal(size=(n_outputs, n_features)) * (rng.random(n_features) < used)
    intercept = rng.normal(size=n_outputs)
    for held in (coef, Sparse.from_dense(coef)):
        assert_close(LinearMap(coef=held, intercept=intercept), X, coef)


def test_encoded_weights():
    rng = np.random.default_rng(0)
    held = Affine(
        codes=rng.integers(0, 16, (3, 8)).astype(np.uint8),
        scale=np.full((3, 1), 0.1),
        zero=np.full((3, 1), -0.7),
        bits=4,
    )
    X = rng.normal(size=(5, 8))
    assert_close(LinearMap(coef=held, intercept=np.zeros(3)), X, held.decode())


def test_sparse_weights_are_never_spread_out():
    # Spread out, these weights would take 80 TB.
    n_features = 10**9
    coef = Sparse(
        data=np.array([1.5, -2.0, 4.0]),
        indices=np.array([5, 10**9 - 1, 7], np.uint32),
        indptr=np.concatenate([[0, 2], np.full(9_999, 3)]),
        n_columns=n_features,
    )
    rows = CsrRows(
        np.array([2.0, 3.0, 1.0]),
        np.array([5, 6, 10**9 - 1]),
        np.array([0, 2, 3]),
        (2, n_features),
    )
    result = compile_node(LinearMap(coef=coef, intercept=np.zeros(10_000)))(rows)
    assert result[:, 0].tolist() == [3.0, -2.0]
    assert not result[:, 1:].any()


@pytest.mark.parametrize("weights", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [np.float32, np.float64])
def test_precision_is_that_of_numpy(rows, weights):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 5)).astype(rows)
    coef = rng.normal(size=(2, 5)).astype(weights)
    node = LinearMap(coef=coef, intercept=np.ones(2, weights))
    result = compile_node(node)(X)
    assert result.dtype == np.result_type(rows, weights)
    assert (result == X @ coef.T + node.intercept).all()
    assert compile_node(node)(csr(X)).dtype == result.dtype


def test_repeated_columns_in_sparse_rows():
    rows = CsrRows(np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2]), (1, 5))
    coef = np.array([[0.0, 3.0, 0.0, 0.0, 0.0]])
    for held in (coef, Sparse.from_dense(coef)):
        node = LinearMap(coef=held, intercept=np.array([1.0]))
        assert compile_node(node)(rows).tolist() == [[10.0]]
