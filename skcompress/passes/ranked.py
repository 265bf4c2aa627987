"""Stay within a tolerance by giving up what saves the least for what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..format import dumps
from ..ir import DenseNetwork, Ledger, Model, shape_of
from ..runtime import CompactModel
from ._base import Pass, SkipPass, line_of, run
from ._context import Context

__all__ = ["run_ranked"]

Part = tuple[int, int | None]
"""A pass, by its place in the recipe, on one layer of a network, or on the whole model."""

_NO_LOSS = 1e-9


def run_ranked(passes: Sequence[Pass], model: Model, context: Context) -> tuple[Model, Ledger]:
    """Apply passes; where together they cost too much, undo the worst parts of them.

    Parts are the passes, those that change every layer of a network by itself layer by layer.
    Each is tried alone, and they are ranked by the bytes that they save for the score that they
    lose; the worst are left out until the held-out rows accept the rest (as in NNCF's
    accuracy-aware quantization).

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
    if not context.judges:
        return run(passes, model, context)
    result, ledger, parts = _apply(passes, model, context, frozenset())
    if context.acceptable(result):
        return result, ledger
    n_bytes, score = len(dumps(CompactModel(model))), context.score_of(model)
    assert score is not None

    def worth(part: Part) -> float:
        """Bytes that a part saves for the score that it loses, alone."""
        alone, _, _ = _apply(passes, model, context, frozenset(parts - {part}))
        score_alone = context.score_of(alone)
        assert score_alone is not None
        saved = n_bytes - len(dumps(CompactModel(alone)))
        return saved / max(score - score_alone, _NO_LOSS)

    order = sorted(sorted(parts, key=_place), key=worth)
    for count in range(1, len(order) + 1):
        result, ledger, _ = _apply(passes, model, context, frozenset(order[:count]))
        if context.acceptable(result):
            break
    return result, ledger


def _place(part: Part) -> tuple[int, int]:
    return part[0], -1 if part[1] is None else part[1]


def _apply(
    passes: Sequence[Pass], model: Model, context: Context, dropped: frozenset[Part]
) -> tuple[Model, Ledger, set[Part]]:
    """What the passes make of a model without the dropped parts; all parts that they met."""
    entries = []
    parts: set[Part] = set()
    score = context.score_of(model)
    for place, step in enumerate(passes):
        layers = sorted(part[1] for part in dropped if part[0] == place and part[1] is not None)
        outcome, note, after = "applied", "", model
        start = time.perf_counter()
        context.remarks.clear()
        try:
            after, met = _one(place, step, model, context, dropped)
        except SkipPass as reason:
            outcome, note = "skipped", str(reason)
        else:
            parts |= met
            if (place, None) in dropped or (layers and len(met) == len(layers)):
                outcome, note = "reverted", "saved too little for what it cost"
            elif layers:
                note = f"left out on layers {', '.join(map(str, layers))}"
        score_after = score if after is model else context.score_of(after)
        scores = score, score_after
        entries.append(line_of(step, (model, after), scores, context, start, outcome, note))
        model, score = after, score_after
    return model, Ledger(tuple(entries)), parts


def _one(
    place: int, step: Pass, model: Model, context: Context, dropped: frozenset[Part]
) -> tuple[Model, set[Part]]:
    if (place, None) in dropped:
        return model, set()
    after = step.apply(model, context)
    if after is model or step.exact:
        return after, set()
    before, layers = model.predictor, after.predictor
    if not (
        isinstance(before, DenseNetwork)
        and isinstance(layers, DenseNetwork)
        and [shape_of(la.weights) for la in before.layers]
        == [shape_of(la.weights) for la in layers.layers]
    ):
        return after, {(place, None)}
    mixed = tuple(
        old if (place, number) in dropped else new
        for number, (old, new) in enumerate(zip(before.layers, layers.layers, strict=True))
    )
    met: set[Part] = {(place, number) for number in range(len(mixed))}
    return after.with_predictor(layers.replace(layers=mixed)), met
