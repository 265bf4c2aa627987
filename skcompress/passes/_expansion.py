"""Kernel values between fixed rows and vectors that move, and gradients through them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

from ..ir import KernelExpansion

__all__ = ["MovingKernel"]

Pullback = Callable[[np.ndarray], tuple[np.ndarray, float]]


class MovingKernel:
    """The kernel between rows and vectors in single precision, as a function to differentiate.

    Parameters
    ----------
    kernel : KernelExpansion
        Tells the kernel and its parameters.
    rows : ndarray of shape (n_rows, n_features)
        Rows that stay where they are.
    """

    def __init__(self, kernel: KernelExpansion, rows: np.ndarray) -> None:
        self.kernel = kernel
        self.center = rows.mean(axis=0) if kernel.kernel == "rbf" else np.zeros(rows.shape[1])
        self.rows = (rows - self.center).astype(np.float32)
        self.lengths = np.einsum("ij,ij->i", self.rows, self.rows)

    def of_rows(self, rows: np.ndarray) -> MovingKernel:
        """The same on some of the rows, around the same center."""
        part = copy.copy(self)
        part.rows, part.lengths = self.rows[rows], self.lengths[rows]
        return part

    def __call__(self, vectors: np.ndarray, gamma: float) -> tuple[np.ndarray, Pullback]:
        """Kernel values, and the function from their gradient to that of vectors and gamma.

        Parameters
        ----------
        vectors : ndarray of shape (n_vectors, n_features)
            Vectors, less `center`.
        gamma : float
            In place of the kernel's own.

        Returns
        -------
        values : ndarray of float32, of shape (n_rows, n_vectors)
            Kernel values.
        pullback : callable
            Overwrites what it is given.
        """
        values = {
            "linear": self._linear,
            "poly": self._poly,
            "rbf": self._rbf,
            "sigmoid": self._sigmoid,
        }[self.kernel.kernel]
        return values(vectors.astype(np.float32, copy=False), np.float32(gamma))

    def _rbf(self, vectors: np.ndarray, gamma: np.float32) -> tuple[np.ndarray, Pullback]:
        squares = self.rows @ vectors.T
        squares *= -2
        squares += self.lengths[:, None]
        squares += np.einsum("ij,ij->i", vectors, vectors)
        np.maximum(squares, 0, out=squares)
        values = squares * -gamma
        np.exp(values, out=values)

        def pullback(gradient: np.ndarray) -> tuple[np.ndarray, float]:
            gradient *= values
            moved = vectors * gradient.sum(axis=0)[:, None] - gradient.T @ self.rows
            return -2 * gamma * moved, -float(np.vdot(gradient, squares))

        return values, pullback

    def _of_inner(
        self, vectors: np.ndarray, gamma: np.float32, slope: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, Pullback]:
        inner = self.rows @ vectors.T
        argument = gamma * inner + np.float32(self.kernel.coef0)

        def pullback(gradient: np.ndarray) -> tuple[np.ndarray, float]:
            gradient *= slope(argument)
            return gamma * (gradient.T @ self.rows), float(np.vdot(gradient, inner))

        return argument, pullback

    def _poly(self, vectors: np.ndarray, gamma: np.float32) -> tuple[np.ndarray, Pullback]:
        degree = self.kernel.degree
        argument, pullback = self._of_inner(
            vectors, gamma, lambda t: np.float32(degree) * t ** max(degree - 1, 0)
        )
        return argument**degree, pullback

    def _sigmoid(self, vectors: np.ndarray, gamma: np.float32) -> tuple[np.ndarray, Pullback]:
        argument, pullback = self._of_inner(vectors, gamma, lambda t: 1 - np.tanh(t) ** 2)
        return np.tanh(argument), pullback

    def _linear(self, vectors: np.ndarray, gamma: np.float32) -> tuple[np.ndarray, Pullback]:
        inner = self.rows @ vectors.T
        return inner, lambda gradient: (gradient.T @ self.rows, 0.0)
