# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled walk through the trees; `trees.py` holds its NumPy reference.

The arrays come from a checked `TreeEnsemble`: children always stand after their parent and within
their tree, so the walk ends and stays in bounds for any input.
"""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

ctypedef fused input_t:
    float
    double


def leaf_rows(
    const input_t[:, ::1] X,
    const int64_t[::1] roots,
    const int32_t[::1] feature,
    const double[::1] threshold,
    const int64_t[::1] target,
    const uint8_t[::1] missing_left,
    int32_t[:, ::1] out,
):
    """Write into `out[i, t]` the leaf row that row i reaches in tree t.

    `feature` is negative at leaves, where `target` holds the leaf row; elsewhere `target` is the
    left child, and the right child follows it.
    """
    cdef Py_ssize_t i, t
    cdef int64_t node
    cdef int32_t column
    cdef input_t value
    with nogil:
        # Tree by tree keeps one tree's nodes in the cache for all rows.
        for t in range(roots.shape[0]):
            for i in range(X.shape[0]):
                node = roots[t]
                column = feature[node]
                while column >= 0:
                    value = X[i, column]
                    if value <= threshold[node]:
                        node = target[node]
                    elif isnan(value):
                        node = target[node] + 1 - missing_left[node]
                    else:
                        node = target[node] + 1
                    column = feature[node]
                out[i, t] = <int32_t>target[node]


def leaf_rows_with_categories(
    const input_t[:, ::1] X,
    const int64_t[::1] roots,
    const int32_t[::1] feature,
    const double[::1] threshold,
    const int64_t[::1] target,
    const uint8_t[::1] missing_left,
    const int32_t[::1] category_set,
    const uint32_t[:, ::1] left_sets,
    const uint32_t[:, ::1] known_sets,
    const int32_t[::1] known_row,
    int32_t[:, ::1] out,
):
    """The same where some splits are on categories (`category_set` not negative)."""
    cdef Py_ssize_t i, t
    cdef int64_t node
    cdef int32_t column, row
    cdef uint32_t category
    cdef int right
    cdef input_t value
    with nogil:
        for t in range(roots.shape[0]):
            for i in range(X.shape[0]):
                node = roots[t]
                column = feature[node]
                while column >= 0:
                    value = X[i, column]
                    row = category_set[node]
                    if isnan(value):
                        right = 1 - missing_left[node]
                    elif row < 0:
                        right = not (value <= threshold[node])
                    elif value < 0 or value >= 256:
                        right = 1 - missing_left[node]
                    else:
                        category = <uint32_t>value
                        if (left_sets[row, category >> 5] >> (category & 31)) & 1:
                            right = 0
                        elif (known_sets[known_row[column], category >> 5] >> (category & 31)) & 1:
                            right = 1
                        else:
                            right = 1 - missing_left[node]
                    node = target[node] + right
                    column = feature[node]
                out[i, t] = <int32_t>target[node]


def add_rows(
    const int32_t[:, ::1] leaves,
    const double[:, ::1] values,
    double[:, ::1] out,
):
    """Add to `out[i]` the value rows of the leaves of row i, in the order of the trees."""
    cdef Py_ssize_t i, t, k
    cdef int32_t row
    with nogil:
        for i in range(leaves.shape[0]):
            for t in range(leaves.shape[1]):
                row = leaves[i, t]
                for k in range(values.shape[1]):
                    out[i, k] += values[row, k]


def add_to_columns(
    const int32_t[:, ::1] leaves,
    const double[:, ::1] values,
    const int64_t[::1] columns,
    double[:, ::1] out,
):
    """Add the single value of each leaf of row i to the column that its tree is for."""
    cdef Py_ssize_t i, t
    with nogil:
        for i in range(leaves.shape[0]):
            for t in range(leaves.shape[1]):
                out[i, columns[t]] += values[leaves[i, t], 0]
