"""What the passes on trees share: collapsing nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Model, TreeEnsemble, decode, distinct_rows
from ..runtime._rows import Rows, as_dense
from ..runtime.trees import leaf_rows, pack
from ._base import SkipPass

__all__ = [
    "collapse",
    "collapsed_ancestor",
    "keep_above",
    "leaves_reached",
    "take_nodes",
    "trees_of",
]


def trees_of(model: Model) -> TreeEnsemble:
    """The trees that a model consists of.

    Raises
    ------
    SkipPass
        If it has none.
    """
    if not isinstance(model.predictor, TreeEnsemble):
        raise SkipPass("the model has no trees")
    return model.predictor


def leaves_reached(trees: TreeEnsemble, rows: Rows) -> np.ndarray:
    """The leaf node that each row reaches in each tree: shape (n_rows, n_trees)."""
    leaves = np.flatnonzero(~trees.internal)
    return leaves[leaf_rows(pack(trees, np.arange(leaves.size)), as_dense(rows))]


def collapsed_ancestor(trees: TreeEnsemble, cut: np.ndarray) -> np.ndarray:
    """The highest node on the way from the root that is `cut` or a leaf, for every node.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    cut : ndarray of bool, of shape (n_nodes,)
        Nodes that become leaves.

    Returns
    -------
    ndarray of int64, of shape (n_nodes,)
        The node itself where nothing above it is cut.
    """
    parent = trees.parent()
    end = np.arange(trees.n_nodes)
    for nodes in trees.levels()[1:]:
        above = end[parent[nodes]]
        end[nodes] = np.where(cut[above], above, nodes)
    return end


def collapse(trees: TreeEnsemble, cut: np.ndarray, inner: np.ndarray | None = None) -> TreeEnsemble:
    """Turn the cut nodes into leaves and drop everything below them.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    cut : ndarray of bool, of shape (n_nodes,)
        Internal nodes that become leaves.
    inner : ndarray of shape (n_internal, width), or None
        The value rows that internal nodes get as leaves; None: those of the notes.

    Returns
    -------
    TreeEnsemble
        The smaller trees; breadth-first order is kept, so only a selection is taken.
    """
    if inner is None:
        assert trees.notes is not None
        inner = trees.notes.values
    values = decode(trees.values)
    rows = np.empty(trees.n_nodes, dtype=np.int64)
    rows[~trees.internal] = trees.leaf
    rows[trees.internal] = values.shape[0] + np.arange(inner.shape[0])
    smaller, rows = keep_above(trees, cut, rows)
    used, place = np.unique(rows, return_inverse=True)
    table, index = distinct_rows(np.concatenate([values, inner])[used])
    return smaller.replace(leaf=index[place], values=table)


def keep_above(
    trees: TreeEnsemble, cut: np.ndarray, rows: np.ndarray
) -> tuple[TreeEnsemble, np.ndarray]:
    """Drop everything below the cut nodes.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    cut : ndarray of bool, of shape (n_nodes,)
        Internal nodes that become leaves.
    rows : ndarray of int64, of shape (n_nodes,)
        Something of every node that could be a leaf.

    Returns
    -------
    trees : TreeEnsemble
        The smaller trees, breadth first; their leaves all point at the first row, for now.
    rows : ndarray of int64, of shape (n_leaves,)
        Those of the leaves.
    """
    cut = cut & trees.internal
    end = collapsed_ancestor(trees, cut)
    kept = np.flatnonzero(end == np.arange(trees.n_nodes))
    internal = (trees.internal & ~cut)[kept]
    of_leaves = rows[kept[~internal]]
    leaf = np.zeros(of_leaves.size, np.uint8)
    return take_nodes(trees, kept, internal, leaf=leaf), of_leaves


def take_nodes(
    trees: TreeEnsemble, nodes: np.ndarray, internal: np.ndarray, **settings: Any
) -> TreeEnsemble:
    """The ensemble of some of the nodes.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    nodes : ndarray of int64, of shape (n_left,)
        Rising numbers of nodes, with the parents of all.
    internal : ndarray of bool, of shape (n_left,)
        Which of them stay splits.
    **settings
        Other fields, `leaf` among them.
    """
    number = np.cumsum(trees.internal) - 1
    split = number[nodes[internal]]
    categories, notes = trees.categories, trees.notes
    if categories is not None:
        sets = np.cumsum(categories.is_category) - 1
        is_category = categories.is_category[split]
        categories = categories.replace(
            is_category=is_category, left=categories.left[sets[split[is_category]]]
        )
    if notes is not None:
        notes = notes.replace(
            impurity=notes.impurity[nodes],
            weight=notes.weight[nodes],
            n_samples=notes.n_samples[nodes],
            values=notes.values[split],
        )
    return trees.replace(
        internal=internal,
        feature=trees.feature[split],
        threshold=decode(trees.threshold)[split],
        missing_left=None if trees.missing_left is None else trees.missing_left[split],
        categories=categories,
        notes=notes,
        **settings,
    )
