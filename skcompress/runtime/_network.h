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

#define REAL double
#define VEC vdouble
#define MOST 700.0
#define NAME(f) f##_double
#include "_network_of_type.h"
#undef REAL
#undef VEC
#undef MOST
#undef NAME
#define REAL float
#define VEC vfloat
#define MOST 88.0f
#define NAME(f) f##_float
#include "_network_of_type.h"
#undef REAL
#undef VEC
#undef MOST
#undef NAME

#endif
