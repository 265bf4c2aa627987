/* Included for double and for float; see _expansion.h. */

#define LANES ((ptrdiff_t)(64 / sizeof(REAL)))

INLINE REAL NAME(total)(VEC v)
{
    REAL lanes[64 / sizeof(REAL)];
    memcpy(lanes, &v, 64);
    for (int width = 32 / sizeof(REAL); width; width /= 2)
#pragma GCC unroll 8
        for (int lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
    return lanes[0];
}

/* Squared distances, or products, of `n_x` rows with `n_v` tiles of as many vectors as lanes. */
INLINE void NAME(narrow)(
    const REAL *x, ptrdiff_t k, const REAL *v, REAL *out, ptrdiff_t stride, const int product,
    const int n_x, const int n_v)
{
    VEC sums[8];
    for (int i = 0; i < 8; i++) sums[i] = (VEC){0};
    for (ptrdiff_t j = 0; j < k; j++) {
        VEC w[8];
#pragma GCC unroll 8
        for (int b = 0; b < n_v; b++) w[b] = NAME(load)(v + (b * k + j) * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < n_x; r++) {
#pragma GCC unroll 8
            for (int b = 0; b < n_v; b++) {
                if (product) {
                    sums[r * n_v + b] += w[b] * x[r * k + j];
                } else {
                    VEC gap = w[b] - x[r * k + j];
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
INLINE void NAME(wide)(
    const REAL *x, ptrdiff_t k, const REAL *v, REAL *out, ptrdiff_t stride, const int product,
    const int n_x, const int n_v)
{
    REAL found[8] = {0};
    ptrdiff_t whole = k - k % LANES;
    for (ptrdiff_t begin = 0; begin < whole; begin += CHAIN * LANES) {
        ptrdiff_t end = begin + CHAIN * LANES < whole ? begin + CHAIN * LANES : whole;
        VEC sums[8];
        for (int i = 0; i < 8; i++) sums[i] = (VEC){0};
        for (ptrdiff_t j = begin; j < end; j += LANES) {
            VEC w[8];
#pragma GCC unroll 8
            for (int b = 0; b < n_v; b++) w[b] = NAME(load)(v + b * k + j);
#pragma GCC unroll 8
            for (int r = 0; r < n_x; r++) {
                VEC own = NAME(load)(x + r * k + j);
#pragma GCC unroll 8
                for (int b = 0; b < n_v; b++) {
                    if (product) {
                        sums[r * n_v + b] += w[b] * own;
                    } else {
                        VEC gap = w[b] - own;
                        sums[r * n_v + b] += gap * gap;
                    }
                }
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < n_x * n_v; i++) found[i] += NAME(total)(sums[i]);
    }
    for (int r = 0; r < n_x; r++) {
        for (int b = 0; b < n_v; b++) {
            REAL sum = found[r * n_v + b];
            for (ptrdiff_t j = whole; j < k; j++) {
                REAL gap = v[b * k + j] - x[r * k + j];
                sum += product ? v[b * k + j] * x[r * k + j] : gap * gap;
            }
            out[r * stride + b] = sum;
        }
    }
}

INLINE VEC NAME(power)(VEC base, int degree)
{
    VEC result = (VEC){0} + (REAL)1;
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

INLINE void NAME(kernel)(const expansion *of, REAL *values, ptrdiff_t n)
{
    REAL gamma = (REAL)of->gamma, coef0 = (REAL)of->coef0;
    if (of->kernel == LINEAR) return;
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        VEC value = NAME(load)(values + i);
        if (of->kernel == RBF) value = NAME(exp)(value * -gamma);
        else if (of->kernel == POLY) value = NAME(power)(value * gamma + coef0, of->degree);
        else value = NAME(tanh)(value * gamma + coef0);
        memcpy(values + i, &value, 64);
    }
}

/* Add the products of kernel values and coefficients of some vectors: n_x rows, n_q lanes. */
INLINE void NAME(weigh)(
    const REAL *values, ptrdiff_t stride, const REAL *coef, ptrdiff_t width, ptrdiff_t n,
    double *out, ptrdiff_t out_stride, const int n_x, const int n_q)
{
    VEC sums[8];
    for (int i = 0; i < 8; i++) sums[i] = (VEC){0};
    for (ptrdiff_t v = 0; v < n; v++) {
        VEC w[8];
#pragma GCC unroll 8
        for (int q = 0; q < n_q; q++) w[q] = NAME(load)(coef + v * width + q * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < n_x; r++)
#pragma GCC unroll 8
            for (int q = 0; q < n_q; q++) sums[r * n_q + q] += w[q] * values[r * stride + v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_x; r++) {
#pragma GCC unroll 8
        for (int q = 0; q < n_q; q++) {
            REAL lanes[64 / sizeof(REAL)];
            memcpy(lanes, &sums[r * n_q + q], 64);
            for (int lane = 0; lane < LANES; lane++)
                out[r * out_stride + q * LANES + lane] += lanes[lane];
        }
    }
}

INLINE double NAME(dot)(const REAL *values, const REAL *coef, ptrdiff_t n)
{
    VEC first = {0}, second = {0};
    ptrdiff_t v = 0;
    for (; v + 2 * LANES <= n; v += 2 * LANES) {
        first += NAME(load)(values + v) * NAME(load)(coef + v);
        second += NAME(load)(values + v + LANES) * NAME(load)(coef + v + LANES);
    }
    REAL sum = NAME(total)(first + second);
    for (; v < n; v++) sum += values[v] * coef[v];
    return sum;
}

INLINE void NAME(weigh_all)(
    const REAL *values, const REAL *coef, ptrdiff_t width, ptrdiff_t n, double *out,
    ptrdiff_t out_stride, ptrdiff_t n_x)
{
    ptrdiff_t r = 0, q;
    if (width == 1) {
        for (; r < n_x; r++)
            out[r * out_stride] += NAME(dot)(values + r * PANEL, coef, n);
        return;
    }
    for (; r + 4 <= n_x; r += 4) {
        const REAL *from = values + r * PANEL;
        double *to = out + r * out_stride;
        for (q = 0; q + 2 * LANES <= width; q += 2 * LANES)
            NAME(weigh)(from, PANEL, coef + q, width, n, to + q, out_stride, 4, 2);
        if (q < width) NAME(weigh)(from, PANEL, coef + q, width, n, to + q, out_stride, 4, 1);
    }
    for (; r < n_x; r++) {
        const REAL *from = values + r * PANEL;
        double *to = out + r * out_stride;
        for (q = 0; q + 4 * LANES <= width; q += 4 * LANES)
            NAME(weigh)(from, PANEL, coef + q, width, n, to + q, out_stride, 1, 4);
        for (; q < width; q += LANES)
            NAME(weigh)(from, PANEL, coef + q, width, n, to + q, out_stride, 1, 1);
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

INLINE void NAME(decode)(const expansion *of, ptrdiff_t from, ptrdiff_t n, int tiles, REAL *to)
{
    ptrdiff_t k = of->n_features, step = tiles ? LANES : 1;
    const REAL *table = of->table, *scale = of->scale, *zero = of->zero;
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t v = from + i < of->n_vectors ? from + i : of->n_vectors - 1;
        REAL *row = tiles ? to + i / LANES * k * LANES + i % LANES : to + i * k;
        if (of->code_bytes == 1) DECODE(uint8_t);
        else DECODE(uint16_t);
    }
}
#undef DECODE

/* Kernel values of some rows and up to PANEL vectors. */
INLINE void NAME(panel)(
    const expansion *of, const REAL *x, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n, REAL *scratch,
    REAL *values)
{
    ptrdiff_t k = of->n_features, r, b;
    const int product = of->kernel != RBF;
    if (k < NARROW) {
        ptrdiff_t n_tiles = (n + LANES - 1) / LANES;
        const REAL *tiles = (const REAL *)of->vectors + from * k;
        if (of->codes) {
            NAME(decode)(of, from, n_tiles * LANES, 1, scratch);
            tiles = scratch;
        }
#define ROWS(n_x, n_v)                                                                         \
    if (product) NAME(narrow)(x + r * k, k, tiles + b * k * LANES,                             \
                              values + r * PANEL + b * LANES, PANEL, 1, n_x, n_v);             \
    else NAME(narrow)(x + r * k, k, tiles + b * k * LANES,                                     \
                      values + r * PANEL + b * LANES, PANEL, 0, n_x, n_v)
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
#define ROWS(n_x, n_v)                                                                         \
    if (product) NAME(wide)(x + r * k, k, v, values + r * PANEL + b, PANEL, 1, n_x, n_v);      \
    else NAME(wide)(x + r * k, k, v, values + r * PANEL + b, PANEL, 0, n_x, n_v)
        for (b = 0; b < n; b += 2) {
            ptrdiff_t n_v = n - b < 2 ? 1 : 2;
            const REAL *v = (const REAL *)of->vectors + (from + b) * k;
            if (of->codes) {
                NAME(decode)(of, from + b, n_v, 0, scratch);
                v = scratch;
            }
            for (r = 0; n_v == 2 && r + 4 <= n_x; r += 4) ROWS(4, 2);
            for (; n_v == 2 && r < n_x; r++) ROWS(1, 2);
            for (; r < n_x; r++) ROWS(1, 1);
        }
        for (r = 0; r < n_x; r++)
            for (b = n; b % LANES; b++) values[r * PANEL + b] = 0;
#undef ROWS
    }
    for (r = 0; r < n_x; r++)
        NAME(kernel)(of, values + r * PANEL, (n + LANES - 1) / LANES * LANES);
}

/* Columns of sums of a group: whole lanes, or a single one. */
INLINE ptrdiff_t NAME(width)(const expansion *of)
{
    return of->n_columns == 1 ? 1 : (of->n_columns + LANES - 1) / LANES * LANES;
}

/* Add what vectors from `from` on contribute to the sums of their groups. */
INLINE void NAME(add)(
    const expansion *of, const REAL *values, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n,
    double *sums)
{
    ptrdiff_t width = NAME(width)(of), group = 0, end = from + n;
    for (ptrdiff_t begin = from; begin < end;) {
        while (of->ends[group] <= begin) group++;
        ptrdiff_t stop = of->ends[group] < end ? of->ends[group] : end;
        NAME(weigh_all)(
            values + (begin - from), (const REAL *)of->coef + begin * width, width, stop - begin,
            sums + group * width, of->n_groups * width, n_x);
        begin = stop;
    }
}

INLINE void NAME(finish)(const expansion *of, const double *sums, ptrdiff_t n_x, double *out)
{
    ptrdiff_t width = NAME(width)(of);
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
CLONES int NAME(expand)(const expansion *of, const double *rows, ptrdiff_t n_rows, double *out)
{
    ptrdiff_t k = of->n_features, at, r, j, v;
    ptrdiff_t largest = k < NARROW ? NARROW_BLOCK : WIDE_BLOCK;
    ptrdiff_t block = n_rows < largest ? n_rows : largest;
    ptrdiff_t n_sums = of->n_groups * NAME(width)(of);
    int copied = of->center != NULL || sizeof(REAL) != sizeof(double);
    size_t n_values = block * PANEL, n_copied = copied ? block * k : 0;
    size_t n_decoded = !of->codes ? 0 : k < NARROW ? PANEL * k : 2 * k;
    size_t n_real = n_values + n_copied + n_decoded;
    n_real += n_real % 2;
    char *memory = malloc(n_real * sizeof(REAL) + block * n_sums * sizeof(double));
    if (!memory) return -1;
    REAL *values = (REAL *)memory, *copy = values + n_values, *decoded = copy + n_copied;
    double *sums = (double *)(values + n_real);
    for (at = 0; at < n_rows; at += block) {
        ptrdiff_t n_x = n_rows - at < block ? n_rows - at : block;
        const double *from = rows + at * k;
        const REAL *x = (const REAL *)from;
        if (copied) {
            for (r = 0; r < n_x; r++)
                for (j = 0; j < k; j++)
                    copy[r * k + j] = (REAL)((from[r * k + j] - of->center[j]) * of->factor);
            x = copy;
        }
        memset(sums, 0, n_x * n_sums * sizeof(double));
        for (v = 0; v < of->n_vectors; v += PANEL) {
            ptrdiff_t n = of->n_vectors - v < PANEL ? of->n_vectors - v : PANEL;
            NAME(panel)(of, x, n_x, v, n, decoded, values);
            NAME(add)(of, values, n_x, v, n, sums);
        }
        NAME(finish)(of, sums, n_x, out + at * of->n_outputs);
    }
    free(memory);
    return 0;
}

/* Add what a panel contributes, given products of rows and vectors, and their squared lengths. */
CLONES void NAME(add_products)(
    const expansion *of, REAL *values, ptrdiff_t n_x, ptrdiff_t from, ptrdiff_t n,
    const REAL *own, const REAL *lengths, double *sums)
{
    for (ptrdiff_t r = 0; r < n_x; r++) {
        REAL *row = values + r * PANEL;
        for (ptrdiff_t v = n; v % LANES; v++) row[v] = 0;
        if (of->kernel == RBF) {
            for (ptrdiff_t v = 0; v < n; v++) {
                REAL square = (own[r] + lengths[from + v]) - 2 * row[v];
                row[v] = square > 0 ? square : 0;
            }
        }
        NAME(kernel)(of, row, (n + LANES - 1) / LANES * LANES);
    }
    NAME(add)(of, values, n_x, from, n, sums);
}

CLONES void NAME(finish_all)(const expansion *of, const double *sums, ptrdiff_t n_x, double *out)
{
    NAME(finish)(of, sums, n_x, out);
}

/* Vectors as rows. */
CLONES void NAME(decode_all)(const expansion *of, ptrdiff_t from, ptrdiff_t n, REAL *to)
{
    NAME(decode)(of, from, n, 0, to);
}

CLONES void NAME(exp_all)(const REAL *from, REAL *to, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        REAL some[64 / sizeof(REAL)] = {0};
        ptrdiff_t count = n - i < LANES ? n - i : LANES;
        memcpy(some, from + i, count * sizeof(REAL));
        VEC value = NAME(exp)(NAME(load)(some));
        memcpy(to + i, &value, count * sizeof(REAL));
    }
}
#undef LANES
