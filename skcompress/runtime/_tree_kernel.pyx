# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled walk through packed trees; `trees.py` holds its NumPy reference.

The arrays come from `pack`, which made them of a checked `TreeEnsemble`: children stand after
their parent and within their tree, columns and leaf rows are in range, so the walk ends and stays
in bounds for any input.

Eight walks go side by side, without a branch that depends on the data: a walk that has reached its
leaf stays there for some steps, until walks that have ended leave the list. They are rows in one
tree where there are rows enough, and else one row in all trees. Either way each sum runs over the
trees in order.
"""

from libc.math cimport copysign, fabs, isnan, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    LANES = 8
    WALKS = 512
    MORE_STEPS = 4
    SCRATCH = 262144
    LEFT = 512
    RIGHT = 1024

cdef double TINY = 1e-12

cdef enum Sink:
    LEAF_ROWS
    TREE_COLUMN
    LEAF_COLUMN
    WHOLE_ROWS

ctypedef fused word_t:
    uint16_t
    uint32_t
    uint64_t

ctypedef fused rank_t:
    uint32_t
    uint64_t

ctypedef fused value_t:
    float
    double

cdef struct Trees:
    const uint8_t *nodes
    const int64_t *roots
    Py_ssize_t n_trees
    Py_ssize_t n_features
    int first_steps
    bint ranked
    int node_bytes
    int spare
    int step_shift
    int rank_shift
    uint64_t column_mask
    uint64_t children_mask
    Py_ssize_t n_columns
    Py_ssize_t n_numeric
    const int32_t *feature
    const uint8_t *missing_left
    const int64_t *start
    const int64_t *stop
    const void *table
    const uint32_t *left
    const uint32_t *known

cdef struct Sums:
    Sink kind
    int32_t *leaves
    double *out
    Py_ssize_t n_outputs
    const double *values
    const int32_t *column
    const double *base
    double divisor


cdef inline word_t fetch(
    const uint8_t *nodes, size_t place, int node_bytes, int spare, word_t width
) noexcept nogil:
    """A node, its leaf mark in the highest bit and `spare` zeros below its column.

    `width` only tells the type, here and below.
    """
    cdef uint64_t word
    if word_t is uint64_t:
        memcpy(&word, nodes + place * node_bytes, 8)
        return word << spare
    else:
        return (<const word_t *> nodes)[place]


cdef inline uint32_t category_code(
    value_t value, const uint32_t *known, bint missing_left
) noexcept nogil:
    """The category; LEFT or RIGHT where the set of the split does not matter."""
    cdef uint32_t category
    if isnan(value) or value < 0 or value >= 256:
        return LEFT if missing_left else RIGHT
    category = <uint32_t> value
    if missing_left and not (known[category >> 5] >> (category & 31)) & 1:
        return LEFT
    return category


cdef inline uint32_t category_side(const uint32_t *left, uint64_t code) noexcept nogil:
    """1 for the right child."""
    if code >= LEFT:
        return <uint32_t> (code >> 10)
    return 1 - ((left[code >> 5] >> (code & 31)) & 1)


cdef void rank_column(
    const Trees *trees,
    Py_ssize_t column,
    const value_t *X,
    Py_ssize_t n_rows,
    rank_t *ranks,
) noexcept nogil:
    """Write one column of `ranks`: numbers of smaller thresholds, shifted to where nodes have them.
    """
    cdef const value_t *table = <const value_t *> trees.table + trees.start[column]
    cdef Py_ssize_t size = trees.stop[column] - trees.start[column]
    cdef Py_ssize_t width = trees.n_columns, n_features = trees.n_features
    cdef int shift = trees.rank_shift
    cdef Py_ssize_t i = 0, length, half
    cdef Py_ssize_t low[LANES]
    cdef value_t value[LANES]
    cdef int lane
    X += trees.feature[column]
    ranks += column
    if size == 0:
        for i in range(n_rows):
            ranks[i * width] = 0
        return
    while i + LANES <= n_rows:
        for lane in range(LANES):
            low[lane] = 0
            value[lane] = X[(i + lane) * n_features]
        length = size
        while length > 1:
            half = length >> 1
            for lane in range(LANES):
                low[lane] += (not (value[lane] <= table[low[lane] + half - 1])) * half
            length -= half
        for lane in range(LANES):
            low[lane] += not (value[lane] <= table[low[lane]])
            ranks[(i + lane) * width] = (<rank_t> low[lane]) << shift
        i += LANES
    while i < n_rows:
        low[0] = 0
        value[0] = X[i * n_features]
        length = size
        while length > 1:
            half = length >> 1
            low[0] += (not (value[0] <= table[low[0] + half - 1])) * half
            length -= half
        low[0] += not (value[0] <= table[low[0]])
        ranks[i * width] = (<rank_t> low[0]) << shift
        i += 1


cdef void rank_rows(
    const Trees *trees, const value_t *X, Py_ssize_t n_rows, rank_t *ranks
) noexcept nogil:
    """Fill `ranks`, of shape (n_rows, n_columns)."""
    cdef Py_ssize_t column, i, width = trees.n_columns
    cdef const uint32_t *known
    for column in range(trees.n_numeric):
        if column and trees.feature[column] == trees.feature[column - 1]:
            for i in range(n_rows):
                ranks[i * width + column] = ranks[i * width + column - 1]
        else:
            rank_column(trees, column, X, n_rows, ranks)
    # A missing value is above all thresholds already, which is right for the other columns.
    for column in range(trees.n_numeric):
        if trees.missing_left[column]:
            for i in range(n_rows):
                if isnan(X[i * trees.n_features + trees.feature[column]]):
                    ranks[i * width + column] = 0
    for column in range(trees.n_numeric, width):
        known = trees.known + 8 * (column - trees.n_numeric)
        for i in range(n_rows):
            ranks[i * width + column] = category_code(
                X[i * trees.n_features + trees.feature[column]],
                known,
                trees.missing_left[column],
            )


cdef inline void step_ranks(
    const Trees *trees, const rank_t **ranks, size_t *place, int n_steps, bint with_sets
) noexcept nogil:
    """Move eight walks on, each by its own ranks."""
    cdef const uint8_t *nodes = trees.nodes
    cdef const uint32_t *left = trees.left
    cdef size_t column_mask = trees.column_mask, children_mask = trees.children_mask
    cdef size_t n_numeric = trees.n_numeric
    cdef int node_bytes = trees.node_bytes, spare = trees.spare, rank_shift = trees.rank_shift
    cdef int to_children = trees.step_shift - 1, leaf_bit = 8 * sizeof(rank_t) - 1
    cdef rank_t node, rank
    cdef size_t column, right, is_leaf
    cdef int step, lane
    for step in range(n_steps):
        for lane in range(LANES):
            node = fetch(nodes, place[lane], node_bytes, spare, <rank_t> 0)
            column = (node if rank_t is uint32_t else node >> spare) & column_mask
            rank = ranks[lane][column]
            # The fields below the rank do not matter, since those of an input's rank are zero; the
            # mark of a leaf exceeds every rank.
            right = rank > node
            if with_sets and column >= n_numeric:
                right = category_side(left + 8 * (node >> rank_shift), rank)
            is_leaf = node >> leaf_bit
            place[lane] = (place[lane] & (is_leaf - 2)) + (
                (node >> to_children) & children_mask & (is_leaf - 1)
            ) + right


cdef inline void step_values(
    const Trees *trees,
    const value_t **rows,
    const size_t *split_shift,
    size_t *place,
    int n_steps,
    bint with_missing,
    word_t width,
) noexcept nogil:
    """The same by comparing the values themselves with the thresholds.

    `split_shift` is what to take from half the place of the children to get the split's number.
    """
    cdef const uint8_t *nodes = trees.nodes
    cdef const value_t *table = <const value_t *> trees.table
    cdef const int32_t *feature = trees.feature
    cdef size_t column_mask = trees.column_mask, children_mask = trees.children_mask
    cdef int node_bytes = trees.node_bytes, spare = trees.spare
    cdef int to_children = trees.step_shift - 1, leaf_bit = 8 * sizeof(word_t) - 1
    cdef word_t node
    cdef value_t value
    cdef size_t column, right, children, split, is_leaf, going
    cdef int step, lane
    for step in range(n_steps):
        for lane in range(LANES):
            node = fetch(nodes, place[lane], node_bytes, spare, width)
            column = (node >> spare if word_t is uint64_t else node) & column_mask
            is_leaf = node >> leaf_bit
            going = is_leaf - 1
            children = (place[lane] & (is_leaf - 2)) + (
                (node >> to_children) & children_mask & going
            )
            # At a leaf the first split is as good as any.
            split = ((children >> 1) - split_shift[lane]) & going
            value = rows[lane][feature[column]]
            right = not (value <= table[split])
            if with_missing and isnan(value):
                right = not trees.missing_left[column]
            place[lane] = children + (right & going)


cdef inline void walk(
    const Trees *trees,
    const value_t *X,
    const rank_t *ranks,
    Py_ssize_t n_walks,
    Py_ssize_t row_step,
    Py_ssize_t tree,
    Py_ssize_t tree_step,
    bint special,
    size_t *found,
    word_t width,
) noexcept nogil:
    """Find the leaf row of each of at most `WALKS` walks, by `ranks` if there are any.

    From one walk to the next it is `row_step` rows and `tree_step` trees; `X` and `ranks` begin
    at the first row. `special` says whether there are category sets among the splits, or else
    whether there are missing values among `X`.
    """
    cdef size_t place[WALKS + LANES]
    cdef size_t walk_of[WALKS + LANES]
    cdef size_t lane_place[LANES]
    cdef size_t split_shift[LANES]
    cdef const value_t *lane_row[LANES]
    cdef const rank_t *lane_ranks[LANES]
    cdef Py_ssize_t i, kept, n_live = n_walks
    cdef int lane, n_steps = trees.first_steps, leaf_bit = 8 * sizeof(word_t) - 1
    cdef word_t node
    cdef size_t which
    for i in range(n_walks):
        walk_of[i] = i
        place[i] = trees.roots[tree + i * tree_step]
    # After the steps that most walks need, those that have ended leave the list.
    while n_live:
        for lane in range(LANES):
            walk_of[n_live + lane] = walk_of[n_live - 1]
            place[n_live + lane] = place[n_live - 1]
        kept = i = 0
        while i < n_live:
            for lane in range(LANES):
                which = walk_of[i + lane]
                lane_place[lane] = place[i + lane]
                if ranks != NULL:
                    lane_ranks[lane] = ranks + which * row_step * trees.n_columns
                else:
                    lane_row[lane] = X + which * row_step * trees.n_features
                    split_shift[lane] = 1 + tree + which * tree_step
            if ranks != NULL:
                step_ranks(trees, lane_ranks, lane_place, n_steps, special)
            else:
                step_values(trees, lane_row, split_shift, lane_place, n_steps, special, width)
            for lane in range(LANES):
                which = walk_of[i + lane]
                node = fetch(trees.nodes, lane_place[lane], trees.node_bytes, trees.spare, width)
                found[which] = <word_t> (node << 1) >> (1 + trees.step_shift)
                walk_of[kept] = which
                place[kept] = lane_place[lane]
                kept += (i + lane < n_live) & (not node >> leaf_bit)
            i += LANES
        n_live = kept
        n_steps = MORE_STEPS


cdef inline void collect(
    const Trees *trees,
    const Sums *sums,
    const size_t *found,
    Py_ssize_t n_walks,
    Py_ssize_t row,
    Py_ssize_t row_step,
    Py_ssize_t tree,
    Py_ssize_t tree_step,
) noexcept nogil:
    """Hand over the leaf rows that some walks have found, in their order."""
    cdef Py_ssize_t i, k, n_outputs = sums.n_outputs
    cdef const double *values
    cdef double *out
    if sums.kind == LEAF_ROWS:
        for i in range(n_walks):
            sums.leaves[
                (row + i * row_step) * trees.n_trees + tree + i * tree_step
            ] = <int32_t> found[i]
    elif sums.kind == TREE_COLUMN:
        for i in range(n_walks):
            k = sums.column[tree + i * tree_step]
            sums.out[(row + i * row_step) * n_outputs + k] += sums.values[found[i]]
    elif sums.kind == LEAF_COLUMN:
        for i in range(n_walks):
            k = sums.column[found[i]]
            sums.out[(row + i * row_step) * n_outputs + k] += sums.values[found[i]]
    else:
        for i in range(n_walks):
            values = sums.values + found[i] * n_outputs
            out = sums.out + (row + i * row_step) * n_outputs
            for k in range(n_outputs):
                out[k] += values[k]


cdef inline void walk_block(
    const Trees *trees,
    const Sums *sums,
    const value_t *X,
    const rank_t *ranks,
    bint special,
    Py_ssize_t first,
    Py_ssize_t n_rows,
    word_t width,
) noexcept nogil:
    """Walk all trees for at most `WALKS` rows, the first of which is `first`."""
    cdef size_t found[WALKS]
    cdef Py_ssize_t tree, i, count
    if n_rows >= LANES:
        # One tree for all rows, so that it stays in the cache.
        for tree in range(trees.n_trees):
            walk(trees, X, ranks, n_rows, 1, tree, 0, special, found, width)
            collect(trees, sums, found, n_rows, first, 1, tree, 0)
        return
    for i in range(n_rows):
        tree = 0
        while tree < trees.n_trees:
            count = min(trees.n_trees - tree, <Py_ssize_t> WALKS)
            walk(trees, X, ranks, count, 0, tree, 1, special, found, width)
            collect(trees, sums, found, count, first + i, 0, tree, 1)
            tree += count
        X += trees.n_features
        if ranks != NULL:
            ranks += trees.n_columns


cdef bint any_missing(const value_t *X, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    cdef int found = 0
    for i in range(size):
        found |= isnan(X[i])
    return found


cdef void rank_and_walk(
    const Trees *trees,
    const Sums *sums,
    const value_t *X,
    rank_t *ranks,
    Py_ssize_t first,
    Py_ssize_t n_rows,
    word_t width,
) noexcept nogil:
    rank_rows(trees, X, n_rows, ranks)
    if trees.n_columns > trees.n_numeric:
        walk_block(trees, sums, X, <const rank_t *> ranks, True, first, n_rows, width)
    else:
        walk_block(trees, sums, X, <const rank_t *> ranks, False, first, n_rows, width)


cdef int evaluate_rows(
    const Trees *trees, const Sums *sums, const value_t *X, Py_ssize_t n_rows, word_t width
) except -1 nogil:
    """All rows, block by block."""
    cdef Py_ssize_t n_outputs = sums.n_outputs
    cdef Py_ssize_t per_row = trees.n_columns * sizeof(uint64_t) + 8 * n_outputs
    cdef Py_ssize_t size = max(<Py_ssize_t> 64, min(SCRATCH // per_row, <Py_ssize_t> WALKS))
    cdef Py_ssize_t first = 0, count, i
    cdef const value_t *rows
    cdef void *ranks = NULL
    if trees.ranked:
        ranks = malloc(min(size, n_rows) * trees.n_columns * sizeof(uint64_t))
        if ranks == NULL:
            raise MemoryError("There is no memory for the ranks of the input.")
    while first < n_rows:
        count = min(size, n_rows - first)
        rows = X + first * trees.n_features
        if sums.kind != LEAF_ROWS:
            for i in range(first * n_outputs, (first + count) * n_outputs):
                sums.out[i] = 0.0 if sums.base == NULL else sums.base[i % n_outputs]
        if not trees.ranked:
            if any_missing(rows, count * trees.n_features):
                walk_block(trees, sums, rows, <const uint32_t *> NULL, True, first, count, width)
            else:
                walk_block(trees, sums, rows, <const uint32_t *> NULL, False, first, count, width)
        elif word_t is uint64_t:
            rank_and_walk(trees, sums, rows, <uint64_t *> ranks, first, count, width)
        elif word_t is uint32_t:
            rank_and_walk(trees, sums, rows, <uint32_t *> ranks, first, count, width)
        if sums.kind != LEAF_ROWS and sums.divisor != 1.0:
            for i in range(first * n_outputs, (first + count) * n_outputs):
                sums.out[i] /= sums.divisor
        first += count
    free(ranks)
    return 0


cdef int evaluate(
    const Trees *trees, const Sums *sums, const value_t *X, Py_ssize_t n_rows
) except -1 nogil:
    if trees.node_bytes == 2:
        return evaluate_rows(trees, sums, X, n_rows, <uint16_t> 0)
    if trees.node_bytes == 4:
        return evaluate_rows(trees, sums, X, n_rows, <uint32_t> 0)
    return evaluate_rows(trees, sums, X, n_rows, <uint64_t> 0)


cdef class LeafSums:
    """What is added up at the leaves: rows of values, or one number each.

    `by_tree` tells the output that each tree adds to, `by_leaf` the one that each leaf row adds
    to; where both are None, a leaf row covers all outputs.
    """

    cdef Sums sums
    cdef Py_ssize_t n_trees
    cdef object kept

    def __init__(self, values, Py_ssize_t n_outputs, by_tree, by_leaf, base, double divisor):
        cdef const double[:, ::1] rows = values
        cdef const int32_t[::1] column
        cdef const double[::1] begin
        self.kept = (values, by_tree, by_leaf, base)
        self.sums.kind = WHOLE_ROWS
        self.sums.n_outputs = n_outputs
        self.sums.divisor = divisor
        self.sums.values = &rows[0, 0]
        self.sums.column = NULL
        self.sums.base = NULL
        if by_tree is not None:
            column = by_tree
            self.sums.kind = TREE_COLUMN
            self.sums.column = &column[0]
        elif by_leaf is not None:
            column = by_leaf
            self.sums.kind = LEAF_COLUMN
            self.sums.column = &column[0]
        if base is not None:
            begin = base
            self.sums.base = &begin[0]


cdef class TreeWalk:
    """Packed trees. It may be used by many threads at once."""

    cdef Trees trees
    cdef bint single
    cdef object kept

    def __init__(self, packed):
        cdef const uint8_t[::1] nodes = packed.nodes.view("uint8")
        cdef const int64_t[::1] roots = packed.roots
        cdef const int32_t[::1] feature = packed.feature
        cdef const uint8_t[::1] missing_left = packed.missing_left.view("uint8")
        cdef const int64_t[::1] start = packed.start
        cdef const int64_t[::1] stop = packed.stop
        cdef const uint8_t[::1] table = packed.table.view("uint8")
        cdef const uint32_t[:, ::1] left = packed.left
        cdef const uint32_t[:, ::1] known = packed.known
        self.kept = packed
        self.single = packed.table.itemsize == 4
        self.trees.ranked = packed.ranked
        self.trees.nodes = &nodes[0]
        self.trees.roots = &roots[0]
        self.trees.n_trees = roots.shape[0]
        self.trees.n_features = packed.n_features
        # About the depth of a balanced tree of as many nodes.
        self.trees.first_steps = max(1, int(packed.n_nodes / len(packed.roots) + 1).bit_length() - 1)
        self.trees.node_bytes = packed.node_bytes
        self.trees.spare = 64 - 8 * packed.node_bytes if packed.node_bytes > 4 else 0
        self.trees.step_shift = self.trees.spare + packed.column_bits
        self.trees.rank_shift = self.trees.step_shift + packed.step_bits
        self.trees.column_mask = ((<uint64_t> 1) << packed.column_bits) - 1
        # The field holds half the way.
        self.trees.children_mask = (((<uint64_t> 1) << packed.step_bits) - 1) << 1
        self.trees.n_columns = feature.shape[0]
        self.trees.n_numeric = start.shape[0]
        self.trees.feature = &feature[0]
        self.trees.missing_left = &missing_left[0]
        self.trees.start = &start[0]
        self.trees.stop = &stop[0]
        self.trees.table = &table[0]
        self.trees.left = &left[0, 0] if left.shape[0] else NULL
        self.trees.known = &known[0, 0] if known.shape[0] else NULL

    def leaf_rows(self, X, int32_t[:, ::1] out not None):
        """Write into `out[i, t]` the leaf row that row i reaches in tree t."""
        cdef Sums sums
        if out.shape[1] != self.trees.n_trees:
            raise ValueError(f"There are {self.trees.n_trees} trees; got {out.shape[1]} columns.")
        sums.kind = LEAF_ROWS
        sums.n_outputs = 0
        sums.leaves = &out[0, 0] if out.shape[0] else NULL
        self.run(X, &sums, out.shape[0])

    def sum_leaves(self, X, LeafSums what not None, double[:, ::1] out not None):
        """Write into `out` what is summed at the leaves, in the order of the trees."""
        cdef Sums sums = what.sums
        if out.shape[1] != sums.n_outputs:
            raise ValueError(f"There are {sums.n_outputs} outputs; got {out.shape[1]} columns.")
        sums.out = &out[0, 0] if out.shape[0] else NULL
        self.run(X, &sums, out.shape[0])

    cdef int run(self, X, const Sums *sums, Py_ssize_t n_rows) except -1:
        cdef const float[:, ::1] singles
        cdef const double[:, ::1] doubles
        cdef const float *single = NULL
        cdef const double *double_ = NULL
        cdef Py_ssize_t length, width
        if self.single:
            singles = X
            length, width = singles.shape[0], singles.shape[1]
        else:
            doubles = X
            length, width = doubles.shape[0], doubles.shape[1]
        if length != n_rows or width != self.trees.n_features:
            raise ValueError(
                f"The input must have {n_rows} rows of {self.trees.n_features} columns; "
                f"got {length} of {width}."
            )
        if n_rows == 0:
            return 0
        if self.single:
            single = &singles[0, 0]
        else:
            double_ = &doubles[0, 0]
        with nogil:
            if self.single:
                evaluate(&self.trees, sums, single, n_rows)
            else:
                evaluate(&self.trees, sums, double_, n_rows)
        return 0


def add_rows(
    const int32_t[:, ::1] leaves,
    const double[:, ::1] values,
    double[:, ::1] out,
):
    """Add to `out[i]` the value rows of the leaves of row i, in the order of the trees."""
    cdef Py_ssize_t i, t, k, first = 0
    cdef int32_t row
    cdef double a, b, c, d
    with nogil:
        if values.shape[1] == 1:
            # Four rows at a time, since each sum waits for its last term.
            for i in range(0, leaves.shape[0] - 3, 4):
                a, b, c, d = out[i, 0], out[i + 1, 0], out[i + 2, 0], out[i + 3, 0]
                for t in range(leaves.shape[1]):
                    a += values[leaves[i, t], 0]
                    b += values[leaves[i + 1, t], 0]
                    c += values[leaves[i + 2, t], 0]
                    d += values[leaves[i + 3, t], 0]
                out[i, 0], out[i + 1, 0], out[i + 2, 0], out[i + 3, 0] = a, b, c, d
            first = leaves.shape[0] & -4
        for i in range(first, leaves.shape[0]):
            for t in range(leaves.shape[1]):
                row = leaves[i, t]
                for k in range(values.shape[1]):
                    out[i, k] += values[row, k]


def add_to_columns(
    const int32_t[:, ::1] leaves,
    const double[:, ::1] values,
    const int64_t[::1] columns,
    double[:, ::1] out,
):
    """Add the single value of each leaf of row i to the column that its tree is for."""
    cdef Py_ssize_t i, t
    with nogil:
        for i in range(leaves.shape[0]):
            for t in range(leaves.shape[1]):
                out[i, columns[t]] += values[leaves[i, t], 0]


def add_to_leaves(
    const int32_t[:, ::1] leaves,
    const double[:, ::1] rows,
    double[:, ::1] out,
):
    """Add row i to the sums of each leaf that it reaches, row by row."""
    cdef Py_ssize_t i, t, k
    cdef int32_t leaf
    with nogil:
        for i in range(leaves.shape[0]):
            for t in range(leaves.shape[1]):
                leaf = leaves[i, t]
                for k in range(rows.shape[1]):
                    out[leaf, k] += rows[i, k]


def see_values(
    const int32_t[:, ::1] reached,
    const int64_t[::1] link,
    const int32_t[::1] feature,
    const value_t[:, ::1] rows,
    value_t[::1] largest,
    value_t[::1] smallest,
):
    """Raise `largest` to what goes left at each node, lower `smallest` to what goes right.

    The link of a node is twice its parent, plus one if it is a right child; below zero at roots.
    """
    cdef Py_ssize_t i, t
    cdef int64_t at, up
    cdef value_t value
    with nogil:
        # Tree by tree, so that its nodes stay at hand.
        for t in range(reached.shape[1]):
            for i in range(reached.shape[0]):
                at = link[reached[i, t]]
                while at >= 0:
                    up = at >> 1
                    value = rows[i, feature[up]]
                    if at & 1:
                        if value < smallest[up]:
                            smallest[up] = value
                    elif value > largest[up]:
                        largest[up] = value
                    at = link[up]


def add_to_parts(
    const int32_t[::1] part,
    const double[:, ::1] given,
    const double[::1] weight,
    const double[:, ::1] gap,
    double[::1] along,
    double[:, ::1] sums,
):
    """Add each row's weighted gap to its part: times what is given, and by itself."""
    cdef Py_ssize_t i, k
    cdef int32_t at
    cdef double product
    with nogil:
        for i in range(part.shape[0]):
            at = part[i]
            product = 0.0
            for k in range(gap.shape[1]):
                product += given[i, k] * gap[i, k]
                sums[at, k] += weight[i] * gap[i, k]
            along[at] += weight[i] * product


def move_parts(
    const int32_t[::1] part,
    const double[:, ::1] given,
    double[:, ::1] gap,
    double[::1] factor,
    double[:, ::1] number,
    const double[::1] power,
    const double[::1] mass,
    double[::1] along,
    double[:, ::1] sums,
    double share,
    double edge,
    double number_edge,
    bint keep_zeros,
):
    """Move factors and numbers to the best there are, and `gap` with them; the largest turn.

    `along` and `sums` are those of the parts, and are written over.
    """
    cdef Py_ssize_t i, k, p, width = gap.shape[1]
    cdef double square = share * share, pull, size, length, shrink, new, moved = 0.0
    cdef bint stays
    with nogil:
        for p in range(factor.shape[0]):
            size = square * power[p]
            pull = share * along[p] + size * factor[p]
            new = 0.0
            if size > 0 and not (keep_zeros and factor[p] == 0):
                new = copysign(max(fabs(pull) - edge, 0.0), pull) / size
            along[p] = new - factor[p]
            moved = max(moved, fabs(along[p]))
            factor[p] = new
            along[p] = share * along[p]
            size = square * mass[p]
            length, stays = 0.0, True
            for k in range(width):
                pull = share * sums[p, k] + size * number[p, k]
                sums[p, k] = pull
                length += pull * pull
                stays = stays and number[p, k] == 0
            stays = (stays and keep_zeros) or size <= 0
            shrink = 1 - number_edge / max(sqrt(length), TINY)
            shrink = max(shrink, 0.0)
            for k in range(width):
                new = number[p, k] if stays else sums[p, k] * shrink / size
                sums[p, k] = share * (new - number[p, k])
                number[p, k] = new
        for i in range(part.shape[0]):
            p = part[i]
            for k in range(width):
                gap[i, k] -= sums[p, k] + along[p] * given[i, k]
    return moved
