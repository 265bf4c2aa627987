"""Try candidates, and keep the first, or the cheapest, that the held-out rows accept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from ..format import dumps
from ..ir import DenseNetwork, LowRank, Model, shape_of
from ..runtime import CompactModel
from ._base import Pass, SkipPass, describe
from ._bytes import file_bytes
from ._context import Context
from .forest import size_of

__all__ = ["COSTS", "Cheapest", "FirstOf", "Strongest"]

_SMALLER = 0.998
"""Of the bytes before: those of large forests are estimates."""


@dataclasses.dataclass(frozen=True)
class Strongest:
    """The first of several short recipes that costs no more than the tolerance.

    Parameters
    ----------
    candidates : tuple of tuple of Pass
        From the strongest to the weakest.
    before : tuple of Pass
        What all of them begin with.
    share : float
        Part of the tolerance that may be used up, so that something is left for what follows.
    cautious : float
        Standard errors that are added to the loss: for candidates that lose more the stronger
        they are, of which the strongest acceptable one is likely to be a lucky one. 0 for those
        that lose and win alike.
    agreement : float
        Share of held-out rows that must be answered as the original does.
    smaller : bool
        The file must become smaller, which ways of storing something else do not promise.
    expected : bool
        Judge by `Context.expected_loss` instead, for candidates that imitate the original.
    gentle : int
        How many of the weakest candidates are accepted, too, where they change no held-out label:
        however few rows there are, of which none can promise much.
    imitate : bool
        Of numbers, the distance from the original's, too, must stay within the tolerance: the
        score of one sample may profit from an error that costs the next one.
    """

    candidates: tuple[tuple[Pass, ...], ...]
    before: tuple[Pass, ...] = ()
    share: float = 1.0
    cautious: float = True
    agreement: float = 0.0
    expected: bool = False
    gentle: int = 0
    imitate: bool = False
    smaller: bool = False
    exact: ClassVar[bool] = False

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        first, last = (
            " + ".join(map(repr, self.before + self.candidates[place])) for place in (0, -1)
        )
        return f"strongest of {len(self.candidates)}, from {first} to {last}"

    def apply(self, model: Model, context: Context) -> Model:
        """Try the candidates in turn; the model itself if none is accepted."""
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose by")
        most = file_bytes(model, context) if self.smaller else None
        begun = model
        for step in self.before:
            begun = step.apply(begun, context)
        for done, candidate in enumerate(self.candidates):
            smaller = begun
            context.remarks.clear()
            for step in candidate:
                smaller = step.apply(smaller, context)
            context.report_progress("settings tried", done + 1, len(self.candidates))
            allowed = self.share * context.tolerance
            gentle = done >= len(self.candidates) - self.gentle
            if (
                (self._accepts(smaller, allowed, context) or (gentle and _keeps(smaller, context)))
                and (not self.agreement or context.agreement(smaller) >= self.agreement)
                and (not self.imitate or context.imitates(smaller, allowed))
                and (most is None or file_bytes(smaller, context) < _SMALLER * most)
            ):
                return smaller
        context.remarks.clear()
        return model

    def _accepts(self, model: Model, allowed: float, context: Context) -> bool:
        if self.expected:
            good = context.expected_loss(model) <= allowed + 1e-12
            return good and context.acceptable(model, cautious=False)
        return context.acceptable(model, allowed, cautious=self.cautious)


def _keeps(model: Model, context: Context) -> bool:
    """Whether every held-out row has the label that it had."""
    return bool(model.head.labels) and context.agreement(model) == 1.0


@dataclasses.dataclass(frozen=True)
class FirstOf:
    """The first of several short recipes that can do its work.

    Parameters
    ----------
    alternatives : tuple of tuple of Pass
        The next one is tried where a step of one raises `SkipPass`.
    """

    alternatives: tuple[tuple[Pass, ...], ...]
    exact: ClassVar[bool] = False
    cautious: ClassVar[bool] = False  # the alternatives are, where they should

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        return ", else ".join(" + ".join(map(describe, steps)) for steps in self.alternatives)

    def apply(self, model: Model, context: Context) -> Model:
        """Try the alternatives in turn."""
        reasons = []
        for steps in self.alternatives:
            result = model
            try:
                for step in steps:
                    result = step.apply(result, context)
            except SkipPass as reason:
                reasons.append(str(reason))
                continue
            return result
        raise SkipPass("; ".join(reasons))


@dataclasses.dataclass(frozen=True)
class Cheapest:
    """Of several short recipes that the held-out rows accept, the one with the cheapest result.

    Parameters
    ----------
    alternatives : tuple of tuple of Pass
        Of equally cheap ones, the first is taken.
    cost : {"bytes", "rounded bytes", "multiplications"}
        What counts: the file; that of trees whose leaves will be rounded; or the multiplications
        of a prediction and then the file.
    """

    alternatives: tuple[tuple[Pass, ...], ...]
    cost: str = "bytes"
    exact: ClassVar[bool] = False
    cautious: ClassVar[bool] = False  # the alternatives are, where they should

    @property
    def summary(self) -> str:
        """How the ledger shows it."""
        what = "; ".join(" + ".join(map(describe, steps)) for steps in self.alternatives)
        return f"fewest {self.cost} of: {what}"

    def apply(self, model: Model, context: Context) -> Model:
        """Try them all."""
        if context.tolerance is None or not context.judges:
            raise SkipPass("no held-out rows to choose by")
        found: list[tuple[tuple[float, ...], list[str], Model]] = []
        reasons = []
        for done, steps in enumerate(self.alternatives):
            context.remarks.clear()
            result = model
            try:
                for step in steps:
                    result = step.apply(result, context)
            except SkipPass as reason:
                reasons.append(str(reason))
            else:
                if context.acceptable(result, cautious=self.cautious):
                    said = [f"taken: {' + '.join(map(describe, steps))}", *context.remarks]
                    found.append((COSTS[self.cost](result), said, result))
            context.report_progress("recipes tried", done + 1, len(self.alternatives))
        if not found:
            raise SkipPass("; ".join(["none of the recipes is accepted", *reasons]))
        _, said, best = min(found, key=lambda each: each[0])
        context.remarks[:] = said
        return best


def _n_bytes(model: Model) -> tuple[float, ...]:
    return (len(dumps(CompactModel(model))),)


def _n_multiplications(model: Model) -> tuple[float, ...]:
    """Those of a row, zeros included: layers are multiplied whole."""
    count = 0
    if isinstance(model.predictor, DenseNetwork):
        for layer in model.predictor.layers:
            n_inputs, n_units = shape_of(layer.weights)
            if isinstance(layer.weights, LowRank):
                count += shape_of(layer.weights.left)[1] * (n_inputs + n_units)
            else:
                count += n_inputs * n_units
    return (count, *_n_bytes(model))


COSTS: dict[str, Callable[[Model], tuple[float, ...]]] = {
    "bytes": _n_bytes,
    "rounded bytes": lambda model: (size_of(model),),
    "multiplications": _n_multiplications,
}
"""What a model costs, by name; the later numbers count where the first ones are equal."""
