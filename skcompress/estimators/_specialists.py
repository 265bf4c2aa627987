"""The compressors by kind of model, and the settings that tell them apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..exceptions import UnsupportedEstimatorError
from ..families._sklearn_internals import StrOptions
from ..ir import Model
from ._base import LIMITS, BaseCompressor
from .mlp import MLPReducer
from .svm import SVMQuantizer
from .trees import TreePruner

__all__ = ["DEFAULT", "SETTINGS", "SETTING_CONSTRAINTS", "SHARED", "specialist_for", "specialists"]

DEFAULT = "default"
"""What a setting is that was not chosen."""

_SPECIALISTS: tuple[type[BaseCompressor], ...] = (SVMQuantizer, TreePruner, MLPReducer)

SHARED = tuple({**BaseCompressor._parameter_constraints, **LIMITS})
"""Parameters that all compressors have."""


def _own(kind: type[BaseCompressor]) -> dict[str, list[Any]]:
    return {
        name: allowed for name, allowed in kind._parameter_constraints.items() if name not in SHARED
    }


def _union() -> dict[str, list[Any]]:
    constraints: dict[str, list[Any]] = {}
    for kind in _SPECIALISTS:
        for name, allowed in _own(kind).items():
            known = constraints.setdefault(name, [StrOptions({DEFAULT})])
            known += [one for one in allowed if str(one) not in map(str, known)]
    return constraints


SETTING_CONSTRAINTS = _union()
"""What each setting may be, for whichever kind of model."""

SETTINGS = tuple(SETTING_CONSTRAINTS)


def specialists(names: Iterable[str]) -> list[type[BaseCompressor]]:
    """The compressors that have all of some settings.

    Parameters
    ----------
    names : iterable of str
        Settings.

    Returns
    -------
    list of type
        At least one.

    Raises
    ------
    ValueError
        If there is none.
    """
    names = list(names)
    found = [kind for kind in _SPECIALISTS if set(names) <= set(_own(kind))]
    if not found:
        lists = "; ".join(f"{kind.__name__} has {', '.join(_own(kind))}" for kind in _SPECIALISTS)
        raise ValueError(f"No kind of model has all of the settings {', '.join(names)}: {lists}.")
    return found


def specialist_for(model: Model, names: Iterable[str]) -> type[BaseCompressor]:
    """The compressor for a model that has some settings.

    Parameters
    ----------
    model : Model
        As lifted.
    names : iterable of str
        Settings.

    Returns
    -------
    type
        Of the compressor.

    Raises
    ------
    UnsupportedEstimatorError
        If models of this kind have no settings.
    ValueError
        If they have others.
    """
    family = model.family.rpartition(".")[2]
    for kind in _SPECIALISTS:
        if isinstance(model.predictor, kind._predictors):  # noqa: SLF001
            foreign = [name for name in names if name not in _own(kind)]
            if foreign:
                raise ValueError(
                    f"{family} has no setting {', '.join(foreign)}; it has {', '.join(_own(kind))}."
                )
            return kind
    raise UnsupportedEstimatorError(
        f"{family} has no settings to choose; got {', '.join(names)}. Choose a level."
    )
