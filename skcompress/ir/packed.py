"""`PackedTrees`: how trees are laid out for walking, which a mapped file holds, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._node import Node, register, require
from .arrays import decode, floor_to_float32

if TYPE_CHECKING:
    from .trees import TreeEnsemble

__all__ = ["PackedTrees", "check_packed", "comparable"]

_PIECE = 2**14
"""Nodes that are compared at once."""

_WORDS = {2: np.uint16, 4: np.uint32}


@register("packed-trees")
class PackedTrees(Node):
    """Trees as plain arrays, ready to be walked.

    A *column* is a feature together with the side that its missing values take, so that splits
    need not tell. Ranked trees compare *ranks*: where a value stands among all thresholds that
    the trees compare its feature with. The others compare the values with the thresholds.

    A node is an unsigned integer. A split holds, from the lowest bit on, its column
    (`column_bits`), half the way from its pair of siblings to its children (`step_bits`), and in
    ranked trees the rank of its threshold or the number of its category set. A leaf holds zeros
    (`column_bits`), then its leaf row; the highest bit marks it.

    Siblings stand side by side at an even place and the next odd one, a root alone at an odd
    place. So the split number k, counted over all trees, has its children at ``2 (k + t + 1)``
    and next to it, where t is the number of its tree.

    Parameters
    ----------
    nodes : ndarray of uint16 or uint32, of shape (n_nodes + n_trees,), or of uint8
        The nodes; bytes, lowest first, where 32 bits are not enough, with room for a read of
        eight at the last.
    roots : ndarray of int64, of shape (n_trees,)
        Place of each root.
    node_bytes, column_bits, step_bits : int
        The layout of a node.
    ranked : bool
        Whether ranks are compared.
    table : ndarray of float32 or float64, not empty
        Thresholds in the dtype in which inputs are compared. Ranked: the distinct ones in rising
        order, feature after feature. Else those of all splits, one after the other.
    feature : ndarray of int32, of shape (n_columns,)
        Feature of each column.
    missing_left : ndarray of bool, of shape (n_columns,)
        Whether missing values go left.
    start, stop : ndarray of int64, of shape (n_numeric,)
        Where the thresholds of a column begin and end in `table`; not used unless ranked. Columns
        on categories follow the numeric ones; there is at least one numeric column.
    left : ndarray of uint32, of shape (n_sets, 8)
        Category sets that go left.
    known : ndarray of uint32, of shape (n_columns - n_numeric, 8)
        Categories seen in training by each column on categories.
    n_features : int
        Number of input columns.
    """

    nodes: np.ndarray
    roots: np.ndarray
    node_bytes: int
    column_bits: int
    step_bits: int
    ranked: bool
    table: np.ndarray
    feature: np.ndarray
    missing_left: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    left: np.ndarray
    known: np.ndarray
    n_features: int

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included."""
        n_bytes = self.nodes.nbytes - (8 if self.nodes.itemsize == 1 else 0)
        return n_bytes // self.node_bytes - self.roots.size

    def word(self, place: np.ndarray) -> np.ndarray:
        """The nodes at some places, as uint64."""
        if self.nodes.itemsize > 1:
            return self.nodes[place].astype(np.uint64)
        at = place[..., None] * self.node_bytes + np.arange(self.node_bytes)
        shifts = 8 * np.arange(self.node_bytes, dtype=np.uint64)
        return (self.nodes[at].astype(np.uint64) << shifts).sum(axis=-1, dtype=np.uint64)

    def check(self) -> None:
        require(
            self.node_bytes in (2, 4, 5, 6, 7, 8)
            and self.column_bits >= 1
            and self.step_bits >= 0
            and self.column_bits + self.step_bits < 8 * self.node_bytes,
            "the fields of packed nodes do not fit.",
        )
        kinds = {
            "nodes": (_WORDS.get(self.node_bytes, np.uint8), 1),
            "roots": (np.int64, 1),
            "feature": (np.int32, 1),
            "missing_left": (np.bool_, 1),
            "start": (np.int64, 1),
            "stop": (np.int64, 1),
            "left": (np.uint32, 2),
            "known": (np.uint32, 2),
        }
        for name, (dtype, ndim) in kinds.items():
            array = getattr(self, name)
            require(array.dtype == dtype and array.ndim == ndim, f"bad `{name}` of packed trees.")
        require(self.node_bytes > 2 or not self.ranked, "ranked trees need larger nodes.")
        n_bytes = self.nodes.nbytes - (8 if self.nodes.itemsize == 1 else 0)
        require(n_bytes > 0 and n_bytes % self.node_bytes == 0, "packed nodes are cut off.")
        n_columns, n_numeric = self.feature.size, self.start.size
        require(
            1 <= n_numeric <= n_columns <= 1 << self.column_bits
            and self.missing_left.shape == self.feature.shape
            and self.stop.shape == self.start.shape
            and self.left.shape[1:] == (8,)
            and self.known.shape == (n_columns - n_numeric, 8),
            "the columns of packed trees do not agree.",
        )
        require(
            int(self.feature.min()) >= 0 and int(self.feature.max()) < self.n_features,
            "a column of packed trees has a feature that does not exist.",
        )
        require(
            self.table.dtype in (np.float32, np.float64)
            and self.table.ndim == 1
            and self.table.size > 0
            and bool((self.start >= 0).all())
            and bool((self.start <= self.stop).all())
            and bool((self.stop <= self.table.size).all()),
            "the table of packed trees does not hold their thresholds.",
        )
        # An input's rank, at most the size of a column's table, must not reach the mark of leaves.
        room = 8 * self.node_bytes - 1 - self.column_bits - self.step_bits
        largest = int((self.stop - self.start).max())
        require(
            not self.ranked or largest.bit_length() <= room,
            "the ranks of packed trees do not fit their nodes.",
        )


def comparable(threshold: np.ndarray, float32_inputs: bool) -> np.ndarray:
    """Thresholds in the dtype of the inputs; no input of that dtype changes sides."""
    if not float32_inputs:
        return threshold.astype(np.float64, copy=False)
    return threshold if threshold.dtype == np.float32 else floor_to_float32(threshold)


def check_packed(trees: TreeEnsemble, packed: PackedTrees) -> None:
    """Raise `InvalidModelError` unless the packed form is one of these very trees."""
    threshold = comparable(decode(trees.threshold), trees.float32_inputs)
    n_trees = trees.n_trees
    require(
        packed.n_features == trees.n_features
        and packed.table.dtype == threshold.dtype
        and packed.roots.size == n_trees
        and packed.n_nodes == trees.n_nodes,
        "the packed trees are not of the same size.",
    )
    require(
        bool((packed.roots == trees.offsets[:-1] + np.arange(1, n_trees + 1)).all()),
        "the packed trees begin elsewhere.",
    )
    _check_columns(trees, packed)
    if not packed.ranked:
        require(
            packed.table.size == max(threshold.size, 1)
            and bool((packed.table[: threshold.size] == threshold).all()),
            "the packed trees have other thresholds.",
        )
    n_splits = 0
    for start in range(0, trees.n_nodes, _PIECE):
        n_splits = _check_piece(trees, packed, threshold, start, n_splits)


def _check_columns(trees: TreeEnsemble, packed: PackedTrees) -> None:
    n_numeric = packed.start.size
    if packed.ranked:
        # Searched by halves, so each column's part of the table must rise.
        falls = np.concatenate([[0], np.cumsum(packed.table[1:] <= packed.table[:-1])])
        last = np.maximum(packed.stop - 1, packed.start)
        inside = np.minimum(np.stack([packed.start, last]), packed.table.size - 1)
        rises = falls[inside[0]] == falls[inside[1]]
        require(bool(rises.all()), "a column of packed trees has thresholds that do not rise.")
    if trees.categories is None:
        require(
            packed.left.size == 0 and packed.feature.size == n_numeric,
            "the packed trees split on categories.",
        )
        return
    rows = trees.categories.known_row[packed.feature[n_numeric:]]
    require(
        packed.ranked
        and packed.left.shape == trees.categories.left.shape
        and bool((packed.left == trees.categories.left).all())
        and bool((rows >= 0).all())
        and bool((packed.known == trees.categories.known[rows]).all()),
        "the packed trees have other category sets.",
    )


def _check_piece(
    trees: TreeEnsemble, packed: PackedTrees, threshold: np.ndarray, start: int, n_splits: int
) -> int:
    """Compare some nodes; how many splits there were up to their end."""
    stop = min(start + _PIECE, trees.n_nodes)
    internal = trees.internal[start:stop]
    first, last = np.searchsorted(trees.offsets, [start, stop - 1], side="right") - 1
    edges = np.clip(trees.offsets[first : last + 2], start, stop)
    tree = np.repeat(np.arange(first, last + 1), np.diff(edges))
    place = np.arange(start + 1, stop + 1) + tree
    # In the nodes' own dtype, which is half the work.
    word = packed.nodes[place] if packed.nodes.itemsize > 1 else packed.word(place)
    leaf_bit = 8 * packed.node_bytes - 1
    is_leaf = (word >> word.dtype.type(leaf_bit)).astype(bool)
    require(bool((is_leaf != internal).all()), "the packed trees branch elsewhere.")

    def field(words: np.ndarray, shift: int, end: int) -> np.ndarray:
        kind = words.dtype.type
        return words >> kind(shift) & kind((1 << (end - shift)) - 1)

    after = packed.column_bits + packed.step_bits
    leaves = word[is_leaf]
    first_leaf = start - n_splits
    # Walks that have ended look at the column of their leaf, too.
    same = field(leaves, 0, packed.column_bits) == 0
    same &= field(leaves, packed.column_bits, leaf_bit) == trees.leaf[first_leaf:][: leaves.size]
    require(bool(same.all()), "the packed trees have other leaves.")

    splits = word[internal]
    number = slice(n_splits, n_splits + splits.size)
    column = field(splits, 0, packed.column_bits)
    step = field(splits, packed.column_bits, after)
    children = 2 * (np.arange(number.start + 1, number.stop + 1) + tree[internal])
    require(
        bool((column < packed.feature.size).all())
        and bool((step == (children - (place[internal] & -2)) >> 1).all())
        and bool((packed.feature[column] == trees.feature[number]).all()),
        "the packed trees have other splits.",
    )
    if trees.missing_left is not None:
        missing = trees.missing_left[number]
    else:
        missing = np.zeros(splits.size, bool)
    require(
        bool((packed.missing_left[column] == missing).all()),
        "the packed trees send missing values elsewhere.",
    )
    if packed.ranked:
        ranks = field(splits, after, leaf_bit).astype(np.int64)
        _check_ranks(trees, packed, threshold, number, column, ranks)
    return n_splits + splits.size


def _check_ranks(
    trees: TreeEnsemble,
    packed: PackedTrees,
    threshold: np.ndarray,
    number: slice,
    column: np.ndarray,
    rank: np.ndarray,
) -> None:
    numeric, compared = column < packed.start.size, threshold[number]
    if trees.categories is None:
        require(bool(numeric.all()), "the packed trees split on categories.")
    else:
        chosen = trees.categories.is_category
        sets = np.count_nonzero(chosen[: number.start]) + np.arange(np.count_nonzero(~numeric))
        require(
            bool((numeric == ~chosen[number]).all()) and bool((rank[~numeric] == sets).all()),
            "the packed trees have other category sets.",
        )
        column, rank, compared = column[numeric], rank[numeric], compared[numeric]
    place = packed.start[column] + rank
    require(bool((place < packed.stop[column]).all()), "a packed rank is out of range.")
    require(
        bool((packed.table[place] == compared).all()), "the packed trees have other thresholds."
    )
