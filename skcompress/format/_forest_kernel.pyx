# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled walk of the forest codec; `_forest_walk.py` holds its NumPy reference.

The work is done in `_forest_walk.h`. Arrays are checked here; whatever the data are, every symbol
found lies in its alphabet, which keeps all places within their arrays.
"""

import numpy as np

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

cdef extern from "_forest_walk.h" nogil:
    enum:
        MEASURE
        WRITE
        READ
        N_STREAMS
        MOST_VARIANTS
        NO_MEMORY
        NO_WORDS
        TOO_MANY
        TOO_FEW
        TOO_DEEP
        NO_THRESHOLDS
        CLOSED
        UNBOUNDED

    ctypedef struct decoder:
        uint64_t *state
        ptrdiff_t n_lanes
        const uint32_t *words
        ptrdiff_t n_words
        ptrdiff_t place

    ctypedef struct variant:
        int64_t alphabet
        int64_t size
        int32_t step
        int64_t bits

    ctypedef struct stream:
        int n_variants
        int64_t seen
        int64_t lessons
        int64_t largest
        variant *variants

    ctypedef struct walk:
        int mode
        int64_t n_trees
        int64_t n_nodes
        int64_t n_used
        int64_t n_rows
        int64_t full_box
        int64_t most_levels
        int64_t box_classes
        int64_t depth_classes
        int64_t siblings
        int64_t direct_rows
        int64_t bins
        int64_t coarse
        int bounded
        const int64_t *offsets
        uint8_t *internal
        int32_t *tree
        int32_t *feature
        int32_t *rank
        int32_t *leaf
        int *chosen
        stream *streams
        decoder source
        uint32_t *start
        uint32_t *size
        int64_t n_put
        int64_t n_blocks
        int64_t *ends
        const int64_t *logarithms

    int walk_all(walk *)


cdef dict OUTCOMES = {
    NO_WORDS: "no words",
    TOO_MANY: "too many nodes",
    TOO_FEW: "too few nodes",
    TOO_DEEP: "too deep",
    NO_THRESHOLDS: "no thresholds",
    CLOSED: "closed",
    UNBOUNDED: "unbounded",
}


cdef class Walk:
    """The walk over the nodes of a forest.

    Parameters
    ----------
    nodes : Nodes
        What is told of each node, or room for it.
    offsets : ndarray of int64
        Where the thresholds of each used feature begin, and where they all end.
    streams : sequence of (alphabet, lessons, largest, variants)
        Of topology, features, ranks, leaf rows, and leaf rows in their bins: symbols of a context
        (0: contexts are stretches), how blocks grow, and each variant's size and step.
    settings : dict
        The other fields of a walk, by name.
    """

    cdef walk of
    cdef object nodes, offsets

    def __init__(self, nodes, offsets, streams, settings):
        cdef int64_t[::1] places = offsets
        self.nodes, self.offsets = nodes, offsets
        self.of.offsets = &places[0]
        self.of.n_used = offsets.size - 1
        self.of.n_nodes = nodes.internal.size
        if len(streams) != N_STREAMS or (np.diff(offsets, prepend=0) < 0).any():
            raise ValueError("A walk has other streams, and tables that follow one another.")
        for place, (alphabet, lessons, largest, variants) in enumerate(streams):
            self.add_stream(place, alphabet, lessons, largest, variants)
        self.of.n_trees, self.of.n_rows = settings["n_trees"], settings["n_rows"]
        self.of.bounded, self.of.full_box = settings["bounded"], settings["full_box"]
        self.of.most_levels = settings["most_levels"]
        self.of.box_classes = settings["box_classes"]
        self.of.depth_classes = settings["depth_classes"]
        self.of.siblings, self.of.direct_rows = settings["siblings"], settings["direct_rows"]
        self.of.bins, self.of.coarse = settings["bins"], settings["coarse"]
        if not 1 <= self.of.n_trees <= self.of.n_nodes < 2**31 or self.of.n_rows < 1:
            raise ValueError("A walk has a root for each tree, and a row for each leaf.")

    cdef int add_stream(self, int place, alphabet, lessons, largest, variants) except -1:
        cdef stream *of = &self.of.streams[place]
        cdef int v
        if not 1 <= len(variants) <= MOST_VARIANTS or lessons < 1 or largest < 1:
            raise ValueError("A stream has one to three variants.")
        of.n_variants, of.lessons, of.largest = len(variants), lessons, largest
        for v, (size, step) in enumerate(variants):
            if size < 1 or size >= 2**31 or (alphabet and size % alphabet):
                raise ValueError("A variant has as many counts as its contexts have symbols.")
            of.variants[v].alphabet = alphabet
            of.variants[v].size, of.variants[v].step = size, step
        return 0

    cdef object run(self, int mode):
        """How the walk ended; None: as it should."""
        cdef uint8_t[::1] internal = self.nodes.internal.view(np.uint8)
        cdef int32_t[::1] tree = self.nodes.tree, feature = self.nodes.feature
        cdef int32_t[::1] rank = self.nodes.rank, leaf = self.nodes.leaf
        cdef Py_ssize_t n = internal.shape[0]
        cdef int code
        if not n == tree.shape[0] == feature.shape[0] == rank.shape[0] == leaf.shape[0]:
            raise ValueError("There is an entry for each node.")
        self.of.internal, self.of.tree, self.of.feature = &internal[0], &tree[0], &feature[0]
        self.of.rank, self.of.leaf = &rank[0], &leaf[0]
        self.of.mode = mode
        with nogil:
            code = walk_all(&self.of)
        if code == NO_MEMORY:
            raise MemoryError
        return OUTCOMES.get(code)

    @property
    def n_variants(self):
        """Of each stream."""
        cdef int place
        return [self.of.streams[place].n_variants for place in range(N_STREAMS)]

    cdef int choose(self, variants) except -1:
        cdef int place
        for place in range(N_STREAMS):
            if not 0 <= variants[place] < self.of.streams[place].n_variants:
                raise ValueError("There is no such variant.")
            self.of.chosen[place] = variants[place]
        return 0

    def measure(self, const int64_t[::1] logarithms):
        """Outcome, and what each variant of each stream that was told takes, in 2^-32 bits."""
        cdef int place, v
        self.of.logarithms = &logarithms[0]
        outcome = self.run(MEASURE)
        bits = [
            [self.of.streams[place].variants[v].bits for v in range(self.of.streams[place].n_variants)]
            if self.of.streams[place].seen else None
            for place in range(N_STREAMS)
        ]
        return outcome, bits

    def write(self, variants):
        """Outcome; first slot and slots of each symbol, and where blocks of them end."""
        cdef uint32_t[::1] start, size
        cdef int64_t place
        self.choose(variants)
        # A symbol tells whether a node splits; two follow for a split, or at most two for a leaf.
        starts, sizes = np.empty((2, 3 * self.of.n_nodes), np.uint32)
        start, size = starts, sizes
        self.of.start, self.of.size = &start[0], &size[0]
        try:
            outcome = self.run(WRITE)
            ends = np.empty(self.of.n_blocks, np.int64)
            for place in range(self.of.n_blocks):
                ends[place] = self.of.ends[place]
        finally:
            free(self.of.ends)
            self.of.ends = NULL
        return outcome, starts[: self.of.n_put], sizes[: self.of.n_put], ends

    def read(self, variants, uint64_t[::1] state, const uint32_t[::1] words, Py_ssize_t place):
        """Outcome, and the place of the next word; nodes are filled in."""
        self.choose(variants)
        self.of.source.state, self.of.source.n_lanes = &state[0], state.shape[0]
        self.of.source.words = NULL if words.shape[0] == 0 else <uint32_t *>&words[0]
        self.of.source.n_words, self.of.source.place = words.shape[0], place
        outcome = self.run(READ)
        return outcome, self.of.source.place


def subtree_sizes(internal, int64_t n_trees):
    """Nodes in the subtree of each node, where those of all trees stand in the order of levels."""
    cdef const uint8_t[::1] splits = internal.view(np.uint8)
    sizes = np.ones(internal.size, np.int64)
    cdef int64_t[::1] size = sizes
    cdef int64_t n_nodes = splits.shape[0], left = n_nodes, node
    if n_trees + 2 * np.count_nonzero(internal) != n_nodes:
        raise ValueError("Each split has two children, and all other nodes are roots.")
    for node in range(n_nodes - 1, -1, -1):
        if splits[node]:
            left -= 2
            size[node] += size[left] + size[left + 1]
    return sizes
