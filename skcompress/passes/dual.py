"""Refit of dual coefficients after the support vectors were moved."""

from __future__ import annotations

import dataclasses
import itertools
from typing import ClassVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..ir import KernelExpansion, Model, decode
from ..runtime._registry import compile_node
from ..runtime.kernel import kernel_matrix
from ._base import SkipPass
from ._context import Context

__all__ = ["RefitDual"]

_DIRECT = 8000
_CG_STEPS = 40
_BLOCK = 2000


@dataclasses.dataclass(frozen=True)
class RefitDual:
    """Give the moved vectors the coefficients that come closest to the original function.

    Quantization moves every support vector a little; with the old coefficients the errors add
    up. The coefficients that minimize the distance to the original function in feature space
    solve ``(K + ridge I) delta = f_original - f`` at the moved vectors, a system per class pair
    (one-vs-one) or one for all outputs. It needs no data.

    Parameters
    ----------
    ridge : float
        Added to the diagonal, as a share of its mean. The change, not the coefficient, is shrunk.

    References
    ----------
    .. [1] C. Burges, B. Schölkopf, "Improving the accuracy and speed of support vector
       machines", NIPS 1997 (optimal coefficients of a reduced set).
    """

    ridge: float = 1e-4
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the coefficients towards the original's function."""
        kernel, original = model.predictor, context.original.predictor
        if not isinstance(kernel, KernelExpansion) or not isinstance(original, KernelExpansion):
            raise SkipPass("the model has no dual coefficients")
        if context.original.chain.transforms != model.chain.transforms:
            raise SkipPass("the input of the kernel changed")
        vectors = decode(kernel.vectors)
        coef = decode(kernel.coef).astype(np.float64)
        wanted = compile_node(original)(vectors)
        residual = wanted - compile_node(kernel.replace(vectors=vectors, coef=coef))(vectors)
        if kernel.group_sizes is None:
            coef = coef + self._solve(kernel, vectors, residual).T
        else:
            coef = self._refit_pairs(kernel, vectors, coef, residual, context)
        return model.with_predictor(kernel.replace(coef=coef))

    def _refit_pairs(
        self,
        kernel: KernelExpansion,
        vectors: np.ndarray,
        coef: np.ndarray,
        residual: np.ndarray,
        context: Context,
    ) -> np.ndarray:
        assert kernel.group_sizes is not None
        coef = coef.copy()
        ends = np.cumsum(kernel.group_sizes.astype(np.int64))
        groups = [
            slice(end - size, end) for end, size in zip(ends, kernel.group_sizes, strict=True)
        ]
        pairs = list(itertools.combinations(range(len(groups)), 2))
        for place, (i, j) in enumerate(pairs):
            rows = np.r_[groups[i], groups[j]]
            if rows.size:
                delta = self._solve(kernel, vectors[rows], residual[rows, place : place + 1])[:, 0]
                first = groups[i].stop - groups[i].start
                coef[j - 1, groups[i]] += delta[:first]
                coef[i, groups[j]] += delta[first:]
            context.report_progress("dual coefficients refitted", place + 1, len(pairs))
        return coef

    def _solve(
        self, kernel: KernelExpansion, vectors: np.ndarray, residual: np.ndarray
    ) -> np.ndarray:
        if kernel.kernel == "sigmoid":
            # Not positive definite: least squares at the vectors instead of a projection.
            matrix = kernel_matrix(kernel, vectors, vectors)
            return _ridge_solve(matrix.T @ matrix, matrix.T @ residual, self.ridge)
        if vectors.shape[0] > _DIRECT:
            return _conjugate_gradients(kernel, vectors, residual, self.ridge)
        return _ridge_solve(kernel_matrix(kernel, vectors, vectors), residual, self.ridge)


def _ridge_solve(matrix: np.ndarray, right: np.ndarray, ridge: float) -> np.ndarray:
    diagonal = np.einsum("ii->i", matrix)
    diagonal += max(ridge * float(np.abs(diagonal).mean()), np.finfo(float).tiny)
    while True:
        try:
            factor = cho_factor(matrix, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            # A kernel that is not quite positive definite: lift the diagonal until it is.
            diagonal += 10 * ridge * float(np.abs(diagonal).mean())
        else:
            return np.asarray(cho_solve(factor, right, check_finite=False))


def _conjugate_gradients(
    kernel: KernelExpansion, vectors: np.ndarray, right: np.ndarray, ridge: float
) -> np.ndarray:
    """The same system where the matrix is too large to hold; few steps regularize as well."""
    diagonal = np.mean(
        [float(kernel_matrix(kernel, v[None], v[None])[0, 0]) for v in vectors[:100]]
    )
    shift = ridge * abs(diagonal)

    def product(x: np.ndarray) -> np.ndarray:
        rows = [
            kernel_matrix(kernel, vectors[start : start + _BLOCK], vectors) @ x
            for start in range(0, vectors.shape[0], _BLOCK)
        ]
        return np.concatenate(rows) + shift * x

    solution = np.zeros_like(right)
    gap = right.copy()
    direction = gap.copy()
    norm = (gap**2).sum(axis=0)
    for _ in range(_CG_STEPS):
        image = product(direction)
        curvature = (direction * image).sum(axis=0)
        step = np.where(curvature > 0, norm / np.where(curvature > 0, curvature, 1.0), 0.0)
        solution += step * direction
        gap -= step * image
        fresh = (gap**2).sum(axis=0)
        if bool((fresh <= 1e-12 * (right**2).sum(axis=0)).all()):
            break
        direction = gap + np.where(norm > 0, fresh / np.where(norm > 0, norm, 1.0), 0.0) * direction
        norm = fresh
    return solution
