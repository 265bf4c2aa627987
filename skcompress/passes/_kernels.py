"""The kernel expansion of a model, for passes that change one."""

from __future__ import annotations

import numpy as np

from ..ir import KernelExpansion, Model, Sparse
from ._base import SkipPass

__all__ = ["dense_expansion_of", "expansion_of", "self_kernel"]


def expansion_of(model: Model, what: str) -> KernelExpansion:
    """The kernel expansion; the pass is skipped where there is none, and so not `what` it has."""
    if not isinstance(model.predictor, KernelExpansion):
        raise SkipPass(f"the model has no {what}")
    return model.predictor


def dense_expansion_of(model: Model) -> KernelExpansion:
    """One whose vectors are not sparse."""
    what = "dense vectors"
    kernel = expansion_of(model, what)
    if isinstance(kernel.vectors, Sparse):
        raise SkipPass(f"the model has no {what}")
    return kernel


def self_kernel(kernel: KernelExpansion, vectors: np.ndarray) -> np.ndarray:
    """K(v, v) for each vector, without the matrix."""
    if kernel.kernel == "rbf":
        return np.ones(vectors.shape[0])
    inner = np.einsum("ij,ij->i", vectors, vectors)
    if kernel.kernel == "linear":
        return inner
    if kernel.kernel == "poly":
        return np.abs(kernel.gamma * inner + kernel.coef0) ** kernel.degree
    return np.abs(np.tanh(kernel.gamma * inner + kernel.coef0))
