"""Between scikit-learn's node order and the IR's, for many trees at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..exceptions import InvalidModelError
from ..ir import TreeEnsemble, TreeNotes, decode, shape_of, smallest_unsigned

__all__ = ["Layout", "breadth_first", "columns_of", "depth_first"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the nodes of several trees go.

    Attributes
    ----------
    order : ndarray of int64
        Places, in the concatenated arrays of all trees, in the IR's order.
    internal : ndarray of bool
        Which nodes split, in the IR's order.
    """

    order: np.ndarray
    internal: np.ndarray

    def splits(self, array: np.ndarray) -> np.ndarray:
        """The entries of an array that belong to splits, in the IR's order."""
        return array[self.order[self.internal]]

    def leaves(self, array: np.ndarray) -> np.ndarray:
        """The entries of an array that belong to leaves, in the IR's order."""
        return array[self.order[~self.internal]]


def breadth_first(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> Layout:
    """Order the nodes of each tree by depth, siblings side by side.

    Parameters
    ----------
    left, right : sequence of ndarray
        Children of each tree's nodes, counted within the tree; -1 at leaves.

    Raises
    ------
    InvalidModelError
        If a child is out of range, or a node below itself: scikit-learn would read beyond its
        arrays, or not end.
    """
    sizes = np.array([tree.size for tree in left])
    starts = np.cumsum(sizes) - sizes
    shift = np.repeat(starts, sizes)
    first = np.concatenate(left).astype(np.int64)
    second = np.concatenate(right).astype(np.int64)
    splits = first != -1
    size = np.repeat(sizes, sizes)
    for child in (first, second):
        if (splits & ((child < 0) | (child >= size))).any():
            raise InvalidModelError("a node of a tree has a child that is out of range.")
    first, second = first + shift, second + shift
    level, levels, left_over = starts, [], splits.size
    while level.size:
        levels.append(level)
        left_over -= level.size
        if left_over < 0:
            raise InvalidModelError("a node of a tree is reached in two ways, or below itself.")
        above = level[splits[level]]
        level = np.stack([first[above], second[above]], axis=1).ravel()
    by_depth = np.concatenate(levels)
    tree = np.repeat(np.arange(sizes.size), sizes)
    order = by_depth[np.argsort(tree[by_depth], kind="stable")]
    return Layout(order, splits[order])


def columns_of(feature: np.ndarray, n_features: int) -> np.ndarray:
    """The columns that splits look at, as the IR holds them; out of range they are refused."""
    if feature.size and not 0 <= feature.min() <= feature.max() < n_features:
        raise InvalidModelError(f"a split of a tree looks at a column beyond the {n_features}.")
    return feature.astype(smallest_unsigned(n_features - 1))


def depth_first(trees: TreeEnsemble) -> list[dict[str, np.ndarray]]:
    """Each tree's nodes in scikit-learn's usual order: a split, all on its left, all on its right.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees; without notes, impurities and values of splits are NaN and counts are zero.

    Returns
    -------
    list of dict
        `left`, `right`, `feature`, `threshold`, `missing_left`, `impurity`, `n_samples`,
        `weight`, `value` (a row per node), `depth` and `category` (the row of its set of
        categories, -1 where a number is compared).
    """
    n_nodes = trees.n_nodes
    left, levels = trees.left_of_node(), trees.levels()
    sizes, depth = trees.sum_below(np.ones(n_nodes, np.int64)), np.empty(n_nodes, np.int64)
    for level, nodes in enumerate(levels):
        depth[nodes] = level
    place = np.zeros(n_nodes, np.int64)
    for nodes in levels:
        split = nodes[trees.internal[nodes]]
        place[left[split]] = place[split] + 1
        place[left[split] + 1] = place[split] + 1 + sizes[left[split]]

    notes = trees.notes or _no_notes(trees)
    missing = trees.missing_left
    if missing is None:
        missing = np.zeros(np.count_nonzero(trees.internal), bool)

    category = np.full(trees.feature.size, -1)
    if trees.categories is not None:
        category[trees.categories.is_category] = np.arange(trees.categories.left.shape[0])

    def spread(array: np.ndarray, default: float) -> np.ndarray:
        full = np.full(n_nodes, default, dtype=np.result_type(array, type(default)))
        full[trees.internal] = array
        return full

    by_node = {
        "left": np.where(trees.internal, place[left], -1),
        "right": np.where(trees.internal, place[np.minimum(left + 1, n_nodes - 1)], -1),
        "feature": spread(trees.feature.astype(np.int64), -2),
        "threshold": spread(decode(trees.threshold).astype(np.float64), -2.0),
        "missing_left": spread(missing.astype(np.uint8), 0),
        "impurity": notes.impurity,
        "n_samples": notes.n_samples,
        "weight": notes.weight,
        "value": trees.value_of_node(notes.values),
        "depth": depth,
        "category": spread(category, -1),
    }
    result = []
    for start, stop in zip(trees.offsets[:-1], trees.offsets[1:], strict=True):
        order = start + np.argsort(place[start:stop])
        result.append({name: array[order] for name, array in by_node.items()})
    return result


def _no_notes(trees: TreeEnsemble) -> TreeNotes:
    n_split = int(np.count_nonzero(trees.internal))
    return TreeNotes(
        impurity=np.full(trees.n_nodes, np.nan),
        weight=np.zeros(trees.n_nodes),
        n_samples=np.zeros(trees.n_nodes, np.int64),
        values=np.full((n_split, shape_of(trees.values)[1]), np.nan),
    )
