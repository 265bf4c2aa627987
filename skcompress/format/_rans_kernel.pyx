# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled steps of the entropy coder; `_rans.py` holds their NumPy reference.

The caller guarantees `low < high` within the counts, and totals below ``2 ** 24``; whatever the
data are, every symbol found lies in its stretch and no word is read beyond the last.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t


def take(
    uint64_t[::1] state,
    const uint32_t[::1] words,
    Py_ssize_t place,
    const int64_t[::1] low,
    const int64_t[::1] high,
    const int64_t[::1] below,
    int64_t[::1] out,
):
    """Decode a symbol out of each stretch; the place of the next word, or -1 if they ran out.

    `below` is empty where all counts are one.
    """
    cdef Py_ssize_t i, lane = 0, n_lanes = state.shape[0], n_words = words.shape[0]
    cdef bint flat = below.shape[0] == 0
    cdef int64_t base, mass, slot, wanted, first, last, middle, start, stop
    cdef uint64_t x
    with nogil:
        for i in range(low.shape[0]):
            x = state[lane]
            slot = <int64_t>(x & 0xFFFFFF)
            if flat:
                base = low[i]
                mass = high[i] - base
                first = base + (((slot + 1) * mass - 1) >> 24)
                start = ((first - base) << 24) // mass
                stop = ((first + 1 - base) << 24) // mass
            else:
                base = below[low[i]]
                mass = below[high[i]] - base
                wanted = base + (((slot + 1) * mass - 1) >> 24)
                first = low[i]
                last = high[i]
                while last - first > 1:
                    middle = (first + last) >> 1
                    if below[middle] <= wanted:
                        first = middle
                    else:
                        last = middle
                start = ((below[first] - base) << 24) // mass
                stop = ((below[first + 1] - base) << 24) // mass
            out[i] = first
            x = <uint64_t>(stop - start) * (x >> 24) + <uint64_t>(slot - start)
            if (x >> 32) == 0:
                if place >= n_words:
                    place = -1
                    break
                x = (x << 32) | words[place]
                place += 1
            state[lane] = x
            lane += 1
            if lane == n_lanes:
                lane = 0
    return place


def put(
    uint64_t[::1] state,
    const uint64_t[::1] start,
    const uint64_t[::1] size,
    uint32_t[::1] words,
    Py_ssize_t place,
):
    """Encode symbols from the last one on; words are written before `place`, which is returned."""
    cdef Py_ssize_t i, lane, n_lanes = state.shape[0]
    cdef uint64_t x, quotient
    if start.shape[0] == 0:
        return place
    lane = (start.shape[0] - 1) % n_lanes
    with nogil:
        for i in range(start.shape[0] - 1, -1, -1):
            x = state[lane]
            if (x >> 40) >= size[i]:
                place -= 1
                words[place] = <uint32_t>x
                x >>= 32
            quotient = x // size[i]
            state[lane] = (quotient << 24) + (x - quotient * size[i]) + start[i]
            lane = lane - 1 if lane > 0 else n_lanes - 1
    return place
