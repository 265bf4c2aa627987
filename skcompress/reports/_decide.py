"""Whether a compact model is no worse, by accuracy, by R² or by any other score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from ._answers import Answers
from ._few import FewRows, few_of_score, few_rows
from ._paired import bootstrap_bound, rows_for_bootstrap, rows_for_tango, tango_bound

__all__ = ["Asked", "all_equal", "by_accuracy", "by_r2", "by_scorer", "r2_of"]

_HEAVIEST = 2.0
"""What lies beyond the worst row seen costs so many times as much as it: the mean beyond it where
costs have the heaviest tail for which a standard error exists at all, that of index 2."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the caller wants to know, and how carefully."""

    tolerance: float
    confidence: float
    n_resamples: int
    random_state: int


def by_accuracy(
    first: np.ndarray, second: np.ndarray, truth: np.ndarray, asked: Asked
) -> dict[str, Any]:
    """The fields of a report that accuracy decides, by Tango's interval.

    Parameters
    ----------
    first, second, truth : ndarray
        Labels before and after, and the true ones.
    asked : Asked
        How carefully.

    Returns
    -------
    dict
        Name -> value.
    """
    right = [all_equal(predicted == truth) for predicted in (first, second)]
    losses, gains = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    counts = losses, gains, len(truth)
    return {
        "scoring": "accuracy",
        "score_before": float(right[0].mean()),
        "score_after": float(right[1].mean()),
        "lower_bound": tango_bound(*counts, asked.confidence),
        "method": "Tango",
        "rows_needed": rows_for_tango(*counts, asked.tolerance, asked.confidence),
    }


def by_r2(first: np.ndarray, second: np.ndarray, truth: np.ndarray, asked: Asked) -> dict[str, Any]:
    """The fields of a report that R² decides, by the paired bootstrap and the rows that lost most.

    Parameters
    ----------
    first, second, truth : ndarray
        Numbers before and after, and the true ones.
    asked : Asked
        How carefully.

    Returns
    -------
    dict
        Name -> value.
    """
    truth, first, second = (
        np.asarray(part, np.float64).reshape(len(truth), -1) for part in (truth, first, second)
    )
    # Far from zero the squares would drown what they differ by.
    shifted = truth - truth.mean(axis=0)
    gained = np.square(truth - first) - np.square(truth - second)
    width = truth.shape[1]
    columns = np.hstack([shifted, np.square(shifted), gained])

    def difference(weights: np.ndarray) -> np.ndarray:
        means = (weights @ columns) / weights.sum(axis=1, keepdims=True)
        mean, square, gain = (means[:, k * width : (k + 1) * width] for k in range(3))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = gain / (square - np.square(mean))
        return np.asarray(np.where(gain == 0, 0.0, ratio).mean(axis=1))

    scores = [r2_of(truth, predicted) for predicted in (first, second)]
    spread = np.square(shifted).mean(axis=0)

    def by_row(squares: np.ndarray) -> np.ndarray:
        return np.asarray((squares / np.where(spread == 0, 1.0, spread)).mean(axis=1))

    lost = by_row(-gained)
    mixed = np.random.default_rng(asked.random_state).permutation(len(truth))
    other = max(scores[0] - r2_of(truth, first[mixed]), 0.0)
    few = few_rows(
        lost,
        moved=by_row(np.square(second - first)),
        told=by_row(np.square(first - first.mean(axis=0))),
        possible=by_row(np.square(shifted)),
        swap=(other, by_row(np.square(first[mixed] - first))),
    )
    unseen = max(_HEAVIEST * float(lost.max()), 0.0), other
    found = _by_bootstrap(difference, scores, len(truth), unseen, asked, "R²")
    return found | _by_few(few, found, asked)


def by_scorer(
    before: Answers, after: Answers, truth: np.ndarray, scoring: Any, asked: Asked
) -> dict[str, Any]:
    """The fields of a report that another score decides, by the paired bootstrap.

    Parameters
    ----------
    before, after : Answers
        Of the two models.
    truth : ndarray
        What is true.
    scoring : str or callable
        The score.
    asked : Asked
        How carefully.

    Returns
    -------
    dict
        Name -> value.
    """
    scorer = check_scoring(before, scoring=scoring)
    places = np.arange(len(truth)).reshape(-1, 1)
    weighs = _takes_weights(scorer, before, places, truth)

    def score(answers: Answers, rows: np.ndarray, targets: np.ndarray, **weights: Any) -> float:
        return float(scorer(answers, rows, targets, **weights))

    def one(weights: np.ndarray) -> float:
        if weighs:
            shares = {"sample_weight": weights}
            return score(after, places, truth, **shares) - score(before, places, truth, **shares)
        drawn = np.repeat(places.ravel(), weights)
        if np.unique(truth[drawn]).size < 2:
            return math.nan
        rows = places[drawn]
        return score(after, rows, truth[drawn]) - score(before, rows, truth[drawn])

    scores = [score(answers, places, truth) for answers in (before, after)]
    mixed = np.random.default_rng(asked.random_state).permutation(len(truth))
    other = max(scores[0] - score(before, places[mixed], truth), 0.0)
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    # What the worst single row costs is not known here.
    found = _by_bootstrap(
        lambda weights: np.array([one(row) for row in weights]),
        scores,
        len(truth),
        (other, other),
        asked,
        name,
        counted=not weighs,
    )
    both = after.followed_by(before)

    def lost_by(rows: np.ndarray) -> float:
        restored = places.copy()
        restored[rows] += len(truth)
        return score(both, restored, truth) - scores[1]

    second, first = np.split(both.numbers, 2)
    few = few_of_score(
        scores[0] - scores[1],
        lost_by,
        moved=np.square(second - first).sum(axis=1),
        told=np.square(first - first.mean(axis=0)).sum(axis=1),
        possible=_possible(truth),
        swap=(other, np.square(first[mixed] - first).sum(axis=1)),
    )
    return found | _by_few(few, found, asked)


def _possible(truth: np.ndarray) -> np.ndarray:
    """What rows can lose, relative to each other: the more, the rarer or the farther off."""
    if truth.dtype.kind == "f":
        columns = truth.reshape(len(truth), -1)
        return np.asarray(np.square(columns - columns.mean(axis=0)).sum(axis=1))
    _, group, counts = np.unique(truth, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[group.ravel()])


def _takes_weights(scorer: Any, model: Answers, places: np.ndarray, truth: np.ndarray) -> bool:
    try:
        scorer(model, places, truth, sample_weight=np.ones(len(truth)))
    except TypeError:
        return False
    return True


def _by_bootstrap(
    difference: Callable[[np.ndarray], np.ndarray],
    scores: Sequence[float],
    n_rows: int,
    unseen: Sequence[float],
    asked: Asked,
    name: str,
    *,
    counted: bool = False,
) -> dict[str, Any]:
    bound = bootstrap_bound(
        difference,
        n_rows,
        asked.confidence,
        unseen,
        n_resamples=asked.n_resamples,
        random_state=asked.random_state,
        counted=counted,
    )
    observed = scores[1] - scores[0]
    return {
        "scoring": name,
        "score_before": scores[0],
        "score_after": scores[1],
        "lower_bound": bound.lower,
        "method": "bootstrap",
        "rows_needed": rows_for_bootstrap(
            observed, bound, n_rows, asked.tolerance, asked.confidence
        ),
    }


def _by_few(few: FewRows, found: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """The bound, and the rows needed, where few rows lost most."""
    bound = -few.most(asked.confidence)
    if bound >= found["lower_bound"]:
        return {}
    needed = few.rows_needed(asked.tolerance, asked.confidence)
    others = found["rows_needed"]
    return {
        "lower_bound": bound,
        "method": "few rows",
        "rows_needed": None if needed is None or others is None else max(needed, others),
    }


def all_equal(same: np.ndarray) -> np.ndarray:
    """Rows of which all entries are true."""
    return np.asarray(same.reshape(len(same), -1).all(axis=1))


def r2_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    """R², averaged over targets; of a constant target one where it is met, zero where not."""
    truth, predicted = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (truth, predicted))
    errors = np.square(truth - predicted).sum(axis=0)
    spread = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    constant = spread == 0
    ratio = errors / np.where(constant, 1.0, spread)
    return float(np.mean(np.where(constant, errors == 0, 1.0 - ratio)))
