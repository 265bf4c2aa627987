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
    known : dict of str to ndarray or list of ndarray
        Method -> what it answers for the rows.
    """

    def __init__(self, model: Any, known: dict[str, Any]) -> None:
        self._model, self.known = model, known
        if hasattr(model, "classes_"):
            self.classes_ = model.classes_

    @classmethod
    def of(cls, model: Any, X: Any) -> Answers:
        """What a model answers for some rows."""
        return cls(model, {m: getattr(model, m)(X) for m in _METHODS if hasattr(model, m)})

    def followed_by(self, other: Answers) -> Answers:
        """These answers, and after them another model's for the same rows."""
        names = [name for name in self.known if name in other.known]
        known = {name: _stacked(self.known[name], other.known[name]) for name in names}
        return Answers(self._model, known)

    @property
    def numbers(self) -> np.ndarray:
        """A row of numbers for each: probabilities, else scores, else what is predicted."""
        for name in ("predict_proba", "decision_function", "score_samples"):
            if name in self.known:
                return _columns(self.known[name])
        answers = np.asarray(self.known["predict"])
        if answers.dtype.kind not in "fiub":
            answers = np.unique(answers, return_inverse=True)[1].reshape(answers.shape)
        return _columns(answers)

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


def _columns(answers: Any) -> np.ndarray:
    parts = answers if isinstance(answers, list) else [answers]
    return np.hstack([np.asarray(part, np.float64).reshape(len(part), -1) for part in parts])


def _stacked(first: Any, second: Any) -> Any:
    if isinstance(first, list):
        return [np.concatenate(pair) for pair in zip(first, second, strict=True)]
    return np.concatenate([first, np.asarray(second).reshape(np.shape(first))])


def compact_of(model: Any) -> Any:
    """The compact model of a fitted compressor; any other model itself."""
    held = getattr(model, "model_", None)
    return held if isinstance(held, CompactModel) else model
