"""Fewer support vectors."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model, decode
from ._context import Context
from ._kernels import expansion_of, self_kernel

__all__ = ["KeepVectors"]


@dataclasses.dataclass(frozen=True)
class KeepVectors:
    """Keep the support vectors with the largest coefficients; refit afterwards.

    A vector counts by the sum of its absolute coefficients times ``sqrt(K(v, v))``, the length
    of what it contributes in feature space; classes keep their shares of the vectors.

    Parameters
    ----------
    n_vectors : float or int
        Share (float) or number (int) of vectors to keep.
    """

    n_vectors: float | int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Drop vectors."""
        kernel = expansion_of(model, "support vectors")
        total = kernel.n_vectors
        wanted = self.n_vectors if isinstance(self.n_vectors, int) else self.n_vectors * total
        share = min(float(wanted) / total, 1.0)
        if share >= 1:
            return model
        vectors, coef = decode(kernel.vectors), decode(kernel.coef)
        weight = np.abs(coef).sum(axis=0) * np.sqrt(self_kernel(kernel, vectors))
        sizes = [total] if kernel.group_sizes is None else kernel.group_sizes.tolist()
        kept, start = [], 0
        for size in sizes:
            count = min(max(round(share * size), 1), size)
            strongest = np.argsort(-weight[start : start + size], kind="stable")[:count]
            kept.append(start + np.sort(strongest))
            start += size
        rows = np.concatenate(kept)
        groups = kernel.group_sizes
        if groups is not None:
            groups = np.array([len(part) for part in kept], dtype=groups.dtype)
        return model.with_predictor(
            kernel.replace(vectors=vectors[rows], coef=coef[:, rows], group_sizes=groups)
        )
