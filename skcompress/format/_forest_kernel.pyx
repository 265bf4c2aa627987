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
    int64_t[::1] low,
    int64_t[::1] high,
):
    """Narrow `low` and `high` of each split to what the splits above leave open."""
    cdef Py_ssize_t i
    cdef int64_t node, up
    cdef int32_t wanted
    cdef bint open_low, open_high
    with nogil:
        for i in range(split.shape[0]):
            node = split[i]
            wanted = feature[node]
            open_low = True
            open_high = True
            up = parent[node]
            while up >= 0 and (open_low or open_high):
                if feature[up] == wanted:
                    if is_right[node]:
                        if open_low:
                            low[i] = rank[up] + 1
                            open_low = False
                    elif open_high:
                        high[i] = rank[up]
                        open_high = False
                node = up
                up = parent[node]
