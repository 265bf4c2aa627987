"""What all compressors share: fit the inner model or take a frozen one, compress, delegate."""

from __future__ import annotations

import dataclasses
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from ..exceptions import UnsupportedEstimatorError
from ..families._sklearn_internals import HasMethods, fit_context, routing_enabled
from ..ir import Model, Node, SizeReport
from ..passes import Data
from ..recipes import Recipe
from ..runtime import CompactModel
from ._compress import Job, compress_fitted, hold_out, make_score, seed_of, take

__all__ = ["BaseCompressor"]


def _offers(method: str) -> Callable[[Any], bool]:
    """Whether the compact model, or before `fit` the inner estimator, has a method."""

    def check(self: BaseCompressor) -> bool:
        holder = getattr(self, "model_", None)
        getattr(self.estimator if holder is None else holder, method)
        return True

    return check


def _fit_inner(estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
    """Fit; a function of its own so that `joblib.Memory` can remember what it gave."""
    return estimator.fit(X, y, **fit_params)


class BaseCompressor(MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the compressors.

    A subclass says which predictors it takes and which recipe its parameters mean.
    """

    _predictors: ClassVar[tuple[type[Node], ...]] = ()
    _takes: ClassVar[str] = ""

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
        return None

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
        self.model_ = model
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))
            elif hasattr(self, name):
                delattr(self, name)
        return self

    def _compress(self, inner: Any, job: Job) -> CompactModel:
        return compress_fitted(inner, job)

    def _job(self) -> Job:
        return Job(
            recipe=self._checked_recipe,
            tolerance=self._tolerance(),
            score=make_score(_unwrapped(self.estimator), getattr(self, "scoring", None)),
            random_state=seed_of(self.random_state),
            keep_notes=self.keep_notes,
            verbose=int(self.verbose),
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
        stratify = is_classifier(_unwrapped(self.estimator))
        X, y, weight = indexable(X, y, weight)
        parts = hold_out(X, y, job.random_state, stratify=stratify)
        if parts is None:
            return everything, None, inner_params
        rest, held = parts
        fitted_on, judged_by = (
            Data(take(X, rows), take(y, rows), _array(take(weight, rows))) for rows in parts
        )
        n_rows = rest.size + held.size
        sliced = {
            name: take(value, rest) if _per_row(value, n_rows) else value
            for name, value in inner_params.items()
        }
        return fitted_on, judged_by, sliced

    def _inner_fit_params(self, fit_params: dict[str, Any]) -> dict[str, Any]:
        if not routing_enabled():
            return fit_params
        return dict(process_routing(self, "fit", **fit_params).estimator.fit)

    def _fitted_inner(self, data: Data, inner_params: dict[str, Any]) -> Any:
        fit = check_memory(self.memory).cache(_fit_inner)
        return fit(clone(self.estimator), data.X, data.y, inner_params)

    def _checked(self, X: Any) -> Any:
        """Names and number of columns as scikit-learn checks them; values are the model's job."""
        check_is_fitted(self, "model_")
        if hasattr(self, "n_features_in_") and len(getattr(X, "shape", ())) == 2:
            validate_data(self, X, reset=False, skip_check_array=True)
        return X

    @available_if(_offers("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predict with the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels or values.
        """
        X = self._checked(X)
        return self.model_.predict(X)

    @available_if(_offers("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Class probabilities from the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such arrays
            Probabilities.
        """
        X = self._checked(X)
        return self.model_.predict_proba(X)

    @available_if(_offers("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the class probabilities from the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such arrays
            Log-probabilities.
        """
        X = self._checked(X)
        return self.model_.predict_log_proba(X)

    @available_if(_offers("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Scores from the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_scores)
            Scores.
        """
        X = self._checked(X)
        return self.model_.decision_function(X)

    @available_if(_offers("score_samples"))
    def score_samples(self, X: Any) -> np.ndarray:
        """Raw outlier scores from the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores.
        """
        X = self._checked(X)
        return self.model_.score_samples(X)

    @available_if(_offers("transform"))
    def transform(self, X: Any) -> Any:
        """Transform with the compact model, where the inner estimator transforms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Transformed rows.
        """
        X = self._checked(X)
        return self.model_.transform(X)

    @available_if(_offers("transform"))
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit, then transform the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), optional
            Targets.
        **fit_params : dict
            As `fit` takes them.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Transformed rows.
        """
        return self.fit(X, y, **fit_params).transform(X)

    @available_if(_offers("score"))
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy or R² of the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels or values.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            The score.
        """
        X = self._checked(X)
        return self.model_.score(X, y, sample_weight)

    @property
    def size_report_(self) -> SizeReport:
        """Bytes before and after, and what was done in between."""
        check_is_fitted(self, "model_")
        return self.model_.size_report_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(_unwrapped(self.estimator))
        for name in (
            "estimator_type",
            "target_tags",
            "transformer_tags",
            "classifier_tags",
            "regressor_tags",
            "input_tags",
            "non_deterministic",
        ):
            setattr(tags, name, getattr(inner, name))
        return tags


def _unwrapped(estimator: Any) -> Any:
    """The model inside a FrozenEstimator: its type and tags are what counts."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _array(weight: Any) -> np.ndarray | None:
    return None if weight is None else np.asarray(weight, dtype=np.float64)


def _per_row(value: Any, n_rows: int) -> bool:
    shape = getattr(value, "shape", None)
    length = shape[0] if shape else len(value) if isinstance(value, list | tuple) else None
    return length == n_rows
