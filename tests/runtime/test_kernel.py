"""Kernel expansions against a reference in extended precision."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_digits, load_wine

from skcompress.ir import Affine, Codebook, FixedPoint, KernelExpansion, LowRank, Sparse
from skcompress.ir.kernel import KERNELS
from skcompress.runtime import _expansion, _vectors, arrays_kept
from skcompress.runtime import kernel as kernel_module
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

SMALLEST = np.finfo(float).tiny
needs_kernel = pytest.mark.skipif(_expansion._expansion_kernel is None, reason="built without it")


@pytest.fixture(
    autouse=True, scope="module", params=[pytest.param("compiled", marks=needs_kernel), "numpy"]
)
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(_expansion, "_expansion_kernel", None)
        yield request.param


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


def one_vs_one(coef, sizes):
    """A row per output. In libsvm's words: class i speaks with row j - 1, class j with row i."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return np.array(
        [
            np.where(owner == i, coef[j - 1], np.where(owner == j, coef[i], 0.0))
            for i, j in itertools.combinations(range(len(sizes)), 2)
        ]
    )


@given(
    kernel=st.sampled_from(KERNELS),
    seed=st.integers(0, 10**6),
    n_rows=st.sampled_from([1, 3, 7, 21]),
    n_vectors=st.integers(1, 30),
    n_features=st.one_of(st.integers(1, 12), st.sampled_from([63, 64, 65, 77])),
    gamma=st.sampled_from([0.0, 1e-3, 0.3, 20.0]),
    coef0=st.sampled_from([0.0, 1.0, -0.5]),
    degree=st.integers(0, 7),
    offset=st.sampled_from([0.0, 3.0, 1e6]),
    density=st.sampled_from([0.05, 0.5, 1.0]),
    as_sparse=st.booleans(),
)
@settings(max_examples=200)
def test_any_kernel(
    kernel, seed, n_rows, n_vectors, n_features, gamma, coef0, degree, offset, density, as_sparse
):
    rng = np.random.default_rng(seed)
    offset = offset if kernel == "rbf" else 0.0
    shape = (n_vectors + n_rows, n_features)
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


def test_a_row_far_out_is_not_compared_with_vectors_that_it_cannot_reach(monkeypatch, way):
    if way == "compiled":
        pytest.skip("the kernel compares all of them")
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


def encoded(encoding, rng, n_vectors, n_features):
    """Vectors of numbers around one."""
    shape = n_vectors, n_features
    if encoding == "low-rank":
        return LowRank(left=rng.normal(size=(n_vectors, 2)), right=rng.normal(size=(2, n_features)))
    scheme, bits, per = encoding
    if scheme == "fixed-point":
        codes = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape)
        exponent = rng.integers(-bits - 1, 2 - bits, {"column": (1, n_features), "all": ()}[per])
        codes = codes.astype(f"i{1 + (bits > 8)}")
        return FixedPoint(codes=codes, exponent=np.asarray(exponent), bits=bits)
    codes = rng.integers(0, 2**bits, shape).astype(f"u{1 + (bits > 8)}")
    if scheme == "codebook":
        columns = (n_features,) if per == "column" else ()
        table = rng.normal(size=(*columns, 2**bits)).astype(np.float32)
        return Codebook(codes=codes, table=table, bits=bits)
    parts = {"column": (1, n_features), "row": (n_vectors, 1), "all": ()}[per]
    scale = np.asarray(rng.random(parts) * 3 / 2**bits, np.float32)
    return Affine(codes=codes, scale=scale, zero=np.asarray(-rng.random(parts)), bits=bits)


ENCODINGS = [
    "low-rank",
    *itertools.product(["affine"], [3, 8, 16], ["column", "row", "all"]),
    *itertools.product(["fixed-point"], [8, 12], ["column", "all"]),
    *itertools.product(["codebook"], [2, 8, 9], ["column", "all"]),
]


@given(
    kernel=st.sampled_from(KERNELS),
    encoding=st.sampled_from(ENCODINGS),
    seed=st.integers(0, 10**6),
    n_rows=st.sampled_from([1, 2, 5, 23]),
    n_vectors=st.integers(1, 30),
    n_features=st.one_of(st.integers(1, 12), st.sampled_from([64, 100])),
    offset=st.sampled_from([0.0, 1e4]),
)
@settings(max_examples=200)
def test_encoded_vectors(kernel, encoding, seed, n_rows, n_vectors, n_features, offset):
    rng = np.random.default_rng(seed)
    held = encoded(encoding, rng, n_vectors, n_features)
    X = rng.normal(size=(n_rows, n_features))
    if kernel == "rbf" and offset and isinstance(held, Affine):
        held = held.replace(zero=held.zero + offset)
        X += offset
    coef, node = expansion(held, kernel, gamma=1.0 / n_features, coef0=0.5, seed=seed)
    assert_close(node, X, held.decode(), coef)


def test_codes_whose_lengths_rule_out_products():
    rng = np.random.default_rng(0)
    held = encoded(("affine", 8, "column"), rng, 50, 70)
    coef, node = expansion(held, gamma=1e4)
    X = held.decode()[:20] + rng.normal(size=(20, 70)) * 1e-3
    assert_close(node, X, held.decode(), coef)


@needs_kernel
@pytest.mark.parametrize("n_features", [5, 100])
def test_vectors_stay_in_their_codes(way, n_features):
    if way == "numpy":
        pytest.skip("NumPy decodes them")
    rng = np.random.default_rng(0)
    held = encoded(("codebook", 4, "column"), rng, 1000, n_features)
    node = expansion(held)[1]
    codes = node.vectors.codes
    kept = arrays_kept(node)
    assert any(np.shares_memory(array, codes) for array in kept)
    others = sum(array.nbytes for array in kept if not np.shares_memory(array, codes))
    assert others < 1000 * (2 * 2 * 8 + 100) + n_features * 100


@needs_kernel
def test_plain_vectors_of_many_columns_are_not_copied(way):
    if way == "numpy":
        pytest.skip("NumPy holds them less their center, too")
    node = expansion(np.random.default_rng(0).normal(size=(50, 100)), gamma=0.01)[1]
    large = [array for array in arrays_kept(node) if array.size >= node.vectors.size]
    assert all(np.shares_memory(array, node.vectors) for array in large)
    assert len(large) == 2


@pytest.mark.parametrize("n_features", [3, 70])
@pytest.mark.parametrize("encode", [False, True])
def test_more_vectors_than_a_panel_holds(n_features, encode):
    rng = np.random.default_rng(0)
    sizes = np.array([700, 0, 1, 511, 30, 5], np.uint16)
    held = encoded(("codebook", 4, "column"), rng, sizes.sum(), n_features)
    coef = rng.normal(size=(5, sizes.sum()))
    node = KernelExpansion(
        vectors=held if encode else held.decode(),
        coef=coef,
        intercept=rng.normal(size=15),
        kernel="rbf",
        gamma=1.0 / n_features,
        group_sizes=sizes,
    )
    rows = one_vs_one(coef, sizes)
    for n_rows in (1, 300):
        X = rng.normal(size=(n_rows, n_features))
        assert_close(node, X, held.decode(), rows)


def exponential_numpy(x):
    """The steps of `exp_double`, one after the other."""
    magic, least = 6755399441055744.0, -708.0
    high, low = float.fromhex("0x1.62e42ffp-1"), -4.2009150726810846e-11
    steps = [2.5000013913453014e-08, 2.7630306208172276e-07, 2.7557586818266118e-06]
    steps += [2.4801492949755011e-05, 1.9841269505759292e-04, 1.3888888943759845e-03]
    steps += [8.3333333334949831e-03, 4.1666666666529729e-02, 1.6666666666666412e-01]
    kept = np.where(x >= least, x, 0.0)
    shifted = kept * 1.4426950408889634 + magic
    n = shifted - magic
    r = kept - n * high
    r -= n * low
    steps += [5.0000000000000107e-01]
    q = steps[0]
    for step in steps[1:]:
        q = q * r + step
    p = (r * r) * q + r + 1.0
    p = (p.view(np.int64) + (shifted.view(np.int64) << 52)).view(np.float64)
    return np.where(x >= least, p, 0.0)


@needs_kernel
def test_exponential(way):
    if way == "numpy":
        pytest.skip("tells nothing about NumPy")
    rng = np.random.default_rng(0)
    sizes = (
        [0.0, 1e-300, 0.34657359, 1e6, np.inf],
        rng.normal(size=40_000),
        708 * rng.random(40_001),
    )
    x = -np.abs(np.concatenate(sizes))
    found = np.empty_like(x)
    _expansion._expansion_kernel.exponential(x, found)
    assert (found == exponential_numpy(x)).all()
    exact = np.exp(x.astype(np.longdouble))
    kept = x >= -708
    assert (np.abs(found - exact)[kept] <= 1.5 * np.spacing(exact[kept].astype(float))).all()
    assert (found[~kept] == 0).all()
    nothing = np.full(1, np.nan)
    _expansion._expansion_kernel.exponential(nothing, nothing)
    assert np.isnan(nothing).all()


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
    assert_close(node, X, vectors, one_vs_one(coef, sizes))


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
