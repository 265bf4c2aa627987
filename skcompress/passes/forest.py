"""The smallest forest: how many trees, how strongly pruned, and whether to refit, all at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..format._forest import weigh_forest
from ..ir import Model
from ._bytes import FEW_NODES, file_bytes
from ._context import Context
from ._search import climbed, halved
from ._settings import ROUNDED_BITS, Settings, settings_of
from ._trees import trees_of
from .leaves import QuantizeLeaves
from .notes import DropNotes

__all__ = ["SmallestForest", "size_of"]

_HOPELESS = 3
_WORTH, _FREE = 1.25, 100
"""Forests with that many times the nodes of another one, and some more, are not smaller files."""
_CLOSE = 1.1
_LEAST_BYTES = 0.25
"""No file of whole trees takes fewer bytes a node."""


@dataclasses.dataclass(frozen=True)
class SmallestForest:
    """Fewer trees, pruned as far as the held-out rows accept, refitted where that pays.

    For each of several numbers of trees, with and without refitting the leaves, the strongest
    cost-complexity pruning that is accepted is found by bisection of the path; of all of them
    the one whose file is the smallest is taken. Trees are dropped in reverse of the order in
    which greedy selection takes them (Caruana et al. 2004); leaves are refitted jointly (Ren et
    al. 2015). No model is evaluated: one walk of the rows tells the outcome of every setting.

    Boosted trees are pruned by how much that changes their sum on the refit rows, all of them
    with one strength; trees of which only a constant is left become part of the start.

    Parameters
    ----------
    counts : tuple of float
        Shares of the trees that are tried.
    ridge : float
        Penalty of the refit, as that of `RefineLeaves`.
    share : float
        Part of the tolerance that may be used up, so that something is left for what follows.
    cautious : float
        Standard errors that are added to the loss: many settings are tried, and the strongest of
        those that are accepted is the luckiest one, too. With one, every fourth forest lost more
        on other rows than was allowed; with one and a half, every tenth, for an eighth more bytes.

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
    cautious: float = 1.5
    exact: ClassVar[bool] = False

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        shares = ", ".join(f"{share:.0%}" for share in self.counts)
        return f"smallest forest of {shares} of the trees, pruned, refitted or not"

    def apply(self, model: Model, context: Context) -> Model:
        """Find the smallest forest."""
        forest = settings_of(model, context, self.ridge)
        trees = forest.trees
        counts = [trees.n_trees]
        if forest.may_drop_trees:
            wanted = {max(round(share * trees.n_trees), 1) for share in self.counts}
            counts = sorted(wanted, reverse=True)
        search = _Search(forest, context, self.share, self.cautious)
        for done, count in enumerate(counts):
            more = search.go_through(count)
            context.report_progress("forests tried", done + 1, len(counts))
            if not more:
                break
        best = _smallest(
            model,
            forest,
            search.found,
            lambda found: context.acceptable(found, cautious=self.cautious),
        )
        return model if best is None else best


@dataclasses.dataclass
class _Search:
    """How far so many trees can be pruned, as long as they may become the smallest forest.

    Attributes
    ----------
    found : list of (int, int, bool)
        Numbers of trees, places of the path, and whether leaves are refitted.
    fewest : list of float
        The fewest nodes found so far, of trees with their own leaves and with refitted ones.
    """

    forest: Settings
    context: Context
    share: float
    cautious: float
    found: list[tuple[int, int, bool]] = dataclasses.field(default_factory=list)
    fewest: list[float] = dataclasses.field(default_factory=lambda: [np.inf, np.inf])

    def go_through(self, count: int) -> bool:
        """Find the strongest prunings of so many trees; whether fewer trees could do better."""
        forest, (own, refitted) = self.forest, self.fewest
        n_nodes = forest.n_nodes(count)
        worth = n_nodes <= min(_WORTH * own, _HOPELESS * refitted) + _FREE
        found = self._furthest(count, n_nodes, worth, refit=False)
        hopeless = bool(worth[0]) and not found
        if forest.may_refit:
            # New values for no fewer leaves only take more bytes.
            worth = n_nodes < min(_WORTH * refitted + _FREE, self.fewest[False])
            worth &= forest.may_be_fitted(count)
            found |= self._furthest(count, n_nodes, worth, refit=True)
        return found or not hopeless

    def _furthest(self, count: int, n_nodes: np.ndarray, worth: np.ndarray, *, refit: bool) -> bool:
        """Of the places that are worth a look, find the last that is accepted, if any is."""
        if not worth.any():
            return False
        head, allowed = self.forest.head(refit=refit), self.context.tolerance
        assert allowed is not None

        def accepted(place: int) -> bool:
            raw = self.forest.raw(count, place, refit=refit)
            share = self.share * allowed
            return self.context.acceptable_raw(head, raw, share, cautious=self.cautious)

        least, last = int(np.argmax(worth)), n_nodes.size - 1
        if not accepted(least):
            return False
        # Fewer trees than before rarely bear much more pruning than they need to be fewer nodes.
        first = self.fewest[refit] == np.inf
        place = halved(accepted, least, last + 1) if first else climbed(accepted, least, last)
        self.found.append((count, place, refit))
        self.fewest[refit] = min(self.fewest[refit], float(n_nodes[place]))
        return True


def _smallest(
    model: Model,
    forest: Settings,
    found: list[tuple[int, int, bool]],
    accepts: Callable[[Model], bool],
) -> Model | None:
    """Of several settings the accepted model whose file is the smallest; None if it is larger."""
    sizes = [int(forest.n_nodes(count)[place]) for count, place, _ in found]
    fewest = [
        min((n for n, (*_, r) in zip(sizes, found, strict=True) if r == refit), default=0)
        for refit in (False, True)
    ]
    weighed = []
    for (count, place, refit), n_nodes in zip(found, sizes, strict=True):
        # Counting bytes takes longer than finding out that there are far too many nodes.
        if n_nodes <= min(_HOPELESS * min(sizes), _WORTH * fewest[refit] + _FREE):
            candidate = forest.build(count, place, refit=refit)
            weighed.append((_weight(candidate), candidate))
    # What was judged may have been refitted on some of the rows only.
    weighed = [(size, candidate) for size, candidate in weighed if accepts(candidate)]
    if not weighed:
        return None
    about = min(size for size, _ in weighed)
    close = [(size, candidate) for size, candidate in weighed if size <= _CLOSE * about]
    if len(close) == 1 and about < _LEAST_BYTES * trees_of(model).n_nodes:
        return close[0][1]
    # Of many nodes the file is not written, so that its bytes are known already.
    exact = [
        (size if trees_of(candidate).n_nodes > FEW_NODES else size_of(candidate), candidate)
        for size, candidate in close
    ]
    size, best = min(exact, key=lambda each: each[0])
    return best if size < size_of(model) else None


def _rounded(model: Model) -> Model:
    """With leaf values rounded as they will be in the end."""
    plain = Context(original=model)
    return QuantizeLeaves(ROUNDED_BITS).apply(DropNotes().apply(model, plain), plain)


def _weight(model: Model) -> float:
    """Bytes of the file, about."""
    weight = weigh_forest(trees_of(_rounded(model)))
    return size_of(model) if weight is None else weight


def size_of(model: Model) -> float:
    """Bytes of the file of trees; of large ones about, since writing them takes long."""
    return file_bytes(_rounded(model))
