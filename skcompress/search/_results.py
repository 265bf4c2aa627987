"""From measurements to ``cv_results_``, and the choice among candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from ..exceptions import BudgetError
from ..ir.report import format_bytes
from ..ir.tables import Table
from ._folds import Measured
from ._front import pareto

__all__ = ["budget_error", "choose", "front_of", "front_table", "table"]


def table(
    candidates: Sequence[dict[str, Any]],
    measured: Sequence[Sequence[Measured]],
    original: np.ndarray,
) -> dict[str, Any]:
    """The columns of ``cv_results_``.

    Parameters
    ----------
    candidates : sequence of dict
        Their settings.
    measured : sequence of sequence of Measured
        A row for each candidate, an entry for each fold.
    original : ndarray of shape (n_folds,)
        Scores of the inner models.

    Returns
    -------
    dict
        Name -> column.
    """
    results: dict[str, Any] = {}
    for name, field in (("fit_time", "seconds"), ("score_time", "score_seconds")):
        _add(results, name, np.array([[getattr(m, field) for m in row] for row in measured]))
    names = sorted({name for params in candidates for name in params})
    for name in names:
        values = [params.get(name) for params in candidates]
        column = np.empty(len(values), dtype=object)
        column[:] = values
        absent = [name not in params for params in candidates]
        results[f"param_{name}"] = np.ma.MaskedArray(column, mask=absent, fill_value="?")
    results["params"] = list(candidates)
    scores = np.array([[m.score for m in row] for row in measured])
    # One fold's files tell: those of the others differ little, and writing takes longest.
    results["n_bytes"] = np.array([row[0].n_bytes for row in measured], dtype=np.int64)
    for label, matrix in (("score", scores), ("loss", original - scores)):
        for fold, column in enumerate(matrix.T):
            results[f"split{fold}_test_{label}"] = column
        _add(results, f"test_{label}", matrix)
    mean = results["mean_test_score"]
    worst = np.where(np.isnan(mean), -np.inf, mean)
    results["rank_test_score"] = rankdata(-worst, method="min").astype(np.int32)
    return results


def _add(results: dict[str, Any], name: str, values: np.ndarray) -> None:
    results[f"mean_{name}"] = values.mean(axis=1)
    results[f"std_{name}"] = values.std(axis=1)


def choose(
    results: dict[str, Any], tolerance: float | None, max_bytes: int | None
) -> tuple[list[int], int]:
    """Candidates that are allowed, the best choice first, and the one closest to being allowed.

    Parameters
    ----------
    results : dict
        As `table` gives it.
    tolerance : float or None
        Loss that is allowed.
    max_bytes : int or None
        Bytes that are allowed.

    Returns
    -------
    list of int
        May be empty.
    int
        Of candidates within one limit, if that can be, the nearest to the other.
    """
    scores, n_bytes = results["mean_test_score"], results["n_bytes"]
    losses = results["mean_test_loss"]
    valid = np.isfinite(scores)
    if not valid.any():
        raise ValueError("The score of every candidate is NaN.")
    small = valid if max_bytes is None else valid & (n_bytes <= max_bytes)
    # A hair of room, so that a loss of exactly the tolerance is within it after rounding.
    good = valid if tolerance is None else valid & (losses <= tolerance + 1e-12)
    if tolerance is None and max_bytes is None:
        best = int(np.argmax(np.where(valid, scores, -np.inf)))
        good = valid & (scores >= scores[best] - _standard_error(results, best) - 1e-12)
    by_score = np.lexsort((n_bytes, -np.where(valid, scores, -np.inf)))
    by_size = np.lexsort((-scores, n_bytes))
    allowed = small & good
    order = by_size if max_bytes is None else by_score
    if max_bytes is None or not small.any():
        closest = int(np.argmin(np.where(valid, losses if max_bytes is None else n_bytes, np.inf)))
    else:
        closest = int(np.argmin(np.where(small, losses, np.inf)))
    return [int(place) for place in order if allowed[place]], closest


def _standard_error(results: dict[str, Any], place: int) -> float:
    folds = [
        float(column[place])
        for name, column in results.items()
        if name.startswith("split") and name.endswith("_test_loss")
    ]
    return float(np.std(folds, ddof=1) / math.sqrt(len(folds))) if len(folds) > 1 else 0.0


def front_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The candidates that no other beats in both, the smallest first, as plain dictionaries."""
    return [
        {
            "index": int(place),
            "params": results["params"][place],
            "n_bytes": int(results["n_bytes"][place]),
            "score": float(results["mean_test_score"][place]),
            "loss": float(results["mean_test_loss"][place]),
        }
        for place in pareto(results["n_bytes"], results["mean_test_score"])
    ]


def front_table(
    front: Sequence[dict[str, Any]], chosen: int, original_score: float, n_candidates: int
) -> Table:
    """The front as a terminal shows it, with the choice marked."""
    most = max(point["n_bytes"] for point in front)
    names = sorted({name for point in front for name in point["params"]})
    rows = [
        (
            format_bytes(point["n_bytes"]),
            f"{point['score']:.4f}",
            f"{point['loss']:+.4f}",
            *(str(point["params"].get(name, "")) for name in names),
        )
        for point in front
    ]
    title = f"{len(front)} of {n_candidates} candidates that no other beats"
    title += f"; the uncompressed model scores {original_score:.4f}"
    return Table(
        title,
        ("file", "score", "loss", *names),
        rows,
        shares=[point["n_bytes"] / most for point in front],
        kinds=["good" if point["index"] == chosen else "" for point in front],
    )


def budget_error(
    results: dict[str, Any], closest: int, tolerance: float | None, max_bytes: int | None
) -> BudgetError:
    """What is raised where no candidate is allowed; it names the closest."""
    n_bytes = int(results["n_bytes"][closest])
    loss = float(results["mean_test_loss"][closest])
    asked = [] if tolerance is None else [f"a loss of {tolerance:g}"]
    asked += [] if max_bytes is None else [f"{max_bytes} bytes"]
    return BudgetError(
        f"No candidate is within {' and '.join(asked)}: the closest, "
        f"{results['params'][closest]}, takes {n_bytes} bytes and loses {loss:.4f}. "
        "Allow more, or search a larger space.",
        n_bytes=n_bytes,
        loss=loss,
        settings=results["params"][closest],
    )
