"""Pipelines: transforms, then a predictor. A bare estimator is a pipeline of one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, InputSpec, Model, Project, Transform, Transformed
from ._registry import (
    FAMILIES,
    TRANSFORMS,
    Family,
    dotted_name,
    find_family,
    find_transform,
    unsupported,
)
from .text import join_counts_and_weights
from .transforms import lower_transform, removes_missing

__all__ = ["lift_steps", "lower_steps"]

_PIPELINE = "sklearn.pipeline.Pipeline"
_COUNTS = "sklearn.feature_extraction.text.CountVectorizer"
_WEIGHTS = "sklearn.feature_extraction.text.TfidfTransformer"
_STRICTEST_FIRST = ("all", "allow-nan", "any")


@dataclasses.dataclass(frozen=True)
class _Stage:
    """A step in the IR, and what it takes."""

    input: InputSpec
    transforms: tuple[Transform, ...] = ()


def lift_steps(estimator: Any) -> Model:
    """Lift a fitted estimator, transformer, or pipeline of them.

    Raises
    ------
    NotFittedError
        If a step is not fitted.
    UnsupportedEstimatorError
        If a step cannot be represented; the message names it.
    """
    _check_estimator(estimator)
    steps = _join_text(list(_flatten(estimator)))
    if not steps:
        raise UnsupportedEstimatorError("Every step of the pipeline is passed through.")
    _check_steps(steps)
    last = steps[-1][1]
    tail = None
    if dotted_name(last) in FAMILIES:
        tail = find_family(last).lift(last)
        steps.pop()
    stages = [_stage(step) for _, step in steps]
    transforms = tuple(item for stage in stages for item in stage.transforms)
    if tail is None:
        return Model(
            input=_entry(stages),
            chain=Chain(transforms=transforms, predictor=None),
            head=Transformed(),
            family=dotted_name(last),
        )
    if not stages:
        return tail
    chain = Chain(transforms=transforms + tail.chain.transforms, predictor=tail.chain.predictor)
    return tail.replace(input=_entry([*stages, _Stage(tail.input)]), chain=chain)


def _check_estimator(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise UnsupportedEstimatorError(
            f"A fitted estimator is needed; got the class {estimator.__name__}."
        )
    if not hasattr(estimator, "fit"):
        raise UnsupportedEstimatorError(
            f"A fitted scikit-learn estimator is needed; got {type(estimator).__name__}."
        )


def _flatten(estimator: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The steps of nested pipelines one by one, without wrappers and those passed through."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if dotted_name(estimator) != _PIPELINE:
        yield name, estimator
        return
    for inner, step in estimator.steps:
        if step is not None and not (isinstance(step, str) and step == "passthrough"):
            yield from _flatten(step, f"{name}__{inner}" if name else inner)


def _join_text(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Make one step of a text vectorizer's counts and the weights that follow them."""
    joined: list[tuple[str, Any]] = []
    for name, step in steps:
        if dotted_name(step) == _WEIGHTS and joined and dotted_name(joined[-1][1]) == _COUNTS:
            counts = joined.pop()[1]
            check_is_fitted(counts)
            check_is_fitted(step)
            joined.append((name, join_counts_and_weights(counts, step)))
        else:
            joined.append((name, step))
    return joined


def _check_steps(steps: list[tuple[str, Any]]) -> None:
    """Refuse steps of classes that are not registered, and steps that are not fitted."""
    for place, (name, step) in enumerate(steps):
        is_last = place == len(steps) - 1
        known = FAMILIES | TRANSFORMS if is_last else TRANSFORMS
        if dotted_name(step) not in known:
            where = f"Step {name!r} of the pipeline: " if name else ""
            what = "estimator" if is_last else "transformer"
            also = ", and a Pipeline of these" if is_last else ""
            message = unsupported(step, known, what).removesuffix(".")
            raise UnsupportedEstimatorError(f"{where}{message}{also}.")
        check_is_fitted(step)


def _stage(transformer: Any) -> _Stage:
    family = find_transform(transformer)
    return _Stage(family.input(transformer), family.lift(transformer))


def _entry(stages: list[_Stage]) -> InputSpec:
    """What a chain takes at its border, so that no stage meets what it would have refused.

    NaN is let in only if each stage up to an imputer, or else every one, lets it through: no
    other transform turns NaN into a number, so refusing it at the border is refusing it in time.
    """
    finite = len(_STRICTEST_FIRST) - 1
    sparse = has_missing = is_sparse = True
    for stage in stages:
        if has_missing:
            finite = min(finite, _STRICTEST_FIRST.index(stage.input.finite))
        if is_sparse:
            sparse = sparse and stage.input.sparse
        has_missing = has_missing and not any(removes_missing(item) for item in stage.transforms)
        is_sparse = is_sparse and not any(isinstance(item, Project) for item in stage.transforms)
    first, last = stages[0].input, stages[-1].input
    return first.replace(
        finite=_STRICTEST_FIRST[finite],
        sparse=sparse and not first.text,
        float32_range=last.float32_range,
    )


def lower_steps(model: Model, allow_missing: bool) -> Any:
    """Build the scikit-learn estimator, or pipeline, that computes what the model computes.

    Raises
    ------
    UnsupportedEstimatorError
        If scikit-learn has no estimator that can hold it.
    """
    predictor, transforms = model.chain.predictor, model.chain.transforms
    family = None if predictor is None else _with_way_back(model.family)
    inside: tuple[Transform, ...] = ()
    if family is not None and transforms and isinstance(transforms[-1], family.inside):
        transforms, inside = transforms[:-1], transforms[-1:]
    steps = [lower_transform(transform, allow_missing) for transform in transforms]
    if steps and model.input.names is not None:
        steps[0].feature_names_in_ = np.array(model.input.names, dtype=object)
    if family is not None and family.lower is not None:
        if steps:
            chain = Chain(transforms=inside, predictor=predictor)
            spec = InputSpec(n_features=chain.steps[0].n_features, sparse=True)
            model = model.replace(input=spec, chain=chain)
        steps.append(family.lower(model, allow_missing))
    if not steps:
        raise UnsupportedEstimatorError("The model changes nothing: it has no steps.")
    if len(steps) == 1:
        return steps[0]
    pipeline = make_pipeline(*steps)
    missing = getattr(steps[-1], "skcompress_missing_", ())
    if missing:
        pipeline.skcompress_missing_ = missing
    return pipeline


def _with_way_back(name: str) -> Family:
    """The family of a class that models can be lowered to."""
    family = FAMILIES.get(name)
    if family is None or family.lower is None:
        raise UnsupportedEstimatorError(
            "There is no way back to a scikit-learn estimator from a model of class "
            f"{name.rpartition('.')[2]!r}."
        )
    return family
