"""Transforms give scikit-learn's numbers to the last bit, for float32 and float64 rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from skcompress.families import lift
from skcompress.ir import Impute, Normalize, Project, Rescale
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

DTYPES = [np.float32, np.float64]
SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-0.3, 0.7), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False, quantile_range=(10, 90)),
    RobustScaler(unit_variance=True),
]


def csr(matrix):
    matrix = matrix.tocsr()
    return CsrRows(matrix.data, matrix.indices, matrix.indptr, matrix.shape)


def scipy_of(rows):
    return sparse.csr_array((rows.data, rows.indices, rows.indptr), shape=rows.shape)


def evaluate(model, rows):
    for node in model.chain.transforms:
        rows = compile_node(node)(rows)
    return rows


def same(a, b):
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


def data(seed=0, shape=(30, 4)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * [1e-3, 1.0, 50.0, 1e4] + [0.0, 3.0, -700.0, 1e5]


def rows_of(columns, extra=0.0):
    def arrays(dtype):
        width = 8 * np.dtype(dtype).itemsize
        return hnp.arrays(
            dtype,
            st.tuples(st.integers(1, 5), st.just(columns)),
            elements=st.floats(-1000, 1000, width=width) | st.just(extra),
        )

    return st.sampled_from(DTYPES).flatmap(arrays)


@pytest.mark.parametrize("fit_dtype", DTYPES)
@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_scalers_to_the_last_bit(scaler, fit_dtype):
    fitted = scaler.fit(data().astype(fit_dtype))
    model = lift(fitted)
    for dtype in DTYPES:
        rows = data(1, (200, 4)).astype(dtype)
        rows[3, 2] = np.nan
        before = rows.copy()
        assert same(evaluate(model, rows), fitted.transform(rows))
        assert same(rows, before)


@given(rows=rows_of(4, np.nan))
@pytest.mark.parametrize("scaler", SCALERS[:1] + SCALERS[4:8], ids=str)
def test_scalers_on_arbitrary_rows(scaler, rows):
    fitted = scaler.fit(data())
    assert same(evaluate(lift(fitted), rows), fitted.transform(rows))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(with_mean=False), MaxAbsScaler(), RobustScaler(with_centering=False)],
    ids=str,
)
def test_scalers_on_sparse_rows(scaler, dtype):
    rows = sparse.random_array((40, 6), density=0.5, rng=0, format="csr").astype(dtype)
    fitted = scaler.fit(rows)
    scaled = evaluate(lift(fitted), csr(rows))
    expected = fitted.transform(rows)
    assert same(scaled.data, expected.data)
    assert (scaled.indices == expected.indices).all()


def test_centring_sparse_rows_is_refused():
    rescale = Rescale(kind="standard", n_features=1, subtract=np.ones(1))
    with pytest.raises(ValueError, match="cannot be centred"):
        compile_node(rescale)(csr(sparse.csr_array([[1.0]])))
    project = Project(components=np.ones((1, 1)), mean=np.ones(1))
    with pytest.raises(ValueError, match="cannot be centred"):
        compile_node(project)(csr(sparse.csr_array([[1.0]])))


def test_clipping_sparse_rows():
    rescale = Rescale(kind="max-abs", n_features=2, divide=np.array([2.0, 1.0]), clip=(-1.0, 1.0))
    scaled = compile_node(rescale)(csr(sparse.csr_array([[8.0, 0.5], [-1.0, -3.0]])))
    assert scaled.data.tolist() == [1.0, 0.5, -0.5, -1.0]


@pytest.mark.parametrize("is_sparse", [False, True])
def test_overflow_is_refused(is_sparse):
    rescale = Rescale(kind="max-abs", n_features=1, divide=np.array([1e-300]))
    rows = np.array([[1e100]])
    with pytest.raises(ValueError, match="makes them infinite"):
        compile_node(rescale)(csr(sparse.csr_array(rows)) if is_sparse else rows)
    with pytest.raises(ValueError, match="makes them infinite"):
        compile_node(Project(components=np.array([[1e300]])))(rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer(norm, dtype):
    rows = np.vstack([data(2, (50, 4)), np.zeros((1, 4)), np.full((1, 4), 1e-20)]).astype(dtype)
    fitted = Normalizer(norm).fit(rows)
    assert same(evaluate(lift(fitted), rows), fitted.transform(rows))
    thin = sparse.random_array((60, 9), density=0.3, rng=1, format="csr").astype(dtype)
    thin.data -= dtype(0.5)
    result = evaluate(lift(Normalizer(norm).fit(thin)), csr(thin))
    assert same(result.data, Normalizer(norm).fit_transform(thin).data)


@given(rows=rows_of(3))
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer_on_arbitrary_rows(norm, rows):
    node = Normalize(norm=norm, n_features=3)
    assert same(compile_node(node)(rows), Normalizer(norm).fit_transform(rows))
    thin = sparse.csr_array(rows)
    assert same(compile_node(node)(csr(thin)).data, Normalizer(norm).fit_transform(thin).data)


IMPUTERS = [
    {},
    {"strategy": "median"},
    {"strategy": "most_frequent"},
    {"strategy": "constant", "fill_value": 7.5},
    {"strategy": "constant"},
    {"add_indicator": True},
    {"keep_empty_features": True, "add_indicator": True},
    {"missing_values": -1.0},
    {"missing_values": -1, "strategy": "median", "add_indicator": True},
]


def holes(imputer, dtype, seed=0, empty=True):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 5, size=(40, 5)).astype(dtype) + dtype(0.1)
    rows[rng.random(rows.shape) < 0.3] = imputer.missing_values
    rows[:, 4] = 1.5
    if empty:
        rows[:, 1] = imputer.missing_values
    return rows


@pytest.mark.filterwarnings("ignore:Skipping features")
@pytest.mark.filterwarnings("ignore:Currently, when `keep_empty_feature:FutureWarning")
@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("fit_dtype", DTYPES)
@pytest.mark.parametrize("settings", IMPUTERS, ids=str)
def test_imputer(settings, fit_dtype, empty):
    imputer = SimpleImputer(**settings)
    imputer.fit(holes(imputer, fit_dtype, empty=empty))
    model = lift(imputer)
    for dtype in DTYPES:
        rows = holes(imputer, dtype, seed=1, empty=empty)
        before = rows.copy()
        expected = imputer.transform(rows.copy())
        result = evaluate(model, rows)
        assert same(result, expected)
        assert same(rows, before)
        thin = sparse.csc_array(rows)
        expected = imputer.transform(thin.copy())
        result = evaluate(model, csr(thin))
        assert result.shape == expected.shape
        assert same(scipy_of(result).toarray(), expected.toarray())


def test_imputer_that_drops_everything_but_flags():
    node = Impute(fill=np.array([np.nan, 2.0]), missing=np.nan, indicators=np.array([0], np.uint8))
    assert compile_node(node)(np.array([[np.nan, np.nan]])).tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pca_within_rounding(whiten, dtype):
    rng = np.random.default_rng(0)
    train = (rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6)) + 5).astype(dtype)
    pca = PCA(3, whiten=whiten, random_state=0).fit(train)
    model = lift(pca)
    for rows_dtype in DTYPES:
        rows = rng.normal(size=(20, 6)).astype(rows_dtype)
        result, expected = evaluate(model, rows), pca.transform(rows)
        assert result.dtype == expected.dtype
        eps = np.finfo(result.dtype).eps
        np.testing.assert_allclose(result, expected, rtol=0, atol=100 * eps)


def test_pca_on_sparse_rows():
    rows = sparse.random_array((50, 8), density=0.4, rng=0, format="csr")
    pca = PCA(3, svd_solver="arpack", random_state=0).fit(rows)
    model = lift(pca)
    assert model.input.sparse
    np.testing.assert_allclose(evaluate(model, csr(rows)), pca.transform(rows), atol=1e-14)


def test_pca_whitens_components_without_variance_as_scikit_learn_does():
    column = np.linspace(0, 1, 20)[:, np.newaxis]
    rows = np.hstack([column, column])
    pca = PCA(2, whiten=True, svd_solver="covariance_eigh").fit(rows)
    result = evaluate(lift(pca), rows)
    np.testing.assert_allclose(result[:, 0], pca.transform(rows)[:, 0], atol=1e-12)
    assert np.isfinite(result).all()
