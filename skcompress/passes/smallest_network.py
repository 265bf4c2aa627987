"""The smallest network that pruning and training on lead to, by held-out rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..format import dumps
from ..ir import Model
from ..runtime import CompactModel
from ._base import Pass, SkipPass
from ._context import Context
from ._networks import network_of, plain_layers
from .finetune import FineTuneReport
from .second_order import SmallestRounding
from .train_tables import TrainTables
from .tuning import GradualPrune
from .units import RemoveDeadUnits

__all__ = ["SmallestNetwork"]

_RATIO = 0.7
_KEPT = (0.08, 0.05, 0.035, 0.025, 0.018, 0.013, 0.009, 0.006, 0.004)
_KEPT_MORE = (0.12, 0.17, 0.24, 0.34, 0.5)
_BITS = (3, 4, 5)
_WORK = 1.5e12
"""Operations that training on takes at each strength, about: a minute of one core or less."""
_FEWEST, _MOST = 12, 60
_LEAST_LEFT = 40
_RATE = 3e-3
_CONTEST, _FEW = 0.03, 500


@dataclasses.dataclass(frozen=True)
class _Trainer:
    """How to train on."""

    target: str
    epochs: int
    record: Callable[[FineTuneReport], None] | None

    def pruned(self, model: Model, context: Context, left: float) -> Model:
        """A network of so many weights, trained on."""
        weights, _ = plain_layers(network_of(model))
        sparsity = 1.0 - left / sum(matrix.size for matrix in weights)
        if sparsity <= 0:
            return model
        step = GradualPrune(sparsity, self.epochs, _RATE, "auto", self.target, self.record)
        return RemoveDeadUnits().apply(step.apply(model, context), context)

    def tables(self, bits: int) -> TrainTables:
        """What makes tables of the weights."""
        return TrainTables(bits, self.epochs // 2, _RATE / 4, self.target, self.record)


@dataclasses.dataclass(frozen=True)
class SmallestNetwork:
    """Prune ever more weights while training on, and quantize the smallest that is accepted.

    How to train is tried first, at a share of weights that is hard to bear: towards labels, if
    there are some, or towards what the original answers, on the refit rows and in between
    (`finetune` with a teacher). What is best by the held-out rows is used from then on,
    at shares of weights that fall by a third each time, from where it was before. When the
    held-out rows accept no less, the weights are quantized to tables of 8 to 32 values each layer,
    which are trained (`TrainTables`). What `RoundLayers` makes of the original competes: the
    smallest file that is accepted wins.

    Parameters
    ----------
    share : float
        Part of the tolerance that may be used up.
    record : callable or None
        Is given the reports of fine-tuning.
    """

    share: float = 1.0
    record: Callable[[FineTuneReport], None] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    exact: ClassVar[bool] = False
    cautious: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Search."""
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose by")
        if context.refit is None:
            raise SkipPass("no rows to fine-tune on")
        allowed = self.share * context.tolerance
        weights, _ = plain_layers(network_of(model))
        size = sum(matrix.size for matrix in weights)
        epochs = int(np.clip(_WORK / (6.0 * size * len(context.refit)), _FEWEST, _MOST))

        trainer = self._best_trainer(model, context, size, epochs)
        states = self._states(trainer, model, context, allowed, size)
        found, above = None, 0.0
        while found is None and states:
            state = states.pop()
            found = self._quantized(trainer, state, context, allowed)
            above = above if found is not None else _kept(state)
        for kept in _KEPT_MORE if found is None else ():
            state = trainer.pruned(model, context, kept * size)
            found = self._quantized(trainer, state, context, allowed)
            if found is not None:
                break
            above = _kept(state)
        if found is not None:
            # Between what was accepted and what was not, there may be one more.
            left = float(np.sqrt(_kept(state) * max(above, _RATIO * _kept(state))))
            between = trainer.pruned(state, context, left)
            found = self._quantized(trainer, between, context, allowed) or found
        rounding = self._accepted(SmallestRounding(self.share), model, context, allowed)
        candidates = [m for m in (found, rounding) if m is not None]
        if not candidates:
            raise SkipPass("no quantization of the weights is accepted")
        return min(candidates, key=lambda m: len(dumps(CompactModel(m))))

    def _states(
        self, trainer: _Trainer, model: Model, context: Context, allowed: float, size: int
    ) -> list[Model]:
        """Trained networks of ever fewer weights, until one is clearly worse."""
        states: list[Model] = []
        for kept in _KEPT:
            if kept * size < _LEAST_LEFT:
                break
            start = states[-1] if states else model
            trained = trainer.pruned(start, context, kept * size)
            if not context.acceptable(trained, allowed, cautious=-1.0):
                break
            states.append(trained)
        return states

    def _quantized(
        self, trainer: _Trainer, model: Model, context: Context, allowed: float
    ) -> Model | None:
        for bits in _BITS:
            found = self._accepted(trainer.tables(bits), model, context, allowed)
            if found is not None:
                return found
        return None

    def _best_trainer(self, model: Model, context: Context, size: int, epochs: int) -> _Trainer:
        """The way to train that the held-out rows find best for few weights."""
        assert context.refit is not None
        targets = ("original",) if context.refit.y is None else ("original", "labels")
        best: tuple[float, _Trainer] | None = None
        for target in targets:
            trainer = _Trainer(target, epochs, self.record)
            left = max(_CONTEST * size, min(size / 4, _FEW))
            try:
                score = context.score_of(trainer.pruned(model, context, left))
            except SkipPass:
                if target == "original":
                    raise
                continue
            assert score is not None
            if best is None or score > best[0]:
                best = score, trainer
        assert best is not None
        return best[1]

    def _accepted(self, step: Pass, model: Model, context: Context, allowed: float) -> Model | None:
        try:
            found = step.apply(model, context)
        except SkipPass:
            return None
        return found if context.acceptable(found, allowed, cautious=False) else None


def _kept(model: Model) -> float:
    """Weights that are not zero."""
    weights, _ = plain_layers(network_of(model))
    return float(sum(np.count_nonzero(matrix) for matrix in weights))
