"""Evaluation of `TreeEnsemble`, and the NumPy reference of the compiled walk."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..ir import Model, Node, TreeEnsemble, decode
from ._packed import LEFT, RIGHT, PackedTrees, pack
from ._registry import Evaluate, evaluates, keeps
from ._rows import Rows, as_dense, blocks

try:
    from . import _tree_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _tree_kernel = None  # type: ignore[assignment]

__all__ = [
    "add_leaves",
    "add_to_leaves",
    "kernels_available",
    "lay_out",
    "leaf_rows",
    "leaf_rows_numpy",
    "pack",
    "see_values",
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


def leaf_rows(packed: PackedTrees, X: np.ndarray) -> np.ndarray:
    """What the leaf that each input row reaches in each tree reports.

    Parameters
    ----------
    packed : PackedTrees
        The trees.
    X : ndarray of shape (n_rows, n_features)
        Dense input.

    Returns
    -------
    ndarray of int32, of shape (n_rows, n_trees)
        What the leaves report.
    """
    if _tree_kernel is None:
        return leaf_rows_numpy(packed, X)
    rows = np.ascontiguousarray(X, packed.table.dtype)
    out = np.empty((rows.shape[0], packed.roots.size), np.int32)
    _tree_kernel.TreeWalk(packed).leaf_rows(rows, out)
    return out


def leaf_rows_numpy(packed: PackedTrees, X: np.ndarray) -> np.ndarray:
    """`leaf_rows` in plain NumPy: all rows step down all trees together."""
    rows = np.asarray(X, packed.table.dtype)
    ranks = rank_rows(packed, rows) if packed.ranked else None
    column_bits, step_bits = packed.column_bits, packed.step_bits
    leaf_bit = 8 * packed.node_bytes - 1
    places = np.broadcast_to(packed.roots, (rows.shape[0], packed.roots.size)).copy()
    row, tree = np.divmod(np.arange(places.size), packed.roots.size)
    while row.size:
        place = places[row, tree]
        word = packed.word(place)
        going = word >> np.uint64(leaf_bit) == 0
        row, tree, place, word = row[going], tree[going], place[going], word[going]
        column = _field(word, 0, column_bits)
        children = (place & -2) + 2 * _field(word, column_bits, step_bits)
        if ranks is None:
            value = rows[row, packed.feature[column]]
            right = ~(value <= packed.table[(children >> 1) - 1 - tree])
            right &= ~(np.isnan(value) & packed.missing_left[column])
        else:
            compared = _field(word, column_bits + step_bits, leaf_bit)
            rank = ranks[row, column]
            right = rank > compared
            on_set = column >= packed.start.size
            right[on_set] = _right_of_sets(packed.left[compared[on_set]], rank[on_set])
        places[row, tree] = children + right
    return _field(packed.word(places), column_bits, leaf_bit - column_bits).astype(np.int32)


def _field(word: np.ndarray, shift: int, n_bits: int) -> np.ndarray:
    return (word >> np.uint64(shift) & np.uint64((1 << n_bits) - 1)).astype(np.int64)


def rank_rows(packed: PackedTrees, X: np.ndarray) -> np.ndarray:
    """Where each value stands among the thresholds of each column, or its category code.

    Parameters
    ----------
    packed : PackedTrees
        The trees.
    X : ndarray of shape (n_rows, n_features)
        Dense input in the dtype of the table of thresholds.

    Returns
    -------
    ndarray of int64, of shape (n_rows, n_columns)
        The number of smaller thresholds, so that a value is at most a threshold where its rank is
        at most the threshold's. On categories, the category, or `LEFT` or `RIGHT`.
    """
    ranks = np.empty((X.shape[0], packed.feature.size), np.int64)
    n_numeric = packed.start.size
    for column, (feature, missing_left) in enumerate(
        zip(packed.feature, packed.missing_left, strict=True)
    ):
        value = X[:, feature]
        if column < n_numeric:
            table = packed.table[packed.start[column] : packed.stop[column]]
            # NaN stands above everything, as NumPy sorts it.
            ranks[:, column] = np.searchsorted(table, value)
            if missing_left:
                ranks[np.isnan(value), column] = 0
        else:
            ranks[:, column] = _codes(value, packed.known[column - n_numeric], missing_left)
    return ranks


def _codes(value: np.ndarray, known: np.ndarray, missing_left: bool) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        in_range = (value >= 0) & (value < 256)
    category = np.where(in_range, value, 0).astype(np.int64)
    lost = ~in_range
    if missing_left:
        lost |= ~_holds(np.broadcast_to(known, (category.size, known.size)), category)
    return np.where(lost, LEFT if missing_left else RIGHT, category)


def _right_of_sets(left: np.ndarray, code: np.ndarray) -> np.ndarray:
    return np.where(code < LEFT, ~_holds(left, code % LEFT), code == RIGHT)


def _holds(sets: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Whether each set holds a category."""
    word = np.take_along_axis(sets, (category >> 5)[:, None], axis=1)[:, 0]
    return (word >> (category & 31).astype(np.uint32) & 1).astype(bool)


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
    out /= trees.denominator
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


def add_leaves(values: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Of each row, the sum of the values of the leaves that it reached; those of no base."""
    out = np.zeros((leaves.shape[0], values.shape[1]))
    if _tree_kernel is None:
        _sum_numpy(values, None, leaves, out)
    else:
        _tree_kernel.add_rows(leaves, np.ascontiguousarray(values), out)
    return out


def add_to_leaves(rows: np.ndarray, leaves: np.ndarray, n_leaves: int) -> np.ndarray:
    """Of each leaf, the sum of the rows that reach it; what `add_leaves` does, transposed.

    Parameters
    ----------
    rows : ndarray of float64, of shape (n_rows, n_outputs)
        What is added.
    leaves : ndarray of int32, of shape (n_rows, n_trees)
        The leaf that each row reaches in each tree.
    n_leaves : int
        Leaves of all trees.

    Returns
    -------
    ndarray of float64, of shape (n_leaves, n_outputs)
        The sums.
    """
    out = np.zeros((n_leaves, rows.shape[1]))
    if _tree_kernel is None:
        _add_numpy(rows, leaves, out)
    else:
        _tree_kernel.add_to_leaves(leaves, np.ascontiguousarray(rows), out)
    return out


def _add_numpy(rows: np.ndarray, leaves: np.ndarray, out: np.ndarray) -> None:
    for k, column in enumerate(rows.T):
        out[:, k] = np.bincount(leaves.ravel(), np.repeat(column, leaves.shape[1]), out.shape[0])


def see_values(
    trees: TreeEnsemble,
    rows: np.ndarray,
    reached: np.ndarray,
    largest: np.ndarray,
    smallest: np.ndarray,
) -> None:
    """Raise the largest value that goes left at each node, lower the smallest that goes right.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    rows : ndarray of float, of shape (n_rows, n_features)
        What they see.
    reached : ndarray of int32, of shape (n_rows, n_trees)
        The leaf, as a node, that each row reaches in each tree.
    largest, smallest : ndarray of the dtype of the rows, of shape (n_nodes,)
        Changed in place.
    """
    link = 2 * trees.parent() + trees.right_nodes()
    feature = np.zeros(trees.n_nodes, np.int32)
    feature[trees.internal] = trees.feature
    arrays = reached, link, feature, np.ascontiguousarray(rows), largest, smallest
    if _tree_kernel is None:
        _see_numpy(*arrays)
    else:
        _tree_kernel.see_values(*arrays)


def _see_numpy(
    reached: np.ndarray,
    link: np.ndarray,
    feature: np.ndarray,
    rows: np.ndarray,
    largest: np.ndarray,
    smallest: np.ndarray,
) -> None:
    row = np.repeat(np.arange(rows.shape[0]), reached.shape[1])
    at = link[reached.ravel()]
    while row.size:
        inner = at >= 0
        row, at = row[inner], at[inner]
        up, right = at >> 1, (at & 1).astype(bool)
        value = rows[row, feature[up]]
        known = ~np.isnan(value)
        left, right = ~right & known, right & known
        np.maximum.at(largest, up[left], value[left])
        np.minimum.at(smallest, up[right], value[right])
        at = link[up]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is kept in memory to evaluate trees.

    Attributes
    ----------
    packed : PackedTrees
        The trees.
    values : ndarray of float64, of shape (n_leaf_rows, width)
        What is added at the leaves: rows of all outputs, or one number each.
    by_tree, by_leaf : ndarray of int32, or None
        The output that each tree, or each leaf row, adds its number to.
    base : ndarray of float64, or None
        What the sums start from.
    """

    packed: PackedTrees
    values: np.ndarray
    by_tree: np.ndarray | None
    by_leaf: np.ndarray | None
    base: np.ndarray | None


def prepare(trees: TreeEnsemble) -> Prepared:
    """Lay out trees and what their leaves add: one number a leaf if that gives the same bits."""
    values = np.ascontiguousarray(decode(trees.values), np.float64)
    # Sums start from 0.0, so that none is ever -0.0, the only number that adding 0.0 changes.
    base = None if trees.base is None else 0.0 + trees.base.astype(np.float64)
    by_tree = by_leaf = None
    if trees.tree_output is not None:
        by_tree = trees.tree_output.astype(np.int32)
    elif trees.n_outputs == 1:
        by_tree = np.zeros(trees.n_trees, np.int32)
    elif int(np.count_nonzero(values, axis=1).max()) <= 1:
        by_leaf = (values != 0).argmax(axis=1).astype(np.int32)
        values = values[np.arange(by_leaf.size), by_leaf][:, None]
    packed = pack(trees) if trees.packed is None else trees.packed
    return Prepared(packed, values, by_tree, by_leaf, base)


def lay_out(model: Model, *, packed: bool) -> Model:
    """The model with its trees as they are walked, where it has some, or without that form."""
    trees = model.predictor
    if not isinstance(trees, TreeEnsemble) or (trees.packed is not None) == packed:
        return model
    return model.with_predictor(trees.replace(packed=pack(trees) if packed else None))


@keeps(TreeEnsemble)
def kept_arrays(trees: Node) -> tuple[np.ndarray, ...]:
    """All arrays that evaluation keeps; some may belong to the trees."""
    assert isinstance(trees, TreeEnsemble)
    prepared = prepare(trees)
    sums = (prepared.values, prepared.by_tree, prepared.by_leaf, prepared.base)
    packed = (array for _, array in prepared.packed.arrays())
    return (*packed, *(array for array in sums if array is not None))


@evaluates(TreeEnsemble)
def compile_trees(trees: Node) -> Evaluate:
    """Prepare a tree ensemble."""
    assert isinstance(trees, TreeEnsemble)
    prepared = prepare(trees)
    packed = prepared.packed
    dtype, n_outputs = packed.table.dtype, trees.n_outputs

    if _tree_kernel is None:

        def fill(rows: np.ndarray, out: np.ndarray) -> None:
            values = np.asarray(decode(trees.values), np.float64)
            out[:] = sum_leaves(trees, values, leaf_rows_numpy(packed, rows))

    else:
        walk = _tree_kernel.TreeWalk(packed)
        sums = _tree_kernel.LeafSums(
            prepared.values,
            n_outputs,
            prepared.by_tree,
            prepared.by_leaf,
            prepared.base,
            trees.denominator,
        )

        def fill(rows: np.ndarray, out: np.ndarray) -> None:
            walk.sum_leaves(rows, sums, out)

    def evaluate(rows: Rows) -> np.ndarray:
        out = np.empty((rows.shape[0], n_outputs))
        if isinstance(rows, np.ndarray) and rows.dtype == dtype and rows.flags.c_contiguous:
            fill(rows, out)
        else:
            for block in blocks(rows.shape[0], _BLOCK):
                fill(np.ascontiguousarray(as_dense(rows[block]), dtype), out[block])
        return out

    return evaluate
