"""Evaluation of `LinearMap`."""

from __future__ import annotations

import numpy as np

from ..ir import LinearMap, Node, Sparse, decode
from ._registry import Evaluate, evaluates, keeps
from ._rows import CsrRows, Rows
from ._sparse import sparse_matmul

__all__: list[str] = []


@keeps(LinearMap)
def kept_arrays(linear: Node) -> tuple[np.ndarray, ...]:
    """All arrays that evaluation keeps; some may belong to the map."""
    assert isinstance(linear, LinearMap)
    used = _few_columns(linear)
    if used is None:
        return (decode(linear.coef),)
    return used, np.empty((used.size, linear.n_outputs))


@evaluates(LinearMap)
def compile_linear(linear: Node) -> Evaluate:
    """Prepare a linear map; columns that no output uses are left out where most are such."""
    assert isinstance(linear, LinearMap)
    used = _few_columns(linear)
    if used is not None:
        assert isinstance(linear.coef, Sparse)
        return _of_few_columns(linear, linear.coef, used)
    # A view, as scikit-learn multiplies: BLAS then adds in the same order.
    columns = decode(linear.coef).T

    def evaluate(rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            return sparse_matmul(rows, columns) + linear.intercept
        return rows @ columns + linear.intercept

    return evaluate


def _few_columns(linear: LinearMap) -> np.ndarray | None:
    """The columns that outputs use, where most are not used."""
    if not isinstance(linear.coef, Sparse):
        return None
    used = np.unique(linear.coef.indices).astype(np.int64)
    return used if 2 * used.size < linear.n_features else None


def _of_few_columns(linear: LinearMap, coef: Sparse, used: np.ndarray) -> Evaluate:
    """Never spread out what may have millions of columns."""
    columns = np.zeros((used.size, linear.n_outputs))
    columns[np.searchsorted(used, coef.indices), coef.rows()] = decode(coef.data)

    def evaluate(rows: Rows) -> np.ndarray:
        if not isinstance(rows, CsrRows):
            return rows[:, used] @ columns + linear.intercept
        if not used.size:
            return np.zeros((rows.shape[0], linear.n_outputs)) + linear.intercept
        place = np.searchsorted(used, rows.indices)
        place[place == used.size] = 0
        kept = used[place] == rows.indices
        counts = np.cumsum(np.concatenate([[0], kept]))
        few = CsrRows(rows.data[kept], place[kept], counts[rows.indptr], (rows.shape[0], used.size))
        return sparse_matmul(few, columns) + linear.intercept

    return evaluate
