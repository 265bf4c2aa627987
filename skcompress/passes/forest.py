"""The smallest forest: how many trees, how strongly pruned, and whether to refit, all at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from ..format._forest import weigh_forest
from ..ir import Model
from ._bytes import FEW_NODES, file_bytes
from ._context import Context
from ._search import furthest, halved
from ._settings import ROUNDED_BITS, Settings, settings_of
from ._trees import trees_of
from .leaves import QuantizeLeaves
from .notes import DropNotes

__all__ = ["SmallestForest", "size_of"]

_HOPELESS = 3
_CLOSE = 1.1
_BACK = 8
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
        found: list[tuple[int, int, bool]] = []
        plain, refitted = 0, 0
        for done, count in enumerate(counts):
            places = self._places(forest, context, count, plain, refitted)
            context.report_progress("forests tried", done + 1, len(counts))
            if places == (None, None):
                # Fewer trees could not do better.
                break
            for refit, place in enumerate(places):
                if place is not None:
                    found.append((count, place, bool(refit)))
            plain = plain if places[0] is None else places[0]
            refitted = refitted if places[1] is None else places[1]
        best = _smallest(model, forest, found, self._accepts(context))
        return model if best is None else best

    def _accepts(self, context: Context) -> Callable[[Model], bool]:
        return lambda found: context.acceptable(found, cautious=self.cautious)

    def _places(
        self, forest: Settings, context: Context, count: int, plain: int, refitted: int
    ) -> tuple[int | None, int | None]:
        """How far so many trees can be pruned, and how far if they are refitted.

        The search begins where it ended for a few more trees.
        """
        assert context.tolerance is not None
        allowed = self.share * context.tolerance

        def accepted(refit: bool) -> Callable[[int], bool]:
            head = forest.head(refit=refit)
            return lambda place: context.acceptable_raw(
                head, forest.raw(count, place, refit=refit), allowed, cautious=self.cautious
            )

        last = forest.path.size - 1
        whole = count == forest.trees.n_trees
        place = halved(accepted(False), 0, last + 1) if whole and accepted(False)(0) else None
        if not whole:
            place = furthest(accepted(False), plain, 0, last)
        if not forest.may_refit:
            return place, None
        # New values for no fewer leaves only take more bytes.
        least = 0 if place is None else place + 1
        if least <= last and not forest.may_be_fitted(count, least):
            least = 1 + halved(lambda p: not forest.may_be_fitted(count, p), least, last)
        if least > last or (place is None and not refitted):
            return place, None
        least = max(least, refitted - _BACK)
        start = min(max(least, refitted), last)
        return place, furthest(accepted(True), start, least, last)


def _smallest(
    model: Model,
    forest: Settings,
    found: list[tuple[int, int, bool]],
    accepts: Callable[[Model], bool],
) -> Model | None:
    """Of several settings the accepted model whose file is the smallest; None if it is larger."""
    if not found:
        return None
    sizes = [forest.n_nodes(count, place) for count, place, _ in found]
    weighed = []
    for (count, place, refit), n_nodes in zip(found, sizes, strict=True):
        # Counting bytes takes longer than finding out that there are far too many nodes.
        if n_nodes <= _HOPELESS * min(sizes):
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
