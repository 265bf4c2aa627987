/* The forest codec's walk; `_forest_walk.py` tells what it codes, and is its NumPy reference.

   Symbols are measured, written or read by the same steps. Counts of contexts are summed up within
   each context that changed; those of stretches, of which any part may be an alphabet, as one run. */
#ifndef SKCOMPRESS_FOREST_WALK_H
#define SKCOMPRESS_FOREST_WALK_H

#include <stdlib.h>
#include <string.h>

#include "_rans.h"

enum { MEASURE, WRITE, READ };
enum { TOPOLOGY, FEATURE, RANK, LEAF, IN_BIN, N_STREAMS };
enum { MOST_VARIANTS = 3, SMALLEST_BLOCK = 64, MASS_LIMIT = 1 << 23, KNOWN_BITS = 16 };
enum { DONE, NO_MEMORY, NO_WORDS, TOO_MANY, TOO_FEW, TOO_DEEP, NO_THRESHOLDS, CLOSED, UNBOUNDED };

typedef struct {
    int64_t alphabet;           /* symbols of each context; 0: contexts are stretches of one run */
    int64_t size;               /* symbols in all */
    int32_t step;               /* 0: all stay equally likely, and there are no counts */
    int32_t *counts;            /* contexts take a place more than symbols, marked where changed */
    int32_t *below;             /* sums before each, within the context */
    int64_t total;
    int64_t bits;               /* measured, in 2^-32 bits */
} variant;

typedef struct {
    int n_variants;
    int64_t seen, lessons, largest;
    variant variants[MOST_VARIANTS];
} stream;

typedef struct {
    int mode;
    int64_t n_trees, n_nodes, n_used, n_rows, full_box, most_levels;
    int64_t box_classes, depth_classes, siblings, direct_rows, bins, coarse;
    int bounded;
    const int64_t *offsets;     /* of the thresholds of each used feature */
    uint8_t *internal;
    int32_t *tree, *feature, *rank, *leaf;  /* of each node; read, or given */
    int chosen[N_STREAMS];
    stream streams[N_STREAMS];
    decoder source;             /* reading */
    uint32_t *start, *size;     /* writing */
    int64_t n_put, n_blocks, room_for_blocks, *ends;
    const int64_t *logarithms;  /* measuring: of numbers of KNOWN_BITS, in 2^-32 bits */
    /* What is known of the nodes of the levels reached so far. */
    int32_t *parent, *first, *end, *box, *near;
    uint8_t *is_right;
    /* Of a level. */
    int32_t *split, *low, *high, *symbols, *edge, *context[MOST_VARIANTS];
} walk;

static inline int64_t bits_of(uint64_t number)
{
#if defined(__GNUC__)
    return number ? 64 - __builtin_clzll(number) : 0;
#else
    int64_t bits = 0;
    for (; number; number >>= 1) bits++;
    return bits;
#endif
}

/* The same as `weights_of` in _rans.py. */
static inline int64_t weight_of(const walk *w, int64_t number)
{
    int64_t more = bits_of((uint64_t)number) - KNOWN_BITS;
    if (more <= 0) return w->logarithms[number];
    return w->logarithms[number >> more] + (more << 32);
}

/* Sum up a context, and unmark it. */
static inline void sum_up(int32_t *counts, int32_t *below, int64_t alphabet)
{
    int32_t total = 0;
    for (int64_t s = 0; s < alphabet; s++) {
        below[s] = total;
        total += counts[s];
    }
    below[alphabet] = total;
    counts[alphabet] = 0;
}

static void sum_up_all(variant *of)
{
    int64_t width = of->alphabet ? of->alphabet : of->size;
    for (int64_t at = 0; at < of->size / width * (width + 1); at += width + 1)
        sum_up(of->counts + at, of->below + at, width);
}

static void learn(
    variant *of, const int32_t *context, const int32_t *symbols, int64_t start, int64_t stop)
{
    if (!of->step) return;
    int64_t stride = of->alphabet ? of->alphabet + 1 : 1;
    for (int64_t i = start; i < stop; i++) {
        int32_t *counts = of->counts + context[i] * stride;
        counts[symbols[i]] += of->step;
        if (of->alphabet) counts[of->alphabet] = 1;
    }
    of->total += of->step * (stop - start);
    if (of->total >= MASS_LIMIT) {
        of->total = 0;
        int64_t width = of->alphabet ? of->alphabet : of->size;
        for (int64_t at = 0; at < of->size / width * (width + 1); at += width + 1) {
            for (int64_t s = 0; s < width; s++) {
                of->counts[at + s] = (of->counts[at + s] + 1) >> 1;
                of->total += of->counts[at + s];
            }
        }
        sum_up_all(of);
    } else if (!of->alphabet) {
        sum_up_all(of);
    } else {
        for (int64_t i = start; i < stop; i++) {
            int64_t at = context[i] * stride;
            if (of->counts[at + of->alphabet])
                sum_up(of->counts + at, of->below + at, of->alphabet);
        }
    }
}

static inline int note_block(walk *w)
{
    if (w->n_blocks == w->room_for_blocks) {
        int64_t room = w->room_for_blocks ? 2 * w->room_for_blocks : 1024;
        int64_t *ends = realloc(w->ends, room * sizeof(int64_t));
        if (!ends) return NO_MEMORY;
        w->ends = ends;
        w->room_for_blocks = room;
    }
    w->ends[w->n_blocks++] = w->n_put;
    return DONE;
}

/* Pass a block of symbols through, by one variant. Contexts are places where stretches begin, if
   there are stretches, which end at `high`. */
static inline int pass_block(
    walk *w, variant *of, const int32_t *context, const int32_t *high, int32_t *symbols,
    int64_t start, int64_t stop, const int mode)
{
    int64_t alphabet = of->alphabet, lane = 0;
    for (int64_t i = start; i < stop; i++) {
        int64_t low = alphabet ? context[i] * (alphabet + 1) : context[i];
        int64_t end = alphabet ? low + alphabet : high[i];
        if (end - low < 2) {
            if (mode == READ) symbols[i] = 0;
            continue;
        }
        if (mode == READ) {
            symbols[i] = (int32_t)(rans_take(&w->source, lane, low, end, of->below) - low);
            if (w->source.place < 0) return NO_WORDS;
            if (++lane == w->source.n_lanes) lane = 0;
            continue;
        }
        int64_t below = symbols[i], mass = end - low, count = 1;
        if (of->step) {
            const int32_t *sums = of->below + low;
            below = sums[symbols[i]] - sums[0];
            count = sums[symbols[i] + 1] - sums[symbols[i]];
            mass = sums[end - low] - sums[0];
        }
        if (mode == MEASURE) {
            of->bits += weight_of(w, mass) - weight_of(w, count);
        } else {
            int64_t first = rans_share(below, mass);
            w->start[w->n_put] = (uint32_t)first;
            w->size[w->n_put++] = (uint32_t)(rans_share(below + count, mass) - first);
        }
    }
    learn(of, context, symbols, start, stop);
    return mode == WRITE ? note_block(w) : DONE;
}

/* Pass `n` symbols of a stream through, block by block. */
static int pass(walk *w, int which, int64_t n, const int32_t *high)
{
    stream *of = w->streams + which;
    int chosen = w->chosen[which], first = chosen, last = chosen + 1, code;
    if (w->mode == MEASURE) first = 0, last = of->n_variants;
    for (int64_t start = 0, stop; start < n; start = stop) {
        int64_t size = of->seen / of->lessons;
        if (size < SMALLEST_BLOCK) size = SMALLEST_BLOCK;
        if (size > of->largest) size = of->largest;
        stop = start + size < n ? start + size : n;
        of->seen += stop - start;
        for (int v = first; v < last; v++) {
            variant *by = of->variants + v;
            const int32_t *context = w->context[high ? 0 : v];
            if (w->mode == READ)
                code = pass_block(w, by, context, high, w->symbols, start, stop, READ);
            else if (w->mode == WRITE)
                code = pass_block(w, by, context, high, w->symbols, start, stop, WRITE);
            else
                code = pass_block(w, by, context, high, w->symbols, start, stop, MEASURE);
            if (code) return code;
        }
    }
    return DONE;
}

/* Which of the nodes from `at` on, `step` apart, split. */
static int pass_topology(walk *w, int64_t at, int64_t stop, int64_t step, int64_t depth, int second)
{
    int64_t n = 0;
    int32_t level = (int32_t)(depth < w->depth_classes ? depth : w->depth_classes - 1);
    for (int64_t node = at; node < stop; node += step, n++) {
        int32_t sibling = second ? w->internal[node - 1] : 2;
        int32_t box = (int32_t)(w->box[node] * w->box_classes / (w->full_box + 1));
        w->context[0][n] = box * (int32_t)w->siblings + sibling;
        w->context[1][n] = level * (int32_t)w->siblings + sibling;
        if (w->mode != READ) w->symbols[n] = w->internal[node];
    }
    int code = pass(w, TOPOLOGY, n, NULL);
    if (w->mode == READ && !code)
        for (int64_t i = 0; i < n; i++) w->internal[at + i * step] = w->symbols[i] > 0;
    return code;
}

/* What the splits above leave open to a split; they stand before it, so the climb ends. */
static inline void narrow(walk *w, int64_t node, int32_t *low, int32_t *high)
{
    int64_t at = node, up = w->parent[node];
    int32_t wanted = w->feature[node];
    while (up >= 0 && w->feature[up] != wanted) {
        at = up;
        up = w->parent[up];
    }
    if (up >= 0) {
        *low = w->is_right[at] ? w->rank[up] + 1 : w->first[up];
        *high = w->is_right[at] ? w->end[up] : w->rank[up];
    }
    w->first[node] = *low;
    w->end[node] = *high;
}

/* Features and ranks of the splits of a level. */
static int pass_splits(walk *w, int64_t n)
{
    int reading = w->mode == READ, code;
    if (n && !w->n_used) return NO_THRESHOLDS;
    for (int64_t i = 0; i < n; i++) {
        int32_t up = w->parent[w->split[i]];
        w->context[0][i] = 0;
        w->context[1][i] = up < 0 ? (int32_t)w->n_used : w->feature[up];
        if (!reading) w->symbols[i] = w->feature[w->split[i]];
    }
    if ((code = pass(w, FEATURE, n, NULL))) return code;
    if (reading)
        for (int64_t i = 0; i < n; i++) w->feature[w->split[i]] = w->symbols[i];
    for (int64_t i = 0; i < n; i++) {
        int32_t node = w->split[i], feature = w->feature[node];
        int32_t first = (int32_t)w->offsets[feature];
        int32_t low = 0, high = (int32_t)w->offsets[feature + 1] - first;
        if (w->bounded) narrow(w, node, &low, &high);
        if (!reading && (w->rank[node] < low || w->rank[node] >= high)) return UNBOUNDED;
        if (low >= high) return CLOSED;
        w->low[i] = low;
        w->high[i] = high;
        w->context[0][i] = first + low;
        w->edge[i] = first + high;
        if (!reading) w->symbols[i] = w->rank[node] - low;
    }
    if ((code = pass(w, RANK, n, w->edge))) return code;
    if (reading)
        for (int64_t i = 0; i < n; i++) w->rank[w->split[i]] = w->low[i] + w->symbols[i];
    return DONE;
}

/* Leaf rows of the leaves from `at` on, `step` apart, given the leaf beside, or the nearest above. */
static int pass_leaves(walk *w, int64_t at, int64_t stop, int64_t step, int second)
{
    int reading = w->mode == READ, direct = w->n_rows <= w->direct_rows, code;
    int32_t rows = (int32_t)w->n_rows, bins = (int32_t)w->bins, coarse = (int32_t)w->coarse;
    int32_t per_row = direct ? rows : bins, n_coarse = bins / coarse + 1;
    int64_t n = 0;
    for (int64_t node = at; node < stop; node += step) {
        if (w->internal[node]) continue;
        int64_t beside = second ? w->leaf[node - 1] : -1, near = w->near[node];
        if (!direct) {
            beside = beside < 0 ? -1 : beside * bins / rows;
            near = near < 0 ? -1 : near * bins / rows;
        }
        w->context[0][n] = 0;
        w->context[1][n] = (int32_t)(beside >= 0 ? per_row + 1 + beside : near + 1);
        if (direct) w->context[2][n] = (int32_t)((near + 1) * (rows + 1) + beside + 1);
        else
            /* Divided towards minus infinity, as in NumPy. */
            w->context[2][n] = (int32_t)(
                (near < 0 ? 0 : near / coarse + 1) * n_coarse
                + (beside < 0 ? 0 : beside / coarse + 1));
        if (!reading)
            w->symbols[n] = direct ? w->leaf[node] : (int32_t)((int64_t)w->leaf[node] * bins / rows);
        n++;
    }
    if ((code = pass(w, LEAF, n, NULL))) return code;
    if (!direct) {
        int64_t i = 0;
        for (int64_t node = at; node < stop; node += step) {
            if (w->internal[node]) continue;
            int64_t bin = w->symbols[i];
            int32_t low = (int32_t)((bin * rows + bins - 1) / bins);
            w->context[0][i] = low;
            w->edge[i] = (int32_t)(((bin + 1) * rows + bins - 1) / bins);
            if (!reading) w->symbols[i] = w->leaf[node] - low;
            i++;
        }
        if ((code = pass(w, IN_BIN, n, w->edge))) return code;
    }
    if (reading) {
        int64_t i = 0;
        for (int64_t node = at; node < stop; node += step) {
            if (w->internal[node]) continue;
            w->leaf[node] = w->symbols[i] + (direct ? 0 : w->context[0][i]);
            i++;
        }
    }
    return DONE;
}

/* Note what is known of the children of `n` splits, which begin at `child`. */
static void descend(walk *w, int64_t n, int64_t child, int64_t depth)
{
    for (int64_t i = 0; i < n; i++, child += 2) {
        int32_t node = w->split[i], near = -1;
        int64_t low = w->low[i], high = w->high[i], rank = w->rank[node];
        /* Without bounds a feature's whole range counts at each of its splits. */
        int64_t rest = w->box[node] - bits_of((uint64_t)(high - low));
        if (rest < 0) rest = 0;
        w->box[child] = (int32_t)(rest + bits_of((uint64_t)(rank - low)));
        w->box[child + 1] = (int32_t)(rest + bits_of((uint64_t)(high - rank - 1)));
        if (depth > 0) {
            int32_t beside = w->leaf[w->is_right[node] ? node - 1 : node + 1];
            near = beside >= 0 ? beside : w->near[node];
        }
        for (int64_t c = child; c < child + 2; c++) {
            w->parent[c] = node;
            w->near[c] = near;
            w->is_right[c] = c > child;
            if (w->mode == READ) w->tree[c] = w->tree[node];
        }
    }
}

static int walk_levels(walk *w)
{
    int64_t start = 0, stop = w->n_trees, depth = 0;
    for (int64_t node = 0; node < w->n_trees; node++) {
        w->parent[node] = w->near[node] = -1;
        w->is_right[node] = 0;
        w->box[node] = (int32_t)w->full_box;
        if (w->mode == READ) w->tree[node] = (int32_t)node;
    }
    while (start < stop) {
        if (stop > w->n_nodes) return TOO_MANY;
        if (depth == w->most_levels) return TOO_DEEP;
        int halves = depth ? 2 : 1, code;
        /* The second of two siblings is told when all is known of the first. */
        for (int half = 0; half < halves; half++)
            if ((code = pass_topology(w, start + half, stop, halves, depth, half))) return code;
        int64_t n = 0;
        for (int64_t node = start; node < stop; node++)
            if (w->internal[node]) w->split[n++] = (int32_t)node;
        if ((code = pass_splits(w, n))) return code;
        for (int half = 0; half < halves; half++)
            if ((code = pass_leaves(w, start + half, stop, halves, half))) return code;
        if (stop + 2 * n <= w->n_nodes) descend(w, n, stop, depth);
        start = stop;
        stop += 2 * n;
        depth++;
    }
    return stop == w->n_nodes ? DONE : TOO_FEW;
}

static int begin(variant *of)
{
    if (!of->step) return DONE;
    int64_t width = of->alphabet ? of->alphabet : of->size;
    int64_t places = of->size / width * (width + 1);
    of->counts = malloc(places * sizeof(int32_t));
    of->below = malloc(places * sizeof(int32_t));
    if (!of->counts || !of->below) return NO_MEMORY;
    for (int64_t place = 0; place < places; place++) of->counts[place] = 1;
    sum_up_all(of);
    of->total = of->size;
    return DONE;
}

/* Walk all levels; what is chosen is taken of each stream, or everything measured. */
static int walk_all(walk *w)
{
    int code = DONE;
    size_t n = (size_t)w->n_nodes, n_arrays = 5 + 5 + MOST_VARIANTS;
    int32_t *memory = malloc((n_arrays * n) * sizeof(int32_t) + n);
    if (!memory) return NO_MEMORY;
    int32_t **arrays[] = {
        &w->parent, &w->first, &w->end, &w->box, &w->near, &w->split, &w->low, &w->high,
        &w->symbols, &w->edge, &w->context[0], &w->context[1], &w->context[2],
    };
    for (size_t i = 0; i < n_arrays; i++) *arrays[i] = memory + i * n;
    w->is_right = (uint8_t *)(memory + n_arrays * n);
    for (int s = 0; s < N_STREAMS && !code; s++)
        for (int v = 0; v < w->streams[s].n_variants && !code; v++)
            if (w->mode == MEASURE || v == w->chosen[s]) code = begin(&w->streams[s].variants[v]);
    if (!code) code = walk_levels(w);
    for (int s = 0; s < N_STREAMS; s++) {
        for (int v = 0; v < w->streams[s].n_variants; v++) {
            free(w->streams[s].variants[v].counts);
            free(w->streams[s].variants[v].below);
        }
    }
    free(memory);
    return code;
}

#endif
