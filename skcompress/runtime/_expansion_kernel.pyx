# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled kernel expansions; `kernel.py` holds their NumPy reference.

The work is done in `_expansion.h`: kernel values of a block of rows and a panel of vectors stay in
the processor's cache until they are weighed. Arrays are checked here, once.
"""

import numpy as np

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t

cdef extern from "_expansion.h" nogil:
    enum:
        PANEL
        NARROW
        LANES
        LINEAR
        POLY
        SIGMOID
        RBF

    ctypedef struct expansion:
        int kernel
        int degree
        double gamma
        double coef0
        ptrdiff_t n_vectors
        ptrdiff_t n_features
        ptrdiff_t n_groups
        ptrdiff_t n_columns
        ptrdiff_t n_outputs
        const int64_t *ends
        int pairs
        const double *vectors
        const void *codes
        int code_bytes
        const double *table
        ptrdiff_t table_step
        const double *scale
        const double *zero
        const double *coef
        const double *intercept

    int expand(const expansion *, const double *, ptrdiff_t, double *)
    void add_products(
        const expansion *, double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *,
        const double *, double *)
    void finish_all(const expansion *, const double *, ptrdiff_t, double *)
    void decode_all(const expansion *, ptrdiff_t, ptrdiff_t, double *)
    void exp_all(const double *, double *, ptrdiff_t)

PANEL_WIDTH = PANEL
"""Vectors in a panel of products."""
NARROW_BELOW = NARROW
"""With fewer features, vectors are compared in tiles."""

cdef dict KINDS = {"linear": LINEAR, "poly": POLY, "sigmoid": SIGMOID, "rbf": RBF}

cdef const void *address(const unsigned char[::1] data) noexcept:
    return &data[0] if data.shape[0] else NULL


cdef class Expansion:
    """A kernel expansion ready to be evaluated.

    Parameters
    ----------
    kernel : str
        The kernel's name.
    gamma, coef0, degree : float, float, int
        Its parameters.
    coef : ndarray of shape (n_vectors, n_rows_of_coef)
        Coefficients.
    ends : ndarray of int64
        Where the vectors of each group end.
    pairs : bool
        Outputs are pairs of groups.
    intercept : ndarray of float64
        Added to the outputs.
    n_features : int
        Columns of the vectors.
    vectors : ndarray, optional
        Plain vectors.
    codes : ndarray of uint8 or uint16, optional
        Codes of the vectors, with `table` (a row per column) or `scale` and `zero`.
    """

    cdef expansion of
    cdef list held

    def __init__(
        self, kernel, gamma, coef0, degree, coef, ends, pairs, intercept, n_features,
        *, vectors=None, codes=None, table=None, scale=None, zero=None,
    ):
        n_vectors, n_columns = coef.shape
        self.held = []
        self.of.kernel = KINDS[kernel]
        self.of.gamma, self.of.coef0, self.of.degree = gamma, coef0, degree
        self.of.n_vectors, self.of.n_features = n_vectors, n_features
        self.of.n_groups, self.of.n_columns = ends.size, n_columns
        self.of.n_outputs = intercept.size
        self.of.pairs = pairs
        n_groups = ends.size
        if (
            n_features < 1
            or n_vectors < 1
            or ends[n_groups - 1] != n_vectors
            or (np.diff(ends, prepend=0) < 0).any()
            or intercept.size != (n_groups * (n_groups - 1) // 2 if pairs else n_columns)
            or (n_columns < n_groups - 1 if pairs else n_groups != 1)
        ):
            raise ValueError("The parts of the expansion do not fit each other.")
        self.of.ends = <const int64_t *> self.hold(ends, np.int64, (n_groups,))
        self.of.intercept = <const double *> self.hold(intercept, np.float64, (intercept.size,))
        if n_columns > 1:
            wide = np.zeros((n_vectors, -(-n_columns // LANES) * LANES))
            wide[:, :n_columns] = coef
            coef = wide
        self.of.coef = <const double *> self.hold(coef, np.float64, coef.shape)
        if codes is None:
            if vectors.shape != (n_vectors, n_features):
                raise ValueError("The vectors do not fit the coefficients.")
            if n_features < NARROW:
                n_tiles = -(-n_vectors // LANES)
                rows = np.zeros((n_tiles * LANES, n_features))
                rows[:n_vectors] = vectors
                vectors = rows.reshape(n_tiles, LANES, n_features).swapaxes(1, 2)
            self.of.vectors = <const double *> self.hold(vectors, np.float64, vectors.shape)
            return
        self.of.code_bytes = codes.dtype.itemsize
        if codes.dtype not in (np.uint8, np.uint16):
            raise ValueError("Codes must be uint8 or uint16.")
        self.of.codes = self.hold(codes, codes.dtype, (n_vectors, n_features))
        if table is not None:
            if codes.max() >= table.shape[table.ndim - 1]:
                raise ValueError("A code exceeds its table.")
            self.of.table_step = table.shape[1] if table.ndim == 2 else 0
            shape = (n_features, table.shape[1]) if table.ndim == 2 else table.shape
            self.of.table = <const double *> self.hold(table, np.float64, shape)
        else:
            self.of.scale = <const double *> self.hold(scale, np.float64, (n_features,))
            self.of.zero = <const double *> self.hold(zero, np.float64, (n_features,))

    cdef const void *hold(self, array, dtype, shape) except? NULL:
        """Keep an array alive and give its address."""
        array = np.ascontiguousarray(array, dtype)
        if array.shape != shape:
            raise ValueError(f"Expected shape {shape}; got {array.shape}.")
        self.held.append(array)
        return address(array.reshape(-1).view(np.uint8))

    @property
    def arrays(self):
        """Arrays that are kept."""
        return tuple(self.held)

    @property
    def sums_width(self):
        """Sums a row, all groups together."""
        n_columns = self.of.n_columns
        return self.of.n_groups * (1 if n_columns == 1 else -(-n_columns // LANES) * LANES)

    def __call__(self, const double[:, ::1] rows, double[:, ::1] out):
        """Fill in the outputs of all rows."""
        cdef ptrdiff_t n_rows = rows.shape[0]
        cdef int failed
        self.check(n_rows, rows.shape[1] == self.of.n_features, out)
        if n_rows == 0:
            return
        with nogil:
            failed = expand(&self.of, &rows[0, 0], n_rows, &out[0, 0])
        if failed:
            raise MemoryError

    cdef int check(self, ptrdiff_t n_rows, bint fits, double[:, ::1] out) except -1:
        if not fits or out.shape[0] != n_rows or out.shape[1] != self.of.n_outputs:
            raise ValueError(f"Rows must have {self.of.n_features} columns.")
        return 0

    def decode(self, ptrdiff_t start, double[:, ::1] out):
        """Vectors from `start` on, as rows."""
        cdef ptrdiff_t n = out.shape[0]
        if (
            start < 0 or n < 1 or start + n > self.of.n_vectors
            or out.shape[1] != self.of.n_features or self.of.codes == NULL
        ):
            raise ValueError("There are no such vectors.")
        with nogil:
            decode_all(&self.of, start, n, &out[0, 0])

    def add_products(
        self, double[:, ::1] values, ptrdiff_t start, ptrdiff_t n, const double[::1] own,
        const double[::1] lengths, double[:, ::1] sums,
    ):
        """Add what `n` vectors contribute, given their products with the rows.

        `values` is a panel of `PANEL_WIDTH` columns, and is overwritten.
        """
        cdef ptrdiff_t n_rows = sums.shape[0]
        if (
            n_rows < 1 or values.shape[0] < n_rows or values.shape[1] != PANEL or start < 0
            or not 1 <= n <= PANEL or start + n > self.of.n_vectors
            or sums.shape[1] != self.sums_width or own.shape[0] != n_rows
            or lengths.shape[0] != self.of.n_vectors
        ):
            raise ValueError("The panel does not fit the expansion.")
        with nogil:
            add_products(
                &self.of, &values[0, 0], n_rows, start, n, &own[0], &lengths[0], &sums[0, 0])

    def finish(self, const double[:, ::1] sums, double[:, ::1] out):
        """From sums to outputs."""
        self.check(sums.shape[0], sums.shape[1] == self.sums_width, out)
        if sums.shape[0]:
            with nogil:
                finish_all(&self.of, &sums[0, 0], sums.shape[0], &out[0, 0])


def exponential(const double[::1] x, double[::1] out):
    """The exponential function that the kernels use, for arguments up to 0."""
    if out.shape[0] != x.shape[0]:
        raise ValueError("The output must be as long as the input.")
    if x.shape[0]:
        with nogil:
            exp_all(&x[0], &out[0], x.shape[0])
