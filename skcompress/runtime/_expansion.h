/* Kernel expansions: distances, kernel function and weighted sums, tile by tile in the cache. */
#ifndef SKCOMPRESS_EXPANSION_H
#define SKCOMPRESS_EXPANSION_H

#include "_simd.h"

enum { LINEAR, POLY, SIGMOID, RBF };
enum { PANEL = 512, CHAIN = 128, NARROW = 64, NARROW_BLOCK = 16, WIDE_BLOCK = 64 };

typedef struct {
    int kernel, degree;
    double gamma, coef0;
    ptrdiff_t n_vectors, n_features, n_groups, n_columns, n_outputs;
    const int64_t *ends;      /* where each group of vectors ends */
    int pairs;                /* outputs are pairs of groups; else there is one group */
    const void *vectors;      /* plain: tiles as wide as the lanes if narrow, else rows */
    const void *codes;        /* instead of plain ones: rows of codes */
    int code_bytes;
    const void *table;        /* of each column, table_step after that of the one before; or NULL */
    ptrdiff_t table_step;
    const void *scale, *zero; /* of each column, where there is no table */
    const double *center;     /* subtracted from rows, times `factor`; or NULL */
    double factor;
    const void *coef;         /* a row per vector, of n_columns filled up to whole lanes; or one */
    const double *intercept;
} expansion;

#define REAL double
#define VEC vdouble
#define NAME(f) f##_double
#include "_expansion_of_type.h"
#undef REAL
#undef VEC
#undef NAME
#define REAL float
#define VEC vfloat
#define NAME(f) f##_float
#include "_expansion_of_type.h"
#undef REAL
#undef VEC
#undef NAME

#endif
