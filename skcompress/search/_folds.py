"""The folds of a search: the inner model fitted once in each, candidates derived from it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator

from ..estimators._compress import (
    hold_out,
    n_rows_of,
    sizes_before,
    take,
    take_data,
    take_params,
)
from ..estimators._delegate import unwrapped
from ..families import lift
from ..format import dumps
from ..ir import Ledger, Model, Sizes
from ..passes import Beginnings, Data
from ..runtime import CompactModel

__all__ = ["Fold", "Measured", "evaluate", "fit_fold"]


@dataclasses.dataclass(frozen=True)
class Fold:
    """An inner model, the rows that candidates may use, and the rows that score them.

    Attributes
    ----------
    lifted : Model
        The inner model.
    refit : Data
        Rows to refit on.
    held_out : Data or None
        Rows to gate by, where settings ask for that.
    X, y : array-like or None
        Rows that score, and nothing else.
    score_params : dict
        What the scorer is handed besides.
    score, chance : float
        The inner model's score on them, and that of its answers for other rows.
    seconds : float
        Time of the inner fit.
    sizes : Sizes or None
        Of the inner model, where nothing scores it: the last fit.
    beginnings : Beginnings
        What recipes of candidates began with, on all rows.
    """

    lifted: Model
    refit: Data
    held_out: Data | None
    X: Any
    y: Any
    score_params: dict[str, Any]
    score: float
    chance: float
    seconds: float
    sizes: Sizes | None = None
    beginnings: Beginnings = dataclasses.field(default_factory=Beginnings, compare=False)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A candidate in a fold; bytes only where it was weighed."""

    score: float
    seconds: float
    score_seconds: float
    n_bytes: int | None = None


def fit_fold(
    estimator: Any,
    X: Any,
    y: Any,
    rows: np.ndarray | None,
    test: np.ndarray | None,
    fit_params: dict[str, Any],
    score_params: dict[str, Any],
    scorer: Any,
    *,
    judged: bool,
    seed: int,
) -> Fold:
    """Fit the inner model on some rows, or take the frozen one, and lift it.

    Parameters
    ----------
    estimator : estimator
        Unfitted, or a FrozenEstimator.
    X, y : array-like
        All rows and targets.
    rows, test : ndarray of int, or None
        Rows to fit on and to score by; None: all, and none.
    fit_params, score_params : dict
        Parameters of the inner fit and of the scorer; what has an entry per row is sliced.
    scorer : callable
        The score.
    judged : bool
        Hold rows out for settings that ask for that.
    seed : int
        Seed of the held-out rows.

    Returns
    -------
    Fold
        What `evaluate` takes.
    """
    start = time.perf_counter()
    n_rows = n_rows_of(X)
    if rows is None:
        rows = np.arange(n_rows)
    parts = None
    if judged:
        stratify = is_classifier(unwrapped(estimator))
        parts = hold_out(take(X, rows), take(y, rows), seed, stratify=stratify)
    fitted_on = rows if parts is None else rows[parts[0]]
    used = take_params(fit_params, fitted_on, n_rows)
    weight = fit_params.get("sample_weight")
    refit = take_data(X, y, weight, fitted_on)
    if isinstance(estimator, FrozenEstimator):
        fitted = estimator.estimator
    else:
        fitted = clone(estimator).fit(refit.X, refit.y, **used)
    held_out = None
    if parts is not None:
        held_out = take_data(X, y, weight, rows[parts[1]])
    lifted = lift(fitted)
    seconds = time.perf_counter() - start
    X_test = y_test = None
    used_by_scorer: dict[str, Any] = {}
    score = chance = np.nan
    if test is not None:
        X_test, y_test = take(X, test), take(y, test)
        used_by_scorer = take_params(score_params, test, n_rows)
        score = score_of(fitted, scorer, X_test, y_test, used_by_scorer)
        mixed = np.random.default_rng(seed).permutation(test.size)
        chance = score_of(fitted, scorer, take(X_test, mixed), y_test, used_by_scorer)
    sizes = sizes_before(fitted) if test is None else None
    return Fold(
        lifted, refit, held_out, X_test, y_test, used_by_scorer, score, chance, seconds, sizes
    )


def evaluate(
    compressors: Sequence[Any], fold: Fold, scorer: Any, share: float, seed: int, *, weigh: bool
) -> list[Measured]:
    """Derive candidates from a fold's inner model, and measure them.

    Parameters
    ----------
    compressors : sequence of BaseCompressor
        With the candidates' parameters.
    fold : Fold
        The fold.
    scorer : callable
        The score.
    share : float
        Share of the rows that is used, to refit and to score.
    seed : int
        Seed of that share.
    weigh : bool
        Count the bytes of the file, which can take longer than all else.

    Returns
    -------
    list of Measured
        Score, times and bytes of each.
    """
    refit, X, y, params = fold.refit, fold.X, fold.y, fold.score_params
    beginnings = fold.beginnings if share == 1 else Beginnings()
    if share < 1:
        generator = np.random.default_rng(seed)
        refit = _some_of(refit, share, generator)
        n_test = n_rows_of(X)
        rows = _some(n_test, share, generator)
        params = take_params(params, rows, n_test)
        X, y = take(X, rows), take(y, rows)
    measured = []
    for compressor in compressors:
        start = time.perf_counter()
        model = CompactModel(derive(compressor, fold, refit, beginnings)[0])
        middle = time.perf_counter()
        score = score_of(model, scorer, X, y, params)
        end = time.perf_counter()
        n_bytes = len(dumps(model)) if weigh else None
        measured.append(Measured(score, middle - start, end - middle, n_bytes))
    return measured


def derive(
    compressor: Any, fold: Fold, refit: Data, beginnings: Beginnings | None = None
) -> tuple[Model, Ledger]:
    """What a compressor makes of a fold's inner model."""
    return compressor._derive(fold.lifted, refit, fold.held_out, beginnings)  # noqa: SLF001


def score_of(model: Any, scorer: Any, X: Any, y: Any, params: dict[str, Any]) -> float:
    """A scorer's number."""
    return float(scorer(model, X, **params) if y is None else scorer(model, X, y, **params))


def _some(n_rows: int, share: float, generator: np.random.Generator) -> np.ndarray:
    count = min(n_rows, max(int(np.ceil(share * n_rows)), 20))
    return np.sort(generator.permutation(n_rows)[:count])


def _some_of(data: Data, share: float, generator: np.random.Generator) -> Data:
    rows = _some(len(data), share, generator)
    return take_data(data.X, data.y, data.sample_weight, rows)
