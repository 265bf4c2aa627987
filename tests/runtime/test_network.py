"""Networks are evaluated as scikit-learn evaluates them, to the last bit where NumPy allows."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit

from skcompress.ir import Affine, DenseNetwork, Layer
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows
from skcompress.runtime._sparse import sparse_matmul
from skcompress.runtime.network import ACTIVATE


def csr(matrix):
    return CsrRows(matrix.data, matrix.indices, matrix.indptr, matrix.shape)


def network(widths, activation, output, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    last = len(widths) - 2
    return DenseNetwork(
        layers=tuple(
            Layer(
                weights=rng.normal(size=(n_in, n_out)).astype(dtype),
                bias=rng.normal(size=n_out).astype(dtype),
                activation=output if place == last else activation,
            )
            for place, (n_in, n_out) in enumerate(itertools.pairwise(widths))
        )
    )


def test_two_layers_by_hand():
    layers = (
        Layer(weights=np.array([[1.0, -1.0]]), bias=np.array([0.5, 0.0]), activation="relu"),
        Layer(weights=np.array([[2.0], [3.0]]), bias=np.array([1.0]), activation="identity"),
    )
    out = compile_node(DenseNetwork(layers=layers))(np.array([[2.0], [-2.0]]))
    assert out.tolist() == [[6.0], [7.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logistic_is_scipy_s_and_survives_extremes(dtype):
    sums = np.linspace(-800, 800, 1001).astype(dtype)
    out = sums.copy()
    ACTIVATE["logistic"](out)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expit(sums), rtol=8 * np.finfo(dtype).eps, atol=1e-37)
    assert out[0] < 1e-37
    assert out[-1] == 1


@pytest.mark.parametrize("weights", [np.float32, np.float64])
@pytest.mark.parametrize("inputs", [np.float32, np.float64])
def test_dtype_is_the_wider_of_rows_and_weights(weights, inputs):
    net = network([3, 4, 2], "tanh", "softmax", weights)
    rows = np.ones((5, 3), inputs)
    assert compile_node(net)(rows).dtype == np.result_type(weights, inputs)
    assert compile_node(net)(csr(sparse.csr_array(rows))).dtype == np.result_type(weights, inputs)


def test_rows_are_left_as_they_are():
    rows = np.linspace(-1, 1, 6).reshape(2, 3)
    before = rows.copy()
    compile_node(network([3, 3], "relu", "tanh"))(rows)
    assert (rows == before).all()


def test_encoded_weights_are_decoded():
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    weights = Affine(codes=codes, scale=np.array([0.5]), zero=np.array([-1.0]), bits=4)
    layer = Layer(weights=weights, bias=np.zeros(4), activation="identity")
    out = compile_node(DenseNetwork(layers=(layer,)))(np.eye(3))
    assert (out == codes * 0.5 - 1.0).all()


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(1, 5),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([np.float32, np.float64]),
)
def test_sparse_product_is_scipy_s_to_the_last_bit(seed, n_rows, n_columns, n_out, data, weights):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < 0.4)
    rows = sparse.csr_array(dense.astype(data))
    matrix = rng.normal(size=(n_columns, n_out)).astype(weights)
    product = sparse_matmul(csr(rows), matrix)
    expected = rows @ matrix
    assert product.dtype == expected.dtype
    assert (product == expected).all()


def test_sparse_product_in_blocks():
    rng = np.random.default_rng(0)
    rows = sparse.random_array((9000, 7), density=0.2, rng=rng, format="csr")
    matrix = rng.normal(size=(7, 2))
    assert (sparse_matmul(csr(rows), matrix) == rows @ matrix).all()


def test_duplicate_entries_are_summed():
    rows = CsrRows(np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2]), (1, 2))
    assert sparse_matmul(rows, np.array([[5.0, 0.0], [1.0, 10.0]])).tolist() == [[3.0, 30.0]]
