/* Kernel expansions: distances, kernel function and weighted sums, tile by tile in the cache.

   All sums are of doubles, those over the lanes of a vector in a fixed order. */
#ifndef SKCOMPRESS_EXPANSION_H
#define SKCOMPRESS_EXPANSION_H

#include "_simd.h"

enum { LINEAR, POLY, SIGMOID, RBF };
enum { PANEL = 512, CHAIN = 128, NARROW = 64, NARROW_BLOCK = 16, WIDE_BLOCK = 64, LANES = 8 };

typedef struct {
    int kernel, degree;
    double gamma, coef0;
    ptrdiff_t n_vectors, n_features, n_groups, n_columns, n_outputs;
    const int64_t *ends;      /* where each group of vectors ends */
    int pairs;                /* outputs are pairs of groups; else there is one group */
    const double *vectors;    /* plain: tiles as wide as the lanes if narrow, else rows */
    const void *codes;        /* instead of plain ones: rows of codes */
    int code_bytes;
    const double *table;      /* of each column, table_step after the one before; or NULL */
    ptrdiff_t table_step;
    const double *scale, *zero;  /* of each column, where there is no table */
    const double *coef;       /* a row per vector: n_columns filled up to whole lanes, or one */
    const double *intercept;
} expansion;

INLINE double total(vdouble v)
{
    double lanes[LANES];
    memcpy(lanes, &v, 64);
    for (int width = LANES / 2; width; width /= 2)
#pragma GCC unroll 8
        for (int lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
    return lanes[0];
}

/* Squared distances, or products, of `n_x` rows with `n_v` tiles of as many vectors as lanes. */
INLINE void narrow(
    const double *x, ptrdiff_t k, const double *v, double *out, ptrdiff_t stride, const int product,
    const int n_x, const int n_v)
{
    vdouble sums[8];
    for (int i = 0; i < 8; i++) sums[i] = (vdouble){0};
    for (ptrdiff_t j = 0; j < k; j++) {
        vdouble w[8];
#pragma GCC unroll 8
        for (int b = 0; b < n_v; b++) w[b] = load_double(v + (b * k + j) * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < n_x; r++) {
#pragma GCC unroll 8
            for (int b = 0; b < n_v; b++) {
                if (product) {
                    sums[r * n_v + b] += w[b] * x[r * k + j];
                } else {
                    vdouble gap = w[b] - x[r * k + j];
                    sums[r * n_v + b] += gap * gap;
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_x; r++)
#pragma GCC unroll 8
        for (int b = 0; b < n_v; b++) memcpy(out + r * stride + b * LANES, &sums[r * n_v + b], 64);
}

/* The same of rows with vectors that are rows too; partial sums bound the rounding error. */
INLINE void wide(
    const double *x, ptrdiff_t k, const double *v, double *out, ptrdiff_t stride, const int product,
    const int n_x, const int n_v)
{
    double found[8] = {0};
    ptrdiff_t whole = k - k % LANES;
    for (ptrdiff_t begin = 0; begin < whole; begin += CHAIN * LANES) {
        ptrdiff_t end = begin + CHAIN * LANES < whole ? begin + CHAIN * LANES : whole;
        vdouble sums[8];
        for (int i = 0; i < 8; i++) sums[i] = (vdouble){0};
        for (ptrdiff_t j = begin; j < end; j += LANES) {
            vdouble w[8];
#pragma GCC unroll 8
            for (int b = 0; b < n_v; b++) w[b] = load_double(v + b * k + j);
#pragma GCC unroll 8
            for (int r = 0; r < n_x; r++) {
                vdouble own = load_double(x + r * k + j);
#pragma GCC unroll 8
                for (int b = 0; b < n_v; b++) {
                    if (product) {
                        sums[r * n_v + b] += w[b] * own;
                    } else {
                        vdouble gap = w[b] - own;
                        sums[r * n_v + b] += gap * gap;
                    }
                }
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < n_x * n_v; i++) found[i] += total(sums[i]);
    }
    for (int r = 0; r < n_x; r++) {
        for (int b = 0; b < n_v; b++) {
            double sum = found[r * n_v + b];
            for (ptrdiff_t j = whole; j < k; j++) {
                double gap = v[b * k + j] - x[r * k + j];
                sum += product ? v[b * k + j] * x[r * k + j] : gap * gap;
            }
            out[r * stride + b] = sum;
        }
    }
}

INLINE vdouble power(vdouble base, int degree)
{
    vdouble result = (vdouble){0} + 1.0;
    int begun = 0;
    while (degree) {
        if (degree % 2) {
            result = begun ? result * base : base;
            begun = 1;
        }
        degree /= 2;
        if (degree) base = base * base;
    }
    return result;
}

INLINE void apply_kernel(const expansion *of, double *values, ptrdiff_t n)
{
    double gamma = of->gamma, coef0 = of->coef0;
    if (of->kernel == LINEAR) return;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        vdouble value = load_double(values + i);
        if (of->kernel == RBF) value = exp_double(value * -gamma);
        else if (of->kernel == POLY) value = power(value * gamma + coef0, of->degree);
        else value = tanh_double(value * gamma + coef0);
        memcpy(values + i, &value, 64);
    }
}

/* Add the products of kernel values and coefficients of some vectors: n_x rows, n_q lanes. */
INLINE void weigh(
    const double *values, ptrdiff_t stride, const double *coef, ptrdiff_t width, ptrdiff_t n,
    double *out, ptrdiff_t out_stride, const int n_x, const int n_q)
{
    vdouble sums[8];
    for (int i = 0; i < 8; i++) sums[i] = (vdouble){0};
    for (ptrdiff_t v = 0; v < n; v++) {
        vdouble w[8];
#pragma GCC unroll 8
        for (int q = 0; q < n_q; q++) w[q] = load_double(coef + v * width + q * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < n_x; r++)
#pragma GCC unroll 8
            for (int q = 0; q < n_q; q++) sums[r * n_q + q] += w[q] * values[r * stride + v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_x; r++) {
#pragma GCC unroll 8
        for (int q = 0; q < n_q; q++) {
            double lanes[LANES];
            memcpy(lanes, &sums[r * n_q + q], 64);
            for (int lane = 0; lane < LANES; lane++)
                out[r * out_stride + q * LANES + lane] += lanes[lane];
        }
    }
}

INLINE double dot(const double *values, const double *coef, ptrdiff_t n)
{
    vdouble first = {0}, second = {0};
    ptrdiff_t v = 0;
    for (; v + 2 * LANES <= n; v += 2 * LANES) {
        first += load_double(values + v) * load_double(coef + v);
        second += load_double(values + v + LANES) * load_double(coef + v + LANES);
    }
    double sum = total(first + second);
    for (; v < n; v++) sum += values[v] * coef[v];
    return sum;
}

INLINE void weigh_all(
    const double *values, const double *coef, ptrdiff_t width, ptrdiff_t n, double *out,
    ptrdiff_t out_stride, ptrdiff_t n_x)
{
    ptrdiff_t r = 0, q;
    if (width == 1) {
        for (; r < n_x; r++)
            out[r * out_stride] += dot(values + r * PANEL, coef, n);
        return;
    }
    for (; r + 4 <= n_x; r += 4) {
        const double *from = values + r * PANEL;
        double *to = out + r * out_stride;
        for (q = 0; q + 2 * LANES <= width; q += 2 * LANES)
            weigh(from, PANEL, coef + q, width, n, to + q, out_stride, 4, 2);
        if (q < width) weigh(from, PANEL, coef + q, width, n, to + q, out_stride, 4, 1);
    }
    for (; r < n_x; r++) {
        const double *from = values + r * PANEL;
        double *to = out + r * out_stride;
        for (q = 0; q + 4 * LANES <= width; q += 4 * LANES)
            weigh(from, PANEL, coef + q, width, n, to + q, out_stride, 1, 4);
        for (; q < width; q += LANES)
            weigh(from, PANEL, coef + q, width, n, to + q, out_stride, 1, 1);
    }
}

/* Decode vectors, as rows or as tiles; the last tile is filled up with the last vector. */
#define DECODE(code_t)                                                                         \
    do {                                                                                       \
        const code_t *code = (const code_t *)of->codes + v * k;                                \
        if (table)                                                                             \
            for (ptrdiff_t j = 0; j < k; j++)                                                  \
                row[j * step] = table[j * of->table_step + code[j]];                           \
        else                                                                                   \
            for (ptrdiff_t j = 0; j < k; j++) row[j * step] = code[j] * scale[j] + zero[j];    \
    } while (0)

INLINE void decode(const expansion *of, ptrdiff_t from, ptrdiff_t n, int tiles, double *to)
{
    ptrdiff_t k = of->n_features, step = tiles ? LANES : 1;
    const double *table = of->table, *scale = of->scale, *zero = of->zero;
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t v = from + i < of->n_vectors ? from + i : of->n_vectors - 1;
        double *row = tiles ? to + i / LANES * k * LANES + i % LANES : to + i * k;
        if (of->code_bytes == 1) DECODE(uint8_t);
        else DECODE(uint16_t);
    }
}
#undef DECODE

/* Kernel values of some rows and up to PANEL vectors. */
INLINE void panel(
    const expansion *of, const double *x, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n,
    double *scratch, double *values, const int product)
{
    ptrdiff_t k = of->n_features, r, b;
    if (k < NARROW) {
        ptrdiff_t n_tiles = (n + LANES - 1) / LANES;
        const double *tiles = of->codes ? scratch : of->vectors + from * k;
        if (of->codes) decode(of, from, n_tiles * LANES, 1, scratch);
#define ROWS(n_x, n_v)                                                                         \
    narrow(x + r * k, k, tiles + b * k * LANES, values + r * PANEL + b * LANES, PANEL,         \
           product, n_x, n_v)
        for (r = 0; r + 4 <= n_x; r += 4) {
            for (b = 0; b + 2 <= n_tiles; b += 2) ROWS(4, 2);
            for (; b < n_tiles; b++) ROWS(4, 1);
        }
        for (; r < n_x; r++) {
            for (b = 0; b + 8 <= n_tiles; b += 8) ROWS(1, 8);
            for (; b < n_tiles; b++) ROWS(1, 1);
        }
#undef ROWS
    } else {
#define ROWS(n_x, n_v) wide(x + r * k, k, v, values + r * PANEL + b, PANEL, product, n_x, n_v)
        for (b = 0; b < n; b += 2) {
            ptrdiff_t n_v = n - b < 2 ? 1 : 2;
            const double *v = of->codes ? scratch : of->vectors + (from + b) * k;
            if (of->codes) decode(of, from + b, n_v, 0, scratch);
            for (r = 0; n_v == 2 && r + 4 <= n_x; r += 4) ROWS(4, 2);
            for (; n_v == 2 && r < n_x; r++) ROWS(1, 2);
            for (; r < n_x; r++) ROWS(1, 1);
        }
        for (r = 0; r < n_x; r++)
            for (b = n; b % LANES; b++) values[r * PANEL + b] = 0;
#undef ROWS
    }
    for (r = 0; r < n_x; r++)
        apply_kernel(of, values + r * PANEL, (n + LANES - 1) / LANES * LANES);
}

/* Columns of sums of a group: whole lanes, or a single one. */
INLINE ptrdiff_t sums_of_group(const expansion *of)
{
    return of->n_columns == 1 ? 1 : (of->n_columns + LANES - 1) / LANES * LANES;
}

/* Add what vectors from `from` on contribute to the sums of their groups. */
INLINE void add(
    const expansion *of, const double *values, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n,
    double *sums)
{
    ptrdiff_t width = sums_of_group(of), group = 0, end = from + n;
    for (ptrdiff_t begin = from; begin < end;) {
        while (of->ends[group] <= begin) group++;
        ptrdiff_t stop = of->ends[group] < end ? of->ends[group] : end;
        weigh_all(
            values + (begin - from), of->coef + begin * width, width, stop - begin,
            sums + group * width, of->n_groups * width, n_x);
        begin = stop;
    }
}

INLINE void finish(const expansion *of, const double *sums, ptrdiff_t n_x, double *out)
{
    ptrdiff_t width = sums_of_group(of);
    for (ptrdiff_t r = 0; r < n_x; r++, out += of->n_outputs, sums += of->n_groups * width) {
        if (!of->pairs) {
            for (ptrdiff_t q = 0; q < of->n_outputs; q++) out[q] = sums[q] + of->intercept[q];
            continue;
        }
        for (ptrdiff_t i = 0, pair = 0; i < of->n_groups; i++)
            for (ptrdiff_t j = i + 1; j < of->n_groups; j++, pair++)
                out[pair] = sums[i * width + j - 1] + sums[j * width + i] + of->intercept[pair];
    }
}

/* Outputs of all rows; -1 where there is no memory. */
CLONES int expand(const expansion *of, const double *rows, ptrdiff_t n_rows, double *out)
{
    ptrdiff_t k = of->n_features, at, v;
    ptrdiff_t largest = k < NARROW ? NARROW_BLOCK : WIDE_BLOCK;
    ptrdiff_t block = n_rows < largest ? n_rows : largest;
    ptrdiff_t n_sums = of->n_groups * sums_of_group(of);
    size_t n_values = block * PANEL, n_decoded = !of->codes ? 0 : k < NARROW ? PANEL * k : 2 * k;
    double *values = malloc((n_values + n_decoded + block * n_sums) * sizeof(double));
    if (!values) return -1;
    double *decoded = values + n_values, *sums = decoded + n_decoded;
    for (at = 0; at < n_rows; at += block) {
        ptrdiff_t n_x = n_rows - at < block ? n_rows - at : block;
        memset(sums, 0, n_x * n_sums * sizeof(double));
        for (v = 0; v < of->n_vectors; v += PANEL) {
            ptrdiff_t n = of->n_vectors - v < PANEL ? of->n_vectors - v : PANEL;
            if (of->kernel == RBF) panel(of, rows + at * k, n_x, v, n, decoded, values, 0);
            else panel(of, rows + at * k, n_x, v, n, decoded, values, 1);
            add(of, values, n_x, v, n, sums);
        }
        finish(of, sums, n_x, out + at * of->n_outputs);
    }
    free(values);
    return 0;
}

/* Add what a panel contributes, given products of rows and vectors, and their squared lengths. */
CLONES void add_products(
    const expansion *of, double *values, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n,
    const double *own, const double *lengths, double *sums)
{
    for (ptrdiff_t r = 0; r < n_x; r++) {
        double *row = values + r * PANEL;
        for (ptrdiff_t v = n; v % LANES; v++) row[v] = 0;
        if (of->kernel == RBF) {
            for (ptrdiff_t v = 0; v < n; v++) {
                double square = (own[r] + lengths[from + v]) - 2 * row[v];
                row[v] = square > 0 ? square : 0;
            }
        }
        apply_kernel(of, row, (n + LANES - 1) / LANES * LANES);
    }
    add(of, values, n_x, from, n, sums);
}

CLONES void finish_all(const expansion *of, const double *sums, ptrdiff_t n_x, double *out)
{
    finish(of, sums, n_x, out);
}

/* Vectors as rows. */
CLONES void decode_all(const expansion *of, ptrdiff_t from, ptrdiff_t n, double *to)
{
    decode(of, from, n, 0, to);
}

INLINE void exp_of_lanes(const double *from, double *to, ptrdiff_t count)
{
    double some[LANES] = {0};
    memcpy(some, from, count * sizeof(double));
    vdouble value = exp_double(load_double(some));
    memcpy(to, &value, count * sizeof(double));
}

CLONES void exp_all(const double *from, double *to, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += LANES)
        exp_of_lanes(from + i, to + i, n - i < LANES ? n - i : LANES);
}

#endif
