"""Whole subtrees replaced by numbers, level by level, where a sparse regression finds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ir import Model
from ..runtime.parts import move_parts, sum_parts
from ..runtime.trees import add_leaves
from ._base import SkipPass
from ._context import Context
from ._factors import Factors
from ._pruned import Ends
from ._search import furthest, halved
from ._settings import Settings, settings_of

__all__ = ["Fit", "Parts", "PruneLevels", "Regression"]

_STRENGTHS = np.geomspace(1e-7, 1.0, 32)
_SWEEPS = 8
_FREE_SWEEPS = 3
_IDLE = 3
_STILL = 1e-3
_TINY = 1e-12
_ROWS = 10_000
_FEWEST_ROWS = 500
_CELLS = 1 << 22


@dataclasses.dataclass(frozen=True)
class PruneLevels:
    """Prune level by level, by regression with an L1 penalty (level-wise optimization and pruning).

    At each level, from the roots down, every subtree that begins there is replaced by a number
    plus a factor times what it gives; numbers and factors of all trees are fitted together, to the
    targets on the refit rows, with a penalty on their sizes. A subtree whose factor becomes zero is
    cut, a tree whose factor does at its root is dropped. The strongest penalty is taken whose
    result the held-out rows accept. In the end the leaves are refitted together.

    Here what a subtree gives is centred, so that its number is what a leaf in its place would hold,
    and after every fit with the penalty what is not zero is fitted on without it.

    Parameters
    ----------
    ridge : float
        Penalty of the last refit, as that of `RefineLeaves`.
    share : float
        Part of the tolerance that may be used up, so that something is left for what follows.
    rounds : int
        How often the levels are gone through; it ends when a round prunes nothing.
    first : float
        Part of the tolerance that cost-complexity pruning of averaged trees may use up before:
        fully grown trees are right about the rows that they grew on, so no regression cuts them.
    cautious : float
        Standard errors that are added to the loss, as in `SmallestForest`.

    References
    ----------
    .. [1] L. Devos, T. Martens, D. C. Oruc, W. Meert, H. Blockeel, J. Davis, "Compressing tree
       ensembles through level-wise optimization and pruning", ICML 2025.
    """

    ridge: float = 3.0
    share: float = 0.8
    rounds: int = 2
    first: float = 0.2
    cautious: float = 2.0
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the trees."""
        if context.refit is None:
            raise SkipPass("no rows to fit subtrees on")
        forest = settings_of(model, context, self.ridge)
        assert context.tolerance is not None
        allowed = self.share * context.tolerance

        def accepts(head: Model, raw: np.ndarray) -> bool:
            return context.acceptable_raw(head, raw, allowed, cautious=self.cautious)

        regression = Regression(forest, accepts)
        if forest.trees.average:
            regression.cut_as(self._first(forest, context))
        for _ in range(self.rounds):
            before, level, place, idle = regression.n_nodes, 0, 0, 0
            # Below a few levels that bear no cut, next to nothing is ever cut.
            while level < len(regression.pruned.levels) and idle < _IDLE:
                context.report_progress("levels pruned", level, len(regression.pruned.levels))
                left = regression.n_nodes
                place = regression.prune(level, place)
                level, idle = level + 1, 0 if regression.n_nodes < left else idle + 1
            if regression.n_nodes >= before:
                break
        small = regression.model()
        if small is None:
            raise SkipPass("no penalty is accepted")
        return small

    def _first(self, forest: Settings, context: Context) -> np.ndarray:
        assert context.tolerance is not None
        allowed = self.first * context.tolerance

        def accepted(place: int) -> bool:
            raw = forest.raw(forest.trees.n_trees, place, refit=False)
            return context.acceptable_raw(forest.model, raw, allowed)

        return forest.cut(halved(accepted, 0, forest.path.size))


class Regression:
    """Trees as they are after some levels: what is cut, what leaves hold, what is added to all."""

    def __init__(self, forest: Settings, accepts: Callable[[Model, np.ndarray], bool]) -> None:
        trees = forest.trees
        refit = forest.context.refit
        assert refit is not None
        assert forest.whole.refit is not None
        self.forest, self.accepts = forest, accepts
        self.share = 1.0 / trees.n_trees if trees.average else 1.0
        width, n_outputs = forest.values.shape[1], forest.targets.shape[1]
        n_rows = max(min(_ROWS, _CELLS // (trees.n_trees * width)), _FEWEST_ROWS)
        every = slice(None, None, -(-forest.whole.refit.shape[0] // n_rows))
        rows = forest.refit_rows[every]
        self.pruned = dataclasses.replace(
            forest.whole, of_refit=Ends(np.asfortranarray(forest.whole.refit[every]))
        )
        self.cut, self.kept = np.zeros(trees.n_nodes, bool), np.arange(trees.n_trees)
        weight = refit.sample_weight
        weight = np.ones(rows.size) if weight is None else weight[rows]
        self.weight = weight / weight.mean()
        # Trees that give to one output each have a target each: one of them, or all at once.
        outputs = trees.tree_output
        self.group = np.zeros(trees.n_trees, int) if outputs is None else outputs.astype(int)
        targets = forest.targets[rows]
        parts = [targets] if outputs is None else np.split(targets, n_outputs, axis=1)
        self.gap = np.ascontiguousarray(np.stack(parts))
        self.constant = np.zeros((len(parts), width))
        self.values = forest.values.copy()
        center = self.gap - self.mean(self.gap)[:, None]
        self.spread = float(np.sqrt(self.mean(center**2).sum())) or 1.0
        for tree in self.kept:
            # What a tree gives on average goes into the constant.
            own = slice(*trees.offsets[tree : tree + 2])
            given = self.values[self.pruned.nodes[self.ends(tree)]]
            mean = self.mean(given[None])[0]
            self.values[own] -= mean
            self.constant[self.group[tree]] += self.share * mean
            self.gap[self.group[tree]] -= self.share * given

    def cut_as(self, cut: np.ndarray) -> None:
        """Cut some nodes, which keep their values."""
        before = self.pruned
        after = before.further(cut)
        for tree in self.kept:
            assert before.refit is not None
            assert after.refit is not None
            was = self.values[before.nodes[before.refit[:, tree]]]
            now = self.values[after.nodes[after.refit[:, tree]]]
            self.gap[self.group[tree]] += self.share * (was - now)
        self.pruned, self.cut = after, cut

    def mean(self, rows: np.ndarray) -> np.ndarray:
        """Weighted means over the rows of each group."""
        return np.asarray(np.einsum("i,gik->gk", self.weight, rows)) / self.weight.sum()

    def ends(self, tree: Any) -> np.ndarray:
        """Where rows end in a tree."""
        assert self.pruned.refit is not None
        return np.asarray(self.pruned.refit[:, tree])

    @property
    def n_nodes(self) -> int:
        """Nodes of the trees that are left."""
        return int(np.isin(self.pruned.tree, self.kept).sum())

    def prune(self, level: int, start: int) -> int:
        """Fit the subtrees that begin at a level, and cut those of no use; the penalty's place."""
        parts = Parts(self, level)
        head = self.forest.head(refit=True)
        fits: dict[int, Fit] = {}

        def accepted(place: int) -> bool:
            weaker = max((known for known in fits if known <= place), default=None)
            fits[place] = parts.fit(_STRENGTHS[place], None if weaker is None else fits[weaker])
            return self.accepts(head, self.raw(parts, fits[place]))

        place = furthest(accepted, start, 0, _STRENGTHS.size - 1)
        if place is None:
            return start
        fit = fits[place]
        nodes = self.pruned.nodes
        self.values[nodes] = parts.values(fit)
        self.constant, self.gap = fit.constant, fit.gap
        cut = np.zeros_like(self.cut)
        cut[nodes[parts.nodes[fit.factor == 0]]] = True
        if level == 0:
            self.kept = self.kept[(fit.factor != 0)[self.kept]]
        cut |= self._all_zero(cut)
        self.cut |= cut & self.forest.trees.internal
        self.pruned = self.pruned.further(self.cut)
        return place

    def _all_zero(self, cut: np.ndarray) -> np.ndarray:
        """Nodes below which all leaves hold zeros: splits there decide nothing."""
        pruned = self.pruned
        zero = ~self.values[pruned.nodes].any(axis=1)
        useless = zero & (~self.forest.trees.internal | self.cut | cut)[pruned.nodes]
        for nodes in reversed(pruned.levels[1:]):
            both = np.bincount(pruned.parent[nodes][useless[nodes]], minlength=zero.size) == 2
            useless |= both
            self.values[pruned.nodes[both]] = 0.0
        found = np.zeros_like(cut)
        found[pruned.nodes[useless]] = True
        return found

    def raw(self, parts: Parts, fit: Fit) -> np.ndarray:
        """What the trees would give to the held-out rows."""
        trees, values = self.forest.trees, self.share * parts.values(fit)
        given = []
        for group, constant in enumerate(fit.constant):
            own = self.kept[self.group[self.kept] == group]
            ends = np.ascontiguousarray(self.pruned.held_out[:, own])
            given.append(constant + add_leaves(values, ends))
        raw = np.hstack(given)
        if trees.average:
            return raw
        return (raw if trees.base is None else raw + trees.base) / trees.denominator

    def model(self) -> Model | None:
        """The trees that are left, with leaves refitted if that is accepted."""
        forest = self.forest
        kept, values = self._averaged() if forest.trees.average else self._summed()
        pruned, head = forest.whole.further(self.cut), forest.head(refit=True)
        if self.accepts(head, forest.refitted_raw(pruned, kept, values)):
            return forest.refitted_model(pruned, self.cut, kept, values)
        if self.accepts(head, forest.raw_of(pruned.held_out, kept, values[pruned.nodes])):
            return forest.model_of(pruned, kept, values, refit=True)
        return None

    def _averaged(self) -> tuple[np.ndarray, np.ndarray]:
        """Fewer trees weigh more each, and each holds the constant, too."""
        trees = self.forest.trees
        roots = trees.offsets[:-1][self.kept]
        single = ~trees.internal[roots] | self.cut[roots]
        constant = self.constant[0] + self.share * self.values[roots[single]].sum(axis=0)
        kept, values = self.kept[~single], self.values
        if not kept.size:
            kept, values = np.zeros(1, np.int64), np.zeros_like(values)
            self.cut[0] = trees.internal[0]
        return kept, values * (self.share * kept.size) + constant

    def _summed(self) -> tuple[np.ndarray, np.ndarray]:
        """All trees stay, some as mere numbers; the first of each output holds the constant."""
        trees, values = self.forest.trees, self.values.copy()
        dropped = trees.offsets[np.setdiff1d(np.arange(trees.n_trees), self.kept)]
        self.cut[dropped] = trees.internal[dropped]
        values[dropped] = 0.0
        for group, constant in enumerate(self.constant):
            tree = int(np.argmax(self.group == group))
            values[slice(*trees.offsets[tree : tree + 2])] += constant
        return np.arange(trees.n_trees), values


@dataclasses.dataclass
class Fit:
    """Numbers and factors of subtrees, constants, and what is left of the targets."""

    number: np.ndarray
    factor: np.ndarray
    constant: np.ndarray
    gap: np.ndarray

    def copy(self) -> Fit:
        """Another one of the same numbers."""
        return Fit(self.number.copy(), self.factor.copy(), self.constant.copy(), self.gap.copy())


class Parts:
    """The subtrees that begin at a level, and the leaves above it."""

    def __init__(self, before: Regression, level: int) -> None:
        self.before, self.level = before, level
        pruned = before.pruned
        top = np.arange(pruned.nodes.size)
        for nodes in pruned.levels[level + 1 :]:
            top[nodes] = top[pruned.parent[nodes]]
        is_leaf = np.ones(top.size, bool)
        is_leaf[pruned.parent[pruned.parent >= 0]] = False
        chosen = np.zeros(top.size, bool)
        chosen[top[is_leaf]] = True
        self.nodes = np.flatnonzero(chosen)
        # Splits above the level belong to no part; nothing ends there.
        self.part = np.where(chosen[top], (np.cumsum(chosen) - 1)[top], 0)
        self.given = before.values[pruned.nodes]
        n_trees = before.forest.trees.n_trees
        bounds = np.searchsorted(pruned.tree[self.nodes], np.arange(n_trees + 1))
        self.spans = [slice(bounds[t], bounds[t + 1]) for t in range(n_trees)]
        self.mass, self.power = np.zeros((2, self.nodes.size))
        self.mean = np.zeros((self.nodes.size, self.given.shape[1]))
        self.of_tree: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self.wholes: list[tuple[int, np.ndarray, Factors]] = []
        weight = before.weight
        for tree in before.kept:
            ends, span = before.ends(tree), self.spans[tree]
            place, given = (self.part[ends] - span.start).astype(np.int32), self.given[ends]
            size = span.stop - span.start
            self.mass[span] = np.bincount(place, weight, size)
            if level:
                _, sums = sum_parts(place, given, weight, given, size)
                self.mean[span] = sums / np.maximum(self.mass[span], _TINY)[:, None]
            given -= self.mean[span][place]
            self.power[span], _ = sum_parts(place, given, weight, given, size)
            self.of_tree[tree] = place, given
        if level == 0:
            self._as_wholes()

    def _as_wholes(self) -> None:
        """Trees that give to the same outputs, each of them a part."""
        before = self.before
        for group in np.unique(before.group[before.kept]):
            trees = before.kept[before.group[before.kept] == group]
            given = np.stack([self.of_tree[tree][1] for tree in trees], axis=-1)
            parts = np.array([self.spans[tree].start for tree in trees])
            self.wholes.append((group, parts, Factors(given, before.weight, before.share)))
        self.of_tree = {}

    def values(self, fit: Fit) -> np.ndarray:
        """What the nodes that are left hold after a fit."""
        centred = self.given - self.mean[self.part]
        return np.asarray(fit.number[self.part] + fit.factor[self.part][:, None] * centred)

    def fit(self, strength: float, start: Fit | None) -> Fit:
        """Fit with a penalty, beginning where a weaker one ended, then without it."""
        before = self.before
        if start is None:
            factor = (self.power > 0).astype(float)
            start = Fit(self.mean, factor, before.constant, before.gap)
        fit = start.copy()
        self.descend(fit, strength, _SWEEPS)
        self.descend(fit, 0.0, _FREE_SWEEPS)
        return fit

    def descend(self, fit: Fit, strength: float, n_sweeps: int, still: float = _STILL) -> None:
        """Sweep over all trees until no factor changes by more than `still`."""
        edge = strength * self.before.spread**2 * self.before.weight.size
        for group, parts, wholes in self.wholes:
            factor = fit.factor[parts]
            fit.constant[group] += wholes.fit(factor, fit.gap[group], edge, n_sweeps, still)
            fit.factor[parts] = factor
        for _ in range(0 if self.wholes else n_sweeps):
            if self._sweep(fit, strength) < still:
                break

    def _sweep(self, fit: Fit, strength: float) -> float:
        """Tree by tree, the best of its numbers and factors while all others stay.

        Without a penalty, what is zero stays zero. The largest change of a factor is returned.
        """
        before = self.before
        edge = strength * before.spread * before.weight.size
        edges = edge * before.spread, before.share * edge
        moved = 0.0
        for tree, (place, given) in self.of_tree.items():
            span = self.spans[tree]
            found, sizes = (fit.factor[span], fit.number[span]), (self.power[span], self.mass[span])
            gap = fit.gap[before.group[tree]]
            turn = move_parts(place, given, before.weight, gap, found, sizes, before.share, edges)
            moved = max(moved, turn)
        mean = before.mean(fit.gap)
        fit.constant += mean
        fit.gap -= mean[:, None]
        return moved
