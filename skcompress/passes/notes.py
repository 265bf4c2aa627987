"""Drop what only training left behind."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ..ir import Model, TreeEnsemble
from ._context import Context

__all__ = ["DropNotes"]


@dataclasses.dataclass(frozen=True)
class DropNotes:
    """Drop impurities, sample counts and constructor parameters: nothing that prediction reads."""

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """The model without its notes."""
        if isinstance(model.predictor, TreeEnsemble):
            model = model.with_predictor(model.predictor.replace(notes=None))
        return model.replace(params=())
