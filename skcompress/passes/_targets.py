"""What a network is trained towards."""

from __future__ import annotations

import numpy as np

from ..ir import ClassScores, DenseNetwork, Model, MultiLabel, Numbers
from ..runtime import CompactModel
from ._base import SkipPass
from ._context import Context
from ._networks import network_of
from .fold import FoldScalers
from .scalers import SimplifyScalers

__all__ = ["TARGETS", "network_targets", "teacher_for"]

TARGETS = ("auto", "labels", "mix", "original")


def network_targets(model: Model, context: Context, kind: str) -> np.ndarray:
    """What the output layer should give on the refit rows, a column per output.

    Parameters
    ----------
    model : Model
        With a network as predictor.
    context : Context
        With refit rows.
    kind : {"auto", "labels", "mix", "original"}
        Labels (of a label that the model does not know: the original's answer); the original
        model's outputs; their mean; or labels where there are some, else the original's outputs.

    Raises
    ------
    SkipPass
        If there are no labels, or none that such a model could be trained for.
    """
    if kind not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}; got {kind!r}.")
    assert context.refit is not None
    labels = None if kind == "original" else _labels(model, context)
    if labels is None:
        if kind in ("labels", "mix"):
            raise SkipPass("no labels to fine-tune for")
        return _of_original(context)
    known = ~np.isnan(labels).any(axis=1)
    if kind != "mix" and bool(known.all()):
        return labels
    original = _of_original(context)
    aim = 0.5 * (labels + original) if kind == "mix" else labels
    return np.where(known[:, None], aim, original)


def teacher_for(model: Model, context: Context, kind: str) -> DenseNetwork | None:
    """The original's network, if it is what gives the targets and sees what the model's sees.

    Scalers may have been folded, or simplified, since; then so are the teacher's.
    """
    assert context.refit is not None
    if kind not in ("auto", "original") or (kind == "auto" and context.refit.y is not None):
        return None
    for step in (None, SimplifyScalers(), FoldScalers()):
        try:
            found = context.original if step is None else step.apply(context.original, context)
        except SkipPass:
            continue
        if isinstance(found.predictor, DenseNetwork) and _same_transforms(found, model):
            return found.predictor
    return None


def _same_transforms(one: Model, other: Model) -> bool:
    if len(one.chain.transforms) != len(other.chain.transforms):
        return False
    for a, b in zip(one.chain.transforms, other.chain.transforms, strict=True):
        pairs = [*a.arrays()], [*b.arrays()]
        if type(a) is not type(b) or [n for n, _ in pairs[0]] != [n for n, _ in pairs[1]]:
            return False
        if not all(np.array_equal(x, y) for (_, x), (_, y) in zip(*pairs, strict=True)):
            return False
    return True


def _of_original(context: Context) -> np.ndarray:
    assert context.refit is not None
    return np.asarray(CompactModel(context.original).raw(context.refit.X), np.float64)


def _labels(model: Model, context: Context) -> np.ndarray | None:
    """Labels as outputs; a row that has no such form is NaN."""
    assert context.refit is not None
    if context.refit.y is None:
        return None
    head, y = model.head, np.asarray(context.refit.y)
    if isinstance(head, ClassScores):
        # Compared with every class: a label may be unknown, or not of a kind that can be sorted.
        hits = y.reshape(-1, 1) == head.target.classes
        wanted = hits[:, -1:] if head.width == 1 else hits
        return np.where(hits.any(axis=1)[:, None], wanted, np.nan)
    if isinstance(head, MultiLabel) or (isinstance(head, Numbers) and head.link == "identity"):
        return y.astype(np.float64).reshape(len(context.refit), network_of(model).n_outputs)
    raise SkipPass(f"there are no targets for a head of kind {type(head).__name__}")
