"""Evaluation of `TreeEnsemble`, and the NumPy reference of the compiled walk."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ir import Node, TreeEnsemble, decode
from ._registry import Evaluate, evaluates
from ._rows import Rows, as_dense, blocks

try:
    from . import _tree_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _tree_kernel = None  # type: ignore[assignment]

__all__ = [
    "Walk",
    "kernels_available",
    "leaf_rows",
    "leaf_rows_numpy",
    "prepare_walk",
    "sum_leaves",
]

_BLOCK = 4096


def kernels_available() -> bool:
    """Whether the compiled kernels were built.

    Examples
    --------
    >>> from skcompress.runtime import kernels_available
    >>> kernels_available() in (True, False)
    True
    """
    return _tree_kernel is not None


@dataclasses.dataclass(frozen=True)
class Walk:
    """One entry per node, ready to be walked.

    Attributes
    ----------
    roots : ndarray of int64, of shape (n_trees,)
        Place of each root.
    feature : ndarray of int32
        Column compared; -1 at a leaf.
    threshold : ndarray of float64
        Not used at leaves.
    target : ndarray of int64
        Left child; at a leaf, its row in the table of leaf values.
    missing_left : ndarray of uint8
        Whether a missing value goes left.
    dtype : dtype
        Inputs are rounded to it before they are compared.
    categories : tuple of ndarray, or None
        Row of `left` per node (-1: numerical split), `left`, `known`, `known_row`.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    target: np.ndarray
    missing_left: np.ndarray
    dtype: np.dtype
    categories: tuple[np.ndarray, ...] | None = None


def prepare_walk(trees: TreeEnsemble, leaf: np.ndarray | None = None) -> Walk:
    """Lay the nodes out for walking; `leaf` overrides what a leaf reports."""
    splits = trees.internal
    feature = np.full(trees.n_nodes, -1, np.int32)
    feature[splits] = trees.feature
    threshold = np.zeros(trees.n_nodes)
    threshold[splits] = decode(trees.threshold)
    target = np.empty(trees.n_nodes, np.int64)
    target[splits] = trees.left_child()
    target[~splits] = trees.leaf if leaf is None else leaf
    missing_left = np.zeros(trees.n_nodes, np.uint8)
    if trees.missing_left is not None:
        missing_left[splits] = trees.missing_left
    categories = None
    if trees.categories is not None:
        chosen = trees.categories.is_category
        category_set = np.full(trees.n_nodes, -1, np.int32)
        category_set[np.flatnonzero(splits)[chosen]] = np.arange(np.count_nonzero(chosen))
        categories = (
            category_set,
            trees.categories.left,
            trees.categories.known,
            trees.categories.known_row,
        )
    dtype = np.dtype(np.float32 if trees.float32_inputs else np.float64)
    return Walk(trees.offsets[:-1], feature, threshold, target, missing_left, dtype, categories)


def leaf_rows(walk: Walk, X: np.ndarray) -> np.ndarray:
    """The leaf row that each input row reaches in each tree.

    Parameters
    ----------
    walk : Walk
        The trees.
    X : ndarray of shape (n_rows, n_features)
        Dense input.

    Returns
    -------
    ndarray of int32, of shape (n_rows, n_trees)
        What the leaves report.
    """
    if _tree_kernel is None:
        return leaf_rows_numpy(walk, X)
    rows = np.ascontiguousarray(X, walk.dtype)
    out = np.empty((rows.shape[0], walk.roots.size), np.int32)
    nodes = (walk.roots, walk.feature, walk.threshold, walk.target, walk.missing_left)
    if walk.categories is None:
        _tree_kernel.leaf_rows(rows, *nodes, out)
    else:
        category_set, left, known, known_row = walk.categories
        _tree_kernel.leaf_rows_with_categories(
            rows, *nodes, category_set, left, known, known_row, out
        )
    return out


def leaf_rows_numpy(walk: Walk, X: np.ndarray) -> np.ndarray:
    """`leaf_rows` in plain NumPy: all rows step down all trees together."""
    rows = np.ascontiguousarray(X, walk.dtype)
    nodes = np.broadcast_to(walk.roots, (rows.shape[0], walk.roots.size)).copy()
    row, tree = np.nonzero(walk.feature[nodes] >= 0)
    while row.size:
        node = nodes[row, tree]
        value = rows[row, walk.feature[node]].astype(np.float64)
        with np.errstate(invalid="ignore"):
            right = ~(value <= walk.threshold[node])
        lost = np.isnan(value)
        if walk.categories is not None:
            right, unknown = _category_sides(
                walk.categories, node, walk.feature[node], value, right
            )
            lost |= unknown
        right = np.where(lost, 1 - walk.missing_left[node].astype(np.int64), right)
        node = walk.target[node] + right
        nodes[row, tree] = node
        going = walk.feature[node] >= 0
        row, tree = row[going], tree[going]
    return walk.target[nodes].astype(np.int32)


def _category_sides(
    categories: tuple[np.ndarray, ...],
    node: np.ndarray,
    feature: np.ndarray,
    value: np.ndarray,
    right: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    category_set, left, known, known_row = categories
    on_categories = category_set[node] >= 0
    with np.errstate(invalid="ignore"):
        in_range = (value >= 0) & (value < 256)
    category = np.where(in_range & on_categories, value, 0).astype(np.int64)
    word, bit = category >> 5, (category & 31).astype(np.uint32)
    goes_left = (left[np.maximum(category_set[node], 0), word] >> bit) & 1 if left.size else 0
    is_known = (known[np.maximum(known_row[feature], 0), word] >> bit) & 1
    unknown = on_categories & (~in_range | ((goes_left == 0) & (is_known == 0)))
    return np.where(on_categories, goes_left == 0, right), unknown


def sum_leaves(trees: TreeEnsemble, values: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Sum, in the order of the trees, the values of the leaves that were reached.

    scikit-learn adds trees in this order, so the sums agree to the last bit.
    """
    out = np.zeros((leaves.shape[0], trees.n_outputs))
    if trees.base is not None:
        out += trees.base
    columns = None if trees.tree_output is None else trees.tree_output.astype(np.int64)
    if _tree_kernel is None:
        _sum_numpy(values, columns, leaves, out)
    elif columns is None:
        _tree_kernel.add_rows(leaves, values, out)
    else:
        _tree_kernel.add_to_columns(leaves, values, columns, out)
    if trees.average:
        out /= trees.n_trees
    return out


def _sum_numpy(
    values: np.ndarray, columns: np.ndarray | None, leaves: np.ndarray, out: np.ndarray
) -> None:
    for tree in range(leaves.shape[1]):
        rows = values[leaves[:, tree]]
        if columns is None:
            out += rows
        else:
            out[:, columns[tree]] += rows[:, 0]


@evaluates(TreeEnsemble)
def compile_trees(trees: Node) -> Evaluate:
    """Prepare a tree ensemble."""
    assert isinstance(trees, TreeEnsemble)
    walk = prepare_walk(trees)
    values = np.ascontiguousarray(decode(trees.values), np.float64)

    def evaluate(rows: Rows) -> np.ndarray:
        n_rows = rows.shape[0]
        out = np.empty((n_rows, trees.n_outputs))
        for block in blocks(n_rows, _BLOCK):
            dense: Any = as_dense(rows[block])
            out[block] = sum_leaves(trees, values, leaf_rows(walk, dense))
        return out

    return evaluate
