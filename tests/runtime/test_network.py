"""Networks are evaluated as scikit-learn evaluates them; the compiled layers, as NumPy does."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit

from skcompress.ir import Affine, Codebook, DenseNetwork, FixedPoint, Layer, LowRank, Sparse, decode
from skcompress.runtime import _layers, arrays_kept
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows
from skcompress.runtime._sparse import sparse_matmul
from skcompress.runtime.network import ACTIVATE

needs_kernel = pytest.mark.skipif(_layers._network_kernel is None, reason="built without it")


@pytest.fixture(
    autouse=True, scope="module", params=[pytest.param("compiled", marks=needs_kernel), "numpy"]
)
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(_layers, "_network_kernel", None)
        yield request.param


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


def reference(net, rows):
    """Outputs in extended precision, and a bound on the sums of the sizes of all terms."""
    outputs = rows.astype(np.longdouble)
    sizes = np.abs(outputs)
    apply = {
        "identity": lambda x: x,
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "logistic": lambda x: 1 / (1 + np.exp(-x)),
        "softmax": lambda x: (
            np.exp(x - x.max(axis=1, keepdims=True))
            / np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        ),
    }
    for layer in net.layers:
        weights, bias = (decode(a).astype(np.longdouble) for a in (layer.weights, layer.bias))
        sums = outputs @ weights + bias
        # No activation here is steeper than one, so an error grows by the weights alone.
        sizes = sizes @ np.abs(weights) + np.abs(bias)
        outputs = apply[layer.activation](sums)
        # What a unit gives is a term of the next sums, even where its own sum is next to nothing.
        sizes = np.maximum(sizes, np.abs(outputs))
    return outputs, sizes


ROUNDED_ERROR = 2.0**-18
"""Of sums of float32 terms."""

SCHEMES = [
    "plain",
    "affine",
    "affine by unit",
    "fixed-point",
    "codebook",
    "sparse",
    "sparse codebook",
    "low-rank",
    "mixed",
]


def weights_of(scheme, rng, n_inputs, n_units, density):
    """Weights held in some way."""
    dense = rng.normal(size=(n_inputs, n_units)) * (rng.random((n_inputs, n_units)) < density)
    codes = rng.integers(0, 8, (n_inputs, n_units)).astype(np.uint8)
    table = np.linspace(-1, 1, 8).astype(np.float32)
    if scheme == "affine":
        return Affine(codes=codes, scale=np.array([0.2]), zero=np.array([-0.7]), bits=3)
    if scheme == "affine by unit":
        codes = rng.integers(0, 256, (n_inputs, n_units)).astype(np.uint8)
        scale = rng.choice([0.0, 0.001, -0.002], n_units)
        return Affine(codes=codes, scale=scale, zero=rng.normal(size=n_units) / 10, bits=8)
    if scheme == "fixed-point":
        codes = rng.integers(-128, 128, (n_inputs, n_units)).astype(np.int8)
        exponent = rng.integers(-12, -8, n_units).astype(np.int8)
        return FixedPoint(codes=codes, exponent=exponent, bits=8)
    if scheme == "codebook":
        return Codebook(codes=codes, table=table, bits=3)
    if scheme == "sparse":
        return Sparse.from_dense(dense)
    if scheme == "sparse codebook":
        held = Sparse.from_dense(dense)
        codes = rng.integers(0, 8, held.data.size).astype(np.uint8)
        return held.replace(data=Codebook(codes=codes, table=table, bits=3))
    if scheme == "low-rank":
        left, right = rng.normal(size=(n_inputs, 2)), rng.normal(size=(2, n_units))
        return LowRank(left=left / n_inputs, right=right)
    return dense


@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.sampled_from([1, 2, 7, 8, 9, 16, 31, 40, 130]), min_size=2, max_size=4),
    scheme=st.sampled_from(SCHEMES),
    activation=st.sampled_from(["identity", "logistic", "relu", "tanh"]),
    output=st.sampled_from(["identity", "logistic", "softmax"]),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    n_rows=st.sampled_from([1, 3, 5, 17, 40, 130]),
    inputs=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=300, deadline=None)
def test_any_network(seed, widths, scheme, activation, output, density, n_rows, inputs):
    rng = np.random.default_rng(seed)
    layers = []
    for place, (n_inputs, n_units) in enumerate(itertools.pairwise(widths)):
        last = place == len(widths) - 2
        chosen = rng.choice(SCHEMES[:-1]) if scheme == "mixed" else scheme
        weights = weights_of(chosen, rng, n_inputs, n_units, density)
        bias = rng.normal(size=n_units)
        layers.append(Layer(weights=weights, bias=bias, activation=output if last else activation))
    net = DenseNetwork(layers=tuple(layers))
    rows = (rng.normal(size=(n_rows, widths[0])) * (rng.random((n_rows, widths[0])) < 0.5)).astype(
        inputs
    )
    evaluate = compile_node(net)
    wanted, sizes = reference(net, rows)
    scale = sizes.max(axis=1, keepdims=True) if output == "softmax" else sizes
    for given_rows in (rows, csr(sparse.csr_array(rows))):
        found = evaluate(given_rows)
        assert found.dtype == np.float64
        error = ROUNDED_ERROR if _layers.is_rounded(net) else 1e-12
        assert (np.abs(found - wanted) <= error * scale + 1e-300).all()


def test_rows_of_zeros_and_extremes():
    net = network([20, 9, 3], "relu", "softmax")
    for rows in (np.zeros((2, 20)), np.full((40, 20), 1e300), np.full((1, 20), -1e-300)):
        found, (wanted, _) = compile_node(net)(rows), reference(net, rows)
        np.testing.assert_allclose(found, wanted.astype(float), rtol=1e-9)


def rounded(widths, activation, output, seed=0):
    """A network of 8-bit codes."""
    net = network(widths, activation, output, seed=seed)
    rng = np.random.default_rng(seed)
    layers = []
    for layer in net.layers:
        codes = rng.integers(0, 256, layer.weights.shape).astype(np.uint8)
        weights = Affine(codes=codes, scale=np.array([0.01]), zero=np.array([-1.27]), bits=8)
        layers.append(layer.replace(weights=weights))
    return DenseNetwork(layers=tuple(layers))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounded_networks_compute_in_single_precision_up_to_the_last_sums(dtype):
    net = rounded([20, 40, 5], "relu", "softmax")
    rows = np.random.default_rng(1).normal(size=(50, 20)).astype(dtype)
    found, (wanted, _) = compile_node(net)(rows), reference(net, rows)
    error = np.abs(found - wanted).max()
    assert 1e-12 < error < 1e-4
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-15


def test_codes_stay_codes(way):
    nets = [make([100, 64, 5], "relu", "softmax") for make in (rounded, network)]
    kept = [sum(array.nbytes for array in arrays_kept(net)) for net in nets]
    assert kept[0] < (0.25 if way == "compiled" else 0.6) * kept[1]


@pytest.mark.parametrize("widths", [[20, 40, 3], [20, 3], [100, 50, 3]])
@pytest.mark.parametrize("n_rows", [2, 40])
def test_rows_that_are_too_large_for_single_precision(widths, n_rows):
    net = rounded(widths, "relu", "identity")
    rows = np.random.default_rng(1).normal(size=(n_rows, widths[0]))
    for size in (1e37, 1e39, 1e300):
        rows[0] *= size / np.abs(rows[0]).max()
        for given_rows in (rows, csr(sparse.csr_array(rows))):
            found, (wanted, sizes) = compile_node(net)(given_rows), reference(net, rows)
            assert (np.abs(found - wanted) <= ROUNDED_ERROR * sizes).all()


def test_what_is_not_a_number_comes_through():
    rows = np.zeros((3, 5))
    rows[1, 2] = np.nan
    for activation in ("relu", "tanh", "logistic", "identity"):
        found = compile_node(network([5, 20, 2], activation, "identity"))(rows)
        assert np.isnan(found[1]).all()
        assert not np.isnan(found[[0, 2]]).any()


@pytest.mark.parametrize("density", [1.0, 0.1])
def test_blas_takes_rows_that_are_dense(density, monkeypatch):
    rng = np.random.default_rng(0)
    net = network([100, 50, 3], "tanh", "identity")
    rows = rng.normal(size=(50, 100)) * (rng.random((50, 100)) < density)
    monkeypatch.setattr(_layers, "_BLOCK", 20)
    wanted, sizes = reference(net, rows)
    assert (np.abs(compile_node(net)(rows) - wanted) <= 1e-12 * sizes).all()


@needs_kernel
@pytest.mark.parametrize("rows", [np.arange(3), [0, 1, 7], [0, 1, -1]])
def test_a_place_out_of_range_is_refused(rows):
    if _layers._network_kernel is None:
        pytest.skip("NumPy raises IndexError")
    net = network([7, 8], "relu", "identity")
    given_rows = CsrRows(np.ones(3), np.array(rows), np.array([0, 3]), (1, 7))
    if max(rows) < 7 and min(rows) >= 0:
        compile_node(net)(given_rows)
    else:
        with pytest.raises(ValueError, match="out of range"):
            compile_node(net)(given_rows)


@needs_kernel
def test_what_is_kept(way):
    if way == "numpy":
        pytest.skip("of the compiled layers")
    rng = np.random.default_rng(0)
    net = network([100, 64, 8], "relu", "identity")
    kept = arrays_kept(net)
    assert all(
        any(np.shares_memory(array, layer.weights) for array in kept) for layer in net.layers
    )
    thin = Sparse.from_dense(rng.normal(size=(100, 64)) * (rng.random((100, 64)) < 0.05))
    layer = Layer(weights=thin, bias=np.zeros(64), activation="identity")
    kept = arrays_kept(DenseNetwork(layers=(layer,)))
    assert sum(array.nbytes for array in kept) < 100 * 64 * 8 / 4


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
