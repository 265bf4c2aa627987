"""What all compressors share: fit the inner model or take a frozen one, compress, delegate."""

from __future__ import annotations

import copy
import dataclasses
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_memory

from ..exceptions import UnsupportedEstimatorError
from ..families._sklearn_internals import HasMethods, Interval, fit_context, routing_enabled
from ..ir import Ledger, Model, Node
from ..passes import Beginnings, Data
from ..recipes import Recipe
from ..runtime import CompactModel
from ._compress import (
    Job,
    compress_fitted,
    compress_lifted,
    compress_within,
    hold_out,
    make_score,
    seed_of,
    take_data,
    take_params,
)
from ._delegate import Delegating, unwrapped
from ._ladder import stronger

__all__ = ["LIMITS", "BaseCompressor"]

LIMITS: dict[str, list[Any]] = {
    "tolerance": [Interval(Real, 0, None, closed="left"), None],
    "max_bytes": [Interval(Integral, 1, None, closed="left"), None],
    "scoring": [str, callable, None],
}
"""Constraints of parameters that several compressors have."""


def _fit_inner(estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
    """Fit; a function of its own so that `joblib.Memory` can remember what it gave."""
    return estimator.fit(X, y, **fit_params)


class BaseCompressor(Delegating, metaclass=ABCMeta):
    """Base of the compressors.

    A subclass says which predictors it takes and which recipe its parameters mean.
    """

    _predictors: ClassVar[tuple[type[Node], ...]] = ()
    _takes: ClassVar[str] = ""
    _ladder: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Settings that `max_bytes` turns to, each stronger than the one before."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "memory": [str, HasMethods(["cache"]), None],
        "keep_notes": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _recipe(self, model: Model) -> Recipe:
        """The passes that the parameters mean for this model."""

    def _tolerance(self) -> float | None:
        """Score that may be lost on held-out rows; None where nothing is judged."""
        return getattr(self, "tolerance", None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None, **fit_params: Any
    ) -> Self:
        """Fit the inner model, or take the frozen one, and compress it.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or list of str, of shape (n_samples, n_features)
            Training rows; calibration rows if the inner estimator is frozen.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Targets.
        X_val : array-like of shape (n_held_out, n_features), optional
            Rows that judge what may be done. Where the settings need some and none are given, a
            seeded fifth of X is held out, before an unfitted inner model is fitted.
        y_val : array-like of shape (n_held_out,) or (n_held_out, n_outputs), optional
            Their targets; without them agreement with the original model is judged.
        **fit_params : dict
            Parameters of the inner `fit`, such as ``sample_weight``, which refits and judgement
            honour too.

        Returns
        -------
        object
            The fitted compressor.

        Raises
        ------
        UnsupportedEstimatorError
            If this compressor does not take models of that kind.
        """
        frozen = isinstance(self.estimator, FrozenEstimator)
        inner_params = self._inner_fit_params(fit_params)
        weight = inner_params.get("sample_weight")
        job = self._job()
        if X_val is not None:
            refit = Data(X, y, _array(weight))
            held_out: Data | None = Data(X_val, y_val)
        else:
            refit, held_out, inner_params = self._split(X, y, weight, inner_params, job)
        inner = self.estimator.estimator if frozen else self._fitted_inner(refit, inner_params)
        rows = None if X is None else refit
        model = self._compress(inner, dataclasses.replace(job, refit=rows, held_out=held_out))
        self._keep(model)
        return self

    def _compress(self, inner: Any, job: Job) -> CompactModel:
        max_bytes = getattr(self, "max_bytes", None)
        if max_bytes is None:
            return compress_fitted(inner, job)
        tried: list[BaseCompressor] = []
        model = compress_within(inner, self._attempts(job, tried), max_bytes)
        self._adopt(tried[-1])
        return model

    def _compress_anew(self, inner: Any, job: Job) -> CompactModel:
        """Compress with these parameters, whoever planned the job."""
        self._validate_params()
        return self._compress(inner, dataclasses.replace(job, recipe=self._checked_recipe))

    def _adopt(self, other: BaseCompressor) -> None:
        """Take what another learned besides the model, such as a report of fine-tuning."""
        for name, value in vars(other).items():
            if name.endswith("_"):
                setattr(self, name, value)

    def _attempts(
        self, job: Job, tried: list[BaseCompressor]
    ) -> Iterator[tuple[dict[str, Any], Job]]:
        """The parameters as they are, then with ever stronger settings of the ladder."""
        names = sorted({name for rung in self._ladder for name in rung})
        attempt = copy.copy(self)
        for rung in ({}, *self._ladder):
            before = {name: getattr(attempt, name) for name in names}
            attempt = copy.copy(attempt)
            for name, value in rung.items():
                setattr(attempt, name, stronger(name, before[name], value))
            settings = {name: getattr(attempt, name) for name in names}
            if rung and settings == before:
                continue
            tried.append(attempt)
            yield settings, dataclasses.replace(job, recipe=attempt._checked_recipe)  # noqa: SLF001

    def _derive(
        self, lifted: Model, refit: Data, held_out: Data | None, beginnings: Beginnings | None
    ) -> tuple[Model, Ledger]:
        """What the parameters make of a model that a search has fitted and lifted."""
        self._validate_params()
        job = dataclasses.replace(
            self._job(), refit=refit, held_out=held_out, keep_notes=False, beginnings=beginnings
        )
        return compress_lifted(lifted, job)

    def _judges(self) -> bool:
        """Whether the parameters need held-out rows."""
        return self._tolerance() is not None

    def _job(self) -> Job:
        return Job(
            recipe=self._checked_recipe,
            tolerance=self._tolerance(),
            score=make_score(unwrapped(self.estimator), getattr(self, "scoring", None)),
            random_state=seed_of(self.random_state),
            keep_notes=self.keep_notes,
            verbose=int(self.verbose),
            ranked=bool(self._predictors) and getattr(self, "tolerance", None) is not None,
        )

    def _checked_recipe(self, model: Model) -> Recipe:
        if self._predictors and not isinstance(model.predictor, self._predictors):
            raise UnsupportedEstimatorError(
                f"{type(self).__name__} takes {self._takes}; got "
                f"{model.family.rpartition('.')[2]}. ModelCompressor takes any supported model."
            )
        return self._recipe(model)

    def _split(
        self, X: Any, y: Any, weight: Any, inner_params: dict[str, Any], job: Job
    ) -> tuple[Data, Data | None, dict[str, Any]]:
        """Hold rows out where something is to be judged and there are rows to spare."""
        everything = Data(X, y, _array(weight))
        if job.tolerance is None or X is None:
            return everything, None, inner_params
        stratify = is_classifier(unwrapped(self.estimator))
        X, y, weight = indexable(X, y, weight)
        parts = hold_out(X, y, job.random_state, stratify=stratify)
        if parts is None:
            return everything, None, inner_params
        rest, held = parts
        fitted_on, judged_by = (take_data(X, y, weight, rows) for rows in parts)
        return fitted_on, judged_by, take_params(inner_params, rest, rest.size + held.size)

    def _inner_fit_params(self, fit_params: dict[str, Any]) -> dict[str, Any]:
        if not routing_enabled():
            return fit_params
        return dict(process_routing(self, "fit", **fit_params).estimator.fit)

    def _fitted_inner(self, data: Data, inner_params: dict[str, Any]) -> Any:
        fit = check_memory(self.memory).cache(_fit_inner)
        return fit(clone(self.estimator), data.X, data.y, inner_params)

    def get_metadata_routing(self) -> MetadataRouter:
        """How metadata reaches the inner estimator's `fit`.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )


def _array(weight: Any) -> np.ndarray | None:
    return None if weight is None else np.asarray(weight, dtype=np.float64)
