"""In which order stored rows are needed so that the others are answered right."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..ir import Prototypes, decode
from ..runtime._distances import closeness
from ..runtime._rows import blocks
from ..runtime.prototypes import answers

__all__ = ["order_of_use", "smoothed_targets"]

_BLOCK_BYTES = 2**23
_GROWTH = 4
"""A batch is one row for so many that are kept already."""
_GROUPS = 10
"""Of rows with like numbers as targets, to begin with."""


@dataclasses.dataclass(frozen=True)
class _Nearest:
    """Of each row the nearest ones so far, nearest first; infinitely far where there are none."""

    rows: np.ndarray
    p: float
    place: np.ndarray
    reduced: np.ndarray

    @classmethod
    def none(cls, stored: Prototypes) -> _Nearest:
        rows = np.ascontiguousarray(decode(stored.vectors), np.float64)
        shape = len(rows), stored.n_neighbors
        return cls(rows, stored.p, np.zeros(shape, np.int64), np.full(shape, np.inf))

    def add(self, added: np.ndarray, *, others_only: bool = False) -> None:
        """Let some rows be neighbours, too: of themselves as well, unless said otherwise."""
        close = closeness(self.rows[added], self.p)
        count = self.place.shape[1]
        for block in blocks(len(self.rows), max(_BLOCK_BYTES // (8 * added.size), 1)):
            about, _ = close(self.rows[block])
            np.maximum(about, 0.0, out=about)
            own = np.arange(len(self.rows))[block]
            if others_only:
                about[own[:, np.newaxis] == added] = np.inf
            if added.size > count:
                best = np.argpartition(about, count - 1, axis=1)[:, :count]
                about, names = np.take_along_axis(about, best, axis=1), added[best]
            else:
                names = np.broadcast_to(added, about.shape)
            reduced = np.concatenate([self.reduced[block], about], axis=1)
            names = np.concatenate([self.place[block], names], axis=1)
            kept = np.argpartition(reduced, count - 1, axis=1)[:, :count]
            nearest = np.take_along_axis(reduced, kept, axis=1)
            sorting = np.argsort(nearest, axis=1, kind="stable")
            self.reduced[block] = np.take_along_axis(nearest, sorting, axis=1)
            self.place[block] = np.take_along_axis(
                names, np.take_along_axis(kept, sorting, axis=1), axis=1
            )


def smoothed_targets(stored: Prototypes) -> np.ndarray:
    """What the other rows say in place of each target; of equal votes, the target's own counts."""
    if stored.n_rows <= stored.n_neighbors:
        return stored.targets
    nearest = _Nearest.none(stored)
    nearest.add(np.arange(stored.n_rows), others_only=True)
    said = answers(stored, nearest.place, nearest.reduced)
    if stored.n_classes is None:
        return said
    rows = np.arange(stored.n_rows)
    columns = []
    ends = np.cumsum(stored.n_classes)
    for own, votes in zip(stored.targets.T, np.split(said, ends[:-1], axis=1), strict=True):
        winner = votes.argmax(axis=1)
        columns.append(np.where(votes[rows, own] >= votes[rows, winner], own, winner))
    return np.stack(columns, axis=1).astype(stored.targets.dtype)


def order_of_use(stored: Prototypes, most: int) -> np.ndarray:
    """Up to `most` rows, each next batch where the rows before it answer worst.

    Parameters
    ----------
    stored : Prototypes
        Rows and targets.
    most : int
        How many are wanted, more than there are neighbours; fewer come if they answer all rows.

    Returns
    -------
    ndarray of int
        Places of the rows.
    """
    nearest = _Nearest.none(stored)
    batch = _typical(stored, nearest.rows)[:most]
    order, left = batch, np.ones(stored.n_rows, bool)
    while True:
        nearest.add(batch)
        left[batch] = False
        error = _errors(stored, answers(stored, nearest.place, nearest.reduced))
        rows = np.flatnonzero(left & (error > 0))
        if order.size >= most or not rows.size:
            return order[:most]
        cell = nearest.place[rows, 0]
        by_cell = np.lexsort((rows, nearest.reduced[rows, 0], -error[rows], cell))
        rows, cell = rows[by_cell], cell[by_cell]
        weight = np.bincount(cell, error[rows], minlength=stored.n_rows)
        first = np.lexsort((-weight[cell], _ranks(cell)))
        batch = rows[first[: max(order.size // _GROWTH, 1)]]
        order = np.concatenate([order, batch])


def _typical(stored: Prototypes, rows: np.ndarray) -> np.ndarray:
    """Rows nearest to the means of classes, or of rows with like targets; enough for a vote."""
    if stored.n_classes is None:
        ranks = np.argsort(np.argsort(stored.targets[:, 0], kind="stable"), kind="stable")
        group = ranks * min(_GROUPS, len(rows)) // len(rows)
    else:
        group = np.unique(stored.targets, axis=0, return_inverse=True)[1].ravel()
    sizes = np.bincount(group)
    means = np.zeros((sizes.size, rows.shape[1]))
    np.add.at(means, group, rows)
    means /= sizes[:, np.newaxis]
    distance = np.square(rows - means[group]).sum(axis=1)
    order = np.lexsort((distance, group))
    # One of each group, then a second one of each.
    order = order[np.argsort(_ranks(group[order]), kind="stable")]
    return order[: max(sizes.size, stored.n_neighbors)]


def _ranks(group: np.ndarray) -> np.ndarray:
    """How many of the same group came before, where groups stand together."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(group.size) - np.repeat(starts, np.diff(starts, append=group.size))


def _errors(stored: Prototypes, said: np.ndarray) -> np.ndarray:
    """By row: votes for other classes, or squared differences in units of the variance."""
    targets = stored.targets
    if stored.n_classes is None:
        spread = targets.var(axis=0)
        squares = np.square(said - targets) / np.where(spread == 0, 1.0, spread)
        return np.asarray(squares.sum(axis=1))
    starts = np.cumsum(stored.n_classes) - stored.n_classes
    right = np.take_along_axis(said, (starts + targets).astype(np.int64), axis=1)
    # Shares of distance weights do not add up to one exactly.
    return np.asarray(np.where(right < 1.0 - 1e-9, 1.0 - right, 0.0).sum(axis=1))
