"""Evaluation of `OrdinalEncode`: categories to their places in a table."""

from __future__ import annotations

import numpy as np

from ..ir import Node, OrdinalEncode
from ._registry import Evaluate, evaluates
from ._rows import Rows, as_dense

__all__ = ["compile_ordinal"]


@evaluates(OrdinalEncode)
def compile_ordinal(ordinal: Node) -> Evaluate:
    """Prepare an encoder; the result is float64."""
    assert isinstance(ordinal, OrdinalEncode)
    columns = ordinal.columns.astype(np.int64)
    tables = np.split(ordinal.categories, np.cumsum(ordinal.sizes, dtype=np.int64)[:-1])
    if not ordinal.sizes.size:
        tables = []

    def evaluate(rows: Rows) -> np.ndarray:
        dense = as_dense(rows)
        out = dense[:, columns].astype(np.float64)
        if np.isinf(out[:, : len(tables)]).any():
            raise ValueError("Input X contains infinity in a column of categories.")
        for place, table in enumerate(tables):
            out[:, place] = _places(table, out[:, place])
        return out

    return evaluate


def _places(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where each value stands in a rising table; NaN where it does not."""
    if not table.size:
        return np.full(values.shape, np.nan)
    place = np.minimum(np.searchsorted(table, values), table.size - 1)
    return np.where(table[place] == values, place, np.nan)
