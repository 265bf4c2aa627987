/* Fully connected layers over blocks of rows; inputs that are zero cost nothing. */
#ifndef SKCOMPRESS_NETWORK_H
#define SKCOMPRESS_NETWORK_H

#include "_simd.h"

enum { IDENTITY, RELU, TANH, LOGISTIC, SOFTMAX };
enum { BLOCK = 32, FEW = 8 };

typedef struct {
    int activation;
    ptrdiff_t n_inputs, n_units;
    ptrdiff_t stride;           /* of rows of weights: one unit, or at least as many as lanes */
    const void *weights;        /* dense, or NULL */
    const int8_t *codes;        /* instead, of code * scale + shift: 64 units in sixteen words */
    const float *scale, *shift; /* of each unit */
    const void *data;           /* sparse: entries of each input, one input after the other */
    const uint16_t *indices;    /* their units */
    const int64_t *indptr;      /* where the entries of each input begin */
    const void *bias;           /* filled up to whole lanes */
} layer;

typedef struct {
    ptrdiff_t n_layers;
    ptrdiff_t widest;           /* units or inputs, in whole lanes */
    int wide;                   /* floats, but the last bias and the outputs are doubles */
    const layer *layers;
} network;

typedef struct {
    const void *data;
    int doubles;
    const int32_t *indices;
    const int64_t *indptr;
} sparse_rows;

enum { NO_MEMORY = -1, NO_PLACE = -2 };

/* Sixteen of the 64 units whose codes stand in sixteen words, a byte of each. */
INLINE vfloat codes_of(vint words, const int b)
{
    return __builtin_convertvector((words << (24 - 8 * b)) >> 24, vfloat);
}

/* Sums of a layer of codes; row r has the inputs before counts[r]. */
INLINE void coded(
    const layer *of, ptrdiff_t width, ptrdiff_t n_x, const float *values, const int32_t *places,
    const ptrdiff_t *counts, float *sums)
{
    for (ptrdiff_t r = 0; r < n_x; r++) {
        ptrdiff_t first = r ? counts[r - 1] : 0;
        float total = 0;
        for (ptrdiff_t i = first; i < counts[r]; i++) total += values[i];
        for (ptrdiff_t at = 0; at < of->stride; at += 64) {
            vfloat sum[4];
            for (int b = 0; b < 4; b++) sum[b] = (vfloat){0};
            for (ptrdiff_t i = first; i < counts[r]; i++) {
                vint words;
                memcpy(&words, of->codes + places[i] * of->stride + at, 64);
#pragma GCC unroll 4
                for (int b = 0; b < 4; b++) sum[b] += codes_of(words, b) * values[i];
            }
#pragma GCC unroll 4
            for (int b = 0; b < 4; b++) {
                ptrdiff_t unit = at + b * 16;
                sum[b] = sum[b] * load_float(of->scale + unit);
                sum[b] = sum[b] + load_float(of->shift + unit) * total;
                memcpy(sums + r * width + unit, &sum[b], 64);
            }
        }
    }
}

/* Units of a decoded layer, filled up to whole lanes of 16. */
INLINE ptrdiff_t decoded_width(const layer *of)
{
    return (of->n_units + 15) / 16 * 16;
}

/* All weights of a layer of codes, as rows of whole lanes. */
CLONES void decode_layer(const layer *of, float *to)
{
    ptrdiff_t width = decoded_width(of);
    for (ptrdiff_t j = 0; j < of->n_inputs; j++, to += width) {
        for (ptrdiff_t at = 0; at < of->stride; at += 64) {
            vint words;
            memcpy(&words, of->codes + j * of->stride + at, 64);
#pragma GCC unroll 4
            for (int b = 0; b < 4; b++) {
                ptrdiff_t unit = at + b * 16;
                vfloat weights = codes_of(words, b) * load_float(of->scale + unit);
                weights = weights + load_float(of->shift + unit);
                if (unit < width) memcpy(to + unit, &weights, 64);
            }
        }
    }
}

#define REAL double
#define VEC vdouble
#define MOST 700.0
#define NAME(f) f##_double
#define CODED 0
#include "_network_of_type.h"
#undef REAL
#undef VEC
#undef MOST
#undef NAME
#undef CODED
#define REAL float
#define VEC vfloat
#define MOST 88.0f
#define NAME(f) f##_float
#define CODED 1
#include "_network_of_type.h"
#undef REAL
#undef VEC
#undef MOST
#undef NAME
#undef CODED

#endif
