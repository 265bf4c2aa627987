"""How much more may be lost than was seen, where a few rows lose most of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy.special import gammaincinv

__all__ = ["FewRows", "few_of_score", "few_rows"]

_MOST_TIMES = 2**20
_TINY = np.finfo(float).tiny


@dataclasses.dataclass(frozen=True)
class FewRows:
    """The rows that changed most, and what they lost: the first 1, 2, 4, 8 ... of them.

    The loss of m rows is known no better than a sum of m draws is. Where they are many and alike,
    that is what a bootstrap says; where they are few, or where what a row can lose is uneven, a
    bootstrap is too bold, since it resamples the small losses that happened to be seen. So the
    sum is held against a gamma distribution, as a total of claims in insurance or of errors in
    an audit is, and for as few rows as can say nothing of how much a row loses, rows are counted:
    at most so many are changed, and each loses what the answer for another row would cost.

    Attributes
    ----------
    n_rows : int
        All rows.
    lost : float
        What all rows lost: over `n_rows`, the difference of the scores.
    counts : ndarray of int
        1, 2, 4, 8 ...
    losses, moved, squares : ndarray of float
        What the first so many rows lost; by how much their answers moved, in units of what that
        costs on average; and the squares of it. All are sums.
    shares : ndarray of float
        How many of them were answered as differently as another row: a sum of shares.
    swapped : float
        What a row loses on average that is answered as another row.
    unevenness : float
        Squared coefficient of variation of what rows can lose.

    References
    ----------
    .. [1] L. Dworin, R. Grimlund, "Dollar unit sampling for accounts receivable and inventory",
       The Accounting Review 59, 1984.
    .. [2] A. Mayerson, D. Jones, N. Bowers, "On the credibility of the pure premium", Proceedings
       of the Casualty Actuarial Society 55, 1968.
    """

    n_rows: int
    lost: float
    counts: np.ndarray
    losses: np.ndarray
    moved: np.ndarray
    squares: np.ndarray
    shares: np.ndarray
    swapped: float
    unevenness: float

    def most(self, confidence: float, times: float = 1.0) -> float:
        """With so much confidence, no more is lost by row than this.

        Parameters
        ----------
        confidence : float
            One-sided level of confidence.
        times : float
            What it would be with so many times as many rows of the same kind.
        """
        moved = times * self.moved
        like = np.square(self.moved) / np.maximum(self.squares, _TINY)
        shape = times * np.minimum(like, self.counts / (1 + self.unevenness))
        shape = np.maximum(shape, 1e-9)
        # What a normal distribution says is part of the bootstrap's bound already.
        normal = NormalDist().inv_cdf(confidence) / np.sqrt(shape)
        least = np.maximum(gammaincinv(shape, 1 - confidence), _TINY)
        by_size = moved * np.maximum(shape / least - 1 - normal, 0.0)
        each = np.maximum(self.swapped, self.moved / np.maximum(self.shares, 1.0))
        by_count = each * gammaincinv(times * self.shares + 1, confidence)
        losses = times * self.losses
        unseen = np.maximum(np.minimum(losses + by_size, by_count) - losses, 0.0).max(initial=0.0)
        return float((times * self.lost + unseen) / (times * self.n_rows))

    def rows_needed(self, tolerance: float, confidence: float) -> int | None:
        """How many rows it takes until `most` is below the tolerance, if all stays as it is.

        Parameters
        ----------
        tolerance : float
            Loss that is allowed.
        confidence : float
            One-sided level of confidence.
        """
        low, high = 0.0, 1.0
        while self.most(confidence, high) >= tolerance:
            low, high = high, 2 * high
            if high > _MOST_TIMES:
                return None
        while high - low > 0.01 * high:
            middle = (low + high) / 2
            shown = self.most(confidence, middle) < tolerance
            low, high = (low, middle) if shown else (middle, high)
        return math.ceil(high * self.n_rows)


def few_rows(
    lost: np.ndarray,
    moved: np.ndarray,
    told: np.ndarray,
    possible: np.ndarray,
    swap: tuple[float, np.ndarray],
) -> FewRows:
    """The rows that changed most.

    Parameters
    ----------
    lost : ndarray of shape (n_rows,)
        What each row lost.
    moved : ndarray of shape (n_rows,)
        What it loses on average by how much its answer moved.
    told : ndarray of shape (n_rows,)
        In the same units, how far its answer was from the mean of all answers.
    possible : ndarray of shape (n_rows,)
        What it would lose if answered by the mean.
    swap : tuple of float and ndarray
        What rows lose on average that are answered as others, and how far that moves each.

    Returns
    -------
    FewRows
        Sums over the first 1, 2, 4, 8 ... of them.
    """
    order, counts = _first(moved, len(lost))

    def sums(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.cumsum(values[order])[counts - 1])

    return FewRows(
        n_rows=len(lost),
        lost=float(lost.sum()),
        counts=counts,
        losses=sums(lost),
        moved=sums(moved),
        squares=sums(np.square(moved)),
        shares=sums(_shares(moved, told, swap[1])),
        swapped=swap[0],
        unevenness=_unevenness(possible),
    )


def few_of_score(
    lost: float,
    lost_by: Callable[[np.ndarray], float],
    moved: np.ndarray,
    told: np.ndarray,
    possible: np.ndarray,
    swap: tuple[float, np.ndarray],
) -> FewRows:
    """The rows that changed most, by a score of which it is not known what a row costs.

    Parameters
    ----------
    lost : float
        How much lower the score is.
    lost_by : callable
        From rows to how much of that goes away where they are answered as before.
    moved, told : ndarray of shape (n_rows,)
        By how much the answers moved, and how far they were from their mean; squares.
    possible : ndarray of shape (n_rows,)
        In any units, what each could lose.
    swap : tuple of float and ndarray
        What rows lose on average that are answered as others, and how far that moves each.

    Returns
    -------
    FewRows
        Sums over the first 1, 2, 4, 8 ... of them.
    """
    n_rows = len(moved)
    order, counts = _first(moved, int(np.count_nonzero(moved)))
    losses = n_rows * np.array([lost_by(order[:count]) for count in counts])
    costs = np.maximum(losses, 0.0)
    return FewRows(
        n_rows=n_rows,
        lost=n_rows * lost,
        counts=counts,
        losses=losses,
        moved=costs,
        squares=np.square(costs) / counts,
        shares=np.cumsum(_shares(moved, told, swap[1])[order])[counts - 1],
        swapped=swap[0],
        unevenness=_unevenness(possible),
    )


def _first(moved: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that moved most first, and the numbers 1, 2, 4, 8 ... up to so many of them."""
    return np.argsort(-moved, kind="stable"), 2 ** np.arange(most.bit_length())


def _shares(moved: np.ndarray, told: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """How far each row moved, where one that is answered as another row counts as one."""
    usual = float(_share(swapped, told).mean())
    return _share(moved, told) / (usual or 1.0)


def _unevenness(possible: np.ndarray) -> float:
    """The squared coefficient of variation."""
    mean = possible.mean()
    return float(possible.var() / mean**2) if mean > 0 else 0.0


def _share(moved: np.ndarray, told: np.ndarray) -> np.ndarray:
    """How far of its way to the mean of all an answer moved, at most 1; losses are squares."""
    return np.sqrt(np.where(moved > 0, moved / np.maximum(told, np.maximum(moved, _TINY)), 0.0))
