"""Trees cut further and further: which nodes are left, and where rows end in them."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np

from ..ir import TreeEnsemble

__all__ = ["Pruned"]


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What is left of some trees, numbered anew; cutting further costs what is left, not what was.

    Attributes
    ----------
    nodes : ndarray of int64, of shape (n_left,)
        The nodes that are left, as those of the whole trees.
    parent : ndarray of int64, of shape (n_left,)
        Their parents, in the new numbers; -1 for a root.
    tree : ndarray of int64, of shape (n_left,)
        Their trees.
    levels : list of ndarray of int64
        Nodes of each depth, roots first, in the new numbers.
    held_out, refit : ndarray of int32, of shape (n_rows, n_trees), or None
        Where rows end, in the new numbers.
    """

    nodes: np.ndarray
    parent: np.ndarray
    tree: np.ndarray
    levels: list[np.ndarray]
    held_out: np.ndarray
    refit: np.ndarray | None

    @classmethod
    def whole(cls, trees: TreeEnsemble, held_out: np.ndarray, refit: np.ndarray | None) -> Self:
        """All of the trees; rows end at nodes."""
        nodes = np.arange(trees.n_nodes)
        ends = held_out.astype(np.int32), None if refit is None else refit.astype(np.int32)
        return cls(nodes, trees.parent(), trees.tree_of_node, trees.levels(), *ends)

    def further(self, cut: np.ndarray) -> Self:
        """The same with some nodes of the whole trees turned into leaves."""
        own = cut[self.nodes]
        end = np.arange(self.nodes.size)
        for nodes in self.levels[1:]:
            above = end[self.parent[nodes]]
            end[nodes] = np.where(own[above], above, nodes)
        left = end == np.arange(end.size)
        number = np.cumsum(left) - 1
        place = number[end].astype(np.int32)
        parent = self.parent[left]
        levels = [number[nodes[left[nodes]]] for nodes in self.levels]
        return dataclasses.replace(
            self,
            nodes=self.nodes[left],
            parent=np.where(parent < 0, -1, number[parent]),
            tree=self.tree[left],
            levels=[nodes for nodes in levels if nodes.size],
            held_out=place[self.held_out],
            refit=None if self.refit is None else place[self.refit],
        )
