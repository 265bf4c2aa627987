# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled fully connected layers; `network.py` holds their NumPy reference.

The work is done in `_network.h`. Arrays are checked here, once.
"""

import numpy as np

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, int32_t, int64_t, uint16_t
from libc.stdlib cimport calloc, free, malloc

cdef extern from "_network.h" nogil:
    enum:
        IDENTITY
        RELU
        TANH
        LOGISTIC
        SOFTMAX

    ctypedef struct layer:
        int activation
        ptrdiff_t n_inputs
        ptrdiff_t n_units
        ptrdiff_t stride
        const void *weights
        const int8_t *codes
        const float *scale
        const float *shift
        const void *data
        const uint16_t *indices
        const int64_t *indptr
        const void *bias

    ctypedef struct network:
        ptrdiff_t n_layers
        ptrdiff_t widest
        int wide
        const layer *layers

    ctypedef struct sparse_rows:
        const void *data
        int doubles
        const int32_t *indices
        const int64_t *indptr

    enum:
        NO_MEMORY

    ptrdiff_t decoded_width(const layer *)
    void decode_layer(const layer *, float *)

    int forward_double(
        const network *, const void *, int, const sparse_rows *, int, ptrdiff_t, void *)
    int forward_float(
        const network *, const void *, int, const sparse_rows *, int, ptrdiff_t, void *)

cdef enum:
    MANY = 32  # rows for which layers of codes are worth decoding

cdef dict ACTIVATIONS = {
    "identity": IDENTITY, "relu": RELU, "tanh": TANH, "logistic": LOGISTIC, "softmax": SOFTMAX,
}

cdef const void *address(const unsigned char[::1] data) noexcept:
    return &data[0] if data.shape[0] else NULL


cdef class Network:
    """Layers ready to be evaluated.

    Parameters
    ----------
    single : bool
        Compute in float32.
    wide : bool
        Add the bias of the last layer in float64, as its activation and the outputs then are, too.
    layers : sequence of tuples (weights, bias, activation)
        Weights are a dense array of shape (n_inputs, n_units); a tuple (data, indices, indptr,
        n_units) of the entries of each input; or a tuple (codes, scale, shift), of int8 codes of
        that shape and a float32 scale and shift for each unit, if `single`.
    """

    cdef network of
    cdef layer *layers
    cdef ptrdiff_t n_decoded
    cdef list held
    cdef readonly bint single
    cdef readonly bint wide
    cdef readonly ptrdiff_t n_outputs

    def __cinit__(self, single, wide, layers):
        self.layers = <layer *> calloc(len(layers), sizeof(layer))
        if self.layers == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.layers)

    def __init__(self, single, wide, layers):
        cdef layer *own
        dtype = np.dtype(np.float32 if single else np.float64)
        lanes = 64 // dtype.itemsize
        self.held = []
        self.single = single
        self.wide = wide or not single
        self.of.wide = wide and single
        self.of.n_layers = len(layers)
        self.of.layers = self.layers
        widest = 0
        n_before = None
        for place, (weights, bias, activation) in enumerate(layers):
            own = &self.layers[<ptrdiff_t> place]
            own.activation = ACTIVATIONS[activation]
            if isinstance(weights, tuple) and len(weights) == 3:
                n_inputs, n_units = weights[0].shape
                if not single or any(part.shape != (n_units,) for part in weights[1:]):
                    raise ValueError("The parts of a layer of codes do not fit each other.")
                own.stride = -(-n_units // 64) * 64
                self.n_decoded += n_inputs * -(-n_units // lanes) * lanes
                codes = np.zeros((n_inputs, own.stride), np.uint8)
                codes[:, :n_units] = weights[0].view(np.uint8)
                codes = codes.reshape(n_inputs, -1, 4, 16)
                words = np.zeros((n_inputs, own.stride // 64, 16), np.uint32)
                for byte in range(4):
                    words |= np.left_shift(codes[:, :, byte], 8 * byte, dtype=np.uint32)
                own.codes = <const int8_t *> self.hold(words, np.uint32)
                scale, shift = np.zeros((2, own.stride), np.float32)
                scale[:n_units], shift[:n_units] = weights[1:]
                own.scale = <const float *> self.hold(scale, np.float32)
                own.shift = <const float *> self.hold(shift, np.float32)
            elif isinstance(weights, tuple):
                data, indices, indptr, n_units = weights
                n_inputs = indptr.size - 1
                if (
                    data.shape != indices.shape
                    or indptr[0] != 0
                    or indptr[n_inputs] != data.size
                    or (np.diff(indptr) < 0).any()
                    or (indices.size and indices.max() >= n_units)
                ):
                    raise ValueError("The parts of a sparse layer do not fit each other.")
                # An empty array has no address.
                data, indices = np.append(data, 0), np.append(indices, 0)
                own.data = self.hold(data, dtype)
                own.indices = <const uint16_t *> self.hold(indices, np.uint16)
                own.indptr = <const int64_t *> self.hold(indptr, np.int64)
            else:
                n_inputs, n_units = weights.shape
                if 1 < n_units < lanes:
                    filled = np.zeros((n_inputs, lanes), dtype)
                    filled[:, :n_units] = weights
                    weights = filled
                own.weights = self.hold(weights, dtype)
                own.stride = weights.shape[1]
            if n_units < 1 or n_inputs < 1 or n_before not in (None, n_inputs):
                raise ValueError("The layers do not fit each other.")
            if bias.shape != (n_units,):
                raise ValueError("A bias does not fit its layer.")
            last = place == len(layers) - 1
            padded = np.zeros(-(-n_units // lanes) * lanes, np.float64 if wide and last else dtype)
            padded[:n_units] = bias
            own.bias = self.hold(padded, padded.dtype)
            own.n_inputs, own.n_units = n_inputs, n_units
            widest = max(widest, n_inputs, n_units, own.stride if own.codes != NULL else 0)
            n_before = n_units
        self.of.widest = -(-widest // lanes) * lanes
        self.n_outputs = n_before

    cdef const void *hold(self, array, dtype) except? NULL:
        """Keep an array alive and give its address."""
        array = np.ascontiguousarray(array, dtype)
        self.held.append(array)
        return address(array.reshape(-1).view(np.uint8))

    @property
    def arrays(self):
        """Arrays that are kept."""
        return tuple(self.held)

    def from_double(self, const double[:, ::1] rows, out, *, bint summed=False):
        """Fill in the outputs of all rows; `summed`: these are the sums of the first layer."""
        self.check(rows.shape[0], rows.shape[1], summed)
        if rows.shape[0]:
            self.forward(&rows[0, 0], True, NULL, summed, rows.shape[0], out)

    def from_float(self, const float[:, ::1] rows, out, *, bint summed=False):
        """Fill in the outputs of all rows; `summed`: these are the sums of the first layer."""
        self.check(rows.shape[0], rows.shape[1], summed)
        if rows.shape[0]:
            self.forward(&rows[0, 0], False, NULL, summed, rows.shape[0], out)

    def first_weights(self):
        """Weights of the first layer, which is of codes."""
        cdef float[:, ::1] weights
        if self.layers.codes == NULL:
            raise ValueError("The first layer is not of codes.")
        found = np.empty((self.layers.n_inputs, decoded_width(self.layers)), np.float32)
        weights = found
        with nogil:
            decode_layer(self.layers, &weights[0, 0])
        return np.ascontiguousarray(found[:, :self.layers.n_units])

    @property
    def takes_sparse(self):
        """Whether `from_sparse` may be called."""
        return self.layers.codes != NULL or (
            self.layers.weights != NULL and self.layers.stride > 1
        )

    def from_sparse(self, data, const int32_t[::1] indices, const int64_t[::1] indptr, out):
        """Fill in the outputs of sparse rows, which hold no more entries than columns."""
        cdef sparse_rows rows
        cdef const double[::1] doubles
        cdef const float[::1] singles
        cdef ptrdiff_t r, n_rows = indptr.shape[0] - 1
        if not self.takes_sparse or n_rows < 1 or indptr[0] != 0:
            raise ValueError("These sparse rows are not for this network.")
        for r in range(n_rows):
            if not 0 <= indptr[r + 1] - indptr[r] <= self.layers.n_inputs:
                raise ValueError("A row holds more entries than there are columns.")
        if indptr[n_rows] > indices.shape[0] or data.shape[0] != indices.shape[0]:
            raise ValueError("The entries do not fit the rows.")
        rows.indptr = &indptr[0]
        rows.indices = NULL
        rows.data = NULL
        rows.doubles = data.dtype == np.float64
        if indices.shape[0]:
            rows.indices = &indices[0]
            if rows.doubles:
                doubles = data
                rows.data = &doubles[0]
            else:
                singles = data
                rows.data = &singles[0]
        self.forward(NULL, False, &rows, False, n_rows, out)

    cdef int check(self, ptrdiff_t n_rows, ptrdiff_t n_columns, bint summed) except -1:
        cdef ptrdiff_t wanted = self.layers.n_units if summed else self.layers.n_inputs
        if n_columns != wanted:
            raise ValueError(f"Rows must have {wanted} columns; got {n_columns}.")
        return 0

    cdef int forward(
        self, const void *rows, bint doubles_in, const sparse_rows *sparse, bint summed,
        ptrdiff_t n_rows, out,
    ) except -1:
        cdef double[:, ::1] doubles
        cdef float[:, ::1] singles
        cdef network plain = self.of
        cdef layer *decoded = NULL
        cdef float *weights = NULL
        cdef float *to_decode
        cdef ptrdiff_t place
        cdef void *to
        cdef int failed
        if out.shape != (n_rows, self.n_outputs):
            raise ValueError("The output does not fit the rows.")
        if self.wide:
            doubles = out
            to = &doubles[0, 0]
        else:
            singles = out
            to = &singles[0, 0]
        if self.n_decoded and n_rows >= MANY:
            decoded = <layer *> malloc(self.of.n_layers * sizeof(layer))
            weights = <float *> malloc(self.n_decoded * sizeof(float))
            if decoded == NULL or weights == NULL:
                free(decoded)
                free(weights)
                raise MemoryError
            plain.layers = decoded
        with nogil:
            if decoded != NULL:
                to_decode = weights
                for place in range(self.of.n_layers):
                    decoded[place] = self.layers[place]
                    if self.layers[place].codes != NULL:
                        decode_layer(&self.layers[place], to_decode)
                        decoded[place].codes = NULL
                        decoded[place].weights = to_decode
                        decoded[place].stride = decoded_width(&self.layers[place])
                        to_decode += decoded[place].n_inputs * decoded[place].stride
            if self.single:
                failed = forward_float(&plain, rows, doubles_in, sparse, summed, n_rows, to)
            else:
                failed = forward_double(&plain, rows, doubles_in, sparse, summed, n_rows, to)
            free(decoded)
            free(weights)
        if failed == NO_MEMORY:
            raise MemoryError
        if failed:
            raise ValueError("A column index is out of range.")
        return 0
