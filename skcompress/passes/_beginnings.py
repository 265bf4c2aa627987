"""What recipes begin with, made once for all recipes that begin alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..ir import LedgerEntry, Model

if TYPE_CHECKING:
    from ._base import Pass

__all__ = ["Beginnings", "Reached"]

_MOST_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Reached:
    """How far a recipe has come.

    Attributes
    ----------
    model : Model
        What its passes so far made.
    score : float or None
        The model's score on the held-out rows.
    entries : tuple of LedgerEntry
        A line for each of these passes.
    """

    model: Model
    score: float | None
    entries: tuple[LedgerEntry, ...] = ()


class Beginnings:
    """Remembers what the first passes of recipes made of one model, on the same rows.

    A search tries hundreds of recipes that reduce vectors alike and round them differently. The
    reduction takes nearly all of the time. A copy in another process begins anew.
    """

    def __init__(self) -> None:
        self._reached: dict[Any, Reached] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[type[Beginnings], tuple[()]]:
        return Beginnings, ()

    def longest(self, settings: Any, passes: tuple[Pass, ...]) -> Reached | None:
        """What the most of these first passes came to, under such settings of the context."""
        for count in range(len(passes), 0, -1):
            found = self._reached.get((settings, passes[:count]))
            if found is not None:
                return found
        return None

    def keep(self, settings: Any, passes: tuple[Pass, ...], reached: Reached) -> None:
        """Remember what these first passes came to; where that is too much, forget all before."""
        self._bytes += reached.model.nbytes
        if self._bytes > _MOST_BYTES:
            self._reached.clear()
            self._bytes = reached.model.nbytes
        self._reached[settings, passes] = reached
