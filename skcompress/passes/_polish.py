"""A few vectors that decide as many do: first coefficients, then both moved together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from ._decisions import Loss, Values
from ._expansion import MovingKernel

__all__ = ["Reduced", "fit_coefficients", "polish"]

_RIDGE = 1e-3
_CLOSE_RIDGE = 1e-5
_SHRINK = 1e-4
_REACH = 3.0
_MEMORY = 20


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
    values = values.astype(np.float64)
    middle, aim = values.mean(axis=0), wanted.mean(axis=0)
    gram = values.T @ values / values.shape[0] - np.outer(middle, middle)
    lift = _lift(gram, ridge)
    gram[np.diag_indices_from(gram)] += lift
    right = values.T @ (wanted - aim) / values.shape[0]
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


def polish(kernel: MovingKernel, start: Reduced, loss: Loss, iterations: int) -> Reduced:
    """Move vectors, coefficients and (of the rbf kernel) gamma together.

    L-BFGS in coordinates in which the scores depend on all coefficients alike: the start's
    kernel values, whitened. Otherwise neighbouring vectors make the problem so badly scaled
    that hundreds of steps do not suffice.

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
    if isinstance(loss, Values):
        return _project(kernel, start, loss, iterations)
    return _minimize(kernel, start, loss, iterations, moving=True)


def _project(kernel: MovingKernel, start: Reduced, loss: Values, iterations: int) -> Reduced:
    """Of squared distances only the vectors are searched: coefficients follow in closed form."""
    shape = start.vectors.shape
    reach = _REACH * _spread(kernel)
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


def _spread(kernel: MovingKernel) -> float:
    return float(np.sqrt(kernel.rows.var(axis=0).mean())) or 1.0


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
    reach = _REACH * _spread(kernel)
    first, _ = kernel(start.vectors - kernel.center, start.gamma)
    gram = (first.T @ first).astype(np.float64) / first.shape[0]
    power = float(np.trace(gram)) / n_vectors or 1.0
    gram[np.diag_indices_from(gram)] += _lift(gram, _RIDGE)
    factor = cholesky(gram, lower=True)
    white = solve_triangular(factor, np.eye(n_vectors), lower=True)
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
        shrink = _SHRINK * power / (n_vectors * n_scores * loss.unit**2)
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
