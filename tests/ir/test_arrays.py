import numpy as np
import pytest
from scipy.sparse import csr_array

from skcompress.ir import arrays, distinct_rows, entries_of_rows, floor_to_float32


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-50, -1e-50, 3.5e38, -3.5e38, np.inf, 2.0, 1 / 3])
def test_floor_to_float32_is_the_nearest_not_above(value):
    floor = floor_to_float32(np.array([value]))
    assert floor.dtype == np.float32
    assert float(floor[0]) <= value
    with np.errstate(over="ignore"):
        above = np.nextafter(floor[0], np.float32(np.inf))
    assert float(above) > value or floor[0] == value


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64])
@pytest.mark.parametrize("collide", [False, True])
def test_distinct_rows_of_many_are_those_of_a_sort(dtype, collide, monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (5000, 3)).astype(dtype)
    if dtype in (np.float64, np.float32):
        rows[rng.random(rows.shape) < 0.1] = -0.0
    if collide:
        monkeypatch.setattr(arrays, "_hashes", lambda bits: bits[:, 0].astype(np.uint64))
    values, index = distinct_rows(rows)
    assert values[index].tobytes() == rows.tobytes()
    patterns = [row.tobytes() for row in values]
    assert len(patterns) == len(set(patterns))
    keys = [tuple((x, not np.signbit(x)) for x in row) for row in values]
    assert keys == sorted(keys)
    assert index.dtype == np.uint8


@pytest.mark.parametrize("rows", [[], [3], [0, 4, 4, 1]])
def test_entries_of_rows_are_those_that_scipy_takes(rows):
    whole = csr_array(np.random.default_rng(0).poisson(0.4, (5, 7)))
    entry, indptr = entries_of_rows(whole.indptr, np.array(rows, int))
    taken = whole[rows]
    assert indptr.dtype == whole.indptr.dtype
    assert indptr.tolist() == taken.indptr.tolist()
    assert whole.data[entry].tolist() == taken.data.tolist()
    assert whole.indices[entry].tolist() == taken.indices.tolist()
