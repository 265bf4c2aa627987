"""What the passes on trees share: levels, collapsing nodes, distinct leaf rows."""

from __future__ import annotations

import numpy as np

from ..ir import Model, TreeEnsemble, decode, smallest_unsigned
from ._base import SkipPass

__all__ = ["collapse", "collapsed_ancestor", "distinct_rows", "levels", "trees_of"]


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


def levels(trees: TreeEnsemble) -> list[np.ndarray]:
    """Nodes of each depth, roots first, over all trees together."""
    left = np.full(trees.n_nodes, -1, dtype=np.int64)
    left[trees.internal] = trees.left_child()
    nodes = trees.offsets[:-1]
    found = []
    while nodes.size:
        found.append(nodes)
        below = left[nodes[trees.internal[nodes]]]
        nodes = np.stack([below, below + 1], axis=1).ravel()
    return found


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
    for nodes in levels(trees)[1:]:
        above = end[parent[nodes]]
        end[nodes] = np.where(cut[above], above, nodes)
    return end


def collapse(trees: TreeEnsemble, cut: np.ndarray) -> TreeEnsemble:
    """Turn the cut nodes into leaves and drop everything below them.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees, with the notes that tell the value rows of internal nodes.
    cut : ndarray of bool, of shape (n_nodes,)
        Internal nodes that become leaves.

    Returns
    -------
    TreeEnsemble
        The smaller trees; breadth-first order is kept, so only a selection is taken.
    """
    assert trees.notes is not None
    cut = cut & trees.internal
    end = collapsed_ancestor(trees, cut)
    kept = end == np.arange(trees.n_nodes)
    internal = trees.internal & kept & ~cut

    rows = np.empty(trees.n_nodes, dtype=np.int64)
    values = decode(trees.values)
    rows[~trees.internal] = trees.leaf
    rows[trees.internal] = values.shape[0] + np.arange(np.count_nonzero(trees.internal))
    leaf_nodes = kept & ~internal
    table = np.concatenate([values, trees.notes.values])
    values, leaf = distinct_rows(table, rows[leaf_nodes])

    split = internal[trees.internal]
    categories = trees.categories
    if categories is not None:
        chosen = split[categories.is_category]
        categories = categories.replace(
            is_category=categories.is_category[split], left=categories.left[chosen]
        )
    notes = trees.notes.replace(
        impurity=trees.notes.impurity[kept],
        weight=trees.notes.weight[kept],
        n_samples=trees.notes.n_samples[kept],
        values=trees.notes.values[split],
    )
    return trees.replace(
        internal=internal[kept],
        feature=trees.feature[split],
        threshold=decode(trees.threshold)[split],
        missing_left=None if trees.missing_left is None else trees.missing_left[split],
        leaf=leaf,
        values=values,
        categories=categories,
        notes=notes,
    )


def distinct_rows(table: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of `table` that `rows` point at, and where each of them went.

    Returns
    -------
    values : ndarray of shape (n_distinct, width)
        Rows that differ from one another in at least one bit.
    index : ndarray of unsigned integers, of shape rows.shape
        The row of `values` that stands for each.
    """
    used, place = np.unique(rows, return_inverse=True)
    chosen = np.ascontiguousarray(table[used])
    # Bits rather than numbers: 0.0 and -0.0 stay apart, so nothing changes.
    bits = chosen.view(f"V{chosen.dtype.itemsize * chosen.shape[1]}")
    _, first, inverse = np.unique(bits.ravel(), return_index=True, return_inverse=True)
    index = inverse[place].astype(smallest_unsigned(max(first.size - 1, 0)))
    return chosen[first], index
