"""Trees cut further and further: which nodes are left, and where rows end in them."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np

from ..ir import TreeEnsemble

__all__ = ["Ends", "Pruned"]


class Ends:
    """Where rows end in trees, worked out when it is asked for.

    Parameters
    ----------
    nodes : ndarray of int32, of shape (n_rows, n_trees), or Ends
        The node of each row in each tree.
    place : ndarray of int32, or None
        What each of these nodes is replaced by.
    """

    def __init__(self, nodes: np.ndarray | Ends, place: np.ndarray | None = None) -> None:
        self._nodes, self._place = nodes, place

    @property
    def nodes(self) -> np.ndarray:
        """The node of each row in each tree."""
        before = self._nodes.nodes if isinstance(self._nodes, Ends) else self._nodes
        self._nodes = before if self._place is None else self._place[before]
        self._place = None
        return self._nodes


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
    of_held_out, of_refit : Ends
        Where rows end, in the new numbers; the latter is None where there are none to refit on.
    """

    nodes: np.ndarray
    parent: np.ndarray
    tree: np.ndarray
    levels: list[np.ndarray]
    of_held_out: Ends
    of_refit: Ends | None

    @classmethod
    def whole(cls, trees: TreeEnsemble, held_out: np.ndarray, refit: np.ndarray | None) -> Self:
        """All of the trees; rows end at nodes."""
        nodes = np.arange(trees.n_nodes)
        ends = Ends(held_out.astype(np.int32))
        of_refit = None if refit is None else Ends(refit.astype(np.int32))
        return cls(nodes, trees.parent(), trees.tree_of_node, trees.levels(), ends, of_refit)

    @property
    def held_out(self) -> np.ndarray:
        """Where held-out rows end."""
        return self.of_held_out.nodes

    @property
    def refit(self) -> np.ndarray | None:
        """Where rows to refit on end."""
        return None if self.of_refit is None else self.of_refit.nodes

    @property
    def internal(self) -> np.ndarray:
        """Which of the nodes are splits, as booleans."""
        internal = np.zeros(self.nodes.size, bool)
        internal[self.parent[self.parent >= 0]] = True
        return internal

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
            of_held_out=Ends(self.of_held_out, place),
            of_refit=None if self.of_refit is None else Ends(self.of_refit, place),
        )
