"""`verify`: what compression did to a model's answers, and whether it is no worse than before."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.utils import assert_all_finite

from ..families._sklearn_internals import Interval, validate_params
from ._answers import Answers, compact_of
from ._decide import Asked, all_equal, by_accuracy, by_r2, by_scorer, r2_of
from ._paired import mcnemar_mid_p
from .verdict import Flips, VerifyReport

__all__ = ["assert_not_worse", "verify"]


@validate_params(
    {
        "original": "no_validation",
        "compact": "no_validation",
        "X": "no_validation",
        "y": "no_validation",
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "confidence": [Interval(Real, 0.5, 1, closed="neither")],
        "scoring": [str, callable, None],
        "n_resamples": [Interval(Integral, 100, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def verify(
    original: Any,
    compact: Any,
    X: Any,
    y: Any = None,
    *,
    tolerance: float = 0.005,
    confidence: float = 0.95,
    scoring: Any = None,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> VerifyReport:
    """Compare a compact model with the original, and decide whether it is no worse.

    "Not worse" is a claim that has to be shown: the lower bound of the difference of the scores,
    at the given confidence, must be above minus the tolerance. Too few rows show nothing, and
    then the report says how many it takes.

    Parameters
    ----------
    original : estimator or CompactModel
        Fitted.
    compact : CompactModel or estimator
        What became of it. Of a fitted compressor the ``model_`` is taken.
    X : array-like of shape (n_rows, n_features)
        Rows that took no part in fitting or compressing.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        True labels or values; without them what the original answers is held to be true.
    tolerance : float, default=0.005
        Loss that is allowed, in units of the score.
    confidence : float, default=0.95
        One-sided level of confidence.
    scoring : str, callable or None, default=None
        The score, greater is better; None: accuracy or R².
    n_resamples : int, default=1000
        Resamples of the bootstrap, which all scores but accuracy need.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    VerifyReport
        It prints as a table.

    See Also
    --------
    assert_not_worse : Raises where "not worse" is not shown.

    Notes
    -----
    For accuracy the bound is Tango's score interval for paired proportions, corrected so that
    at most 5 % of its claims are wrong at 95 % confidence, also where few rows differ. For other
    scores it is the percentile of a paired Bayesian bootstrap, in which two rows are added whose
    like is not among these: one costs twice as much as the worst, the other as much as the
    answer for another row. They are also bounded by what the rows that changed most may hide: where
    a few of them hold most of the loss, it takes more rows.

    References
    ----------
    .. [1] T. Tango, "Equivalence test and confidence interval for the difference in proportions
       for the paired-sample design", Statistics in Medicine 17, 1998.
    .. [2] D. Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981.
    .. [3] E. Learned-Miller, P. Thomas, "A new confidence interval for the mean of a bounded
       random variable", arXiv 1905.06208, 2019.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(50, random_state=0).fit(X[:800], y[:800])
    >>> small = skc.compress(forest, X_val=X[800:1100], y_val=y[800:1100])
    >>> report = skc.verify(forest, small, X[1100:], y[1100:], tolerance=0.05)
    >>> print(report)  # doctest: +ELLIPSIS
    not worse by 0.05 or more, with 95% confidence
    ...
    """
    models = compact_of(original), compact_of(compact)
    for model in models:
        if not hasattr(model, "predict"):
            raise TypeError(
                f"verify takes models that predict; got {type(model).__name__}, which does not."
            )
    if (X.shape[0] if hasattr(X, "shape") else len(X)) == 0:
        raise ValueError("verify needs rows to compare the models on; X has none.")
    before, after = (Answers.of(model, X) for model in models)
    labels = is_classifier(models[0]) or is_outlier_detector(models[0])
    first = np.asarray(before.known["predict"])
    second = _shaped(after.known["predict"], first, "the compact model predicts")
    truth = first if y is None else _shaped(y, first, "y has")
    if labels and not np.isin(truth, first).any():
        raise ValueError(
            f"y has labels such as {truth.ravel().tolist()[0]!r}, of which the original predicts "
            f"none; it predicts labels such as {first.ravel().tolist()[0]!r}."
        )
    n_rows = len(first)
    asked = Asked(tolerance, confidence, n_resamples, random_state)
    found: dict[str, Any]
    if labels and scoring in (None, "accuracy"):
        found = by_accuracy(first, second, truth, asked)
        if y is None:
            found["scoring"] = "agreement"
    elif scoring in (None, "r2"):
        found = by_r2(first, second, truth, asked)
    else:
        found = by_scorer(before, after, truth, scoring, asked)
    if labels:
        found |= _flips(first, second, truth)
    else:
        found["agreement"] = r2_of(first, second)
    return VerifyReport(
        n_rows=n_rows,
        tolerance=float(tolerance),
        confidence=float(confidence),
        **found,
        **_changes(before, after),
    )


def assert_not_worse(original: Any, compact: Any, X: Any, y: Any = None, **settings: Any) -> None:
    """Raise unless `verify` shows that a compact model is no worse: for tests of a model.

    Parameters
    ----------
    original, compact, X, y
        As `verify` takes them.
    **settings : dict
        Keyword arguments of `verify`, such as ``tolerance``.

    Raises
    ------
    AssertionError
        If the score fell by the tolerance or more, or the rows are too few to tell. The message
        is the report.

    See Also
    --------
    verify : The report itself.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> X, y = load_digits(return_X_y=True)
    >>> svc = SVC().fit(X[:900], y[:900])
    >>> skc.assert_not_worse(svc, skc.compress(svc, level="lossless"), X[900:], y[900:])
    """
    report = verify(original, compact, X, y, **settings)
    if not report.not_worse:
        raise AssertionError(str(report))


def _shaped(values: Any, like: np.ndarray, what: str) -> np.ndarray:
    """Values for the same rows and targets as those of the original."""
    array = np.asarray(values)
    if array.shape[:1] != like.shape[:1] or array.size != like.size:
        raise ValueError(f"{what} values of shape {array.shape}, not {like.shape}.")
    if array.dtype.kind == "f":
        assert_all_finite(array, input_name=what.split(maxsplit=1)[0])
    return array.reshape(like.shape)


def _flips(first: np.ndarray, second: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Agreement, McNemar's test, and of one target the changes by class."""
    same = all_equal(first == second)
    right = [all_equal(predicted == truth) for predicted in (first, second)]
    lost, gained = right[0] & ~right[1], right[1] & ~right[0]
    flips: list[Flips] = []
    if first.ndim == 1:
        classes, group = np.unique(first, return_inverse=True)
        counts = [
            np.bincount(group[kind], minlength=classes.size) for kind in (~same, lost, gained)
        ]
        rows = zip(classes, np.bincount(group), *counts, strict=True)
        flips = [Flips(label, *(int(count) for count in numbers)) for label, *numbers in rows]
    return {
        "agreement": float(same.mean()),
        "losses": int(lost.sum()),
        "gains": int(gained.sum()),
        "mcnemar_p": mcnemar_mid_p(int(lost.sum()), int(gained.sum())),
        "flips": tuple(sorted(flips, key=lambda item: -item.changed)),
    }


def _changes(before: Answers, after: Answers) -> dict[str, Any]:
    """The largest change of an output, and the divergence of the probabilities."""
    for name in ("predict_proba", "decision_function", "score_samples", "predict"):
        if name in before.known and name in after.known:
            break
    pairs = list(zip(_parts(before.known[name]), _parts(after.known[name]), strict=True))
    if name == "predict" and pairs[0][0].dtype.kind not in "iuf":
        return {"largest_difference": float(any(bool((a != b).any()) for a, b in pairs))}
    largest = max(float(np.abs(a.astype(float) - b).max()) for a, b in pairs)
    if name != "predict_proba":
        return {"largest_difference": largest}
    divergence = np.mean([_jensen_shannon(a, b) for a, b in pairs], axis=0)
    return {
        "largest_difference": largest,
        "divergence": float(divergence.mean()),
        "largest_divergence": float(divergence.max()),
    }


def _parts(answers: Any) -> list[np.ndarray]:
    parts = answers if isinstance(answers, list) else [answers]
    return [np.asarray(part).reshape(len(part), -1) for part in parts]


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Divergence of the rows of two matrices of probabilities, in bits."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(part > 0, part * np.log2(part / middle), 0.0) for part in (p, q)]
    return np.clip((terms[0] + terms[1]).sum(axis=1) / 2, 0.0, 1.0)
