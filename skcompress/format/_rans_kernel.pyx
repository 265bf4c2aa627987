# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled steps of the entropy coder; `_rans.py` holds their NumPy reference.

The caller guarantees `low < high` within the counts, and totals below ``2 ** 24``; whatever the
data are, every symbol found lies in its stretch and no word is read beyond the last.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef inline int64_t share(int64_t below, int64_t mass) noexcept nogil:
    # Floats divide faster than integers of 64 bits, and exactly: a quotient of a number below
    # 2^48 by one below 2^24 that is no integer is farther from the next one than it is rounded.
    return <int64_t>(<double>(below << 24) / <double>mass)


cdef inline Py_ssize_t take_one(
    uint64_t *state,
    const uint32_t *words,
    Py_ssize_t n_words,
    Py_ssize_t place,
    int64_t low,
    int64_t high,
    const int32_t *below,
    int64_t *out,
) noexcept nogil:
    """Decode a symbol; the place of the next word, or -1 if they ran out. Flat without `below`."""
    cdef int64_t base, mass, slot, wanted, first, length, half, start, stop
    cdef uint64_t x = state[0]
    slot = <int64_t>(x & 0xFFFFFF)
    if below == NULL:
        mass = high - low
        first = low + (((slot + 1) * mass - 1) >> 24)
        start = share(first - low, mass)
        stop = share(first + 1 - low, mass)
    else:
        base = below[low]
        mass = below[high] - base
        wanted = base + (((slot + 1) * mass - 1) >> 24)
        first = low
        length = high - low
        while length > 1:
            half = length >> 1
            # Without a jump, whose direction no processor could guess.
            first += half * (below[first + half] <= wanted)
            length -= half
        start = share(below[first] - base, mass)
        stop = share(below[first + 1] - base, mass)
    out[0] = first
    x = <uint64_t>(stop - start) * (x >> 24) + <uint64_t>(slot - start)
    if (x >> 32) == 0:
        if place >= n_words:
            return -1
        x = (x << 32) | words[place]
        place += 1
    state[0] = x
    return place


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
    cdef Py_ssize_t i, lane = 0, n_lanes = state.shape[0], n_words = words.shape[0]
    cdef const int32_t *sums = NULL if below.shape[0] == 0 else <int32_t *>&below[0]
    cdef const uint32_t *source = NULL if n_words == 0 else <uint32_t *>&words[0]
    with nogil:
        for i in range(low.shape[0]):
            place = take_one(&state[lane], source, n_words, place, low[i], high[i], sums, &out[i])
            if place < 0:
                break
            lane += 1
            if lane == n_lanes:
                lane = 0
    return place


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
    cdef Py_ssize_t i, b, k, start = 0, lane, n_lanes = state.shape[0], n_words = words.shape[0]
    cdef const uint32_t *source = NULL if n_words == 0 else <uint32_t *>&words[0]
    cdef int32_t total
    with nogil:
        for b in range(ends.shape[0]):
            lane = 0
            for i in range(start, ends[b]):
                if high[i] - low[i] > 1:
                    place = take_one(
                        &state[lane], source, n_words, place, low[i], high[i], &below[0], &out[i]
                    )
                    if place < 0:
                        break
                    lane += 1
                    if lane == n_lanes:
                        lane = 0
                else:
                    out[i] = low[i]
            if place < 0:
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
