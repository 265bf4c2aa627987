"""What is checked of the input before any arithmetic reads it."""

from types import SimpleNamespace

import numpy as np
import pytest

from skcompress.ir import InputSpec
from skcompress.runtime._inputs import check_rows


@pytest.mark.parametrize(
    "indptr",
    [
        [0, 2, 1],
        [0, -1, 2],
        [1, 1, 2],
        [0, 1, 3],
        # In 64 bits every step between these is 2^62, and all of them together are nothing.
        [0, 2**62, 2**63, 3 * 2**62, 0, 2],
    ],
)
def test_sparse_rows_that_lead_out_of_their_entries(indptr):
    dtype = np.uint64 if max(indptr) >= 2**63 else np.int64
    rows = SimpleNamespace(
        data=np.ones(2),
        indices=np.array([0, 1]),
        indptr=np.array(indptr, dtype),
        shape=(len(indptr) - 1, 2),
    )
    with pytest.raises(ValueError, match="out of range"):
        check_rows(rows, InputSpec(n_features=2, sparse=True))
