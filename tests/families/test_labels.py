"""Labels keep their values and their kind."""

import numpy as np
import pytest

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families._labels import labels_of


@pytest.mark.parametrize(
    "classes",
    [
        np.array([0, 1], np.int8),
        np.array([False, True]),
        np.array([0.5, 2.0]),
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([1, 3], dtype=object),
    ],
    ids=repr,
)
def test_there_and_back(classes):
    back = labels_of(classes).classes
    assert back.dtype == classes.dtype
    assert back.tolist() == classes.tolist()


@pytest.mark.parametrize(
    "classes",
    [
        np.array([1, "one"], dtype=object),
        np.array([None, 1], dtype=object),
        np.array(["ends in a null\0", "b"], dtype=object),
        np.array([b"bytes"]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=repr,
)
def test_other_objects_are_refused(classes):
    with pytest.raises(UnsupportedEstimatorError, match="all of one kind"):
        labels_of(classes)
