"""Codes decode to the nearest value that the scheme can express."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skcompress.ir import Affine, Codebook, LowRank, Sparse, decode
from skcompress.passes import SCHEMES, quantize
from skcompress.passes.quantize import lloyd_max

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)
MATRICES = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=FINITE
)


@given(
    MATRICES, st.sampled_from(sorted(SCHEMES)), st.integers(2, 16), st.sampled_from([0, 1, None])
)
def test_error_is_at_most_one_step(values, scheme, bits, axis):
    encoded = quantize(values, scheme, bits, axis)
    assert encoded.shape == values.shape
    assert encoded.bits == bits
    spread = np.ptp(values, axis=None if axis is None else 1 - axis, keepdims=True)
    largest = np.abs(values).max(axis=None if axis is None else 1 - axis, keepdims=True)
    step = {
        "affine": spread / (2**bits - 1),
        # A power of two may be almost twice as coarse as the range needs, on either side of zero.
        "fixed-point": 4 * largest / (2**bits - 2),
        "codebook": np.ptp(values),
    }[scheme]
    slack = 1e-6 * np.abs(values).max()
    assert (np.abs(encoded.decode() - values) <= step + slack).all()


@given(MATRICES, st.integers(2, 8))
def test_affine_keeps_the_extremes_of_each_column(values, bits):
    decoded = quantize(values, "affine", bits, 1).decode()
    scale = np.abs(values).max(axis=0) + 1e-300
    assert (np.abs(decoded.min(axis=0) - values.min(axis=0)) <= 1e-6 * scale).all()
    assert (np.abs(decoded.max(axis=0) - values.max(axis=0)) <= 1e-6 * scale).all()


def test_affine_survives_an_offset_that_dwarfs_the_spread():
    values = 1e9 + np.linspace(0, 1, 256)[:, None]
    assert np.abs(quantize(values, "affine", 8, 1).decode() - values).max() < 1 / 255


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=FINITE), st.integers(2, 6))
def test_lloyd_max_is_no_worse_than_even_steps(values, bits):
    values = values[values != 0]  # which claims an entry for itself
    assume(values.size > 0)
    table = lloyd_max(values, 2**bits)
    assert table.size <= 2**bits
    assert (np.diff(table) > 0).all()
    error = (np.abs(values[:, None] - table).min(axis=1) ** 2).sum()
    even = np.linspace(values.min(), values.max(), 2**bits)
    bound = (np.abs(values[:, None] - even).min(axis=1) ** 2).sum()
    assert error <= bound + 1e-9 * (values**2).sum()


def test_lloyd_max_keeps_few_distinct_values_exactly():
    values = np.array([0.1, 0.2, 0.1, -7.0])
    np.testing.assert_array_equal(lloyd_max(values, 4), [-7.0, 0.1, 0.2])


@given(hnp.arrays(np.float64, st.integers(20, 100), elements=FINITE))
def test_lloyd_max_keeps_zero(values):
    values[0] = 0.0
    assert 0.0 in lloyd_max(values, 4)


def test_codebook_has_a_table_for_each_column_where_it_pays():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 3)) * [1e-3, 1.0, 1e3]
    encoded = quantize(values, "codebook", 4, 1)
    assert isinstance(encoded, Codebook)
    assert encoded.table.shape == (3, 16)
    relative = np.abs(encoded.decode() - values).mean(axis=0) / values.std(axis=0)
    assert relative.max() < 0.12


def test_sparse_and_low_rank_arrays_are_quantized_inside():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(20, 10)) * (rng.random((20, 10)) < 0.2)
    sparse = quantize(Sparse.from_dense(dense), "affine", 8, 1)
    assert isinstance(sparse, Sparse)
    assert isinstance(sparse.data, Affine)
    np.testing.assert_array_equal(sparse.decode() != 0, dense != 0)
    factors = LowRank(left=rng.normal(size=(9, 2)), right=rng.normal(size=(2, 7)))
    coarse = quantize(factors, "affine", 10, 1)
    assert np.abs(coarse.decode() - factors.decode()).max() < 0.02
    assert decode(coarse).shape == (9, 7)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_more_bits_never_hurt(scheme):
    values = np.random.default_rng(0).standard_t(3, size=(400, 5))
    errors = [
        np.mean((quantize(values, scheme, bits, 1).decode() - values) ** 2) for bits in (2, 4, 8)
    ]
    assert errors[0] > errors[1] > errors[2]
