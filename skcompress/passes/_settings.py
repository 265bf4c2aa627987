"""What every setting of a search would make of some trees, from one walk of the rows."""

from __future__ import annotations

import functools

import numpy as np

from ..ir import Model, Numbers, Shares, TreeEnsemble, decode, distinct_rows
from ..runtime import CompactModel
from ..runtime.trees import sum_leaves
from ._base import SkipPass
from ._context import Context
from ._pruned import Pruned
from ._trees import leaves_reached, take_nodes, trees_of
from .ccp import collapse_alphas, path_alphas, weakest_links
from .ensemble import greedy_order, keep_trees, regression_targets
from .leaves import refit_leaves

__all__ = [
    "ROUNDED_BITS",
    "AveragedTrees",
    "Settings",
    "SummedTrees",
    "settings_of",
]

ROUNDED_BITS = 6
"""Bits that a refitted value takes in the end, about."""

_PATH_RATIO = 0.8
_OTHER_BITS = 7
_WORTH_IT = 8
_ITERATIONS = 14
_ROWS = 50_000
_NUMBERS_A_ROW = 2
_KEPT = 6
"""Places of the path whose trees are remembered."""


class Settings:
    """Trees, the nodes where rows end, and a path of pruning strengths.

    A setting is a number of trees, a place on the path (the first leaves all trees whole), and
    whether leaves are refitted.
    """

    may_drop_trees = False
    may_refit = False
    _free = 1
    """Numbers of a leaf that can change by themselves."""
    targets: np.ndarray
    """What the sums should come to on the refit rows, where there are some."""

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        assert context.held_out is not None
        self.model, self.trees, self.context, self.ridge = model, trees, context, ridge
        self.summing = trees.replace(average=False, notes=None)
        held_out = leaves_reached(trees, context.inputs(model, context.held_out))
        self.refit: np.ndarray | None = None
        if context.refit is not None:
            self.refit = leaves_reached(trees, context.inputs(model, context.refit))
        self.values, self.alphas = self._values_and_alphas()
        path = path_alphas(trees, self.alphas, _PATH_RATIO)
        self.path = np.concatenate([[-1.0], path])
        some = None if self.refit is None else self.refit[self._rows(final=False)]
        self.whole = Pruned.whole(trees, held_out, some)
        self._known: dict[int, Pruned] = {}

    def _values_and_alphas(self) -> tuple[np.ndarray, np.ndarray]:
        """The value row of each node as a leaf, and the alpha at which it becomes one."""
        raise NotImplementedError

    def _refitted(
        self, values: np.ndarray, nodes: np.ndarray, rows: slice, kept: np.ndarray
    ) -> np.ndarray:
        """Values of nodes, where some rows end at `nodes` of the trees that are kept."""
        raise NotImplementedError

    def _pruned(self, place: int) -> Pruned:
        """The trees at a place of the path, from those at the nearest weaker place known."""
        if place not in self._known:
            weaker = max((known for known in self._known if known <= place), default=None)
            before = self.whole if weaker is None else self._known[weaker]
            self._known[place] = before.further(self.alphas <= self.path[place])
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return self._known[place]

    def cut(self, place: int) -> np.ndarray:
        """The splits that are leaves at a place of the path."""
        return np.asarray(self.trees.internal & (self.alphas <= self.path[place]))

    def _kept(self, count: int) -> np.ndarray:
        """The trees of a setting, in their own order."""
        return np.arange(self.trees.n_trees)

    @property
    def refit_rows(self) -> np.ndarray:
        """The refit rows that tell whether refitting pays, of which `whole` knows the ends."""
        assert self.refit is not None
        return np.arange(self.refit.shape[0])[self._rows(final=False)]

    def _rows(self, *, final: bool) -> slice:
        """Of the refit rows, all, or some, which are enough to see whether refitting pays."""
        assert self.refit is not None
        step = -(-self.refit.shape[0] // _ROWS)
        return slice(None) if final or step <= 1 else slice(None, None, step)

    def head(self, *, refit: bool) -> Model:
        """The model with the head that the outputs of a setting need."""
        return self.model

    def n_nodes(self, count: int) -> np.ndarray:
        """How many nodes that many trees have at each place of the path."""
        return np.asarray(self._sizes[self._kept(count)].sum(axis=0))

    @functools.cached_property
    def _sizes(self) -> np.ndarray:
        """How many nodes each tree has at each place of the path."""
        trees = self.trees
        gone_at = np.full(trees.n_nodes, np.inf)
        parent = trees.parent()
        for nodes in trees.levels()[1:]:
            up = parent[nodes]
            gone_at[nodes] = np.minimum(gone_at[up], self.alphas[up])
        shape = trees.n_trees, self.path.size + 1
        gone = np.ravel_multi_index((trees.tree_of_node, self.path.searchsorted(gone_at)), shape)
        counts = np.bincount(gone, minlength=shape[0] * shape[1]).reshape(shape)
        # Those that are gone at later places only are there still.
        return np.asarray(np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1])

    def may_be_fitted(self, count: int) -> np.ndarray:
        """At which places there are rows enough; more numbers than these learn rows by heart."""
        assert self.refit is not None
        n_leaves = (self.n_nodes(count) + count) // 2
        return np.asarray(n_leaves * self._free <= _NUMBERS_A_ROW * self.refit.shape[0])

    def _values_of(
        self, pruned: Pruned, kept: np.ndarray, values: np.ndarray | None = None
    ) -> np.ndarray:
        """Refitted values of the nodes that are left, near those given, or the trees' own."""
        values = (self.values if values is None else values)[pruned.nodes]
        if pruned.refit is None or self.refit is None:
            return values
        nodes = _columns(pruned.refit, kept)
        rows = self._rows(final=nodes.shape[0] == self.refit.shape[0])
        return self._refitted(values, nodes, rows, kept)

    def _solve(
        self,
        values: np.ndarray,
        nodes: np.ndarray,
        targets: np.ndarray,
        rows: slice,
        share: float,
    ) -> np.ndarray:
        assert self.context.refit is not None
        weight = self.context.refit.sample_weight
        weight = None if weight is None else weight[rows]
        return refit_leaves(values, nodes, targets, weight, share, self.ridge, _ITERATIONS)

    def raw(self, count: int, place: int, *, refit: bool) -> np.ndarray:
        """Raw outputs of a setting on the held-out rows."""
        kept, pruned = self._kept(count), self._pruned(place)
        if refit:
            return self.refitted_raw(pruned, kept)
        return self.raw_of(pruned.nodes.astype(np.int32)[pruned.held_out], kept, self.values)

    def refitted_raw(
        self, pruned: Pruned, kept: np.ndarray, values: np.ndarray | None = None
    ) -> np.ndarray:
        """Raw outputs of some trees on the held-out rows, with leaves refitted near values."""
        return self.raw_of(pruned.held_out, kept, self._values_of(pruned, kept, values))

    def raw_of(self, ends: np.ndarray, kept: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Raw outputs of some trees, given where rows end and what is there."""
        sums = sum_leaves(self.summing, values, _columns(ends, kept))
        return sums / kept.size if self.trees.average else sums

    def build(self, count: int, place: int, *, refit: bool) -> Model:
        """The model of a setting."""
        kept, pruned = self._kept(count), self._pruned(place)
        if not refit:
            return self.model_of(pruned, kept, self.values)
        return self.refitted_model(pruned, self.cut(place), kept)

    def refitted_model(
        self,
        pruned: Pruned,
        cut: np.ndarray,
        kept: np.ndarray,
        values: np.ndarray | None = None,
    ) -> Model:
        """Some trees, cut at some nodes, with leaves refitted near values."""
        if self.refit is not None and self._rows(final=False) != slice(None):
            pruned = Pruned.whole(self.trees, pruned.held_out[:0], self.refit).further(cut)
        own = (self.values if values is None else values).copy()
        own[pruned.nodes] = self._values_of(pruned, kept, own)
        return self.model_of(pruned, kept, own, refit=True)

    def model_of(
        self, pruned: Pruned, kept: np.ndarray, values: np.ndarray, *, refit: bool = False
    ) -> Model:
        """Some of the trees as they are cut; each of their nodes has a value as a leaf."""
        stays = np.zeros(self.trees.n_trees, bool)
        stays[kept] = True
        own = stays[pruned.tree]
        nodes, internal = pruned.nodes[own], pruned.internal[own]
        table, leaf = distinct_rows(values[nodes[~internal]])
        outputs = self.trees.tree_output
        outputs = None if outputs is None else outputs[stays]
        trees = take_nodes(
            self.trees, nodes, internal, values=table, leaf=leaf, tree_output=outputs
        )
        if trees.notes is not None:
            trees = trees.replace(notes=trees.notes.replace(values=values[nodes[internal]]))
        return self.head(refit=refit).with_predictor(trees)


def _columns(reached: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return reached if kept.size == reached.shape[1] else np.ascontiguousarray(reached[:, kept])


class AveragedTrees(Settings):
    """A forest or a single tree, pruned by its own impurities."""

    def __init__(self, model: Model, trees: TreeEnsemble, context: Context, ridge: float) -> None:
        if trees.notes is None:
            raise SkipPass("the trees no longer hold the impurities that pruning needs")
        super().__init__(model, trees, context, ridge)
        if self.refit is None:
            return
        self.targets = regression_targets(model, context)
        self.may_drop_trees = trees.average
        if isinstance(model.head, Shares):
            self._free = trees.n_outputs - len(model.head.labels)
        # Refitted leaves all differ, and each takes bits for all outputs.
        bits = np.log2(decode(trees.values).shape[0]) + _OTHER_BITS
        self.may_refit = bool(trees.n_outputs * ROUNDED_BITS <= _WORTH_IT * bits)

    def _values_and_alphas(self) -> tuple[np.ndarray, np.ndarray]:
        assert self.trees.notes is not None
        return self.trees.value_of_node(self.trees.notes.values), collapse_alphas(self.trees)

    @functools.cached_property
    def _order(self) -> np.ndarray:
        """The trees in the order in which they are worth keeping."""
        assert self.refit is not None
        return greedy_order(self.values, self.refit, self.targets, self.context)

    def _kept(self, count: int) -> np.ndarray:
        whole = count == self.trees.n_trees
        return np.arange(count) if whole else np.sort(self._order[:count])

    def head(self, *, refit: bool) -> Model:
        """With refitted leaves only the mean over the trees is a probability, and only nearly."""
        if refit and isinstance(self.model.head, Shares):
            return self.model.replace(head=self.model.head.replace(clip=True))
        return self.model

    def _refitted(
        self, values: np.ndarray, nodes: np.ndarray, rows: slice, kept: np.ndarray
    ) -> np.ndarray:
        share = 1.0 / kept.size if self.trees.average else 1.0
        return self._solve(values, nodes, self.targets[rows], rows, share)


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

    def _refitted(
        self, values: np.ndarray, nodes: np.ndarray, rows: slice, kept: np.ndarray
    ) -> np.ndarray:
        outputs = self.trees.tree_output
        if outputs is None:
            return self._solve(values, nodes, self.targets[rows], rows, 1.0)
        for output in range(self.trees.n_outputs):
            own = np.flatnonzero(outputs == output)
            target = self.targets[rows, output : output + 1]
            if own.size:
                values = self._solve(values, _columns(nodes, own), target, rows, 1.0)
        return values

    def model_of(
        self, pruned: Pruned, kept: np.ndarray, values: np.ndarray, *, refit: bool = False
    ) -> Model:
        """Trees of which only a constant is left go into what the sum starts from."""
        model = super().model_of(pruned, kept, values, refit=refit)
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


def settings_of(model: Model, context: Context, ridge: float) -> Settings:
    """The settings of whatever trees a model consists of."""
    trees = trees_of(model)
    if not context.judges:
        raise SkipPass("no held-out rows to choose by")
    single = trees.n_trees == 1 and trees.tree_output is None
    by_impurity = (trees.average or single) and isinstance(model.head, Numbers | Shares)
    return (AveragedTrees if by_impurity else SummedTrees)(model, trees, context, ridge)
