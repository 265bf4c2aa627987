"""Which scikit-learn class is lifted and lowered by which functions.

A family registers the exact class by its dotted name, so that importing the registry imports no
scikit-learn estimator. A subclass that a user wrote is refused: it may override `predict`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import UnsupportedEstimatorError
from ..ir import Model, Transform

Lift = Callable[[Any], Model]
Lower = Callable[[Model, bool], Any]
LiftTransform = Callable[[Any], tuple[Transform, ...]]


@dataclasses.dataclass(frozen=True)
class Family:
    """How one scikit-learn class enters and leaves the IR.

    Attributes
    ----------
    name : str
        Dotted name of the class, such as ``"sklearn.svm._classes.SVC"``.
    lift : callable
        ``lift(estimator) -> Model`` for a fitted estimator.
    lower : callable or None
        ``lower(model, allow_missing) -> estimator``; None where there is no way back.
    examples : callable
        Gives small unfitted estimators that the tests fit and lift.
    inside : tuple of type
        Transforms that the estimator itself does first.
    """

    name: str
    lift: Lift
    lower: Lower | None
    examples: Callable[[], Iterable[Any]]
    inside: tuple[type[Transform], ...] = ()


@dataclasses.dataclass(frozen=True)
class TransformFamily:
    """How one scikit-learn transformer enters and leaves the IR.

    Attributes
    ----------
    name : str
        Dotted name of the class.
    lift : callable
        ``lift(transformer) -> tuple of Transform`` for a fitted transformer; empty where it does
        nothing.
    input : callable
        ``input(transformer) -> InputSpec`` of the transformer as the first step of a pipeline.
    examples : callable
        Gives small unfitted transformers for the tests.
    """

    name: str
    lift: LiftTransform
    input: Callable[[Any], Any]
    examples: Callable[[], Iterable[Any]]


FAMILIES: dict[str, Family] = {}
TRANSFORMS: dict[str, TransformFamily] = {}


def register(family: Family | TransformFamily) -> None:
    """Add a family to its registry."""
    table: dict[str, Any] = FAMILIES if isinstance(family, Family) else TRANSFORMS
    if family.name in table:
        raise ValueError(f"{family.name} is registered already.")
    table[family.name] = family


def dotted_name(estimator: Any) -> str:
    """The full name of an object's class."""
    cls = type(estimator)
    return f"{cls.__module__}.{cls.__qualname__}"


def find_family(estimator: Any) -> Family:
    """The family of a predictor.

    Raises
    ------
    UnsupportedEstimatorError
        If its exact class is not registered.
    """
    family = FAMILIES.get(dotted_name(estimator))
    if family is None:
        raise UnsupportedEstimatorError(unsupported(estimator, FAMILIES, "estimator"))
    return family


def find_transform(transformer: Any) -> TransformFamily:
    """The family of a pipeline step that is not the last.

    Raises
    ------
    UnsupportedEstimatorError
        If its exact class is not registered.
    """
    family = TRANSFORMS.get(dotted_name(transformer))
    if family is None:
        raise UnsupportedEstimatorError(unsupported(transformer, TRANSFORMS, "transformer"))
    return family


def unsupported(estimator: Any, table: dict[str, Any], what: str) -> str:
    """The message for a class that is in no registry."""
    known = sorted(name.rpartition(".")[2] for name in table)
    subclassed = [cls.__name__ for cls in type(estimator).__mro__[1:] if cls.__name__ in known]
    hint = (
        f" It is a subclass of {subclassed[0]}, which may behave otherwise, so only "
        f"{subclassed[0]} itself is taken."
        if subclassed
        else ""
    )
    return (
        f"skcompress cannot represent the {what} {type(estimator).__name__}.{hint} "
        f"Supported: {', '.join(known)}."
    )
