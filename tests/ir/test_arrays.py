import numpy as np
import pytest

from skcompress.ir import floor_to_float32


@pytest.mark.parametrize("value", [0.1, -0.1, 1e-50, -1e-50, 3.5e38, -3.5e38, np.inf, 2.0, 1 / 3])
def test_floor_to_float32_is_the_nearest_not_above(value):
    floor = floor_to_float32(np.array([value]))
    assert floor.dtype == np.float32
    assert float(floor[0]) <= value
    with np.errstate(over="ignore"):
        above = np.nextafter(floor[0], np.float32(np.inf))
    assert float(above) > value or floor[0] == value
