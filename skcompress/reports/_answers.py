"""What a model answers for some rows, remembered, so that scorers can ask again for any of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import get_tags

from ..runtime import CompactModel

__all__ = ["Answers", "compact_of"]

_METHODS = ("predict", "predict_proba", "decision_function", "score_samples")


class Answers:
    """An estimator whose answers for certain rows are known; its X are places of these rows.

    Parameters
    ----------
    model : estimator or CompactModel
        Fitted.
    X : array-like
        The rows.

    Attributes
    ----------
    known : dict of str to ndarray or list of ndarray
        Method -> what it answers for the rows.
    """

    def __init__(self, model: Any, X: Any) -> None:
        self._model = model
        self.known = {name: getattr(model, name)(X) for name in _METHODS if hasattr(model, name)}
        if hasattr(model, "classes_"):
            self.classes_ = model.classes_

    def fit(self, X: Any = None, y: Any = None) -> Answers:
        """Nothing to do: scorers want estimators to have it."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return get_tags(self._model)

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__.get("known", {})
        if name not in known:
            raise AttributeError(f"{type(self).__name__} has no {name!r}.")
        return _Lookup(name, known[name])


class _Lookup:
    """A method of the estimator; scorers of some versions read its name."""

    def __init__(self, name: str, answers: Any) -> None:
        self.__name__ = name
        self._answers = answers

    def __call__(self, X: Any) -> Any:
        rows = np.asarray(X).ravel()
        if isinstance(self._answers, list):
            return [part[rows] for part in self._answers]
        return self._answers[rows]


def compact_of(model: Any) -> Any:
    """The compact model of a fitted compressor; any other model itself."""
    held = getattr(model, "model_", None)
    return held if isinstance(held, CompactModel) else model
