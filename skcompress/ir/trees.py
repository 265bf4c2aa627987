"""`TreeEnsemble`: the sum or mean over trees of a leaf's value row."""

from __future__ import annotations

import functools
import math
from typing import Any, Self

import numpy as np

from ._node import Node, register, require
from .arrays import Array, check_finite, decode, shape_of
from .packed import PackedTrees, check_packed

__all__ = ["CategorySplits", "TreeEnsemble", "TreeNotes"]

_PIECE = 2**16
"""Nodes whose sums are taken at once."""


@register("tree-notes")
class TreeNotes(Node):
    """What training left in the nodes; pruning and `to_sklearn` use it, prediction does not.

    Parameters
    ----------
    impurity, weight : ndarray of float, of shape (n_nodes,)
        Impurity, NaN where training kept none, and sum of the sample weights that reached the
        node.
    n_samples : ndarray of int, of shape (n_nodes,)
        Training rows that reached the node.
    values : ndarray of float, of shape (n_internal, n_outputs)
        The value row that each internal node would have as a leaf.
    """

    impurity: np.ndarray
    weight: np.ndarray
    n_samples: np.ndarray
    values: np.ndarray

    def check(self) -> None:
        for name in ("impurity", "weight", "values"):
            require(getattr(self, name).dtype.kind == "f", f"{name} of a tree must be float.")
        require(self.n_samples.dtype.kind in "iu", "n_samples of a tree must be integers.")
        shapes = {self.impurity.shape, self.weight.shape, self.n_samples.shape}
        require(len(shapes) == 1 and self.impurity.ndim == 1, "tree notes differ in length.")
        require(self.values.ndim == 2, "node values must have two dimensions.")


@register("category-splits")
class CategorySplits(Node):
    """Splits that send a set of categories to the left, as 256-bit sets.

    Parameters
    ----------
    is_category : ndarray of bool, of shape (n_internal,)
        Which splits are on categories; their thresholds are not used.
    left : ndarray of uint32, of shape (n_category_splits, 8)
        The categories that go left, 32 to a word, lowest bit first.
    known : ndarray of uint32, of shape (n_categorical_features, 8)
        The categories seen in training; any other is treated as missing.
    known_row : ndarray of int32, of shape (n_features,)
        Row in `known` of each feature, -1 for a numerical one.
    """

    is_category: np.ndarray
    left: np.ndarray
    known: np.ndarray
    known_row: np.ndarray

    def check(self) -> None:
        require(self.is_category.dtype == bool and self.is_category.ndim == 1, "bad is_category.")
        for name in ("left", "known"):
            words = getattr(self, name)
            require(
                words.dtype == np.uint32 and words.ndim == 2 and words.shape[1] == 8,
                f"category sets `{name}` must be uint32 of shape (n, 8).",
            )
        require(
            self.left.shape[0] == int(self.is_category.sum()),
            "there must be one category set for each split on categories.",
        )
        require(self.known_row.dtype == np.int32 and self.known_row.ndim == 1, "bad known_row.")
        if self.known_row.size:
            require(
                int(self.known_row.min()) >= -1 and int(self.known_row.max()) < self.known.shape[0],
                "known_row points outside the table of known categories.",
            )


@register("trees")
class TreeEnsemble(Node):
    """Binary trees, all in one set of arrays.

    Each tree stands in breadth-first order with siblings side by side, so a single bit per node
    tells the whole topology: the k-th internal node of a tree has its children at places
    ``2 k + 1`` and ``2 k + 2`` of that tree, and a tree ends where no child is left to come.
    A cycle, or a child out of range, cannot be written down.

    Parameters
    ----------
    internal : ndarray of bool, of shape (n_nodes,)
        True for a split, False for a leaf; trees one after the other.
    feature : ndarray of unsigned integers, of shape (n_internal,)
        Input column that the split compares.
    threshold : ndarray of float or Encoded, of shape (n_internal,)
        A row goes left when its value is at most this. May be infinite, never NaN.
    missing_left : ndarray of bool, of shape (n_internal,), or None
        Where a missing value goes; None: always right.
    leaf : ndarray of unsigned integers, of shape (n_leaves,)
        Row of `values` that the leaf contributes.
    values : ndarray of float or Encoded, of shape (n_rows, width)
        Distinct leaf rows.
    n_features : int
        Number of input columns.
    n_outputs : int
        Columns of the result.
    tree_output : ndarray of unsigned integers, of shape (n_trees,), or None
        For boosting, the output column that a tree adds to (then width is 1); None: a leaf row
        covers all outputs.
    base : ndarray of float, of shape (n_outputs,), or None
        What the sum starts from.
    average : bool
        Divide the sum by the number of trees.
    divisor : float
        What the sum is divided by where it is not averaged.
    float32_inputs : bool
        Inputs are rounded to float32 before they are compared, as scikit-learn's trees do.
    categories : CategorySplits or None
        Splits on categories.
    notes : TreeNotes or None
        What training left behind.
    packed : PackedTrees or None
        The same trees as they are laid out for walking: a mapped file holds them, so that no
        process need lay them out.
    """

    internal: np.ndarray
    feature: np.ndarray
    threshold: Array
    leaf: np.ndarray
    values: Array
    n_features: int
    n_outputs: int
    missing_left: np.ndarray | None = None
    tree_output: np.ndarray | None = None
    base: np.ndarray | None = None
    average: bool = False
    divisor: float = 1.0
    float32_inputs: bool = True
    categories: CategorySplits | None = None
    notes: TreeNotes | None = None
    packed: PackedTrees | None = None

    def check(self) -> None:
        require(
            self.internal.dtype == bool and self.internal.ndim == 1 and self.internal.size > 0,
            "`internal` must be a vector of booleans with at least one node.",
        )
        # A tree with k splits has k + 1 leaves, and no proper prefix of it has more leaves than
        # splits: the running balance tells where every tree ends.
        require(
            int(self.offsets[-1]) == self.internal.size,
            "the last tree is incomplete: a split lacks its children.",
        )
        n_internal = int(np.count_nonzero(self.internal))
        n_leaves = self.internal.size - n_internal

        # The compiled walk counts columns and outputs in 32 bits.
        require(
            1 <= self.n_features < 2**31,
            f"trees need from 1 to 2^31 - 1 features; got {self.n_features}.",
        )
        require(
            1 <= self.n_outputs < 2**31,
            f"trees need from 1 to 2^31 - 1 outputs; got {self.n_outputs}.",
        )
        require(
            0 < self.divisor < math.inf and not (self.average and self.divisor != 1),
            "divisor must be a positive number, and 1 where trees are averaged.",
        )
        require(
            self.feature.dtype.kind == "u" and self.feature.shape == (n_internal,),
            f"there must be one unsigned feature index for each of {n_internal} splits.",
        )
        if n_internal:
            require(
                int(self.feature.max()) < self.n_features,
                f"a split uses feature {int(self.feature.max())} of {self.n_features}.",
            )
        require(
            shape_of(self.threshold) == (n_internal,),
            f"there must be one threshold for each of {n_internal} splits.",
        )
        if isinstance(self.threshold, np.ndarray):
            require(self.threshold.dtype.kind == "f", "thresholds must be floating-point numbers.")
            require(not np.isnan(self.threshold).any(), "a threshold is NaN.")
        if self.missing_left is not None:
            require(
                self.missing_left.dtype == bool and self.missing_left.shape == (n_internal,),
                "there must be one missing-value direction for each split.",
            )
        self._check_leaves(n_leaves)
        if self.categories is not None:
            require(
                self.categories.is_category.shape == (n_internal,)
                and self.categories.known_row.shape == (self.n_features,),
                "category splits do not match the trees.",
            )
            on_categories = self.feature[self.categories.is_category]
            require(
                bool((self.categories.known_row[on_categories] >= 0).all()),
                "a category split uses a numerical feature.",
            )
        if self.notes is not None:
            require(
                self.notes.impurity.shape == self.internal.shape
                and self.notes.values.shape == (n_internal, shape_of(self.values)[1]),
                "tree notes do not match the trees.",
            )
        if self.packed is not None:
            check_packed(self, self.packed)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked anew; the packed form is not kept."""
        return super().replace(**{"packed": None, **changes})

    def _check_leaves(self, n_leaves: int) -> None:
        check_finite("leaf values", self.values)
        shape = shape_of(self.values)
        width = 1 if self.tree_output is not None else self.n_outputs
        require(
            len(shape) == 2 and shape[1] == width,
            f"leaf rows must have {width} columns; got shape {shape}.",
        )
        require(
            self.leaf.dtype.kind == "u" and self.leaf.shape == (n_leaves,),
            f"there must be one unsigned row index for each of {n_leaves} leaves.",
        )
        require(int(self.leaf.max()) < shape[0], "a leaf points outside the table of leaf rows.")
        if self.tree_output is not None:
            require(
                self.tree_output.dtype.kind == "u"
                and self.tree_output.shape == (self.n_trees,)
                and int(self.tree_output.max()) < self.n_outputs,
                f"there must be one output column below {self.n_outputs} for each tree.",
            )
        if self.base is not None:
            check_finite("base", self.base)
            require(self.base.shape == (self.n_outputs,), "base must have one entry per output.")

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """Place of each tree's root, and the number of nodes last: shape (n_trees + 1,)."""
        ends = [np.zeros(1, np.int64)]
        balance, lowest = 0, 0
        # Piece by piece: sums over all nodes would take more memory than the trees.
        for start in range(0, self.internal.size, _PIECE):
            steps = self.internal[start : start + _PIECE].astype(np.int8)
            sums = np.cumsum(2 * steps - 1, dtype=np.int64) + balance
            lows = np.minimum(np.minimum.accumulate(sums), lowest)
            ends.append(np.flatnonzero(np.diff(lows, prepend=lowest) < 0) + (start + 1))
            balance, lowest = int(sums[-1]), int(lows[-1])
        return np.concatenate(ends)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return int(self.offsets.size) - 1

    @property
    def denominator(self) -> float:
        """What the sum over the trees is divided by."""
        return float(self.n_trees) if self.average else self.divisor

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included."""
        return int(self.internal.size)

    @property
    def tree_of_node(self) -> np.ndarray:
        """The tree that each node belongs to; not kept, since it would outweigh the nodes."""
        return np.repeat(np.arange(self.n_trees), np.diff(self.offsets))

    def left_child(self) -> np.ndarray:
        """Place of the left child of each internal node; the right child is next to it."""
        # A tree of n nodes has (n - 1) / 2 splits.
        n_splits = np.diff(self.offsets) >> 1
        shift = np.repeat(np.arange(1, self.n_trees + 1), n_splits)
        return 2 * np.arange(shift.size) + shift

    def left_of_node(self) -> np.ndarray:
        """Place of the left child of each node; -1 for a leaf."""
        left = np.full(self.n_nodes, -1, dtype=np.int64)
        left[self.internal] = self.left_child()
        return left

    def right_nodes(self) -> np.ndarray:
        """Which nodes are right children, as booleans."""
        is_right = np.zeros(self.n_nodes, dtype=bool)
        is_right[self.left_child() + 1] = True
        return is_right

    def levels(self) -> list[np.ndarray]:
        """Nodes of each depth, roots first, over all trees together."""
        left = self.left_of_node()
        nodes, found = self.offsets[:-1], []
        while nodes.size:
            found.append(nodes)
            below = left[nodes]
            nodes = np.repeat(below[below >= 0], 2)
            nodes[1::2] += 1
        return found

    def parent(self) -> np.ndarray:
        """Place of each node's parent; -1 for a root."""
        parent = np.full(self.n_nodes, -1, dtype=np.int64)
        left = self.left_child()
        splits = np.flatnonzero(self.internal)
        parent[left] = splits
        parent[left + 1] = splits
        return parent

    def sum_below(self, own: np.ndarray) -> np.ndarray:
        """Of each node, the sum of what its subtree owns: itself, and all nodes below it."""
        total, left = own.copy(), self.left_of_node()
        for nodes in reversed(self.levels()):
            splits = nodes[self.internal[nodes]]
            for child in (left[splits], left[splits] + 1):
                total[splits] += total[child]
        return total

    def value_of_node(self, inner: np.ndarray) -> np.ndarray:
        """A value row for each node: that of a leaf is its own, `inner` holds those of splits."""
        table = decode(self.values)
        values = np.empty((self.n_nodes, table.shape[1]))
        values[~self.internal] = table[self.leaf]
        values[self.internal] = inner
        return values
