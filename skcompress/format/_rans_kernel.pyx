# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled steps of the entropy coder; `_rans.py` holds their NumPy reference.

The caller guarantees `low < high` within the counts, and totals below ``2 ** 24``; whatever the
data are, every symbol found lies in its stretch and no word is read beyond the last.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "_rans.h" nogil:
    ctypedef struct decoder:
        uint64_t *state
        ptrdiff_t n_lanes
        const uint32_t *words
        ptrdiff_t n_words
        ptrdiff_t place

    int64_t rans_take(decoder *, ptrdiff_t, int64_t, int64_t, const int32_t *)


cdef decoder opened(uint64_t[::1] state, const uint32_t[::1] words, Py_ssize_t place) noexcept:
    cdef decoder source
    source.state, source.n_lanes = &state[0], state.shape[0]
    source.words = NULL if words.shape[0] == 0 else <uint32_t *>&words[0]
    source.n_words, source.place = words.shape[0], place
    return source


def take(
    uint64_t[::1] state,
    const uint32_t[::1] words,
    Py_ssize_t place,
    const int64_t[::1] low,
    const int64_t[::1] high,
    const int32_t[::1] below,
    int64_t[::1] out,
):
    """Decode a symbol out of each stretch; the place of the next word, or -1 if they ran out.

    `below` is empty where all counts are one.
    """
    cdef Py_ssize_t i, lane = 0
    cdef decoder source = opened(state, words, place)
    cdef const int32_t *sums = NULL if below.shape[0] == 0 else <int32_t *>&below[0]
    with nogil:
        for i in range(low.shape[0]):
            out[i] = rans_take(&source, lane, low[i], high[i], sums)
            if source.place < 0:
                break
            lane += 1
            if lane == source.n_lanes:
                lane = 0
    return source.place


def take_blocks(
    uint64_t[::1] state,
    const uint32_t[::1] words,
    Py_ssize_t place,
    const int64_t[::1] low,
    const int64_t[::1] high,
    const int64_t[::1] ends,
    int32_t[::1] counts,
    int32_t[::1] below,
    int32_t step,
    int32_t limit,
    int64_t[::1] out,
):
    """Decode blocks that end at `ends`, and teach the counts each of them.

    Like `take` and `Counts.learn` in turn. A stretch of one symbol tells nothing. Returns the
    place of the next word, or -1 if they ran out.
    """
    cdef Py_ssize_t i, b, k, start = 0, lane
    cdef decoder source = opened(state, words, place)
    cdef int32_t total
    with nogil:
        for b in range(ends.shape[0]):
            lane = 0
            for i in range(start, ends[b]):
                if high[i] - low[i] > 1:
                    out[i] = rans_take(&source, lane, low[i], high[i], &below[0])
                    if source.place < 0:
                        break
                    lane += 1
                    if lane == source.n_lanes:
                        lane = 0
                else:
                    out[i] = low[i]
            if source.place < 0:
                break
            for i in range(start, ends[b]):
                counts[out[i]] += step
            start = ends[b]
            total = 0
            for k in range(counts.shape[0]):
                total += counts[k]
                below[k + 1] = total
            if total >= limit:
                total = 0
                for k in range(counts.shape[0]):
                    counts[k] = (counts[k] + 1) >> 1
                    total += counts[k]
                    below[k + 1] = total
    return source.place


def put(
    uint64_t[::1] state,
    const uint32_t[::1] start,
    const uint32_t[::1] size,
    const int64_t[::1] ends,
    uint32_t[::1] words,
):
    """Encode blocks that end at `ends`, from the last symbol on.

    Words are written from the end on; the place of the first is returned.
    """
    cdef Py_ssize_t i, b, first, lane, n_lanes = state.shape[0], place = words.shape[0]
    cdef uint64_t x, quotient
    with nogil:
        for b in range(ends.shape[0] - 1, -1, -1):
            first = ends[b - 1] if b > 0 else 0
            lane = (ends[b] - first - 1) % n_lanes
            for i in range(ends[b] - 1, first - 1, -1):
                x = state[lane]
                if (x >> 40) >= size[i]:
                    place -= 1
                    words[place] = <uint32_t>x
                    x >>= 32
                quotient = x // size[i]
                state[lane] = (quotient << 24) + (x - quotient * size[i]) + start[i]
                lane = lane - 1 if lane > 0 else n_lanes - 1
    return place
