"""Evaluation of `LinearMap`."""

from __future__ import annotations

import numpy as np

from ..ir import LinearMap, Node, Sparse, decode
from ._registry import Evaluate, evaluates
from ._rows import CsrRows, Rows
from ._sparse import sparse_matmul

__all__: list[str] = []


@evaluates(LinearMap)
def compile_linear(linear: Node) -> Evaluate:
    """Prepare a linear map; columns that no output uses are left out where most are such."""
    assert isinstance(linear, LinearMap)
    coef = decode(linear.coef)
    used = None
    if isinstance(linear.coef, Sparse):
        used = np.unique(linear.coef.indices)
        used = used if 2 * used.size < linear.n_features else None
    columns = np.ascontiguousarray(coef.T)
    few = None if used is None else np.ascontiguousarray(columns[used])

    def evaluate(rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            return sparse_matmul(rows, columns) + linear.intercept
        if used is not None:
            return rows[:, used] @ few + linear.intercept
        return rows @ columns + linear.intercept

    return evaluate
