"""Fine-tuning of networks in NumPy: masked Adam in float32, with or without gradual pruning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import ClassScores, DenseNetwork, Model, MultiLabel, Numbers
from ..runtime import CompactModel
from ..runtime._rows import as_dense
from ._base import SkipPass
from ._context import Context
from ._networks import network_of, plain_layers, with_layers
from ._training import FineTuneReport, Schedule, train
from .sparsify import magnitude_masks

__all__ = ["FineTune", "FineTuneReport", "GradualPrune"]

Record = Callable[[FineTuneReport], None]

_PRUNING_SHARE = 0.6
_PRUNINGS = 40


@dataclasses.dataclass(frozen=True)
class FineTune:
    """Train on; weights that are zero stay zero.

    Parameters
    ----------
    epochs : int
        Passes over the refit rows.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    record : callable or None
        Is given the report.
    """

    epochs: int
    learning_rate: float = 1e-3
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Fine-tune towards the labels, or the original's outputs where there are none."""
        weights, _ = plain_layers(network_of(model))
        masks = [matrix != 0 for matrix in weights]
        schedule = Schedule(self.epochs, self.learning_rate, lambda share, current: None)
        return _train(model, context, masks, schedule, self.record)


@dataclasses.dataclass(frozen=True)
class GradualPrune:
    """Prune by magnitude on a cubic schedule while training on.

    Parameters
    ----------
    sparsity : float
        Share of the weights that are zero in the end.
    epochs : int
        Passes over the refit rows; pruning takes the first 60 %.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    record : callable or None
        Is given the report.

    References
    ----------
    .. [1] M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
       model compression", ICLR workshop 2018.
    """

    sparsity: float
    epochs: int
    learning_rate: float = 1e-3
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune and fine-tune."""
        weights, _ = plain_layers(network_of(model))
        masks = [np.ones(matrix.shape, bool) for matrix in weights]
        done = [0]

        def prune(share: float, current: list[np.ndarray]) -> list[np.ndarray] | None:
            stage = min(int(share / _PRUNING_SHARE * _PRUNINGS) + 1, _PRUNINGS)
            if stage <= done[0]:
                return None
            done[0] = stage
            sparsity = self.sparsity * (1.0 - (1.0 - stage / _PRUNINGS) ** 3)
            return magnitude_masks(current, sparsity)

        schedule = Schedule(self.epochs, self.learning_rate, prune, settled_from=_PRUNING_SHARE)
        return _train(model, context, masks, schedule, self.record)


def _train(
    model: Model,
    context: Context,
    masks: list[np.ndarray],
    schedule: Schedule,
    record: Record | None,
) -> Model:
    if context.refit is None:
        raise SkipPass("no rows to fine-tune on")
    network = network_of(model)
    weights, biases = plain_layers(network)
    rows = as_dense(context.inputs(model, context.refit), np.float32)
    # Adam's steps have the size of the learning rate, whatever the size of a weight: inputs that
    # are large in total, with weights that are small, must be brought to a common size.
    size = float(np.sqrt(np.mean(np.square(rows, dtype=np.float64)))) or 1.0
    rows = rows / np.float32(size)
    weights[0] = weights[0] * size
    weights, biases, report = train(
        weights,
        biases,
        [layer.activation for layer in network.layers],
        rows,
        _targets(model, network, context),
        context.refit.sample_weight,
        masks,
        schedule,
        context,
    )
    weights[0] = weights[0] / size
    if record is not None:
        record(report)
    return with_layers(model, weights, biases)


def _targets(model: Model, network: DenseNetwork, context: Context) -> np.ndarray:
    """What the output layer should give, a column per output."""
    assert context.refit is not None
    data, head = context.refit, model.head
    if data.y is None:
        return np.asarray(CompactModel(context.original).raw(data.X), np.float32)
    y = np.asarray(data.y)
    if isinstance(head, ClassScores) and head.width == 1:
        return (y == head.target.classes[-1]).astype(np.float32).reshape(-1, 1)
    if isinstance(head, ClassScores):
        return (y.reshape(-1, 1) == head.target.classes).astype(np.float32)
    if isinstance(head, MultiLabel | Numbers):
        return y.astype(np.float32).reshape(len(data), network.n_outputs)
    raise SkipPass(f"there are no targets for a head of kind {type(head).__name__}")
