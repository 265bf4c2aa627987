"""The kernel expansion of a model, for passes that change one."""

from __future__ import annotations

from ..ir import KernelExpansion, Model, Sparse
from ._base import SkipPass

__all__ = ["dense_expansion_of", "expansion_of"]


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
