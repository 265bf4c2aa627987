"""The one verb of a pass, and the runner that keeps the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..ir import Ledger, LedgerEntry, Model
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
    entries = []
    score = context.score_of(model)
    for step in passes:
        start = time.perf_counter()
        outcome, note, after, score_after = "applied", "", model, score
        context.remarks.clear()
        try:
            after = step.apply(model, context)
        except SkipPass as reason:
            outcome, note = "skipped", str(reason)
        if after is not model:
            score_after = context.score_of(after)
            cautious = getattr(step, "cautious", True)
            if (
                context.judges
                and not step.exact
                and not context.acceptable(after, cautious=cautious)
            ):
                outcome, note = "reverted", f"would have scored {score_after:.4f}"
                after, score_after = model, score
        scores = score, score_after
        entries.append(line_of(step, (model, after), scores, context, start, outcome, note))
        model, score = after, score_after
    return model, Ledger(tuple(entries))


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
