"""A depth for each tree, chosen for all of them together."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model
from ._base import SkipPass
from ._context import Context
from ._search import halved
from ._settings import Settings, settings_of

__all__ = ["Descent", "PruneDepths"]

_CELLS = 8192
_MOST_BYTES = 1 << 27
_STRENGTHS = np.geomspace(1e-6, 10.0, 48)
_CYCLES = 20
_ROUNDS = 3
_RIDGE = 1e-2


@dataclasses.dataclass(frozen=True)
class PruneDepths:
    """Cut each tree at a depth of its own, by block coordinate descent (ForestPrune).

    Minimizes the squared error of the sum over the trees on the refit rows plus a price on every
    node. Tree by tree, the depth is taken that is best while all others stay, until none changes;
    then trees are weighted anew, by ridge regression, and their depths chosen again. Trees of depth
    zero are dropped, and the leaves of the others refitted together. The highest price is taken
    whose result the held-out rows accept.

    Parameters
    ----------
    ridge : float
        Penalty of the refit, as that of `RefineLeaves`.
    share : float
        Part of the tolerance that may be used up, so that something is left for what follows.
    cautious : float
        Standard errors that are added to the loss, as in `SmallestForest`.

    References
    ----------
    .. [1] B. Liu, R. Mazumder, "ForestPrune: compact depth-pruned tree ensembles", AISTATS 2023.
    """

    ridge: float = 3.0
    share: float = 0.8
    cautious: float = 2.0
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Cut the trees."""
        if context.refit is None:
            raise SkipPass("no rows to choose depths on")
        forest = settings_of(model, context, self.ridge)
        assert context.tolerance is not None
        allowed = self.share * context.tolerance
        descent = Descent(forest, context)
        head = forest.head(refit=True)

        def accepted(place: int) -> bool:
            context.report_progress("prices of a node tried", place, _STRENGTHS.size)
            cut, kept = descent.cut(place)
            pruned = forest.whole.further(cut)
            if not kept.size:
                return False
            raw = forest.refitted_raw(pruned, kept)
            return context.acceptable_raw(head, raw, allowed, cautious=self.cautious)

        if not accepted(0):
            raise SkipPass("no price of a node is accepted")
        place = halved(accepted, 0, _STRENGTHS.size)
        cut, kept = descent.cut(place)
        return forest.refitted_model(forest.whole.further(cut), cut, kept)


class Descent:
    """What each tree gives at each depth on some of the rows, and how many nodes that takes."""

    def __init__(self, forest: Settings, context: Context) -> None:
        trees, whole = forest.trees, forest.whole
        assert whole.refit is not None
        assert context.refit is not None
        self.forest = forest
        self.depth = np.empty(trees.n_nodes, np.int64)
        for level, nodes in enumerate(whole.levels):
            self.depth[nodes] = level
        n_outputs = forest.values.shape[1]
        bytes_a_row = 4 * n_outputs * trees.n_trees * len(whole.levels)
        n_rows = max(min(_CELLS // n_outputs, _MOST_BYTES // bytes_a_row), 200)
        step = -(-whole.refit.shape[0] // n_rows)
        rows = forest.refit_rows[::step]
        ends = whole.refit[::step]
        weight = context.refit.sample_weight
        weight = None if weight is None else weight[rows]
        root = 1.0 if weight is None else np.sqrt(weight / weight.mean())[:, None]
        share = 1.0 / trees.n_trees if trees.average else 1.0
        self.given, self.sizes = [], []
        constant = np.zeros_like(forest.targets[rows])
        outputs = trees.tree_output
        for tree in range(trees.n_trees):
            own = slice(trees.offsets[tree], trees.offsets[tree + 1])
            counts = np.cumsum(np.bincount(self.depth[own]))
            nodes = _by_depth(whole.parent, self.depth, ends[:, tree], counts.size)
            values = share * forest.values[nodes]
            column = slice(None) if outputs is None else slice(outputs[tree], outputs[tree] + 1)
            constant[:, column] += values[0]
            given = ((values - values[0]) * root).astype(np.float32)
            self.given.append(given.reshape(counts.size, -1))
            self.sizes.append(counts / trees.n_nodes)
        target = (forest.targets[rows] - constant) * root
        by_output = (
            [target] if outputs is None else [target[:, [k]] for k in range(trees.n_outputs)]
        )
        self.targets = [part.astype(np.float32).ravel() for part in by_output]
        self.output = np.zeros(trees.n_trees, int) if outputs is None else outputs.astype(int)
        self.spread = sum(float(part @ part) for part in self.targets) or 1.0
        self.found: dict[int, np.ndarray] = {}

    def cut(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The nodes that become leaves, and the trees that are left."""
        trees = self.forest.trees
        depths = self._depths(place)
        cut = trees.internal & (self.depth >= depths[trees.tree_of_node])
        return cut, np.flatnonzero(depths) if trees.average else np.arange(trees.n_trees)

    def _depths(self, place: int) -> np.ndarray:
        if place not in self.found:
            # From the nearest lower price on, or whole trees.
            lower = max((known for known in self.found if known <= place), default=None)
            depths = (
                np.array([sizes.size - 1 for sizes in self.sizes])
                if lower is None
                else self.found[lower].copy()
            )
            weights = np.ones(depths.size)
            for _ in range(_ROUNDS):
                depths = self.descend(depths, weights, _STRENGTHS[place] * self.spread)
                weights = self._weigh(depths)
            self.found[place] = depths
        return self.found[place]

    def descend(self, depths: np.ndarray, weights: np.ndarray, price: float) -> np.ndarray:
        """Tree by tree the best depth while all others stay, until none changes."""
        gaps = [target.copy() for target in self.targets]
        for tree, depth in enumerate(depths):
            gaps[self.output[tree]] -= weights[tree] * self.given[tree][depth]
        norms = [
            weight**2 * np.einsum("ij,ij->i", given, given)
            for weight, given in zip(weights, self.given, strict=True)
        ]
        for _ in range(_CYCLES):
            before = depths.copy()
            for tree, given in enumerate(self.given):
                gap, weight = gaps[self.output[tree]], weights[tree]
                gap += weight * given[depths[tree]]
                cost = norms[tree] - 2 * weight * (given @ gap) + price * self.sizes[tree]
                depths[tree] = int(np.argmin(cost))
                gap -= weight * given[depths[tree]]
            if bool((before == depths).all()):
                break
        return depths

    def _weigh(self, depths: np.ndarray) -> np.ndarray:
        """Weights of the trees by ridge regression."""
        weights = np.ones(depths.size)
        for output, target in enumerate(self.targets):
            own = np.flatnonzero((self.output == output) & (depths > 0))
            if own.size:
                given = np.stack([self.given[tree][depths[tree]] for tree in own], axis=1)
                gram = given.T @ given
                gram[np.diag_indices_from(gram)] += _RIDGE * float(np.trace(gram)) / own.size + 1e-9
                lack = target - given.sum(axis=1)
                weights[own] += np.linalg.solve(gram, given.T @ lack)
        return weights


def _by_depth(parent: np.ndarray, depth: np.ndarray, ends: np.ndarray, n_levels: int) -> np.ndarray:
    """The node where each row ends in a tree cut at each depth: shape (n_levels, n_rows)."""
    nodes = np.empty((n_levels, ends.size), np.int64)
    at = ends.astype(np.int64)
    for level in range(n_levels - 1, -1, -1):
        nodes[level] = at
        at = np.where((depth[at] == level) & (level > 0), parent[at], at)
    return nodes
