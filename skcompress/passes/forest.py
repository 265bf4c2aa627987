"""The smallest forest: how many trees, how strongly pruned, and whether to refit, all at once."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ..ir import Model, Numbers, Shares
from ._base import SkipPass
from ._bytes import file_bytes
from ._context import Context
from ._settings import ROUNDED_BITS, AveragedTrees, Settings, SummedTrees
from ._trees import trees_of
from .leaves import QuantizeLeaves

__all__ = ["SmallestForest"]

_HOPELESS = 5


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

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        shares = ", ".join(f"{share:.0%}" for share in self.counts)
        return f"smallest forest of {shares} of the trees, pruned, refitted or not"

    def apply(self, model: Model, context: Context) -> Model:
        """Find the smallest forest."""
        trees = trees_of(model)
        if not context.judges or context.tolerance is None:
            raise SkipPass("no held-out rows to choose by")
        single = trees.n_trees == 1 and trees.tree_output is None
        by_impurity = (trees.average or single) and isinstance(model.head, Numbers | Shares)
        kind = AveragedTrees if by_impurity else SummedTrees
        forest = kind(model, trees, context, self.ridge)
        counts = [trees.n_trees]
        if forest.may_drop_trees:
            counts = sorted({max(round(share * trees.n_trees), 1) for share in self.counts})
        refits = (False, True) if forest.may_refit else (False,)
        settings = [(count, refit) for count in counts for refit in refits]
        best, least = model, _size(model)
        plain: Model | None = None
        for done, (count, refit) in enumerate(settings):
            found = self._strongest(forest, context, count, refit=refit)
            context.report_progress("forests tried", done + 1, len(settings))
            if not refit:
                plain = found
            elif found is not None and plain is not None and _n_nodes(found) >= _n_nodes(plain):
                # New values for the same leaves only take more bytes.
                continue
            # Counting bytes takes longer than finding out that there are far too many nodes.
            if found is None or _n_nodes(found) > _HOPELESS * _n_nodes(best):
                continue
            if (size := _size(found)) < least:
                best, least = found, size
        return best

    def _strongest(
        self, forest: Settings, context: Context, count: int, *, refit: bool
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


def _size(model: Model) -> float:
    """Bytes of the file, about, with leaf values rounded as they will be in the end."""
    plain = Context(original=model)
    return file_bytes(QuantizeLeaves(ROUNDED_BITS).apply(model, plain))
