"""Passes that train networks on: with what is zero held, or with gradual pruning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from ..ir import DenseNetwork, Model
from ._base import SkipPass
from ._context import Context
from ._networks import network_of, plain_layers
from ._targets import network_targets, teacher_for
from .finetune import FineTuneReport, finetune

__all__ = ["FineTune", "GradualPrune", "Record", "tune"]

Record = Callable[[FineTuneReport], None]


@dataclasses.dataclass(frozen=True)
class FineTune:
    """Train on; weights that are zero stay zero. See `finetune` for how.

    An interruption from the keyboard ends the pass, not the recipe: the best state is kept.

    Parameters
    ----------
    epochs : int
        Passes over the refit rows.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    batch_size : int or "auto"
        Rows a step.
    target : {"auto", "labels", "original", "mix"}
        What is trained for: labels; what the original model gives, which needs no labels; the mean
        of the two; or labels where there are some and otherwise the original.
    record : callable or None
        Is given the report.
    """

    epochs: int
    learning_rate: float = 1e-3
    batch_size: int | str = "auto"
    target: str = "auto"
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Fine-tune on the refit rows."""
        return _apply(self, model, context, None)


@dataclasses.dataclass(frozen=True)
class GradualPrune:
    """Prune by magnitude on a cubic schedule while training on. See `finetune` for how.

    An interruption from the keyboard ends the pass, not the recipe: the best state is kept, or,
    while weights are still going, the present one, which is less sparse than was asked for.

    Parameters
    ----------
    sparsity : float
        Share of the weights that are zero in the end.
    epochs : int
        Passes over the refit rows; pruning takes the first 60 %.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    batch_size : int or "auto"
        Rows a step.
    target : {"auto", "labels", "original", "mix"}
        What is trained for, as in `FineTune`.
    record : callable or None
        Is given the report.

    References
    ----------
    .. [1] M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
       model compression", ICLR workshop 2018.
    """

    sparsity: float
    epochs: int
    learning_rate: float = 3e-3
    batch_size: int | str = "auto"
    target: str = "auto"
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune and fine-tune."""
        return _apply(self, model, context, self.sparsity)


def _apply(
    step: FineTune | GradualPrune, model: Model, context: Context, sparsity: float | None
) -> Model:
    what = "fine-tuning"
    tuned, report = tune(step, model, context, what, sparsity=sparsity, batch_size=step.batch_size)
    if report.diverged and report.best_epoch == 0:
        raise SkipPass("fine-tuning diverged: a gradient was not finite")
    return model if tuned is model.predictor else model.with_predictor(tuned)


class Tuning(Protocol):
    """A pass that trains on."""

    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def target(self) -> str: ...
    @property
    def record(self) -> Record | None: ...


def tune(
    step: Tuning, model: Model, context: Context, what: str, **settings: Any
) -> tuple[DenseNetwork, FineTuneReport]:
    """What `finetune` makes of a model's network, by the settings of a pass and others."""
    network = network_of(model)
    if context.refit is None:
        raise SkipPass("no rows to fine-tune on")
    plain_layers(network)  # before any work on the rows: encoded weights cannot be trained
    tuned, report = finetune(
        network,
        context.inputs(model, context.refit),
        network_targets(model, context, step.target),
        epochs=step.epochs,
        learning_rate=step.learning_rate,
        sample_weight=context.refit.sample_weight,
        random_state=context.random_state,
        progress=lambda done, total: context.report_progress(what, done, total),
        teacher=teacher_for(model, context, step.target),
        **settings,
    )
    if step.record is not None:
        step.record(report)
    return tuned, report
