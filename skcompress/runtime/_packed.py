"""The form in which trees are walked: one small integer a node, and tables of thresholds."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..ir import PackedTrees, TreeEnsemble, decode
from ..ir.packed import comparable

__all__ = ["LEFT", "RIGHT", "PackedTrees", "pack"]

LEFT, RIGHT = 512, 1024
"""Category codes of values that go to one side whatever the set of the split holds."""

_WORDS = {2: np.uint16, 4: np.uint32}

_LARGE = 65536
_TABLE_BYTES = 1.5
"""From `_LARGE` nodes on, a table of ranks may take so many bytes a node."""


def pack(
    trees: TreeEnsemble, leaf: np.ndarray | None = None, *, ranked: bool | None = None
) -> PackedTrees:
    """Lay trees out for walking.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    leaf : ndarray of integers, of shape (n_leaves,), optional
        What each leaf reports; its row of leaf values by default.
    ranked : bool, optional
        Whether to compare ranks; by default, where that pays. Splits on categories need it.

    Returns
    -------
    PackedTrees
        The arrays.
    """
    columns = _columns(trees)
    threshold = comparable(decode(trees.threshold), trees.float32_inputs)
    table, start, stop, value = _ranks(columns, threshold)
    if columns.left.size:
        ranked = True
    elif ranked is None:
        ranked = _ranking_pays(trees, table, stop - start)
    if not ranked:
        table = threshold if threshold.size else np.zeros(1, threshold.dtype)
        start = stop = np.zeros_like(start)
        value = np.zeros_like(value)

    splits = np.flatnonzero(trees.internal)
    tree = trees.tree_of_node
    place = np.arange(trees.n_nodes) + tree + 1
    children = 2 * (np.arange(splits.size) + tree[splits] + 1)
    step = (children - (place[splits] & -2)) >> 1
    rows = trees.leaf if leaf is None else leaf

    column_bits, step_bits = max(_bits(columns.feature.size - 1), 1), _bits(step.max(initial=0))
    # A value above all thresholds has the rank that follows the last.
    rank_bits = _bits(value.max(initial=0) + 1) if ranked else 0
    n_bits = 1 + column_bits + max(step_bits + rank_bits, _bits(rows.max()))
    node_bytes = 2 if n_bits <= 16 and not ranked else max(4, -(-n_bits // 8))
    if node_bytes > 8:
        raise ValueError(
            f"These trees cannot be laid out for prediction: a node takes {n_bits} bits, and at "
            "most 64 are supported. Use fewer features or smaller trees."
        )
    shift = np.array([column_bits, column_bits + step_bits, 8 * node_bytes - 1], np.uint64)
    words = np.zeros(trees.n_nodes + trees.n_trees, _WORDS.get(node_bytes, "<u8"))
    node = columns.of_split.astype(np.uint64)
    node |= step.astype(np.uint64) << shift[0]
    node |= value.astype(np.uint64) << shift[1]
    words[place[splits]] = node
    words[place[~trees.internal]] = rows.astype(np.uint64) << shift[0] | np.uint64(1) << shift[2]
    nodes = words if node_bytes in _WORDS else _cut(words, node_bytes)
    # Read-only, so that it is not copied once more.
    nodes.flags.writeable = False
    return PackedTrees(
        nodes=nodes,
        roots=place[trees.offsets[:-1]],
        node_bytes=node_bytes,
        column_bits=column_bits,
        step_bits=step_bits,
        ranked=ranked,
        table=table,
        feature=columns.feature,
        missing_left=columns.missing_left,
        start=start,
        stop=stop,
        left=columns.left,
        known=columns.known,
        n_features=trees.n_features,
    )


@dataclasses.dataclass(frozen=True)
class _Columns:
    """The columns in use, numeric ones first, and the column and feature of each split."""

    feature: np.ndarray
    missing_left: np.ndarray
    n_numeric: int
    of_split: np.ndarray
    feature_of_split: np.ndarray
    left: np.ndarray
    known: np.ndarray


def _columns(trees: TreeEnsemble) -> _Columns:
    # A key is twice the feature, plus one if missing values go left, and beyond all numeric keys
    # if the split is on categories.
    key = 2 * trees.feature.astype(np.int64)
    if trees.missing_left is not None:
        key += trees.missing_left
    beyond = 2 * trees.n_features
    left = known = np.zeros((0, 8), np.uint32)
    if trees.categories is not None:
        left = trees.categories.left
        key[trees.categories.is_category] += beyond
    keys, column = _distinct(key, 2 * beyond)
    if not keys.size or keys[0] >= beyond:
        keys, column = np.concatenate([[0], keys]), column + 1
    feature = keys % beyond >> 1
    n_numeric = int(np.searchsorted(keys, beyond))
    if trees.categories is not None:
        known = trees.categories.known[trees.categories.known_row[feature[n_numeric:]]]
    return _Columns(
        feature=feature.astype(np.int32),
        missing_left=(keys & 1).astype(bool),
        n_numeric=n_numeric,
        of_split=column,
        feature_of_split=trees.feature,
        left=left,
        known=known,
    )


def _distinct(key: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of integers below a limit, and the place of each among them."""
    if limit > key.size:
        return np.unique(key, return_inverse=True)
    # Marking them takes less than sorting them.
    known = np.zeros(limit, bool)
    known[key] = True
    return np.flatnonzero(known), (np.cumsum(known) - 1)[key]


def _ranks(columns: _Columns, threshold: np.ndarray) -> tuple[np.ndarray, ...]:
    """Table of distinct thresholds, where each column's begin and end, and the ranks of splits.

    In place of a rank, a split on categories has the number of its set.
    """
    value = np.empty(threshold.size, np.int64)
    numeric = columns.of_split < columns.n_numeric
    value[~numeric] = np.arange(columns.left.shape[0])
    if not numeric.any():
        none = np.zeros(columns.n_numeric, np.int64)
        return np.zeros(1, threshold.dtype), none, none, value
    feature, threshold = columns.feature_of_split[numeric], threshold[numeric]
    order = np.lexsort((threshold, feature))
    feature, threshold = feature[order], threshold[order]
    other = np.ones(order.size, bool)
    other[1:] = feature[1:] != feature[:-1]
    firsts = np.flatnonzero(other)
    other[1:] |= threshold[1:] != threshold[:-1]
    place = np.cumsum(other) - 1
    begins = np.append(place[firsts], place[-1] + 1)
    rank = np.empty(order.size, np.int64)
    rank[order] = place - np.repeat(begins[:-1], np.diff(firsts, append=order.size))
    value[numeric] = rank
    # Columns of one feature share its thresholds.
    used = np.searchsorted(feature[firsts], columns.feature[: columns.n_numeric])
    return threshold[other], begins[used], begins[used + 1], value


def _ranking_pays(trees: TreeEnsemble, table: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether ranking a row costs less than it saves on the walk, and the table is worth it.

    Ranking takes one step a column for each doubling of its table; a walk goes about as deep as
    a balanced tree would.
    """
    walk = trees.n_trees * math.log2(trees.n_nodes / trees.n_trees + 1.0)
    small = trees.n_nodes < _LARGE or table.nbytes <= _TABLE_BYTES * trees.n_nodes
    return small and float(np.log2(sizes + 1.0).sum()) <= walk


def _bits(largest: int) -> int:
    return int(largest).bit_length()


def _cut(words: np.ndarray, node_bytes: int) -> np.ndarray:
    """The lowest bytes of each word, and eight more that nobody looks at."""
    nodes = np.zeros(words.size * node_bytes + 8, np.uint8)
    nodes[:-8].reshape(-1, node_bytes)[:] = words.view(np.uint8).reshape(-1, 8)[:, :node_bytes]
    return nodes
