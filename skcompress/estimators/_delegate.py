"""What everything does that holds a compact model after `fit`: delegate to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ..ir import SizeReport
from ..runtime import CompactModel

__all__ = ["Delegating", "unwrapped"]


def _offers(method: str) -> Callable[[Any], bool]:
    """Whether the compact model, or before `fit` the inner estimator, has a method."""

    def check(self: Delegating) -> bool:
        holder = getattr(self, "model_", None)
        getattr(self.estimator if holder is None else holder, method)
        return True

    return check


class Delegating(MetaEstimatorMixin, BaseEstimator):
    """Predicts with the compact model that its `fit` left in ``model_``."""

    estimator: Any
    model_: CompactModel

    def _keep(self, model: CompactModel) -> None:
        """Take a model as the result of `fit`."""
        self.model_ = model
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))
            elif hasattr(self, name):
                delattr(self, name)

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(unwrapped(self.estimator))
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


def unwrapped(estimator: Any) -> Any:
    """The model inside a FrozenEstimator: its type and tags are what counts."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
