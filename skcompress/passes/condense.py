"""Fewer stored rows of nearest neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from sklearn.neighbors import KDTree

from ..ir import Model, Prototypes, decode
from ._base import SkipPass
from ._bytes import file_bytes
from ._condensing import order_of_use, smoothed_targets
from ._context import Context
from ._search import halved

__all__ = ["Condense"]

_LARGEST = 0.5
"""Share of the rows beyond which leaving out the others is not worth what it costs."""
_MOST_ROWS = 30_000
"""More are not compared with each other: so many of them, drawn at random, stand for all."""
_STEP = 1.1
"""Numbers of rows that are nearer than this are not told apart."""


@dataclasses.dataclass(frozen=True)
class Condense:
    """Keep those stored rows that the others need to be answered right.

    Rows enter in batches: first the most typical ones of each class, then, of the rows that are
    nearest to each kept one, the one that is answered worst. Of this order the held-out rows
    choose how many are kept. That is done twice, with the targets as they are and with each one
    replaced by what its neighbours say, which needs fewer rows where labels or values are noisy;
    the smaller file of the two is taken. `n_neighbors` stays as it is. More than 30,000 rows are
    not compared: so many are drawn first.

    Parameters
    ----------
    share : float
        Part of the tolerance that may be used up.

    References
    ----------
    .. [1] P. Hart, "The condensed nearest neighbor rule", IEEE Transactions on Information
       Theory, 1968.
    .. [2] F. Angiulli, "Fast condensed nearest neighbor rule", ICML 2005.
    .. [3] D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE
       Transactions on Systems, Man, and Cybernetics, 1972.
    """

    share: float = 1.0
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Leave out stored rows; the model itself if no smaller one is accepted."""
        stored = model.predictor
        if not isinstance(stored, Prototypes):
            raise SkipPass("no stored rows")
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose the number of rows by")
        some = _some(stored, context)
        most = int(_LARGEST * some.n_rows)
        if most <= stored.n_neighbors:
            raise SkipPass(f"{stored.n_rows} rows are too few to choose from")
        allowed = self.share * context.tolerance
        best, least, said = model, file_bytes(model), "no smaller number of rows was accepted"
        for how, source in _sources(some):
            path = _Path(model, source, order_of_use(source, most))
            small = path.fewest(context, allowed)
            n_bytes = least if small is None else file_bytes(small)
            if small is not None and n_bytes < least:
                assert isinstance(small.predictor, Prototypes)
                best, least = small, n_bytes
                said = f"{small.predictor.n_rows} of {stored.n_rows} rows, {how}"
        context.remark(said)
        return best


def _some(stored: Prototypes, context: Context) -> Prototypes:
    """The rows, or a random choice of very many."""
    if stored.n_rows <= _MOST_ROWS:
        return stored
    rows = np.sort(context.generator().choice(stored.n_rows, _MOST_ROWS, replace=False))
    vectors = decode(stored.vectors)[rows]
    return stored.replace(vectors=vectors, targets=stored.targets[rows], centers=None)


def _sources(stored: Prototypes) -> Iterator[tuple[str, Prototypes]]:
    """Rows to choose from, and how their targets came about."""
    yield "targets as they were", stored
    targets = smoothed_targets(stored)
    if not np.array_equal(targets, stored.targets):
        yield "targets by their neighbours", stored.replace(targets=targets)


@dataclasses.dataclass(frozen=True)
class _Path:
    """Models of ever more rows of one order."""

    model: Model
    source: Prototypes
    order: np.ndarray

    def fewest(self, context: Context, allowed: float) -> Model | None:
        """The model of fewest rows that is accepted, by halving, or None."""
        least, most = self.source.n_neighbors, self.order.size
        n_steps = int(np.log(most / least) / np.log(_STEP))
        counts = np.unique(np.geomspace(most, least, n_steps + 2).round().astype(int))[::-1]

        def accepted(place: int) -> bool:
            context.report_progress("numbers of rows tried", place, counts.size)
            small = self.of_first(counts[place])
            # Of labels that changed, the held-out rows may happen to gain: the next ones will not.
            lasting = context.expected_loss(small) <= allowed + 1e-12
            return lasting and context.acceptable(small, allowed)

        if not accepted(0):
            return None
        last = counts.size - 1
        place = last if accepted(last) else halved(accepted, 0, last)
        return self.of_first(counts[place])

    def of_first(self, count: int) -> Model:
        """The model of some rows, which stand as they did, or in the leaves of a new tree."""
        source = self.source
        kept = np.sort(self.order[:count])
        vectors = decode(source.vectors)[kept]
        if source.tree:
            # A k-d tree does for every distance, and unlike a ball tree it takes no centers.
            leaves = np.asarray(KDTree(vectors, source.leaf_size).get_arrays()[1])
            kept, vectors = kept[leaves], vectors[leaves]
        return self.model.with_predictor(
            source.replace(vectors=vectors, targets=source.targets[kept], centers=None)
        )
