"""The smallest forest: how many trees, how strongly pruned, and whether to refit, all at once."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from ..format import dumps
from ..ir import Model, Shares, TreeEnsemble, decode, distinct_rows
from ..runtime import CompactModel
from ..runtime._rows import as_dense
from ..runtime.trees import leaf_rows, prepare_walk, sum_leaves
from ._base import SkipPass
from ._context import Context
from ._trees import collapse, collapsed_ancestor, trees_of
from .ccp import collapse_alphas, path_alphas
from .ensemble import greedy_order, keep_trees, regression_targets
from .leaves import QuantizeLeaves, refit_leaves
from .notes import DropNotes

__all__ = ["SmallestForest"]

_PATH_RATIO = 0.8
_ROUNDED_BITS = 6
_HOPELESS = 5
_OTHER_BITS = 7
_WORTH_IT = 8
_ITERATIONS = 20
_ROWS = 20_000


@dataclasses.dataclass(frozen=True)
class SmallestForest:
    """Fewer trees, pruned as far as the held-out rows accept, refitted where that pays.

    For each of several numbers of trees, with and without refitting the leaves, the strongest
    cost-complexity pruning that is accepted is found by bisection of the path; of all of them
    the one whose file is the smallest is taken. Trees are dropped in reverse of the order in
    which greedy selection takes them (Caruana et al. 2004); leaves are refitted jointly (Ren et
    al. 2015). No model is evaluated: one walk of the rows tells the outcome of every setting.

    Parameters
    ----------
    counts : tuple of float
        Shares of the trees that are tried.
    ridge : float
        Penalty of the refit, as that of `RefineLeaves`.
    share : float
        Part of the tolerance that may be used up, so that something is left for what follows.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression Trees",
       Wadsworth, 1984, chapter 3.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries
       of models", ICML 2004.
    .. [3] S. Ren, X. Cao, Y. Wei, J. Sun, "Global refinement of random forest", CVPR 2015.
    """

    counts: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02)
    ridge: float = 3.0
    share: float = 0.8
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Find the smallest forest."""
        trees = trees_of(model)
        if trees.notes is None:
            raise SkipPass("the trees no longer hold the impurities that pruning needs")
        if trees.tree_output is not None:
            raise SkipPass("the impurities of boosted trees do not measure their loss")
        if not context.judges or context.tolerance is None:
            raise SkipPass("no held-out rows to choose by")
        forest = _Forest(model, trees, context, self.ridge)
        total = trees.n_trees if trees.average else 1
        counts = sorted({max(round(share * total), 1) for share in self.counts})
        refits = (False, True) if forest.may_refit else (False,)
        if context.refit is None:
            counts = [trees.n_trees]
        settings = [(count, refit) for count in counts for refit in refits]
        best, least = model, _size(model)
        for done, (count, refit) in enumerate(settings):
            found = self._strongest(forest, context, count, refit=refit)
            context.report_progress("forests tried", done + 1, len(settings))
            # Counting bytes takes longer than finding out that there are far too many nodes.
            if found is None or _n_nodes(found) > _HOPELESS * _n_nodes(best):
                continue
            if (size := _size(found)) < least:
                best, least = found, size
        return best

    def _strongest(
        self, forest: _Forest, context: Context, count: int, *, refit: bool
    ) -> Model | None:
        """The most strongly pruned forest of so many trees that is accepted."""
        assert context.tolerance is not None
        allowed = self.share * context.tolerance
        head = forest.head(refit=refit)

        def accepted(place: int) -> bool:
            raw = forest.raw(count, place, refit=refit)
            return context.acceptable_raw(head, raw, allowed)

        if not accepted(0):
            return None
        low, high = 0, forest.path.size
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if accepted(middle) else (low, middle)
        return forest.build(count, low, refit=refit)


def _n_nodes(model: Model) -> int:
    return trees_of(model).n_nodes


def _size(model: Model) -> int:
    """Bytes of the file, with leaf values rounded as they will be in the end."""
    plain = Context(original=model)
    rounded = QuantizeLeaves(_ROUNDED_BITS).apply(DropNotes().apply(model, plain), plain)
    return len(dumps(CompactModel(rounded)))


class _Forest:
    """A forest, where its rows end, and what every setting would make of them."""

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        assert context.held_out is not None
        assert trees.notes is not None
        self.model, self.trees, self.context, self.ridge = model, trees, context, ridge
        self.summing = trees.replace(average=False, notes=None)
        self.alphas = collapse_alphas(trees)
        # The first point leaves the trees as they are.
        self.path = np.concatenate([[-1.0], path_alphas(trees, self.alphas, _PATH_RATIO)])
        self.values = np.empty((trees.n_nodes, trees.n_outputs))
        self.values[~trees.internal] = decode(trees.values)[trees.leaf]
        self.values[trees.internal] = trees.notes.values
        self.held_out = self._reached(context.inputs(model, context.held_out))
        self.may_refit = False
        if context.refit is not None:
            self.refit = self._reached(context.inputs(model, context.refit))
            self.targets = regression_targets(model, context)
            # Refitted leaves all differ, and each takes bits for all outputs.
            bits = np.log2(self.trees.values.shape[0]) + _OTHER_BITS
            self.may_refit = trees.n_outputs * _ROUNDED_BITS <= _WORTH_IT * bits
        self.order = np.arange(trees.n_trees)
        if context.refit is not None and trees.average:
            self.order = greedy_order(self.values, self.refit, self.targets, context)

    def _reached(self, rows: np.ndarray) -> np.ndarray:
        """The leaf node of each row in each tree."""
        leaves = np.flatnonzero(~self.trees.internal)
        return leaves[leaf_rows(prepare_walk(self.trees, np.arange(leaves.size)), as_dense(rows))]

    @functools.lru_cache(maxsize=8)  # noqa: B019 - lives no longer than the pass
    def _end(self, place: int) -> np.ndarray:
        return collapsed_ancestor(self.trees, self.alphas <= self.path[place])

    def _kept(self, count: int) -> np.ndarray:
        """Trees in their own order."""
        return np.sort(self.order[:count]) if self.trees.average else self.order

    def head(self, *, refit: bool) -> Model:
        """The model with the head that its outputs need."""
        if refit and isinstance(self.model.head, Shares):
            return self.model.replace(head=self.model.head.replace(clip=True))
        return self.model

    def _node_values(self, count: int, place: int, *, refit: bool, final: bool) -> np.ndarray:
        """Values of all nodes; some of the rows are enough to see whether refitting pays."""
        if not refit:
            return self.values
        assert self.context.refit is not None
        n_rows = self.refit.shape[0]
        rows = np.arange(0, n_rows, 1 if final else -(-n_rows // _ROWS))
        nodes = self._end(place)[self.refit[np.ix_(rows, self._kept(count))]]
        share = 1.0 / nodes.shape[1] if self.trees.average else 1.0
        weight = self.context.refit.sample_weight
        return refit_leaves(
            self.values,
            nodes,
            self.targets[rows],
            None if weight is None else weight[rows],
            share,
            self.ridge,
            _ITERATIONS,
        )

    def raw(self, count: int, place: int, *, refit: bool) -> np.ndarray:
        """Raw outputs on the held-out rows."""
        kept = self._kept(count)
        values = self._node_values(count, place, refit=refit, final=False)
        nodes = np.ascontiguousarray(self._end(place)[self.held_out[:, kept]], np.int32)
        sums = sum_leaves(self.summing, values, nodes)
        return sums / kept.size if self.trees.average else sums

    def build(self, count: int, place: int, *, refit: bool) -> Model:
        """The model of a setting."""
        values = self._node_values(count, place, refit=refit, final=True)
        cut = self.trees.internal & (self.alphas <= self.path[place])
        table, leaf = distinct_rows(values[~self.trees.internal])
        assert self.trees.notes is not None
        notes = self.trees.notes.replace(values=values[self.trees.internal])
        trees = collapse(self.trees.replace(values=table, leaf=leaf, notes=notes), cut)
        kept = self._kept(count)
        if kept.size < trees.n_trees:
            trees = keep_trees(trees, kept)
        return self.head(refit=refit).with_predictor(trees)
