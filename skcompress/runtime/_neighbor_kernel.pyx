# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled search for nearest rows; `_neighbor_search.py` holds its NumPy reference.

Every step is that of scikit-learn's search, so that of equally distant rows the same are kept.
"""

import math

from libc.math cimport INFINITY, fabs, pow, sqrt
from libc.stdint cimport int64_t

cdef enum:
    DEPTH = 64
    TOGETHER = 4

cdef enum Power:
    ONE
    TWO
    LARGEST
    OTHER

cdef struct Tree:
    const double *vectors
    Py_ssize_t n_features
    const int64_t *ranges
    Py_ssize_t n_nodes
    const double *low
    const double *high
    const double *center
    const double *radius
    Power power
    double p
    double slack

cdef struct Visit:
    Py_ssize_t node
    double bound


cdef inline double raised(const Tree *tree, double gap) noexcept nogil:
    if tree.power == TWO:
        return gap * gap
    return gap if tree.power == ONE else pow(gap, tree.p)


cdef inline double reduced(const Tree *tree, const double *a, const double *b) noexcept nogil:
    """The distance before the root, coordinate after coordinate."""
    cdef double total = 0, gap
    cdef Py_ssize_t j
    for j in range(tree.n_features):
        gap = fabs(a[j] - b[j])
        if tree.power == LARGEST:
            total = gap if gap > total else total
        else:
            total += raised(tree, gap)
    return total


cdef inline double box_gap(const Tree *tree, Py_ssize_t place, double x) noexcept nogil:
    cdef double below = tree.low[place] - x, above = x - tree.high[place]
    return 0.5 * ((below + fabs(below)) + (above + fabs(above)))


cdef double box_bound(
    const Tree *tree, Py_ssize_t node, const double *x, bint exact
) noexcept nogil:
    """The least distance to a box, before the root.

    scikit-learn squares through `pow`, which may round otherwise than a product. So does this
    where it is asked to be exact.
    """
    cdef double total = 0, gap
    cdef Py_ssize_t j, first = node * tree.n_features
    for j in range(tree.n_features):
        gap = box_gap(tree, first + j, x[j])
        if tree.power == LARGEST:
            total = gap if gap > total else total
        elif tree.power == TWO and exact:
            total += pow(gap, 2.0)
        else:
            total += raised(tree, gap)
    return total


cdef double ball_bound(const Tree *tree, Py_ssize_t node, const double *x) noexcept nogil:
    cdef double distance = reduced(tree, x, tree.center + node * tree.n_features)
    if tree.power == TWO:
        distance = sqrt(distance)
    elif tree.power != LARGEST:
        distance = pow(distance, 1.0 / tree.p)
    distance -= tree.radius[node]
    if distance < 0:
        distance = 0
    if tree.power == TWO:
        return distance * distance
    return distance if tree.power == LARGEST else pow(distance, tree.p)


cdef inline double bound_of(const Tree *tree, Py_ssize_t node, const double *x) noexcept nogil:
    if tree.center != NULL:
        return ball_bound(tree, node, x)
    return box_bound(tree, node, x, False)


cdef inline bint in_doubt(const Tree *tree, double a, double b) noexcept nogil:
    """Whether bounds that are not exact are too close to tell which is the larger."""
    return (
        tree.center == NULL and tree.power == TWO and (a != 0 or b != 0)
        and fabs(a - b) <= tree.slack * (a + b) + 1e-300
    )


cdef inline void push(
    double *values, int64_t *rows, Py_ssize_t size, double value, int64_t row
) noexcept nogil:
    """Replace the largest number of a heap; an equal one does not."""
    cdef Py_ssize_t place = 0, child
    if value >= values[0]:
        return
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and values[child] < values[child + 1]:
            child += 1
        if values[child] <= value:
            break
        values[place] = values[child]
        rows[place] = rows[child]
        place = child
    values[place] = value
    rows[place] = row


cdef void sort(double *values, int64_t *rows, Py_ssize_t size) noexcept nogil:
    """Nearest first, rows of one distance in their order: a heap sort for many, else by insertion."""
    cdef Py_ssize_t i, j, child, n
    cdef double value
    cdef int64_t row
    if size <= 32:
        for i in range(1, size):
            value, row = values[i], rows[i]
            j = i - 1
            while j >= 0 and (values[j] > value or (values[j] == value and rows[j] > row)):
                values[j + 1] = values[j]
                rows[j + 1] = rows[j]
                j -= 1
            values[j + 1] = value
            rows[j + 1] = row
        return
    for i in range(size // 2 - 1, -1, -1):
        sift(values, rows, i, size)
    for n in range(size - 1, 0, -1):
        values[0], values[n] = values[n], values[0]
        rows[0], rows[n] = rows[n], rows[0]
        sift(values, rows, 0, n)


cdef inline bint after(
    const double *values, const int64_t *rows, Py_ssize_t a, Py_ssize_t b
) noexcept nogil:
    return values[a] > values[b] or (values[a] == values[b] and rows[a] > rows[b])


cdef void sift(double *values, int64_t *rows, Py_ssize_t place, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t child
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and after(values, rows, child + 1, child):
            child += 1
        if not after(values, rows, child, place):
            return
        values[place], values[child] = values[child], values[place]
        rows[place], rows[child] = rows[child], rows[place]
        place = child


cdef void visit_leaf(
    const Tree *tree, const double *x, int64_t start, int64_t stop, double *values, int64_t *rows,
    Py_ssize_t size,
) noexcept nogil:
    cdef double totals[TOGETHER]
    cdef const double *v
    cdef double gap
    cdef Py_ssize_t n = tree.n_features, j, i
    cdef int64_t row = start
    if tree.power == TWO:
        # Several sums at once, since each addition waits for the one before.
        while row + TOGETHER <= stop:
            v = tree.vectors + row * n
            for i in range(TOGETHER):
                totals[i] = 0
            for j in range(n):
                for i in range(TOGETHER):
                    gap = x[j] - v[i * n + j]
                    totals[i] += gap * gap
            for i in range(TOGETHER):
                push(values, rows, size, totals[i], row + i)
            row += TOGETHER
    while row < stop:
        push(values, rows, size, reduced(tree, x, tree.vectors + row * n), row)
        row += 1


cdef void search_one(
    const Tree *tree, const double *x, double *values, int64_t *rows, Py_ssize_t size
) noexcept nogil:
    cdef Visit stack[DEPTH]
    cdef Visit near, far
    cdef Py_ssize_t n_waiting = 1, i, left
    cdef int64_t start, stop
    cdef double largest
    for i in range(size):
        values[i] = INFINITY
        rows[i] = 0
    stack[0].node = 0
    stack[0].bound = bound_of(tree, 0, x)
    while n_waiting:
        n_waiting -= 1
        near = stack[n_waiting]
        largest = values[0]
        if near.bound > largest or in_doubt(tree, near.bound, largest):
            if not in_doubt(tree, near.bound, largest):
                continue
            if box_bound(tree, near.node, x, True) > largest:
                continue
        start, stop = tree.ranges[2 * near.node], tree.ranges[2 * near.node + 1]
        left = 2 * near.node + 1
        if left >= tree.n_nodes or stop - start < 2:
            visit_leaf(tree, x, start, stop, values, rows, size)
            continue
        near.node, far.node = left, left + 1
        near.bound, far.bound = bound_of(tree, left, x), bound_of(tree, left + 1, x)
        if in_doubt(tree, near.bound, far.bound):
            near.bound = box_bound(tree, left, x, True)
            far.bound = box_bound(tree, left + 1, x, True)
        if near.bound > far.bound:
            near, far = far, near
        stack[n_waiting] = far
        stack[n_waiting + 1] = near
        n_waiting += 2
    sort(values, rows, size)


cdef class TreeSearch:
    """A tree over rows that stand in the order of its leaves.

    Parameters
    ----------
    vectors : ndarray of float64, of shape (n_rows, n_features)
        The rows.
    ranges : ndarray of int64, of shape (n_nodes, 2)
        First row of each node, and the one after its last.
    p : float
        Order of the Minkowski distance.
    low, high : ndarray of float64, of shape (n_nodes, n_features), optional
        Boxes of the nodes.
    center, radius : ndarray of float64, of shape (n_nodes, n_features) and (n_nodes,), optional
        Balls of the nodes.
    """

    cdef Tree tree
    cdef tuple held

    def __init__(
        self, const double[:, ::1] vectors, const int64_t[:, ::1] ranges, double p, *,
        low=None, high=None, center=None, radius=None,
    ):
        cdef const double[:, ::1] boxes, other
        cdef const double[::1] radii
        cdef Py_ssize_t n_nodes = ranges.shape[0], node
        if (
            vectors.shape[0] < 1 or vectors.shape[1] < 1 or n_nodes < 1 or ranges.shape[1] != 2
            or n_nodes >> (DEPTH - 2)
        ):
            raise ValueError("The tree does not fit its rows.")
        for node in range(n_nodes):
            if not 0 <= ranges[node, 0] <= ranges[node, 1] <= vectors.shape[0]:
                raise ValueError("The tree does not fit its rows.")
        boxes = low if center is None else center
        if boxes.shape[0] != n_nodes or boxes.shape[1] != vectors.shape[1]:
            raise ValueError("The nodes do not fit the rows.")
        if center is None:
            other = high
            if other.shape[0] != n_nodes or other.shape[1] != vectors.shape[1]:
                raise ValueError("The nodes do not fit the rows.")
            self.tree.low, self.tree.high = &boxes[0, 0], &other[0, 0]
        else:
            radii = radius
            if radii.shape[0] != n_nodes:
                raise ValueError("The nodes do not fit the rows.")
            self.tree.center, self.tree.radius = &boxes[0, 0], &radii[0]
        self.held = (vectors, ranges, low, high, center, radius)
        self.tree.vectors, self.tree.n_features = &vectors[0, 0], vectors.shape[1]
        self.tree.ranges, self.tree.n_nodes = &ranges[0, 0], n_nodes
        self.tree.p = p
        self.tree.slack = (vectors.shape[1] + 4) * 2.0**-51
        self.tree.power = (
            LARGEST if math.isinf(p) else TWO if p == 2 else ONE if p == 1 else OTHER
        )

    def search(
        self, const double[:, ::1] X, double[:, ::1] values, int64_t[:, ::1] rows
    ):
        """Fill in the nearest rows of each query, nearest first, and their distances."""
        cdef Py_ssize_t i, n = X.shape[0], size = rows.shape[1]
        if (
            X.shape[1] != self.tree.n_features or values.shape[0] != n or rows.shape[0] != n
            or values.shape[1] != size or size < 1
        ):
            raise ValueError(f"Queries must have {self.tree.n_features} columns.")
        with nogil:
            for i in range(n):
                search_one(&self.tree, &X[i, 0], &values[i, 0], &rows[i, 0], size)


def first_met(const double[::1] reduced, double[::1] values, int64_t[::1] rows):
    """Fill in the nearest rows that a search in their order keeps."""
    cdef Py_ssize_t i, size = rows.shape[0]
    if values.shape[0] != size or size < 1:
        raise ValueError("Values and rows must be equally many.")
    with nogil:
        for i in range(size):
            values[i] = INFINITY
            rows[i] = 0
        for i in range(reduced.shape[0]):
            push(&values[0], &rows[0], size, reduced[i], i)
        sort(&values[0], &rows[0], size)
