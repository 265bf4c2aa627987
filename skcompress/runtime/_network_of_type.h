/* Included for double and for float; see _network.h. */

#define LANES ((ptrdiff_t)(64 / sizeof(REAL)))

/* Sums of n_v times as many units as lanes, over the inputs that are not zero. */
INLINE void NAME(tile)(
    const REAL *weights, ptrdiff_t stride, const REAL *values, const int32_t *places, ptrdiff_t n,
    REAL *sums, const int n_v)
{
    VEC sum[4];
    for (int b = 0; b < 4; b++) sum[b] = (VEC){0};
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL *from = weights + places[i] * stride;
#pragma GCC unroll 4
        for (int b = 0; b < n_v; b++) sum[b] += NAME(load)(from + b * LANES) * values[i];
    }
#pragma GCC unroll 4
    for (int b = 0; b < n_v; b++) memcpy(sums + b * LANES, &sum[b], 64);
}

/* Inputs of some rows that are not zero, and their places; row r has those before counts[r]. */
#define GATHER(real_t)                                                                         \
    for (ptrdiff_t r = 0; r < n_x; r++) {                                                      \
        const real_t *row = (const real_t *)x + r * stride;                                    \
        for (ptrdiff_t j = 0; j < n_inputs; j++) {                                             \
            values[n] = (REAL)row[j];                                                          \
            places[n] = (int32_t)j;                                                            \
            n += row[j] != 0;                                                                  \
        }                                                                                      \
        counts[r] = n;                                                                         \
    }

INLINE void NAME(gather)(
    const void *x, int doubles, ptrdiff_t stride, ptrdiff_t n_x, ptrdiff_t n_inputs, REAL *values,
    int32_t *places, ptrdiff_t *counts)
{
    ptrdiff_t n = 0;
    if (doubles) {
        GATHER(double)
    } else {
        GATHER(float)
    }
}
#undef GATHER

/* The same of sparse rows; -1 where a place is none. */
#define GATHER(real_t)                                                                         \
    for (ptrdiff_t r = 0; r < n_x; r++) {                                                      \
        for (int64_t e = of->indptr[at + r]; e < of->indptr[at + r + 1]; e++) {                \
            if (of->indices[e] < 0 || of->indices[e] >= n_inputs) return -1;                   \
            values[n] = (REAL)((const real_t *)of->data)[e];                                   \
            places[n++] = of->indices[e];                                             \
        }                                                                                      \
        counts[r] = n;                                                                         \
    }

INLINE int NAME(gather_sparse)(
    const sparse_rows *of, ptrdiff_t at, ptrdiff_t n_x, ptrdiff_t n_inputs, REAL *values,
    int32_t *places, ptrdiff_t *counts)
{
    ptrdiff_t n = 0;
    if (of->doubles) {
        GATHER(double)
    } else {
        GATHER(float)
    }
    return 0;
}
#undef GATHER

/* All inputs of some rows. */
INLINE void NAME(spread)(
    const void *x, int doubles, ptrdiff_t stride, ptrdiff_t n_x, ptrdiff_t n_inputs,
    ptrdiff_t width, REAL *values)
{
    for (ptrdiff_t r = 0; r < n_x; r++) {
        REAL *to = values + r * width;
        if (doubles)
            for (ptrdiff_t j = 0; j < n_inputs; j++)
                to[j] = (REAL)((const double *)x)[r * stride + j];
        else
            for (ptrdiff_t j = 0; j < n_inputs; j++)
                to[j] = (REAL)((const float *)x)[r * stride + j];
    }
}

INLINE void NAME(dense)(
    const layer *of, ptrdiff_t width, ptrdiff_t n_x, const REAL *values, const int32_t *places,
    const ptrdiff_t *counts, REAL *sums)
{
    ptrdiff_t at, r, first;
    const REAL *weights = of->weights;
#define TILE(n_v)                                                                              \
    for (r = 0; r < n_x; r++) {                                                                \
        first = r ? counts[r - 1] : 0;                                                         \
        NAME(tile)(weights + at, of->stride, values + first, places + first,                   \
                   counts[r] - first, sums + r * width + at, n_v);                             \
    }
    for (at = 0; at + 4 * LANES <= of->stride; at += 4 * LANES) TILE(4);
    for (; at < of->stride; at += LANES) {
        /* At last some units once more, so that nothing is read beyond the last weight. */
        if (at + LANES > of->stride) at = of->stride - LANES;
        TILE(1);
    }
#undef TILE
}

/* The same over all inputs, n_x rows at once. */
INLINE void NAME(full_tile)(
    const REAL *weights, ptrdiff_t stride, const REAL *x, ptrdiff_t width, ptrdiff_t n_inputs,
    REAL *sums, const int n_x, const int n_v)
{
    VEC sum[8];
    for (int i = 0; i < 8; i++) sum[i] = (VEC){0};
    for (ptrdiff_t j = 0; j < n_inputs; j++) {
        VEC own[4];
#pragma GCC unroll 4
        for (int b = 0; b < n_v; b++) own[b] = NAME(load)(weights + j * stride + b * LANES);
#pragma GCC unroll 4
        for (int r = 0; r < n_x; r++)
#pragma GCC unroll 4
            for (int b = 0; b < n_v; b++) sum[r * n_v + b] += own[b] * x[r * width + j];
    }
#pragma GCC unroll 4
    for (int r = 0; r < n_x; r++)
#pragma GCC unroll 4
        for (int b = 0; b < n_v; b++) memcpy(sums + r * width + b * LANES, &sum[r * n_v + b], 64);
}

INLINE void NAME(full)(
    const layer *of, const REAL *x, ptrdiff_t width, ptrdiff_t n_x, REAL *sums)
{
    const REAL *weights = of->weights;
    ptrdiff_t r = 0, at, j;
    if (of->stride == 1) {
        for (; r < n_x; r++) {
            VEC lanes = {0};
            for (j = 0; j + LANES <= of->n_inputs; j += LANES)
                lanes += NAME(load)(x + r * width + j) * NAME(load)(weights + j);
            REAL sum = 0;
            for (ptrdiff_t lane = 0; lane < LANES; lane++) sum += lanes[lane];
            for (; j < of->n_inputs; j++) sum += x[r * width + j] * weights[j];
            sums[r * width] = sum;
        }
        return;
    }
#define TILE(n_r, n_v)                                                                         \
    NAME(full_tile)(weights + at, of->stride, x + r * width, width, of->n_inputs,              \
                    sums + r * width + at, n_r, n_v)
    for (; r + 4 <= n_x; r += 4) {
        for (at = 0; at + 2 * LANES <= of->stride; at += 2 * LANES) TILE(4, 2);
        for (; at < of->stride; at += LANES) {
            if (at + LANES > of->stride) at = of->stride - LANES;
            TILE(4, 1);
        }
    }
    for (; r < n_x; r++) {
        for (at = 0; at + 4 * LANES <= of->stride; at += 4 * LANES) TILE(1, 4);
        for (; at < of->stride; at += LANES) {
            if (at + LANES > of->stride) at = of->stride - LANES;
            TILE(1, 1);
        }
    }
#undef TILE
}

/* Lanes are rows where there are enough of them. */
INLINE void NAME(sparse)(
    const layer *of, ptrdiff_t width, ptrdiff_t n_x, const REAL *values, const int32_t *places,
    const ptrdiff_t *counts, REAL *turned, REAL *sums)
{
    const REAL *data = of->data;
    ptrdiff_t r, j, u, e, i, first;
    if (n_x < LANES / 2) {
        for (r = 0; r < n_x; r++) {
            REAL *sum = sums + r * width;
            memset(sum, 0, of->n_units * sizeof(REAL));
            for (i = r ? counts[r - 1] : 0; i < counts[r]; i++)
                for (e = of->indptr[places[i]]; e < of->indptr[places[i] + 1]; e++)
                    sum[of->indices[e]] += data[e] * values[i];
        }
        return;
    }
    for (first = 0; first < n_x; first += LANES) {
        ptrdiff_t n = n_x - first < LANES ? n_x - first : LANES, next[64 / sizeof(REAL)];
        for (r = 0; r < n; r++) next[r] = first + r ? counts[first + r - 1] : 0;
        memset(turned, 0, of->n_units * 64);
        for (j = 0; j < of->n_inputs; j++) {
            REAL lanes[64 / sizeof(REAL)] = {0};
            for (r = 0; r < n; r++) {
                if (next[r] < counts[first + r] && places[next[r]] == j)
                    lanes[r] = values[next[r]++];
            }
            VEC own = NAME(load)(lanes);
            for (e = of->indptr[j]; e < of->indptr[j + 1]; e++) {
                REAL *to = turned + of->indices[e] * LANES;
                VEC sum = NAME(load)(to) + own * data[e];
                memcpy(to, &sum, 64);
            }
        }
        for (r = 0; r < n; r++)
            for (u = 0; u < of->n_units; u++)
                sums[(first + r) * width + u] = turned[u * LANES + r];
    }
}

/* Sums of a layer, however its weights are held. */
INLINE void NAME(weigh)(
    const layer *of, ptrdiff_t width, ptrdiff_t n_x, const REAL *values, const int32_t *places,
    const ptrdiff_t *counts, REAL *turned, REAL *sums)
{
#if CODED
    if (of->codes) {
        coded(of, width, n_x, values, places, counts, sums);
        return;
    }
#endif
    if (of->weights) NAME(dense)(of, width, n_x, values, places, counts, sums);
    else NAME(sparse)(of, width, n_x, values, places, counts, turned, sums);
}

INLINE void NAME(activate)(const layer *of, REAL *sums)
{
    const REAL *bias = of->bias;
    REAL largest = -INFINITY, total = 0;
    ptrdiff_t u;
    for (u = 0; u < of->n_units; u += LANES) {
        VEC sum = NAME(load)(sums + u) + NAME(load)(bias + u);
        if (of->activation == RELU) sum = NAME(choose)(sum < 0, (VEC){0}, sum);
        else if (of->activation == TANH) sum = NAME(tanh)(sum);
        else if (of->activation == LOGISTIC)
            sum = 1 / (1 + NAME(exp)(NAME(choose)(-sum > MOST, (VEC){0} + MOST, -sum)));
        memcpy(sums + u, &sum, 64);
    }
    if (of->activation != SOFTMAX) return;
    for (u = 0; u < of->n_units; u++) largest = sums[u] > largest ? sums[u] : largest;
    for (u = 0; u < of->n_units; u += LANES) {
        VEC power = NAME(exp)(NAME(load)(sums + u) - largest);
        memcpy(sums + u, &power, 64);
    }
    for (u = 0; u < of->n_units; u++) total += sums[u];
    for (u = 0; u < of->n_units; u++) sums[u] /= total;
}

/* Outputs of the last layer for one row, in double precision; `scratch` has room for its units. */
INLINE void NAME(widened)(const layer *of, const REAL *sums, double *scratch, double *out)
{
    for (ptrdiff_t u = 0; u < of->n_units; u++) scratch[u] = sums[u];
    for (ptrdiff_t u = of->n_units; u % 8; u++) scratch[u] = 0;
    activate_double(of, scratch);
    memcpy(out, scratch, of->n_units * sizeof(double));
}

/* Outputs of all rows, which are dense unless `sparse` tells of others; `summed`: they are the sums
   of the first layer, without its bias. NO_MEMORY or NO_PLACE where that fails; sparse rows hold no
   more entries than there are columns; the first layer then is dense and of several units. */
CLONES int NAME(forward)(
    const network *of, const void *rows, int doubles, const sparse_rows *sparse, int summed,
    ptrdiff_t n_rows, void *out)
{
    ptrdiff_t width = of->widest, n_outputs = of->layers[of->n_layers - 1].n_units;
    ptrdiff_t n_inputs = summed ? of->layers[0].n_units : of->layers[0].n_inputs;
    ptrdiff_t block = n_rows < BLOCK ? n_rows : BLOCK, at, r, j, l, counts[BLOCK];
    size_t n = block * width + LANES;
    char *memory = malloc(2 * n * sizeof(REAL) + 64 * width + n * sizeof(int32_t));
    if (!memory) return NO_MEMORY;
    REAL *sums = (REAL *)memory, *values = sums + n, *turned = values + n;
    int32_t *places = (int32_t *)(turned + LANES * width);
    for (at = 0; at < n_rows; at += block) {
        ptrdiff_t n_x = n_rows - at < block ? n_rows - at : block;
        const char *from = (const char *)rows + at * n_inputs * (doubles ? 8 : 4);
        for (l = 0; l < of->n_layers; l++) {
            const layer *own = of->layers + l;
            if (l == 0 && summed) {
                for (r = 0; r < n_x; r++)
                    memcpy(sums + r * width, from + r * n_inputs * sizeof(REAL),
                           n_inputs * sizeof(REAL));
            } else if (l == 0 && sparse) {
                if (NAME(gather_sparse)(sparse, at, n_x, n_inputs, values, places, counts)) {
                    free(memory);
                    return NO_PLACE;
                }
                NAME(weigh)(own, width, n_x, values, places, counts, turned, sums);
            } else if (own->weights && own->stride <= FEW * LANES) {
                NAME(spread)(l ? sums : (const void *)from, l ? sizeof(REAL) == 8 : doubles,
                             l ? width : n_inputs, n_x, own->n_inputs, width, values);
                NAME(full)(own, values, width, n_x, sums);
            } else {
                NAME(gather)(l ? sums : (const void *)from, l ? sizeof(REAL) == 8 : doubles,
                             l ? width : n_inputs, n_x, own->n_inputs, values, places, counts);
                NAME(weigh)(own, width, n_x, values, places, counts, turned, sums);
            }
            for (r = 0; r < n_x; r++) {
                REAL *sum = sums + r * width;
                if (of->wide && l == of->n_layers - 1) {
                    NAME(widened)(own, sum, (double *)turned,
                                  (double *)out + (at + r) * n_outputs);
                    continue;
                }
                for (j = own->n_units; j % LANES; j++) sum[j] = 0;
                NAME(activate)(own, sum);
            }
        }
        if (of->wide) continue;
        for (r = 0; r < n_x; r++)
            memcpy((REAL *)out + (at + r) * n_outputs, sums + r * width,
                   n_outputs * sizeof(REAL));
    }
    free(memory);
    return 0;
}
#undef LANES
