"""Stay within a tolerance by giving up what saves the least for what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..format import dumps
from ..ir import DenseNetwork, Ledger, LedgerEntry, Model, shape_of
from ..runtime import CompactModel
from ._base import Pass, SkipPass, describe, run
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
    parts: set[Part] = set()
    result = _apply(passes, model, context, frozenset(), parts)
    if context.acceptable(result):
        return _recorded(passes, model, context, frozenset())
    order = sorted(
        sorted(parts, key=_place),
        key=lambda part: _worth(part, parts, passes, model, context),
    )
    dropped: frozenset[Part] = frozenset(order)
    for count in range(1, len(order) + 1):
        dropped = frozenset(order[:count])
        if context.acceptable(_apply(passes, model, context, dropped)):
            break
    return _recorded(passes, model, context, dropped)


def _place(part: Part) -> tuple[int, int]:
    return part[0], -1 if part[1] is None else part[1]


def _worth(
    part: Part, parts: set[Part], passes: Sequence[Pass], model: Model, context: Context
) -> float:
    """Bytes that a part saves for the score that it loses, alone."""
    alone = _apply(passes, model, context, frozenset(parts - {part}))
    saved = len(dumps(CompactModel(model))) - len(dumps(CompactModel(alone)))
    base, score = context.score_of(model), context.score_of(alone)
    assert base is not None
    assert score is not None
    return saved / max(base - score, _NO_LOSS)


def _apply(
    passes: Sequence[Pass],
    model: Model,
    context: Context,
    dropped: frozenset[Part],
    parts: set[Part] | None = None,
) -> Model:
    """What the passes make of a model without the dropped parts; lists the parts it met."""
    for place, step in enumerate(passes):
        try:
            model, met = _one(place, step, model, context, dropped)
        except SkipPass:
            continue
        if parts is not None:
            parts |= met
    return model


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


def _recorded(
    passes: Sequence[Pass], model: Model, context: Context, dropped: frozenset[Part]
) -> tuple[Model, Ledger]:
    """Apply the passes once more and keep the ledger."""
    entries = []
    for place, step in enumerate(passes):
        layers = sorted(part[1] for part in dropped if part[0] == place and part[1] is not None)
        outcome, note, after = "applied", "", model
        start = time.perf_counter()
        try:
            after, met = _one(place, step, model, context, dropped)
        except SkipPass as reason:
            outcome, note = "skipped", str(reason)
        else:
            if (place, None) in dropped or (layers and len(met) == len(layers)):
                outcome, note = "reverted", "saved too little for what it cost"
            elif layers:
                note = f"left out on layers {', '.join(map(str, layers))}"
        entries.append(
            LedgerEntry(
                step=describe(step),
                bytes_before=model.nbytes,
                bytes_after=after.nbytes,
                score_before=context.score_of(model),
                score_after=context.score_of(after),
                seconds=time.perf_counter() - start,
                outcome=outcome,
                note=note,
            )
        )
        model = after
    return model, Ledger(tuple(entries))
