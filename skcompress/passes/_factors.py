"""Factors of whole trees that a regression with an L1 penalty finds."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Factors"]


class Factors:
    """Trees of which each gives as much as it does now, times a factor.

    All that the search for factors needs of the rows is the Gram matrix of what trees give.

    Parameters
    ----------
    given : ndarray of shape (n_rows, n_outputs, n_trees)
        What each tree gives.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    share : float
        Weight of a tree in the sum.
    """

    def __init__(self, given: np.ndarray, weight: np.ndarray, share: float) -> None:
        weighted = share * weight[:, None, None] * given
        self._given = share * given.reshape(-1, given.shape[2])
        self._weighted = weighted.reshape(self._given.shape)
        self._gram = self._weighted.T @ self._given
        self._sums, self._total = weighted.sum(axis=0), float(weight.sum())
        self._weight = weight

    def fit(
        self, factor: np.ndarray, gap: np.ndarray, edge: float, n_sweeps: int, still: float
    ) -> np.ndarray:
        """Tree by tree, the best factors while all others stay; the constants that go with them.

        Without a penalty, what is zero stays zero.

        Parameters
        ----------
        factor : ndarray of shape (n_trees,)
            Where to begin; changed in place.
        gap : ndarray of shape (n_rows, n_outputs)
            What the rows lack; changed in place.
        edge : float
            The penalty on the size of a factor.
        n_sweeps : int
            How often all trees are gone through.
        still : float
            It ends when no factor changes by that much.
        """
        before, constant = factor.copy(), np.zeros(gap.shape[1])
        along = self._weighted.T @ gap.ravel()
        start = self._weight @ gap / self._total
        power = np.diag(self._gram).tolist()
        for _ in range(n_sweeps):
            moved = 0.0
            for tree, old in enumerate(factor.tolist()):
                if power[tree] <= 0 or (edge == 0 and old == 0):
                    new = 0.0
                else:
                    pull = float(along[tree]) + power[tree] * old
                    new = math.copysign(max(abs(pull) - edge, 0.0), pull) / power[tree]
                if new != old:
                    factor[tree] = new
                    along -= (new - old) * self._gram[tree]
                    moved = max(moved, abs(new - old))
            mean = start - self._sums @ (factor - before) / self._total - constant
            along -= mean @ self._sums
            constant += mean
            if moved < still:
                break
        gap -= (self._given @ (factor - before)).reshape(gap.shape) + constant
        return constant
