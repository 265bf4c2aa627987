"""Scorers and refit rules that bring the size of a model into scikit-learn's searches."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..reports import disk_bytes

__all__ = ["size_scorer", "smallest_within"]


def size_scorer(estimator: Any, X: Any = None, y: Any = None) -> float:
    """Score an estimator by its size: minus the bytes that it takes on disk.

    Larger is better, as in every scorer of scikit-learn, so the smallest model scores best.

    Parameters
    ----------
    estimator : estimator
        A fitted compressor is weighed by the file of its ``model_``, also as the last step of a
        pipeline (whose other steps are weighed as joblib writes them); any other estimator as
        joblib writes it.
    X, y : ignored
        What a scorer is handed.

    Returns
    -------
    float
        Minus the number of bytes.

    See Also
    --------
    smallest_within : Choose by size among the candidates that score well.
    size_report : Where the bytes are.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     DecisionTreeClassifier(random_state=0),
    ...     {"max_depth": [1, 2, 3, 4]},
    ...     scoring={"score": "accuracy", "size": skc.size_scorer},
    ...     refit=skc.smallest_within(0.05),
    ... ).fit(X, y)
    >>> search.best_params_
    {'max_depth': 2}
    """
    return -float(disk_bytes(estimator))


def smallest_within(
    drop: float, *, score: str = "score", size: str = "size", standard_errors: float = 0.0
) -> Callable[[Mapping[str, Any]], int]:
    """Make a rule for ``refit``: the smallest candidate whose score is near the best.

    Parameters
    ----------
    drop : float
        How much worse than the best mean test score a candidate may be, in units of the score.
    score : str, default="score"
        Name of the score among the search's ``scoring``.
    size : str, default="size"
        Name of the size among the search's ``scoring``, as `size_scorer` gives it.
    standard_errors : float, default=0
        Allow as many standard errors of the best candidate's mean in addition; 1 is the
        one-standard-error rule. They come from the differences between the folds.

    Returns
    -------
    callable
        Takes the search's ``cv_results_`` and gives ``best_index_``. Candidates whose score is
        NaN are left out; of equally small ones the better is taken.

    See Also
    --------
    size_scorer : The size as a scorer.

    Examples
    --------
    >>> import skcompress as skc
    >>> rule = skc.smallest_within(0.01)
    >>> rule(
    ...     {
    ...         "mean_test_score": [0.92, 0.90, 0.915, 0.70],
    ...         "mean_test_size": [-9000.0, -800.0, -2000.0, -100.0],
    ...     }
    ... )
    2
    """
    for name, value in (("drop", drop), ("standard_errors", standard_errors)):
        if not isinstance(value, numbers.Real) or not value >= 0 or math.isinf(value):
            raise ValueError(f"{name} must be a number that is not negative; got {value!r}.")

    def choose(results: Mapping[str, Any]) -> int:
        scores = _column(results, f"mean_test_{score}")
        sizes = _column(results, f"mean_test_{size}")
        valid = ~np.isnan(scores) & ~np.isnan(sizes)
        if not valid.any():
            raise ValueError("Every candidate's score or size is NaN: no fit succeeded.")
        scores = np.where(valid, scores, -np.inf)
        best = int(np.argmax(scores))
        allowed = drop + standard_errors * _standard_error(results, score, best)
        # A hair of room, so that a drop of exactly the tolerance is within it after rounding.
        allowed += 8 * np.spacing(abs(scores[best]) + allowed)
        near = np.flatnonzero(valid & (scores >= scores[best] - allowed))
        # Sizes are negative bytes: the largest is the smallest model.
        order = np.lexsort((-scores[near], -sizes[near]))
        return int(near[order[0]])

    return choose


def _column(results: Mapping[str, Any], name: str) -> np.ndarray:
    if name not in results:
        raise ValueError(
            f"The search has no {name!r}: its scoring must be a dictionary with "
            f"{name.removeprefix('mean_test_')!r} among its keys, as in "
            'scoring={"score": "accuracy", "size": skcompress.size_scorer}.'
        )
    return np.asarray(results[name], dtype=float)


def _standard_error(results: Mapping[str, Any], score: str, candidate: int) -> float:
    """The standard error of a candidate's mean score over the folds."""
    folds = [
        float(values[candidate])
        for name, values in results.items()
        if name.startswith("split") and name.endswith(f"_test_{score}")
    ]
    if len(folds) < 2:
        return 0.0
    return float(np.std(folds, ddof=1) / math.sqrt(len(folds)))
