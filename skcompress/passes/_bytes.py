"""How many bytes the file of a model takes."""

from __future__ import annotations

from ..format import dumps
from ..format._forest import weigh_forest
from ..ir import Model, TreeEnsemble
from ..runtime import CompactModel
from ._context import Context
from .notes import DropNotes

__all__ = ["FEW_NODES", "file_bytes"]

FEW_NODES = 10_000
"""Nodes of a forest that is written to see how many bytes it takes."""


def file_bytes(model: Model, context: Context | None = None) -> float:
    """Bytes of a file without notes; of a large forest, an estimate that takes less time.

    A context remembers those of the last model.
    """
    if context is not None:
        return float(context.once("bytes", model, lambda: file_bytes(model)))
    model = DropNotes().apply(model, Context(original=model))
    trees = model.predictor
    weight = None
    if isinstance(trees, TreeEnsemble) and trees.n_nodes > FEW_NODES:
        weight = weigh_forest(trees)
    return len(dumps(CompactModel(model))) if weight is None else weight
