"""The one verb of a pass, and the runner that keeps the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..ir import Ledger, LedgerEntry, Model
from ._beginnings import Reached
from ._context import Context

__all__ = ["Pass", "SkipPass", "run"]


class SkipPass(Exception):  # noqa: N818 - it says what to do, nothing failed
    """Raised by a pass that cannot do its work; the message says what it lacks."""


@runtime_checkable
class Pass(Protocol):
    """A frozen dataclass of settings with one verb.

    A pass whose `exact` is true keeps every prediction (within the bound that the documentation
    states), so it is never judged by held-out rows.
    """

    @property
    def exact(self) -> bool:
        """Whether predictions stay as they are."""
        ...

    def apply(self, model: Model, context: Context) -> Model:
        """A smaller model; the argument is left as it is."""
        ...


def run(passes: Sequence[Pass], model: Model, context: Context) -> tuple[Model, Ledger]:
    """Apply passes in order; undo one that costs more than the context's tolerance.

    Parameters
    ----------
    passes : sequence of Pass
        The recipe.
    model : Model
        What they are applied to.
    context : Context
        Rows, tolerance and seed.

    Returns
    -------
    Model
        The result.
    Ledger
        A line for each pass.
    """
    remembered = context.beginnings if model is context.original else None
    settings = context.tolerance, context.random_state
    reached = None
    if remembered is not None:
        reached = remembered.longest(settings, tuple(passes))
    if reached is None:
        reached = Reached(model, context.score_of(model))
    for count in range(len(reached.entries), len(passes)):
        reached = _after(passes[count], reached, context)
        if remembered is not None:
            remembered.keep(settings, tuple(passes[: count + 1]), reached)
    return reached.model, Ledger(reached.entries)


def _after(step: Pass, before: Reached, context: Context) -> Reached:
    """How far one pass more comes."""
    start = time.perf_counter()
    outcome, note, model, score = "applied", "", before.model, before.score
    context.remarks.clear()
    try:
        model = step.apply(before.model, context)
    except SkipPass as reason:
        outcome, note = "skipped", str(reason)
    if model is not before.model:
        score = context.score_of(model)
        cautious = getattr(step, "cautious", True)
        judged = context.judges and not step.exact
        if judged and not context.acceptable(model, cautious=cautious):
            outcome, note = "reverted", f"would have scored {score:.4f}"
            model, score = before.model, before.score
    models, scores = (before.model, model), (before.score, score)
    line = line_of(step, models, scores, context, start, outcome, note)
    return Reached(model, score, (*before.entries, line))


def line_of(
    step: Pass,
    models: tuple[Model, Model],
    scores: tuple[float | None, float | None],
    context: Context,
    start: float,
    outcome: str,
    note: str,
) -> LedgerEntry:
    """The ledger's line for a pass that began at `start`, with its remarks if it was applied."""
    remarks = context.remarks if outcome == "applied" else []
    return LedgerEntry(
        step=describe(step),
        bytes_before=models[0].nbytes,
        bytes_after=models[1].nbytes,
        score_before=scores[0],
        score_after=scores[1],
        seconds=time.perf_counter() - start,
        outcome=outcome,
        note="; ".join(filter(None, [note, *remarks])),
    )


def describe(step: Pass) -> str:
    """A pass by name and settings, as the ledger shows it."""
    return getattr(step, "summary", None) or repr(step)
