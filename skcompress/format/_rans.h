/* Steps of the entropy coder that compiled kernels share; `_rans.py` holds their NumPy reference. */
#ifndef SKCOMPRESS_RANS_H
#define SKCOMPRESS_RANS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t *state;
    ptrdiff_t n_lanes;
    const uint32_t *words;
    ptrdiff_t n_words;
    ptrdiff_t place;            /* of the next word; -1 once they ran out */
} decoder;

/* Floats divide faster than integers of 64 bits, and exactly: a quotient of a number below 2^48 by
   one below 2^24 that is no integer is farther from the next one than it is rounded. */
static inline int64_t rans_share(int64_t below, int64_t mass)
{
    return (int64_t)((double)(below << 24) / (double)mass);
}

/* Decode a symbol out of [low, high), where `below` holds sums of counts; NULL: all are one. */
static inline int64_t rans_take(
    decoder *from, ptrdiff_t lane, int64_t low, int64_t high, const int32_t *below)
{
    uint64_t x = from->state[lane];
    int64_t slot = (int64_t)(x & 0xFFFFFF), first, start, stop;
    if (!below) {
        int64_t mass = high - low;
        first = low + (((slot + 1) * mass - 1) >> 24);
        start = rans_share(first - low, mass);
        stop = rans_share(first + 1 - low, mass);
    } else {
        int64_t base = below[low], mass = below[high] - base;
        int64_t wanted = base + (((slot + 1) * mass - 1) >> 24);
        first = low;
        for (int64_t length = high - low; length > 1;) {
            int64_t half = length >> 1;
            /* Without a jump, whose direction no processor could guess. */
            first += half * (below[first + half] <= wanted);
            length -= half;
        }
        start = rans_share(below[first] - base, mass);
        stop = rans_share(below[first + 1] - base, mass);
    }
    x = (uint64_t)(stop - start) * (x >> 24) + (uint64_t)(slot - start);
    if (x >> 32 == 0) {
        if (from->place >= from->n_words) {
            from->place = -1;
            return first;
        }
        x = x << 32 | from->words[from->place++];
    }
    from->state[lane] = x;
    return first;
}

#endif
