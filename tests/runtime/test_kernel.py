"""Kernel expansions against a reference in extended precision."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_digits, load_wine

from skcompress.ir import Affine, KernelExpansion, LowRank, Sparse
from skcompress.ir.kernel import KERNELS
from skcompress.runtime import _vectors
from skcompress.runtime import kernel as kernel_module
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

SMALLEST = np.finfo(float).tiny


def csr(X, dtype=np.float64):
    rows = sparse.csr_array(X)
    return CsrRows(
        rows.data.astype(dtype),
        rows.indices.astype(np.int64),
        rows.indptr.astype(np.int64),
        X.shape,
    )


def reference(kernel, X, vectors, coef):
    """Output and what its error is measured by: the sum of the sizes of all terms."""
    X, vectors = X.astype(np.longdouble), vectors.astype(np.longdouble)
    gamma, coef0 = np.longdouble(kernel.gamma), np.longdouble(kernel.coef0)
    if kernel.kernel == "rbf":
        values = np.stack([np.exp(-gamma * ((x - vectors) ** 2).sum(axis=1)) for x in X])
    else:
        inner = X @ vectors.T
        values = {
            "linear": lambda: inner,
            "poly": lambda: (gamma * inner + coef0) ** kernel.degree,
            "sigmoid": lambda: np.tanh(gamma * inner + coef0),
        }[kernel.kernel]()
    terms = values[:, np.newaxis, :] * coef.astype(np.longdouble)
    intercept = kernel.intercept.astype(np.longdouble)
    return terms.sum(axis=2) + intercept, np.abs(terms).sum(axis=2) + np.abs(intercept)


def assert_close(kernel, X, vectors, coef, allowed=1e-12):
    wanted, scale = reference(kernel, X, vectors, coef)
    evaluate = compile_node(kernel)
    for rows in (X, csr(X)):
        error = np.abs(evaluate(rows) - wanted)
        assert (error <= allowed * scale + SMALLEST).all()


def expansion(vectors, kernel="rbf", *, n_outputs=2, seed=0, **settings):
    rng = np.random.default_rng(seed)
    coef = rng.normal(size=(n_outputs, vectors.shape[0]))
    return coef, KernelExpansion(
        vectors=vectors,
        coef=coef,
        intercept=rng.normal(size=n_outputs) * 1e-3,
        kernel=kernel,
        **settings,
    )


@given(
    kernel=st.sampled_from(KERNELS),
    seed=st.integers(0, 10**6),
    n_vectors=st.integers(1, 30),
    n_features=st.integers(1, 12),
    gamma=st.sampled_from([0.0, 1e-3, 0.3, 20.0]),
    coef0=st.sampled_from([0.0, 1.0, -0.5]),
    degree=st.integers(0, 7),
    offset=st.sampled_from([0.0, 3.0, 1e6]),
    density=st.sampled_from([0.05, 0.5, 1.0]),
    as_sparse=st.booleans(),
)
@settings(max_examples=200)
def test_any_kernel(
    kernel, seed, n_vectors, n_features, gamma, coef0, degree, offset, density, as_sparse
):
    rng = np.random.default_rng(seed)
    offset = offset if kernel == "rbf" else 0.0
    shape = (n_vectors + 7, n_features)
    points = (rng.normal(size=shape) + offset) * (rng.random(shape) < density)
    vectors, X = points[:n_vectors], points[n_vectors:]
    held = Sparse.from_dense(vectors) if as_sparse else vectors
    coef, node = expansion(held, kernel, gamma=gamma, coef0=coef0, degree=degree, seed=seed)
    assert_close(node, X, vectors, coef)


@pytest.mark.parametrize("hold", [np.asarray, Sparse.from_dense])
@pytest.mark.parametrize("gamma", [1e-7, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("load", [load_wine, load_digits])
def test_unscaled_columns(load, gamma, hold):
    data = load().data
    coef, node = expansion(hold(data[:120]), gamma=gamma)
    assert_close(node, data[60:180], data[:120], coef)


@pytest.mark.parametrize("hold", [np.asarray, Sparse.from_dense])
def test_clusters_far_from_each_other(hold):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(10, 1, 4)) * 1e7
    vectors = (centers + rng.normal(size=(10, 8, 4))).reshape(-1, 4)
    X = (centers + rng.normal(size=(10, 5, 4))).reshape(-1, 4)
    coef, node = expansion(hold(vectors), gamma=0.3)
    assert_close(node, X, vectors, coef)


def test_a_row_far_out_is_not_compared_with_vectors_that_it_cannot_reach(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 3))
    vectors[7] = 1e9
    compared = []
    exact = _vectors.DenseVectors.exact

    def counted(self, rows, row, place):
        compared.extend(zip(row.tolist(), place.tolist(), strict=True))
        return exact(self, rows, row, place)

    monkeypatch.setattr(_vectors.DenseVectors, "exact", counted)
    X = rng.normal(size=(20, 3))
    X[3] = 1e9 + 1.0
    coef, node = expansion(vectors, gamma=0.5)
    wanted, scale = reference(node, X, vectors, coef)
    assert (np.abs(compile_node(node)(X) - wanted) <= 1e-12 * scale).all()
    assert set(compared) == {(3, 7)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hold", [np.asarray, Sparse.from_dense])
def test_lengths_that_overflow(hold):
    vectors = np.array([[1e200, 0.0], [1.0, 1.0], [-1e200, 3.0]])
    X = np.array([[1e200, 0.0], [1.0, 2.0], [3e180, -3e180]])
    coef, node = expansion(hold(vectors), gamma=0.5, n_outputs=1)
    node = node.replace(intercept=np.zeros(1))
    for rows in (X, csr(X)):
        result = compile_node(node)(rows)[:, 0]
        np.testing.assert_allclose(result, [coef[0, 0], coef[0, 1] * np.exp(-0.5), 0.0])


@pytest.mark.parametrize("kernel", KERNELS)
def test_encoded_vectors(kernel):
    rng = np.random.default_rng(0)
    affine = Affine(
        codes=rng.integers(0, 256, (30, 5)).astype(np.uint8),
        scale=rng.random((1, 5)) / 100,
        zero=-rng.random((1, 5)),
        bits=8,
    )
    low_rank = LowRank(left=rng.normal(size=(30, 2)), right=rng.normal(size=(2, 5)))
    X = rng.normal(size=(11, 5))
    for held in (affine, low_rank):
        coef, node = expansion(held, kernel, gamma=0.2)
        assert_close(node, X, held.decode(), coef)


@pytest.mark.parametrize("kernel", KERNELS)
def test_single_precision_rows_are_computed_with_in_double_precision(kernel):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 4))
    X = rng.normal(size=(9, 4)).astype(np.float32)
    _, node = expansion(vectors, kernel, gamma=0.2)
    evaluate = compile_node(node)
    assert (evaluate(X) == evaluate(X.astype(np.float64))).all()
    assert (evaluate(csr(X, np.float32)) == evaluate(csr(X.astype(np.float64)))).all()
    assert evaluate(X).dtype == np.float64


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("hold", [np.asarray, Sparse.from_dense])
def test_sparse_rows_with_repeated_and_unsorted_columns(kernel, hold):
    rows = CsrRows(
        np.array([1.0, 2.0, 3.0, 0.5, -0.5, 4.0]),
        np.array([2, 0, 2, 1, 1, 0]),
        np.array([0, 3, 3, 5, 6]),
        (4, 3),
    )
    dense = np.array([[2.0, 0, 4], [0, 0, 0], [0, 0, 0], [4, 0, 0]])
    vectors = np.array([[2.0, 0, 3], [0, 1, 0], [0, 0, 0]])
    _, node = expansion(hold(vectors), kernel, gamma=0.2)
    np.testing.assert_allclose(compile_node(node)(rows), compile_node(node)(dense), rtol=1e-13)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("as_sparse", [False, True])
def test_ways_of_summing_sparse_products_agree(kernel, as_sparse, monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.1)
    vectors, X = points[:40], points[40:]
    coef, node = expansion(
        Sparse.from_dense(vectors) if as_sparse else vectors, kernel, gamma=0.2, coef0=1.0
    )
    # Whichever is the cheapest, spread out in tiny blocks, in halves.
    for cost in ("_BLAS", "_ROUNDS", "_INDEX"):
        with monkeypatch.context() as patch:
            patch.setattr(_vectors, cost, 1e-9)
            patch.setattr(_vectors, "_SPREAD_BYTES", 1000)
            patch.setattr(_vectors, "_PRODUCTS", 10)
            assert_close(node, X, vectors, coef)


def test_blocks_of_rows(monkeypatch):
    rng = np.random.default_rng(0)
    vectors, X = rng.normal(size=(20, 4)), rng.normal(size=(33, 4))
    _, node = expansion(vectors, gamma=0.2)
    whole = compile_node(node)(X)
    monkeypatch.setattr(kernel_module, "_BLOCK_BYTES", 20 * 8 * 10)
    for rows in (X, csr(X)):
        np.testing.assert_allclose(compile_node(node)(rows), whole, rtol=1e-13)


def test_memory_stays_bounded():
    rng = np.random.default_rng(0)
    _, node = expansion(rng.normal(size=(2000, 3)), gamma=0.2)
    evaluate = compile_node(node)
    X = rng.normal(size=(40_000, 3))
    tracemalloc.start()
    evaluate(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The whole kernel matrix takes 640 MB.
    assert peak < 200e6


@given(
    sizes=st.lists(st.integers(0, 6), min_size=2, max_size=6),
    kernel=st.sampled_from(KERNELS),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=50)
def test_pairs_of_classes(sizes, kernel, seed):
    rng = np.random.default_rng(seed)
    n_classes, n_vectors = len(sizes), sum(sizes)
    vectors, X = rng.normal(size=(n_vectors, 3)), rng.normal(size=(5, 3))
    coef = rng.normal(size=(n_classes - 1, n_vectors))
    n_pairs = n_classes * (n_classes - 1) // 2
    intercept = rng.normal(size=n_pairs)
    node = KernelExpansion(
        vectors=vectors,
        coef=coef,
        intercept=intercept,
        kernel=kernel,
        gamma=0.3,
        group_sizes=np.array(sizes, np.uint8),
    )
    # libsvm's own words: class i speaks with row j - 1, class j with row i.
    owner = np.repeat(np.arange(n_classes), sizes)
    rows = [
        np.where(owner == i, coef[j - 1], np.where(owner == j, coef[i], 0.0))
        for i, j in itertools.combinations(range(n_classes), 2)
    ]
    assert_close(node, X, vectors, np.array(rows))


def test_no_vectors_leave_the_intercept():
    for vectors in (np.empty((0, 3)), Sparse.from_dense(np.empty((0, 3)))):
        for kernel in KERNELS:
            _, node = expansion(vectors, kernel)
            for rows in (np.ones((2, 3)), csr(np.ones((2, 3)))):
                assert (compile_node(node)(rows) == node.intercept).all()


def test_vectors_without_entries():
    vectors = np.zeros((4, 3))
    coef, node = expansion(Sparse.from_dense(vectors), gamma=0.3)
    assert_close(node, np.array([[0.0, 1, 2], [0, 0, 0]]), vectors, coef)
