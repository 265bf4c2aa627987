# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled climb to the splits above; `_forest_walk.py` holds its NumPy reference.

Parents stand before their children, so the climb ends.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t


def narrow(
    const int32_t[::1] feature,
    const int32_t[::1] rank,
    const int32_t[::1] parent,
    const uint8_t[::1] is_right,
    const int64_t[::1] split,
    const int32_t[::1] first,
    const int32_t[::1] end,
    int64_t[::1] low,
    int64_t[::1] high,
):
    """Narrow `low` and `high` of each split to what the splits above leave open.

    `first` and `end` hold what was left open to the splits above.
    """
    cdef Py_ssize_t i
    cdef int64_t node, up
    cdef int32_t wanted
    with nogil:
        for i in range(split.shape[0]):
            node = split[i]
            wanted = feature[node]
            up = parent[node]
            while up >= 0 and feature[up] != wanted:
                node = up
                up = parent[node]
            if up >= 0:
                if is_right[node]:
                    low[i] = rank[up] + 1
                    high[i] = end[up]
                else:
                    low[i] = first[up]
                    high[i] = rank[up]
