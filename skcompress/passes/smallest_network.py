"""The smallest network that pruning and training on lead to, by held-out rows."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..format import dumps
from ..ir import Model
from ..runtime import CompactModel
from ._base import Pass, SkipPass
from ._context import Context
from ._networks import network_of, plain_layers
from .finetune import FineTuneReport
from .moments import KeepMoments
from .parameters import QuantizeWeights
from .second_order import SmallestRounding
from .storage import SparseStorage
from .train_tables import TrainTables
from .tuning import GradualPrune, Record
from .units import RemoveDeadUnits

__all__ = ["SmallestNetwork"]

_RATIO = 0.7
_KEPT = (0.08, 0.05, 0.035, 0.025, 0.018, 0.013, 0.009, 0.006, 0.004)
_KEPT_MORE = (0.12, 0.17, 0.24, 0.34, 0.5)
_BITS = (3, 4, 5)
_BITS_UNTRAINED = (4, 5, 6, 8)
_WORK = 1.5e12
"""Operations that training on takes at each strength, about: a minute of one core or less."""
_FEWEST, _MOST = 12, 60
_LEAST_LEFT = 40
_RATE = 3e-3
_CONTEST, _FEW = 0.03, 500


@dataclasses.dataclass(frozen=True)
class SmallestNetwork:
    """Prune ever more weights while training on, and quantize the smallest that is accepted.

    What `RoundLayers` makes of the original is the first candidate. Then how to train is tried, at
    a share of weights that is hard to bear: towards labels, if there are some, or towards what the
    original answers, on the refit rows and in between (`finetune` with a teacher). What is best by
    the held-out rows is used from then on, at shares of weights that fall by a third each time,
    from where it was before. When the held-out rows accept no less, the weights are quantized to
    tables of 8 to 32 values each layer, which are trained (`TrainTables`). The smallest file that
    is accepted wins.

    An interruption from the keyboard ends the search, not the recipe: the smallest file so far is
    kept, for which networks that are trained already are quantized without further training.

    Parameters
    ----------
    share : float
        Part of the tolerance that may be used up.
    record : callable or None
        Is given the reports of fine-tuning.
    cautious : float
        Standard errors that are added to the loss on the held-out rows: of many networks, some are
        accepted by luck.
    """

    share: float = 1.0
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    cautious: float = 1.0
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Search."""
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose by")
        if context.refit is None:
            raise SkipPass("no rows to fine-tune on")
        plain_layers(network_of(model))
        search = _Search(model, context, self)
        try:
            search.run()
        except KeyboardInterrupt:
            search.hurry()
            if search.best is None:
                raise
            search.remarks.add("interrupted: the smallest network so far")
        if search.best is None:
            raise SkipPass("no quantization of the weights is accepted")
        context.remarks[:] = sorted(search.remarks)
        return search.best


class _Search:
    """What was found so far, and how to go on.

    Attributes
    ----------
    best : Model or None
        The one of those that the held-out rows accept whose file is the smallest.
    remarks : set of str
        What the training had to say.
    """

    def __init__(self, model: Model, context: Context, settings: SmallestNetwork) -> None:
        assert context.refit is not None
        assert context.tolerance is not None
        self.best: Model | None = None
        self.remarks: set[str] = set()
        self._model, self._context, self._record_too = model, context, settings.record
        self._share, self._allowed = settings.share, settings.share * context.tolerance
        self._cautious = settings.cautious
        weights, _ = plain_layers(network_of(model))
        self._size = sum(matrix.size for matrix in weights)
        n_operations = 6.0 * self._size * len(context.refit)
        self._epochs = int(np.clip(_WORK / n_operations, _FEWEST, _MOST))
        self._target = "original"
        self._states: list[Model] = []
        self._trained = 0
        self._most_trained = 2 + len(_KEPT) + len(_BITS) + len(_BITS)

    def run(self) -> None:
        """The whole search."""
        self._offer(SmallestRounding(self._share), self._model)
        self._choose_target()
        self._prune_on()
        above, accepted = 0.0, None
        for state in reversed(self._states):
            if self._quantized(state):
                accepted = state
                break
            above = _kept(state)
        for kept in _KEPT_MORE if accepted is None else ():
            state = self._pruned(self._model, kept * self._size)
            self._states.append(state)
            if self._quantized(state):
                accepted = state
                break
            above = _kept(state)
        if accepted is not None:
            # Between what was accepted and what was not, there may be one more.
            left = float(np.sqrt(_kept(accepted) * max(above, _RATIO * _kept(accepted))))
            self._quantized(self._pruned(accepted, left))
        self._context.report_progress("networks trained", self._most_trained, self._most_trained)

    def hurry(self) -> None:
        """Make something of what is trained already, at once."""
        for state in reversed(self._states):
            sparse = SparseStorage().apply(state, self._context)
            rounded = (QuantizeWeights("codebook", bits) for bits in _BITS_UNTRAINED)
            if any(self._offer(KeepMoments(step, spreads=True), sparse) for step in rounded):
                break

    def _choose_target(self) -> None:
        """Find what to train for by what the held-out rows find best for few weights."""
        assert self._context.refit is not None
        left = max(_CONTEST * self._size, min(self._size / 4, _FEW))
        scores: dict[str, float] = {}
        for target in ("original",) if self._context.refit.y is None else ("original", "labels"):
            self._target = target
            try:
                score = self._context.score_of(self._pruned(self._model, left))
            except SkipPass:
                if target == "original":
                    raise
                continue
            assert score is not None
            scores[target] = score
        self._target = max(scores, key=lambda target: scores[target])

    def _prune_on(self) -> None:
        """Train networks of ever fewer weights, until one is clearly worse."""
        for kept in _KEPT:
            if kept * self._size < _LEAST_LEFT:
                break
            start = self._states[-1] if self._states else self._model
            trained = self._pruned(start, kept * self._size)
            if not self._context.acceptable(trained, self._allowed, cautious=-1.0):
                break
            self._states.append(trained)

    def _pruned(self, model: Model, left: float) -> Model:
        """A network of so many weights, trained on."""
        weights, _ = plain_layers(network_of(model))
        sparsity = 1.0 - left / sum(matrix.size for matrix in weights)
        if sparsity <= 0:
            return model
        step = GradualPrune(sparsity, self._epochs, _RATE, target=self._target, record=self._record)
        return RemoveDeadUnits().apply(step.apply(model, self._context), self._context)

    def _quantized(self, model: Model) -> bool:
        """Offer a network with tables that are as small as the held-out rows accept."""
        return any(
            self._offer(
                TrainTables(bits, self._epochs // 2, _RATE / 4, self._target, self._record), model
            )
            for bits in _BITS
        )

    def _offer(self, step: Pass, model: Model) -> bool:
        """Keep what a pass makes of a model if it is accepted and the smallest; say if accepted."""
        try:
            found = step.apply(model, self._context)
        except SkipPass:
            return False
        if not self._context.acceptable(found, self._allowed, cautious=self._cautious):
            return False
        if self.best is None or _n_bytes(found) < _n_bytes(self.best):
            self.best = found
        return True

    def _record(self, report: FineTuneReport) -> None:
        if self._record_too is not None:
            self._record_too(report)
        if report.interrupted:
            raise KeyboardInterrupt
        self.remarks.update(report.warnings)
        self._trained = min(self._trained + 1, self._most_trained - 1)
        self._context.report_progress("networks trained", self._trained, self._most_trained)


def _n_bytes(model: Model) -> int:
    return len(dumps(CompactModel(model)))


def _kept(model: Model) -> float:
    """Weights that are not zero."""
    weights, _ = plain_layers(network_of(model))
    return float(sum(np.count_nonzero(matrix) for matrix in weights))
