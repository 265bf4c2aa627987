"""`diagnose`: where a model's bytes are, what it does not need, and whether to compress it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..estimators import compress
from ..estimators._compress import take
from ..families import lift
from ..ir import SizeReport, Sizes
from ..ir.display import Display
from ..ir.report import format_bytes
from ..ir.tables import Printed, Table
from ..recipes import LEVELS
from ..reports import size_report
from ..reports._answers import compact_of
from ..runtime import CompactModel
from ._redundancy import Redundancy, redundancies

__all__ = ["Diagnosis", "LevelEstimate", "diagnose"]

_SMALL = 20_000
_WORTH_IT = 1.5
_ROWS = 5_000


@dataclasses.dataclass(frozen=True)
class LevelEstimate:
    """What a level would make of the model.

    Attributes
    ----------
    level : str
        Name of the level.
    n_bytes : int
        Bytes of the file.
    loss : float or None
        What it lost of the score on held-out rows; None where nothing was judged.
    """

    level: str
    n_bytes: int
    loss: float | None


@dataclasses.dataclass(frozen=True)
class Diagnosis(Printed):
    """Where a model's bytes are, what it does not need, and whether to compress it.

    Attributes
    ----------
    sizes : Sizes
        The model's bytes by part.
    unneeded_bytes : int
        Bytes in memory that prediction does not read.
    redundancies : tuple of Redundancy
        What is there more often than it need be.
    levels : tuple of LevelEstimate
        Sizes at each level; those that judge by rows only where there were some.
    recommendation : str
        What to do: a call, or to leave the model as it is.
    reason : str
        Why.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X[:900], y[:900])
    >>> diagnosis = skc.diagnose(forest)
    >>> diagnosis.recommendation
    "compress(model, level='lossless')"
    """

    sizes: Sizes
    unneeded_bytes: int
    redundancies: tuple[Redundancy, ...]
    levels: tuple[LevelEstimate, ...]
    recommendation: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        plain = dataclasses.asdict(self)
        return plain | {name: list(plain[name]) for name in ("redundancies", "levels")}

    def plot(self, ax: Any = None) -> Display:
        """Draw the parts as bars on a matplotlib axis, ``ax_`` of what is returned."""
        return self.sizes.plot(ax)

    def _tables(self) -> list[Table]:
        advice = Table(
            "Recommended",
            ("do", "because"),
            [(self.recommendation, self.reason)],
            text=f"Recommended: {self.recommendation}\n{self.reason}",
            kind="good",
        )
        before = max(self.sizes.disk_bytes, 1)
        found: list[tuple[str, ...]] = [
            (r.what, f"{r.count:,}", f"{r.total:,}") for r in self.redundancies
        ]
        levels: list[tuple[str, ...]] = [
            (
                estimate.level,
                format_bytes(estimate.n_bytes),
                f"{before / estimate.n_bytes:.1f}",
                "" if estimate.loss is None else f"{estimate.loss:+.4f}",
            )
            for estimate in self.levels
        ]
        return [
            advice,
            *self.sizes._tables(),  # noqa: SLF001
            Table(
                "Redundant",
                ("redundant", "number", "of"),
                found,
                shares=[r.count / max(r.total, 1) for r in self.redundancies],
            ),
            Table(
                "Levels",
                ("level", "file", "times smaller", "loss of score"),
                levels,
                shares=[min(estimate.n_bytes / before, 1.0) for estimate in self.levels],
            ),
        ]


def diagnose(model: Any, X: Any = None, y: Any = None, *, random_state: int = 0) -> Diagnosis:
    """Say where a model's bytes are, what it does not need, and whether to compress it.

    Parameters
    ----------
    model : estimator or CompactModel
        Fitted.
    X : array-like of shape (n_rows, n_features), optional
        Rows that the model was not fitted on. Without them only the lossless size is known.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        Their targets; without them agreement with the model is judged.
    random_state : int, default=0
        Seed of what is held out, and of the 5000 rows that are drawn where there are more.

    Returns
    -------
    Diagnosis
        It prints as tables, with a recommendation.

    See Also
    --------
    size_report : The bytes by part alone, of any estimator.
    sensitivity_report : Which parts can do with few bits.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> mlp = MLPClassifier((64,), max_iter=50, random_state=0).fit(X[:900], y[:900])
    >>> print(skc.diagnose(mlp, X[900:], y[900:]))  # doctest: +ELLIPSIS
    Recommended: compress(model, X_val=X, y_val=y, level='...')
    ...
    """
    held = compact_of(model)
    compact = isinstance(held, CompactModel)
    ir = held.ir if compact else lift(held)
    sizes = size_report(held)
    levels = (
        (LevelEstimate("as it is", sizes.disk_bytes, None),)
        if compact
        else _levels(held, X, y, random_state)
    )
    recommendation, reason = _advice(sizes, levels, compact=compact, judged=X is not None)
    return Diagnosis(
        sizes=sizes,
        unneeded_bytes=sum(part.memory_bytes for part in sizes.parts if not part.needed),
        redundancies=redundancies(ir),
        levels=levels,
        recommendation=recommendation,
        reason=reason,
    )


def _levels(model: Any, X: Any, y: Any, random_state: int) -> tuple[LevelEstimate, ...]:
    rows: dict[str, Any] = {}
    if X is not None:
        n_rows = int(X.shape[0]) if hasattr(X, "shape") else len(X)
        if n_rows > _ROWS:
            drawn = np.random.default_rng(random_state).permutation(n_rows)[:_ROWS]
            X, y = take(X, np.sort(drawn)), take(y, np.sort(drawn))
        rows = {"X_val": X, "y_val": y}
    found = []
    for level in LEVELS if rows else ("lossless",):
        judged = {} if level == "lossless" else rows
        small = compress(model, level=level, random_state=random_state, **judged)
        report = small.size_report_
        found.append(LevelEstimate(level, report.after.disk_bytes, _loss(report)))
    return tuple(found)


def _loss(report: SizeReport) -> float | None:
    entries = [entry for entry in report.ledger if entry.score_before is not None]
    if not entries or entries[-1].score_after is None or entries[0].score_before is None:
        return None
    return entries[0].score_before - entries[-1].score_after


def _advice(
    sizes: Sizes, levels: tuple[LevelEstimate, ...], *, compact: bool, judged: bool
) -> tuple[str, str]:
    if compact:
        return "leave it as it is", "It is compressed already."
    before, lossless = sizes.disk_bytes, levels[0].n_bytes
    if before < _SMALL:
        return "leave it as it is", f"{format_bytes(before)} is hardly worth any step more."
    exact = (
        f"The same predictions fit into {format_bytes(lossless)}, {before / lossless:.1f} times "
        f"fewer bytes."
    )
    for estimate in reversed(levels[1:]):
        loss = estimate.loss or 0.0
        ratio = lossless / estimate.n_bytes
        if estimate.level != "tiny" and ratio >= _WORTH_IT:
            call = f"compress(model, X_val=X, y_val=y, level={estimate.level!r})"
            change = f"At a loss of {loss:.4f}" if loss >= 0 else f"Scoring {-loss:.4f} better"
            more = f"{change} on these rows it gets {ratio:.1f} times smaller still."
            return call, f"{exact} {more}"
    if before / lossless < _WORTH_IT:
        return "leave it as it is", "Compression hardly makes it smaller."
    unknown = "" if judged else " Rows that the model was not fitted on would tell what more costs."
    return "compress(model, level='lossless')", exact + unknown
