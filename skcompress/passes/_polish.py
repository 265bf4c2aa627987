"""A few vectors that decide as many do: their coefficients, and vectors moved by L-BFGS."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from ._decisions import Loss, Values
from ._expansion import MovingKernel

__all__ = [
    "Reduced",
    "Whitened",
    "fit_coefficients",
    "least_squares",
    "project",
    "reach_of",
    "search",
]

_RIDGE = 1e-3
_CLOSE_RIDGE = 1e-5
_SHRINK = 1e-4
_REACH = 3.0
_MEMORY = 20


class Whitened:
    """Coordinates in which scores depend on all coefficients alike.

    Otherwise neighbouring vectors make the problem so badly scaled that hundreds of steps do not
    suffice.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_vectors)
        Kernel values.
    """

    def __init__(self, values: np.ndarray) -> None:
        n_rows, n_vectors = values.shape
        gram = (values.T @ values).astype(np.float64) / n_rows
        self.power = float(np.trace(gram)) / n_vectors or 1.0
        gram[np.diag_indices_from(gram)] += _lift(gram, _RIDGE)
        self.factor = cholesky(gram, lower=True)
        self.white = solve_triangular(self.factor, np.eye(n_vectors), lower=True)

    def shrink(self, n_scores: int, loss: Loss) -> float:
        """What coefficients are shrunk by, so that large ones do not cancel one another."""
        return _SHRINK * self.power / (self.white.shape[0] * n_scores * loss.unit**2)


@dataclasses.dataclass(frozen=True)
class Reduced:
    """Vectors, coefficients and constants of some scores.

    Attributes
    ----------
    vectors : ndarray of shape (n_vectors, n_features)
        Vectors.
    coef : ndarray of shape (n_scores, n_vectors)
        Coefficients.
    intercept : ndarray of shape (n_scores,)
        Added to the sums.
    gamma : float
        Of the kernel.
    loss : float
        On the rows of the fit.
    """

    vectors: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    gamma: float
    loss: float = np.inf


def least_squares(
    values: np.ndarray, wanted: np.ndarray, ridge: float = _RIDGE
) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients and constants of the least-squares fit to wanted scores, and its ridge."""
    # Single precision will do where the ridge hides its errors.
    precise = values.astype(np.float64 if ridge < _RIDGE else np.float32, copy=False)
    middle, aim = precise.mean(axis=0, dtype=np.float64), wanted.mean(axis=0)
    centered = precise - middle.astype(precise.dtype)
    gram = (centered.T @ centered).astype(np.float64) / len(centered)
    lift = _lift(gram, ridge)
    gram[np.diag_indices_from(gram)] += lift
    right = (centered.T @ (wanted - aim).astype(precise.dtype)).astype(np.float64) / len(centered)
    coef = np.asarray(cho_solve(cho_factor(gram, lower=True), right)).T
    return coef, aim - coef @ middle, lift


def fit_coefficients(kernel: MovingKernel, start: Reduced, loss: Loss, iterations: int) -> Reduced:
    """The best coefficients of vectors that stay where they are; a convex problem.

    Parameters
    ----------
    kernel : MovingKernel
        With the rows.
    start : Reduced
        The vectors, and coefficients to start from.
    loss : Loss
        On the same rows.
    iterations : int
        Most steps; squared distances take none.
    """
    if not isinstance(loss, Values):
        return _minimize(kernel, start, loss, iterations, moving=False)
    values, _ = kernel(start.vectors - kernel.center, start.gamma)
    return _closed(values, start.vectors, start.gamma, loss)


def search(kernel: MovingKernel, start: Reduced, loss: Loss, iterations: int) -> Reduced:
    """Move vectors, coefficients and (of the rbf kernel) gamma together by L-BFGS.

    Parameters
    ----------
    kernel : MovingKernel
        With the rows.
    start : Reduced
        Where to start.
    loss : Loss
        On the same rows.
    iterations : int
        Most steps.
    """
    return _minimize(kernel, start, loss, iterations, moving=True)


def project(kernel: MovingKernel, start: Reduced, loss: Values, iterations: int) -> Reduced:
    """Move vectors by L-BFGS; of squared distances, coefficients follow in closed form.

    Parameters
    ----------
    kernel : MovingKernel
        With the rows.
    start : Reduced
        Where to start.
    loss : Values
        On the same rows.
    iterations : int
        Most steps.
    """
    shape = start.vectors.shape
    reach = reach_of(kernel)
    own_gamma = kernel.kernel.kernel == "rbf"

    def unpack(flat: np.ndarray) -> tuple[np.ndarray, float]:
        gamma = start.gamma * float(np.exp(flat[-1])) if own_gamma else start.gamma
        return flat[:-1].reshape(shape) * reach, gamma

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved, gamma = unpack(flat)
        values, pullback = kernel(moved, gamma)
        coef, constant, shrink = least_squares(values, loss.start, _CLOSE_RIDGE)
        narrow = coef.astype(np.float32)
        scores = values @ narrow.T + constant.astype(np.float32)
        total, slope = loss(scores)
        per_score = np.square(coef).sum(axis=1) / loss.spread
        total += 0.5 * shrink * float(per_score.mean())
        of_vectors, of_gamma = pullback(slope @ narrow)
        last = gamma * of_gamma if own_gamma else 0.0
        return total, np.append(of_vectors.ravel() * reach, last).astype(np.float64)

    flat = np.append((start.vectors - kernel.center).ravel() / reach, 0.0)
    found = _lbfgs(objective, flat, iterations)
    moved, gamma = unpack(found)
    values, _ = kernel(moved, gamma)
    return _closed(values, moved + kernel.center, gamma, loss)


def _lbfgs(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, iterations: int
) -> np.ndarray:
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": _MEMORY},
    )
    return np.asarray(found.x)


def reach_of(kernel: MovingKernel) -> float:
    """How far a vector goes in a step of one."""
    return _REACH * (float(np.sqrt(kernel.rows.var(axis=0).mean())) or 1.0)


def _closed(values: np.ndarray, vectors: np.ndarray, gamma: float, loss: Values) -> Reduced:
    coef, constant, _ = least_squares(values, loss.start, _CLOSE_RIDGE)
    scores = values @ coef.T.astype(np.float32) + constant.astype(np.float32)
    return Reduced(vectors, coef, constant, gamma, loss(scores)[0])


def _lift(gram: np.ndarray, ridge: float) -> float:
    return max(ridge * float(np.trace(gram)) / gram.shape[0], float(np.finfo(np.float32).tiny))


def _minimize(
    kernel: MovingKernel, start: Reduced, loss: Loss, iterations: int, *, moving: bool
) -> Reduced:
    n_vectors, n_features = start.vectors.shape
    n_scores = start.coef.shape[0]
    reach = reach_of(kernel)
    first, _ = kernel(start.vectors - kernel.center, start.gamma)
    shape = Whitened(first)
    factor, white = shape.factor, shape.white
    shrink = shape.shrink(n_scores, loss)
    vectors = (start.vectors - kernel.center) / reach
    own_gamma = moving and kernel.kernel.kernel == "rbf"
    edges = np.cumsum([n_vectors * n_features * moving, n_scores * n_vectors, n_scores])

    def unpack(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        moved, coef, constant, rest = np.split(flat, edges)
        moved = moved.reshape(n_vectors, n_features) if moving else vectors
        gamma = start.gamma * float(np.exp(rest[0])) if own_gamma else start.gamma
        return moved * reach, coef.reshape(n_scores, n_vectors) @ white, constant, gamma

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved, coef, constant, gamma = unpack(flat)
        values, pullback = kernel(moved, gamma) if moving else (first, None)
        narrow = coef.astype(np.float32)
        scores = values @ narrow.T
        scores += constant.astype(np.float32)
        total, slope = loss(scores)
        total += 0.5 * shrink * float(np.vdot(coef, coef))
        of_coef = (slope.T @ values + shrink * coef) @ white.T
        parts = [of_coef.ravel(), slope.sum(axis=0)]
        if pullback is not None:
            of_vectors, of_gamma = pullback(slope @ narrow)
            parts.insert(0, of_vectors.ravel() * reach)
            if own_gamma:
                parts.append(np.array([gamma * of_gamma]))
        return total, np.concatenate(parts).astype(np.float64)

    parts = [(start.coef @ factor).ravel(), start.intercept]
    if moving:
        parts.insert(0, vectors.ravel())
    if own_gamma:
        parts.append(np.zeros(1))
    flat = np.concatenate(parts)
    found = _lbfgs(objective, flat, iterations)
    moved, coef, constant, gamma = unpack(found)
    return Reduced(moved + kernel.center, coef, constant, gamma, objective(found)[0])
