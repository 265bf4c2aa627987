"""Places of categories, as scikit-learn's encoder inside histogram boosting finds them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OrdinalEncoder

from skcompress.ir import OrdinalEncode
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

VALUES = st.sampled_from([-3.5, -0.0, 0.0, 0.1, 1.0, 7.0, 1e300, float("nan")])


@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20),
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20),
    st.sampled_from([np.float32, np.float64]),
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_places_are_those_of_scikit_learn(train, rows, dtype):
    rows = np.array(rows)
    if dtype == np.float32:
        rows = np.where(rows > 1e38, 2.0, rows).astype(dtype)
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    ).fit(np.array(train))
    tables = [values[~np.isnan(values)] for values in encoder.categories_]
    node = OrdinalEncode(
        columns=np.array([0, 1], np.uint8),
        sizes=np.array([table.size for table in tables], np.uint8),
        categories=np.concatenate(tables),
        n_features=2,
    )
    found = compile_node(node)(rows)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, encoder.transform(rows))


NODE = OrdinalEncode(
    columns=np.array([2, 0], np.uint8),
    sizes=np.array([2], np.uint8),
    categories=np.array([-1.0, 5.0]),
    n_features=3,
)


def test_columns_are_reordered_and_others_pass():
    rows = np.array([[0.5, 9, 5], [np.inf, 9, -1], [np.nan, np.inf, 0]])
    expected = [[1, 0.5], [0, np.inf], [np.nan, np.nan]]
    np.testing.assert_array_equal(compile_node(NODE)(rows), expected)
    assert rows[0].tolist() == [0.5, 9, 5]


def test_sparse_rows_are_taken():
    rows = CsrRows(np.array([5.0, 2.0]), np.array([2, 0]), np.array([0, 1, 2]), (2, 3))
    np.testing.assert_array_equal(compile_node(NODE)(rows), [[1, 0], [np.nan, 2]])


def test_infinite_categories_are_refused():
    with pytest.raises(ValueError, match="infinity"):
        compile_node(NODE)(np.array([[0.0, 0.0, np.inf]]))


def test_without_categories_columns_are_picked():
    node = OrdinalEncode(
        columns=np.array([1], np.uint8),
        sizes=np.zeros(0, np.uint8),
        categories=np.zeros(0),
        n_features=2,
    )
    assert compile_node(node)(np.array([[1.0, np.inf]])).tolist() == [[np.inf]]
