"""Cuts by depth and by errors on rows, and splits that decide nothing."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model, TreeEnsemble
from ._base import SkipPass
from ._context import Context, Data
from ._trees import collapse, keep_above, leaves_reached, trees_of
from .ensemble import regression_targets

__all__ = ["CutDepth", "MergeLeaves", "ReducedError"]


@dataclasses.dataclass(frozen=True)
class CutDepth:
    """Turn all nodes at a depth into leaves, as ``max_depth`` would have.

    Parameters
    ----------
    depth : int
        Splits on the longest way to a leaf.
    """

    depth: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Cut the trees."""
        trees = _with_notes(model)
        levels = trees.levels()
        if self.depth >= len(levels):
            return model
        cut = np.zeros(trees.n_nodes, bool)
        cut[levels[self.depth]] = True
        return model.with_predictor(collapse(trees, cut))


@dataclasses.dataclass(frozen=True)
class ReducedError:
    """Cut each branch that makes no fewer errors on the held-out rows than a leaf in its place.

    Every tree is pruned by itself, from the leaves up, which finds the smallest version of it that
    errs least on these rows. Errors are squared ones, of shares of classes, too: they see more
    than wrong votes do. The held-out rows choose much here, so let others judge the result.

    References
    ----------
    .. [1] J. R. Quinlan, "Simplifying decision trees", International Journal of Man-Machine
       Studies 27, 1987.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the trees."""
        trees = _with_notes(model)
        if context.held_out is None:
            raise SkipPass("no held-out rows that tell where trees err")
        held_out = Data(context.held_out.X, context.targets, context.held_out.sample_weight)
        as_refit = dataclasses.replace(context, refit=held_out)
        targets = regression_targets(model, as_refit)
        reached = leaves_reached(trees, context.inputs(model, held_out))
        cut = self._cut(trees, reached, targets, held_out.sample_weight)
        return model.with_predictor(collapse(trees, cut))

    def _cut(
        self,
        trees: TreeEnsemble,
        reached: np.ndarray,
        targets: np.ndarray,
        weight: np.ndarray | None,
    ) -> np.ndarray:
        assert trees.notes is not None
        by_row = np.ones(len(reached)) if weight is None else weight
        # Of the rows that pass a node: their weight, and the weighted sum of their targets.
        mass = np.bincount(reached.ravel(), np.repeat(by_row, trees.n_trees), trees.n_nodes)
        sums = np.zeros((trees.n_nodes, targets.shape[1]))
        for tree in range(trees.n_trees):
            np.add.at(sums, reached[:, tree], by_row[:, None] * targets)
        mass, sums = trees.sum_below(mass), trees.sum_below(sums)
        values, left = trees.value_of_node(trees.notes.values), trees.left_of_node()
        # Up to what all have in common, the squares of the targets.
        as_leaf = mass * np.square(values).sum(axis=1) - 2 * (values * sums).sum(axis=1)
        best, cut = as_leaf.copy(), np.zeros(trees.n_nodes, bool)
        for nodes in reversed(trees.levels()):
            splits = nodes[trees.internal[nodes]]
            below = best[left[splits]] + best[left[splits] + 1]
            cut[splits] = as_leaf[splits] <= below + 1e-12 * np.abs(below)
            best[splits] = np.where(cut[splits], as_leaf[splits], below)
        return cut


@dataclasses.dataclass(frozen=True)
class MergeLeaves:
    """Drop splits below which all leaves hold the same row: they decide nothing."""

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Merge the leaves."""
        trees = trees_of(model)
        row = np.full(trees.n_nodes, -1, np.int64)
        row[~trees.internal] = trees.leaf
        left = trees.left_of_node()
        for nodes in reversed(trees.levels()):
            splits = nodes[trees.internal[nodes]]
            one, other = row[left[splits]], row[left[splits] + 1]
            row[splits] = np.where(one == other, one, -1)
        cut = trees.internal & (row >= 0)
        if not bool(cut.any()):
            return model
        merged, leaf = keep_above(trees, cut, row)
        return model.with_predictor(merged.replace(leaf=leaf.astype(trees.leaf.dtype)))


def _with_notes(model: Model) -> TreeEnsemble:
    trees = trees_of(model)
    if trees.notes is None:
        raise SkipPass("the trees no longer hold the values of their splits")
    return trees
