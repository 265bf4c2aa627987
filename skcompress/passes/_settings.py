"""What every setting of a search would make of some trees, from one walk of the rows."""

from __future__ import annotations

import functools

import numpy as np

from ..ir import Model, Shares, TreeEnsemble, decode, distinct_rows
from ..runtime import CompactModel
from ..runtime.trees import sum_leaves
from ._base import SkipPass
from ._context import Context
from ._trees import collapse, collapsed_ancestor, leaves_reached
from .ccp import collapse_alphas, path_alphas, weakest_links
from .ensemble import greedy_order, keep_trees, regression_targets
from .leaves import refit_leaves

__all__ = ["ROUNDED_BITS", "AveragedTrees", "Settings", "SummedTrees"]

ROUNDED_BITS = 6
"""Bits that a refitted value takes in the end, about."""

_PATH_RATIO = 0.8
_OTHER_BITS = 7
_WORTH_IT = 8
_ITERATIONS = 20
_ROWS = 20_000


class Settings:
    """Trees, the nodes where rows end, and a path of pruning strengths.

    A setting is a number of trees, a place on the path (the first leaves all trees whole), and
    whether leaves are refitted.
    """

    may_drop_trees = False
    may_refit = False

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        assert context.held_out is not None
        self.model, self.trees, self.context, self.ridge = model, trees, context, ridge
        self.summing = trees.replace(average=False, notes=None)
        self.held_out = leaves_reached(trees, context.inputs(model, context.held_out))
        self.refit: np.ndarray | None = None
        if context.refit is not None:
            self.refit = leaves_reached(trees, context.inputs(model, context.refit))
        self.values, self.alphas = self._values_and_alphas()
        path = path_alphas(trees, self.alphas, _PATH_RATIO)
        self.path = np.concatenate([[-1.0], path])

    def _values_and_alphas(self) -> tuple[np.ndarray, np.ndarray]:
        """The value row of each node as a leaf, and the alpha at which it becomes one."""
        raise NotImplementedError

    def _refitted(self, nodes: np.ndarray, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Values of all nodes, where some rows end at `nodes` of the trees that are kept."""
        raise NotImplementedError

    @functools.lru_cache(maxsize=8)  # noqa: B019 - lives no longer than the pass
    def _end(self, place: int) -> np.ndarray:
        return collapsed_ancestor(self.trees, self.alphas <= self.path[place])

    def _kept(self, count: int) -> np.ndarray:
        """The trees of a setting, in their own order."""
        return np.arange(self.trees.n_trees)

    def head(self, *, refit: bool) -> Model:
        """The model with the head that the outputs of a setting need."""
        return self.model

    def _node_values(self, count: int, place: int, *, refit: bool, final: bool) -> np.ndarray:
        """Values of all nodes; some of the rows are enough to see whether refitting pays."""
        if not refit or self.refit is None:
            return self.values
        n_rows, kept = self.refit.shape[0], self._kept(count)
        rows = np.arange(0, n_rows, 1 if final else -(-n_rows // _ROWS))
        nodes = self._end(place)[self.refit[np.ix_(rows, kept)]]
        return self._refitted(nodes, rows, kept)

    def _solve(
        self,
        values: np.ndarray,
        nodes: np.ndarray,
        targets: np.ndarray,
        rows: np.ndarray,
        share: float,
    ) -> np.ndarray:
        assert self.context.refit is not None
        weight = self.context.refit.sample_weight
        weight = None if weight is None else weight[rows]
        return refit_leaves(values, nodes, targets, weight, share, self.ridge, _ITERATIONS)

    def raw(self, count: int, place: int, *, refit: bool) -> np.ndarray:
        """Raw outputs of a setting on the held-out rows."""
        kept = self._kept(count)
        values = self._node_values(count, place, refit=refit, final=False)
        nodes = np.ascontiguousarray(self._end(place)[self.held_out[:, kept]], np.int32)
        sums = sum_leaves(self.summing, values, nodes)
        return sums / kept.size if self.trees.average else sums

    def build(self, count: int, place: int, *, refit: bool) -> Model:
        """The model of a setting."""
        values = self._node_values(count, place, refit=refit, final=True)
        table, leaf = distinct_rows(values[~self.trees.internal])
        inner = values[self.trees.internal]
        notes = self.trees.notes
        whole = self.trees.replace(
            values=table, leaf=leaf, notes=None if notes is None else notes.replace(values=inner)
        )
        cut = self.trees.internal & (self.alphas <= self.path[place])
        trees = collapse(whole, cut, inner)
        kept = self._kept(count)
        if kept.size < trees.n_trees:
            trees = keep_trees(trees, kept)
        return self.head(refit=refit).with_predictor(trees)


class AveragedTrees(Settings):
    """A forest or a single tree, pruned by its own impurities."""

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        if trees.notes is None:
            raise SkipPass("the trees no longer hold the impurities that pruning needs")
        super().__init__(model, trees, context, ridge)
        self.order = np.arange(trees.n_trees)
        if self.refit is None:
            return
        self.targets = regression_targets(model, context)
        self.may_drop_trees = trees.average
        if trees.average:
            self.order = greedy_order(self.values, self.refit, self.targets, context)
        # Refitted leaves all differ, and each takes bits for all outputs.
        bits = np.log2(decode(trees.values).shape[0]) + _OTHER_BITS
        self.may_refit = bool(trees.n_outputs * ROUNDED_BITS <= _WORTH_IT * bits)

    def _values_and_alphas(self) -> tuple[np.ndarray, np.ndarray]:
        assert self.trees.notes is not None
        return self.trees.value_of_node(self.trees.notes.values), collapse_alphas(self.trees)

    def _kept(self, count: int) -> np.ndarray:
        return np.sort(self.order[:count])

    def head(self, *, refit: bool) -> Model:
        """With refitted leaves only the mean over the trees is a probability, and only nearly."""
        if refit and isinstance(self.model.head, Shares):
            return self.model.replace(head=self.model.head.replace(clip=True))
        return self.model

    def _refitted(self, nodes: np.ndarray, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        share = 1.0 / kept.size if self.trees.average else 1.0
        return self._solve(self.values, nodes, self.targets[rows], rows, share)


class SummedTrees(Settings):
    """Boosted trees, pruned by how much that changes their sum, whatever their loss is."""

    may_refit = True

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        if context.refit is None:
            raise SkipPass("no rows that tell how much each tree varies")
        super().__init__(model, trees, context, ridge)
        raw = np.asarray(CompactModel(model).raw(context.refit.X), np.float64)
        self.targets = raw * trees.denominator
        if trees.base is not None:
            self.targets = self.targets - trees.base

    def _values_and_alphas(self) -> tuple[np.ndarray, np.ndarray]:
        """By the variance of the leaf values that the refit rows find below each node."""
        assert self.refit is not None
        trees = self.trees
        weight = self.context.refit.sample_weight if self.context.refit else None
        by_row = np.ones(self.refit.shape[0]) if weight is None else weight
        reached = self.refit.ravel()
        mass = np.bincount(reached, np.repeat(by_row, trees.n_trees), trees.n_nodes)
        # Leaves without rows count a little, so that every node has a mean.
        mass[~trees.internal] += 1e-6
        own = trees.value_of_node(np.zeros(1))
        moments = mass, mass[:, None] * own, mass[:, None] * own * own
        mass, first, second = map(trees.sum_below, moments)
        mean = first / mass[:, None]
        risk = np.maximum((second - first * mean).sum(axis=1), 0) / by_row.sum()
        alphas = weakest_links(trees, np.where(trees.internal, risk, 0.0))
        return trees.value_of_node(mean[trees.internal]), alphas

    def _refitted(self, nodes: np.ndarray, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        values = self.values.copy()
        outputs = self.trees.tree_output
        if outputs is None:
            return self._solve(values, nodes, self.targets[rows], rows, 1.0)
        for output in range(self.trees.n_outputs):
            own = np.flatnonzero(outputs == output)
            target = self.targets[rows, output : output + 1]
            if own.size:
                values = self._solve(values, nodes[:, own], target, rows, 1.0)
        return values

    def build(self, count: int, place: int, *, refit: bool) -> Model:
        """Trees of which only a constant is left go into what the sum starts from."""
        model = super().build(count, place, refit=refit)
        trees = model.predictor
        assert isinstance(trees, TreeEnsemble)
        constant = np.diff(trees.offsets) == 1
        if bool(constant.all()):
            constant[0] = False
        base = np.zeros(trees.n_outputs) if trees.base is None else trees.base.astype(np.float64)
        single = constant[trees.tree_of_node][~trees.internal]
        rows = decode(trees.values)[trees.leaf[single]]
        if trees.tree_output is None:
            base = base + rows.sum(axis=0)
        else:
            base = base + np.bincount(trees.tree_output[constant], rows[:, 0], trees.n_outputs)
        return model.with_predictor(keep_trees(trees, np.flatnonzero(~constant)).replace(base=base))
