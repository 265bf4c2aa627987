"""Scalers, the normalizer, the imputer and PCA, into the IR and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Impute,
    InputSpec,
    Normalize,
    Project,
    Rescale,
    TextVectorize,
    Transform,
    decode,
    smallest_unsigned,
)
from ._input import input_spec
from ._registry import TransformFamily, dotted_name, register
from ._sklearn_internals import (
    imputer_fill_dtype,
    set_fitted_imputer,
    standard_scaler_rounds_first,
)
from .text import lower_text

__all__ = ["lower_transform", "removes_missing"]


def removes_missing(transform: Transform) -> bool:
    """Whether no NaN comes out of a transform."""
    return isinstance(transform, Impute) and bool(np.isnan(transform.missing))


def lower_transform(transform: Transform, allow_missing: bool) -> Any:
    """The scikit-learn transformer that computes what a transform computes.

    Raises
    ------
    UnsupportedEstimatorError
        If an attribute that scikit-learn's class works with is lost, unless `allow_missing`; if
        there is no such transformer.
    """
    if type(transform) not in _LOWER:
        raise UnsupportedEstimatorError(
            f"scikit-learn has no transformer that does what {type(transform).__name__} does."
        )
    lowered = _LOWER[type(transform)](transform, allow_missing)
    if not isinstance(transform, TextVectorize):
        lowered.n_features_in_ = transform.n_features
    return lowered


# Scalers


def _lift_standard(scaler: Any) -> tuple[Transform, ...]:
    mean = scaler.mean_ if scaler.with_mean else None
    scale = scaler.scale_ if scaler.with_std else None
    return _rescale(
        scaler, "standard", subtract=mean, divide=scale, round_first=standard_scaler_rounds_first()
    )


def _lift_min_max(scaler: Any) -> tuple[Transform, ...]:
    low, high = scaler.feature_range
    clip = (float(low), float(high)) if scaler.clip else None
    return _rescale(scaler, "min-max", multiply=scaler.scale_, add=scaler.min_, clip=clip)


def _lift_max_abs(scaler: Any) -> tuple[Transform, ...]:
    # Only newer versions have `clip`.
    clip = (-1.0, 1.0) if getattr(scaler, "clip", False) else None
    return _rescale(scaler, "max-abs", divide=scaler.scale_, clip=clip)


def _lift_robust(scaler: Any) -> tuple[Transform, ...]:
    centre = scaler.center_ if scaler.with_centering else None
    scale = scaler.scale_ if scaler.with_scaling else None
    return _rescale(scaler, "robust", subtract=centre, divide=scale)


def _rescale(scaler: Any, kind: str, **numbers: Any) -> tuple[Transform, ...]:
    given = {name: value for name, value in numbers.items() if value is not None}
    return (Rescale(kind=kind, n_features=int(scaler.n_features_in_), **given),)


def _lower_rescale(rescale: Rescale, allow_missing: bool) -> Any:
    return _LOWER_SCALER[rescale.kind](rescale)


def _lower_standard(rescale: Rescale) -> Any:
    scaler = StandardScaler(
        with_mean=rescale.subtract is not None, with_std=rescale.divide is not None
    )
    scaler.mean_ = _copy(rescale.subtract)
    scaler.scale_ = _copy(rescale.divide)
    scaler.var_ = None if scaler.scale_ is None else scaler.scale_**2
    return scaler


def _lower_min_max(rescale: Rescale) -> Any:
    scaler = MinMaxScaler(
        feature_range=(0, 1) if rescale.clip is None else rescale.clip,
        clip=rescale.clip is not None,
    )
    scaler.scale_, scaler.min_ = _copy(rescale.multiply), _copy(rescale.add)
    return scaler


def _lower_max_abs(rescale: Rescale) -> Any:
    if rescale.clip is None:
        scaler = MaxAbsScaler()
    elif "clip" in MaxAbsScaler().get_params():
        scaler = MaxAbsScaler(clip=True)
    else:
        raise UnsupportedEstimatorError("MaxAbsScaler cannot clip in this scikit-learn version.")
    scaler.scale_ = _copy(rescale.divide)
    return scaler


def _lower_robust(rescale: Rescale) -> Any:
    scaler = RobustScaler(
        with_centering=rescale.subtract is not None, with_scaling=rescale.divide is not None
    )
    scaler.center_, scaler.scale_ = _copy(rescale.subtract), _copy(rescale.divide)
    return scaler


_LOWER_SCALER: dict[str, Callable[[Rescale], Any]] = {
    "max-abs": _lower_max_abs,
    "min-max": _lower_min_max,
    "robust": _lower_robust,
    "standard": _lower_standard,
}


# Normalizer


def _lift_normalizer(normalizer: Any) -> tuple[Transform, ...]:
    return (Normalize(norm=normalizer.norm, n_features=_n_features(normalizer)),)


def _lower_normalize(normalize: Normalize, allow_missing: bool) -> Any:
    return Normalizer(normalize.norm)


# Imputer


def _lift_imputer(imputer: Any) -> tuple[Transform, ...]:
    statistics = imputer.statistics_
    empty = np.array([value is None or _is_nan(value) for value in statistics.tolist()])
    if statistics.dtype == object and not all(
        isinstance(value, int | float | np.number) for value in statistics[~empty].tolist()
    ):
        raise UnsupportedEstimatorError(
            "SimpleImputer: only numbers are imputed; its `statistics_` hold other objects."
        )
    fill = np.full(statistics.shape, np.nan)
    fill[~empty] = statistics[~empty].astype(imputer_fill_dtype(imputer)).astype(np.float64)
    if empty.any() and (
        imputer.keep_empty_features
        or (imputer.strategy == "constant" and _is_nan(imputer.fill_value))
    ):
        raise UnsupportedEstimatorError("SimpleImputer: a `fill_value` of NaN imputes nothing.")
    indicators = None
    if imputer.add_indicator and imputer.indicator_.features_.size:
        columns = imputer.indicator_.features_
        indicators = columns.astype(smallest_unsigned(int(columns.max())))
    return (Impute(fill=fill, missing=_missing_value(imputer), indicators=indicators),)


def _missing_value(imputer: Any) -> float:
    missing = imputer.missing_values
    # pandas.NA reads as NaN in an array of numbers.
    if type(missing).__name__ == "NAType":
        return float("nan")
    if isinstance(missing, bool) or not isinstance(missing, int | float | np.number):
        raise UnsupportedEstimatorError(
            f"SimpleImputer: `missing_values` must be NaN or a number; got {missing!r}."
        )
    return float(missing)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _imputer_input(imputer: Any) -> InputSpec:
    missing = _missing_value(imputer)
    return input_spec(
        imputer, finite="allow-nan" if np.isnan(missing) else "all", sparse=missing != 0
    )


def _lower_impute(impute: Impute, allow_missing: bool) -> Any:
    imputer = SimpleImputer(
        missing_values=impute.missing, add_indicator=impute.indicators is not None
    )
    imputer.statistics_ = impute.fill.copy()
    set_fitted_imputer(imputer, impute.indicators)
    return imputer


# PCA


def _lift_pca(pca: Any) -> tuple[Transform, ...]:
    components = pca.components_
    divide = None
    if pca.whiten:
        # scikit-learn's own guard against components without variance.
        divide = np.sqrt(pca.explained_variance_)
        divide = np.maximum(divide, np.finfo(divide.dtype).eps)
    offset = (np.reshape(pca.mean_, (1, -1)) @ components.T)[0]
    return (Project(components=components, offset=offset, divide=divide),)


def _lower_project(project: Project, allow_missing: bool) -> Any:
    lost = [] if project.divide is not None else ["explained_variance_"]
    lost += ["mean_"] if project.mean is None and project.offset is not None else []
    if lost and not allow_missing:
        raise UnsupportedEstimatorError(
            f"PCA: {' and '.join(lost)} cannot be restored, since projecting does not need them. "
            "Pass allow_missing=True for a PCA whose `transform` is right; its `inverse_transform` "
            "is not, without the mean, and what it reports about variances is NaN or missing."
        )
    components = np.array(decode(project.components))
    pca = PCA(n_components=components.shape[0], whiten=project.divide is not None)
    pca.components_ = components
    pca.n_components_ = components.shape[0]
    if project.mean is not None:
        pca.mean_ = project.mean.copy()
    elif project.offset is not None:
        # Of all means with this projection, the one that lies in the components' span.
        pca.mean_ = np.linalg.pinv(components) @ project.offset
    else:
        pca.mean_ = np.zeros(components.shape[1])
    # scikit-learn 1.6 looks at the variances even where it does not whiten.
    variance = np.full(components.shape[0], np.nan)
    pca.explained_variance_ = variance if project.divide is None else project.divide**2
    return pca


# Registration


def _n_features(transformer: Any) -> int:
    n_features = getattr(transformer, "n_features_in_", None)
    if n_features is None:
        raise NotFittedError(
            f"This {type(transformer).__name__} has seen no data yet, so its number of columns is "
            "unknown. Call 'fit' first."
        )
    return int(n_features)


def _scaler_input(scaler: Any) -> InputSpec:
    centres = getattr(scaler, "with_mean", False) or getattr(scaler, "with_centering", False)
    return input_spec(scaler, finite="allow-nan", sparse=not centres)


def _dense_scaler_input(scaler: Any) -> InputSpec:
    return input_spec(scaler, finite="allow-nan")


def _finite_input(transformer: Any) -> InputSpec:
    _n_features(transformer)
    return input_spec(transformer, sparse=True)


def _copy(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.copy()


_LOWER: dict[type[Transform], Callable[[Any, bool], Any]] = {
    Impute: _lower_impute,
    Normalize: _lower_normalize,
    Project: _lower_project,
    Rescale: _lower_rescale,
    TextVectorize: lambda text, allow_missing: lower_text(text),
}

for _family in (
    TransformFamily(
        dotted_name(StandardScaler()),
        _lift_standard,
        _scaler_input,
        lambda: (StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False)),
    ),
    TransformFamily(
        dotted_name(MinMaxScaler()),
        _lift_min_max,
        _dense_scaler_input,
        lambda: (MinMaxScaler(), MinMaxScaler(feature_range=(-1, 1), clip=True)),
    ),
    TransformFamily(
        dotted_name(MaxAbsScaler()), _lift_max_abs, _scaler_input, lambda: (MaxAbsScaler(),)
    ),
    TransformFamily(
        dotted_name(RobustScaler()),
        _lift_robust,
        _scaler_input,
        lambda: (RobustScaler(), RobustScaler(with_centering=False)),
    ),
    TransformFamily(
        dotted_name(Normalizer()),
        _lift_normalizer,
        _finite_input,
        lambda: (Normalizer("l1"), Normalizer("l2"), Normalizer("max")),
    ),
    TransformFamily(
        dotted_name(SimpleImputer()),
        _lift_imputer,
        _imputer_input,
        lambda: (SimpleImputer(), SimpleImputer(strategy="median", add_indicator=True)),
    ),
    TransformFamily(
        dotted_name(PCA()),
        _lift_pca,
        _finite_input,
        lambda: (PCA(2), PCA(2, whiten=True)),
    ),
):
    register(_family)
