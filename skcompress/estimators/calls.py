"""`compress` and `to_sklearn`: fitted models, in one call there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import indexable

from ..families import lower
from ..families._sklearn_internals import validate_params
from ..passes import Data
from ..recipes import gentler_recipes, level_recipe
from ..runtime import CompactModel
from ._compress import (
    Job,
    compress_fitted,
    compress_within,
    hold_out,
    make_score,
    seed_of,
    take,
)
from ._levels import LEVEL_CONSTRAINTS, allowed_loss, level_attempts

__all__ = ["compress", "to_sklearn"]


@validate_params(
    {
        "model": "no_validation",
        "X": "no_validation",
        "y": "no_validation",
        "X_val": "no_validation",
        "y_val": "no_validation",
        "sample_weight": ["array-like", None],
        **LEVEL_CONSTRAINTS,
        "keep_notes": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def compress(
    model: Any,
    X: Any = None,
    y: Any = None,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight: Any = None,
    level: str = "balanced",
    tolerance: float | None = None,
    max_bytes: int | None = None,
    scoring: Any = None,
    keep_notes: bool = False,
    random_state: Any = None,
    verbose: int = 0,
) -> CompactModel:
    """Compress a fitted model or pipeline; it is not changed.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : array-like of shape (n_samples, n_features), optional
        Rows to refit coefficients on. Without `X_val` a seeded fifth of them judges instead, so
        they should not be the rows that the model was fitted on: a forest is right on all of
        those. Without any rows only what needs none is done, and the report says so.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        Their targets; without them the original's predictions stand in.
    X_val, y_val : array-like, optional
        Rows that judge what may be done, never refitted on.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of X.
    level : {"lossless", "safe", "balanced", "tiny"}, default="balanced"
        How much of the score on held-out rows may be lost: nothing, 0.001, 0.005 or 0.02.
    tolerance : float, optional
        Overrides what the level allows, in units of `scoring`.
    max_bytes : int, optional
        Largest file. Where the level's result is larger, stronger levels are tried; then, unless a
        `tolerance` is given, whatever it costs, as little as it takes.
    scoring : str or callable, optional
        The score; by default accuracy or R².
    keep_notes : bool, default=False
        Keep what only `to_sklearn` needs.
    random_state : int, RandomState or None, default=None
        Seed of the held-out rows.
    verbose : int, default=0
        Show progress.

    Returns
    -------
    CompactModel
        What is served, pickled and written to disk; its ``size_report_`` tells what was done.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    UnsupportedEstimatorError
        If the model, or a step of the pipeline, is not supported.
    BudgetError
        If `max_bytes` cannot be met.

    See Also
    --------
    ModelCompressor : The same as an estimator, for pipelines and grid search.
    dump : Write the result to a file without pickle.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.model_selection import train_test_split
    >>> import skcompress as skc
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    >>> forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    >>> small = skc.compress(forest, X_val=X_val, y_val=y_val)
    >>> bool(small.score(X_test, y_test) > forest.score(X_test, y_test) - 0.02)
    True
    >>> bool(small.size_report_.ratio > 10)
    True
    """
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    seed = seed_of(random_state)
    allowed = allowed_loss(level, tolerance, max_bytes)
    refit = None if X is None else Data(X, y, weight)
    held_out = None if X_val is None else Data(X_val, y_val)
    if held_out is None and refit is not None and allowed is not None:
        X, y, weight = indexable(X, y, weight)
        parts = hold_out(X, y, seed, stratify=is_classifier(model))
        if parts is not None:
            refit, held_out = (Data(take(X, p), take(y, p), take(weight, p)) for p in parts)
    job = Job(
        recipe=lambda lifted: level_recipe(lifted, level),
        rivals=lambda lifted: gentler_recipes(lifted, level),
        tolerance=allowed,
        refit=refit,
        held_out=held_out,
        score=make_score(model, scoring),
        random_state=seed,
        keep_notes=keep_notes,
        verbose=int(verbose),
    )
    if max_bytes is None:
        return compress_fitted(model, job)
    return compress_within(model, level_attempts(job, level, tolerance), max_bytes)


def to_sklearn(model: CompactModel, *, allow_missing: bool = False) -> Any:
    """Turn a compact model back into a genuine scikit-learn estimator.

    Parameters
    ----------
    model : CompactModel
        What `compress`, `load` or a compressor's ``model_`` gave.
    allow_missing : bool, default=False
        Go ahead where the model lacks what only training left behind (impurities, sample
        counts); the attributes that no longer mean anything are listed in the estimator's
        ``skcompress_missing_``.

    Returns
    -------
    estimator
        A fitted estimator of the class that the model came from; quantized parameters are
        decoded. A pipeline where transforms come before it.

    Raises
    ------
    UnsupportedEstimatorError
        If no scikit-learn class can hold the model, or it lacks notes and `allow_missing` is
        false.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.tree import DecisionTreeClassifier, export_text
    >>> import skcompress as skc
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> pruner = skc.TreePruner(FrozenEstimator(tree), ccp_alpha=0.03, keep_notes=True)
    >>> pruner = pruner.fit(X, y)
    >>> print(export_text(skc.to_sklearn(pruner.model_)))
    |--- feature_3 <= 0.80
    |   |--- class: 0
    |--- feature_3 >  0.80
    |   |--- feature_3 <= 1.75
    |   |   |--- class: 1
    |   |--- feature_3 >  1.75
    |   |   |--- class: 2
    <BLANKLINE>
    """
    if not isinstance(model, CompactModel):
        raise TypeError(
            f"to_sklearn takes a CompactModel; got {type(model).__name__}. "
            "Pass the model_ of a fitted compressor."
        )
    return lower(model.ir, allow_missing=allow_missing)
