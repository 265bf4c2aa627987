"""Lift, run a recipe, measure: the one way from a fitted estimator to a `CompactModel`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from ..exceptions import BudgetError
from ..families import lift
from ..families._sklearn_internals import safe_indexing
from ..format import dumps
from ..ir import Ledger, Model, SizeReport, Sizes
from ..passes import Beginnings, Context, Data, DropNotes, Score, file_bytes, run, run_ranked
from ..recipes import Recipe
from ..reports import size_report
from ..runtime import CompactModel
from ._progress import progress

__all__ = [
    "Job",
    "compress_fitted",
    "compress_lifted",
    "compress_within",
    "finished",
    "hold_out",
    "make_score",
    "seed_of",
    "sizes_before",
]

HELD_OUT_SHARE = 0.2
_LEAST_ROWS = 20
_LZMA_LIMIT = 100_000
_DENSEST = 25
"""Bytes of arrays that no file holds in one without loss."""


@dataclasses.dataclass(frozen=True)
class Job:
    """All that compression takes besides the model.

    Attributes
    ----------
    recipe : callable
        From the lifted model to its recipe.
    tolerance : float or None
        Score that may be lost on the held-out rows; None: nothing is judged.
    refit, held_out : Data or None
        Rows to refit on, rows to judge by.
    score : callable or None
        The user's scorer.
    random_state : int
        Seed.
    keep_notes : bool
        Keep what only `to_sklearn` needs.
    verbose : int
        Show progress.
    rivals : callable or None
        From the lifted model to gentler recipes, one of which is taken where its file is smaller.
    ranked : bool
        Where the recipe costs more than the tolerance, undo the parts of it that save the least
        for what they cost, and not those that come last.
    beginnings : Beginnings or None
        Shared by jobs for the same model and rows.
    """

    recipe: Callable[[Model], Recipe]
    rivals: Callable[[Model], tuple[Recipe, ...]] | None = None
    tolerance: float | None = None
    refit: Data | None = None
    held_out: Data | None = None
    score: Score | None = None
    random_state: int = 0
    keep_notes: bool = False
    verbose: int = 0
    ranked: bool = False
    beginnings: Beginnings | None = None


def compress_fitted(estimator: Any, job: Job) -> CompactModel:
    """Compress a fitted estimator; it is not changed.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    job : Job
        What is to be done.

    Returns
    -------
    CompactModel
        With its size report.
    """
    return finished(estimator, *compress_lifted(lift(estimator), job))


def compress_within(
    estimator: Any, attempts: Iterable[tuple[dict[str, Any], Job]], max_bytes: int
) -> CompactModel:
    """The first of several attempts, from the gentlest on, whose file is small enough.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    attempts : iterable of (dict, Job)
        Settings, for the message, and what they mean.
    max_bytes : int
        Largest file.

    Returns
    -------
    CompactModel
        With its size report.

    Raises
    ------
    BudgetError
        If none is; it carries the smallest.
    """
    original = lift(estimator)
    closest: tuple[int, dict[str, Any], Model, Ledger] | None = None
    for settings, job in attempts:
        model, ledger = compress_lifted(original, job)
        n_bytes = len(dumps(CompactModel(model)))
        if n_bytes <= max_bytes:
            return finished(estimator, model, ledger)
        if closest is None or n_bytes < closest[0]:
            closest = n_bytes, settings, model, ledger
    assert closest is not None
    n_bytes, settings, model, ledger = closest
    loss = _loss(ledger)
    named = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    raise BudgetError(
        f"Nothing that was tried fits into {max_bytes} bytes: the closest"
        + (f", with {named}," if named else "")
        + f" takes {n_bytes} bytes"
        + ("" if loss is None else f" and loses {loss:.4f} of the score")
        + ". Allow more bytes, or pass a larger tolerance.",
        n_bytes=n_bytes,
        loss=loss,
        settings=settings,
        model=finished(estimator, model, ledger),
    )


def finished(estimator: Any, model: Model, ledger: Ledger) -> CompactModel:
    """The compact model with its report."""
    before = sizes_before(estimator)
    after = size_report(CompactModel(model))
    return CompactModel(model, size_report=SizeReport(before=before, after=after, ledger=ledger))


def _loss(ledger: Ledger) -> float | None:
    scores = [
        score
        for entry in ledger
        for score in (entry.score_before, entry.score_after)
        if score is not None
    ]
    return scores[0] - scores[-1] if scores else None


def compress_lifted(original: Model, job: Job) -> tuple[Model, Ledger]:
    """Compress a model that is lifted already.

    Parameters
    ----------
    original : Model
        As `lift` gives it.
    job : Job
        What is to be done.

    Returns
    -------
    Model
        The smaller one.
    Ledger
        A line for each pass.
    """
    with progress(job.verbose) as listener:
        context = Context(
            original=original,
            refit=job.refit,
            # What only transforms has no score to judge by.
            held_out=None if original.predictor is None else job.held_out,
            tolerance=job.tolerance,
            score=job.score,
            random_state=job.random_state,
            progress=listener,
            beginnings=job.beginnings,
        )
        apply = run_ranked if job.ranked else run
        model, ledger = apply(job.recipe(original), original, context)
        rivals = () if job.rivals is None else job.rivals(original)
        if rivals:
            model, ledger = _smallest(original, (model, ledger), rivals, context)
        if not job.keep_notes:
            model, last = run((DropNotes(),), model, context)
            ledger = Ledger((*ledger, *last))
    return model, ledger


def _smallest(
    original: Model,
    found: tuple[Model, Ledger],
    rivals: tuple[Recipe, ...],
    context: Context,
) -> tuple[Model, Ledger]:
    """The result whose file is the smallest: few vectors or leaves may take more than many.

    Where the file is much shorter than any of a gentler recipe, none is tried.
    """
    plain = DropNotes().apply(original, context).nbytes
    n_bytes = file_bytes(found[0], context)
    for rival in rivals:
        if n_bytes * _DENSEST < plain:
            break
        other = run(rival, original, context)
        if (n_other := file_bytes(other[0], context)) < n_bytes:
            n_bytes, found = n_other, other
    return found


def sizes_before(estimator: Any) -> Sizes:
    """Sizes of an estimator, with LZMA where that takes no time."""
    sizes = size_report(estimator, lzma=False)
    # LZMA takes seconds a megabyte: on large models nobody waits for it unasked.
    return size_report(estimator) if sizes.disk_bytes <= _LZMA_LIMIT else sizes


def hold_out(
    X: Any, y: Any, random_state: Any, *, stratify: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Indices of the rows to fit on and of a seeded fifth to judge by.

    Parameters
    ----------
    X, y : array-like
        Rows and targets.
    random_state : int, RandomState or None
        Seed.
    stratify : bool
        Take a fifth of each class, rounded down, so that no class vanishes from either side
        that could be on it.

    Returns
    -------
    tuple of ndarray, or None
        None where there are too few rows to spare any.
    """
    n_rows = n_rows_of(X)
    if n_rows < _LEAST_ROWS:
        return None
    order = check_random_state(random_state).permutation(n_rows)
    target = None if y is None else np.asarray(y)
    if target is not None and target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if stratify and target is not None and target.ndim == 1:
        _, group = np.unique(target, return_inverse=True)
        grouped = order[np.argsort(group[order], kind="stable")]
        sizes = np.bincount(group)
        place = np.arange(n_rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        judged = place < np.floor(HELD_OUT_SHARE * np.repeat(sizes, sizes))
        held, rest = grouped[judged], grouped[~judged]
    else:
        count = int(HELD_OUT_SHARE * n_rows)
        held, rest = order[:count], order[count:]
    return (np.sort(rest), np.sort(held)) if held.size else None


def take(X: Any, rows: np.ndarray) -> Any:
    """Some rows of whatever scikit-learn takes; None stays None."""
    return None if X is None else safe_indexing(X, rows)


def take_data(X: Any, y: Any, weight: Any, rows: np.ndarray) -> Data:
    """Some rows, with their targets and weights."""
    if _length(weight) is not None:
        weight = take(weight, rows)
    return Data(
        take(X, rows), take(y, rows), None if weight is None else np.asarray(weight, np.float64)
    )


def take_params(params: dict[str, Any], rows: np.ndarray, n_rows: int) -> dict[str, Any]:
    """Parameters of which those that have an entry for each row keep the ones of some rows."""
    return {
        name: take(value, rows) if _length(value) == n_rows else value
        for name, value in params.items()
    }


def _length(value: Any) -> int | None:
    shape = getattr(value, "shape", None)
    if shape:
        return int(shape[0])
    return len(value) if isinstance(value, list | tuple) else None


def n_rows_of(X: Any) -> int:
    """How many rows there are."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def make_score(estimator: Any, scoring: Any) -> Score | None:
    """The scorer behind a `scoring` parameter; None for the default.

    Parameters
    ----------
    estimator : estimator
        What is going to be scored.
    scoring : str, callable or None
        As in `cross_validate`.
    """
    if scoring is None:
        return None
    scorer = check_scoring(estimator, scoring=scoring)

    def score(model: CompactModel, X: Any, y: Any, sample_weight: Any) -> float:
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(scorer(model, X, y, **weights))

    return score


def seed_of(random_state: Any) -> int:
    """One integer seed from a `random_state` parameter, which is drawn from only once."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**31 - 1))
    return int(random_state)
