"""`VerifyReport`: what compression did to a model's answers, in figures and in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ir.display import Display, axis_or_new
from ..ir.tables import Printed, Table

__all__ = ["Flips", "VerifyReport"]


@dataclasses.dataclass(frozen=True)
class Flips:
    """How the rows of one class fared.

    Attributes
    ----------
    label : object
        The class that the original predicts.
    n_rows : int
        Rows that it predicts it for.
    changed : int
        Of these, rows that get another label now.
    lost, gained : int
        Of these, rows that were right and are wrong, and the other way round.
    """

    label: Any
    n_rows: int
    changed: int
    lost: int
    gained: int


@dataclasses.dataclass(frozen=True)
class VerifyReport(Printed):
    """What compression did to a model's answers on some rows.

    Attributes
    ----------
    scoring : str
        Name of the score.
    n_rows : int
        Rows that were compared.
    score_before, score_after : float
        Scores of the original and of the compact model.
    lower_bound : float
        With the given confidence the difference of the scores is above this.
    tolerance, confidence : float
        What was asked.
    method : str
        How the bound was found: "Tango", "bootstrap", or "few rows" where these may hide more.
    rows_needed : int or None
        Rows that it takes to show "not worse" in four cases of five, if all else stays as it is;
        None where more rows would not help.
    agreement : float
        Share of rows with the same label before and after; for numbers, R² of the answers
        against the original's.
    largest_difference : float
        Largest change of a probability, else of a decision score, else of a predicted number.
    divergence, largest_divergence : float or None
        Jensen-Shannon divergence of the class probabilities in bits (0 to 1), mean and largest.
    losses, gains : int or None
        Rows that only the original has right, and rows that only the compact model has right.
    mcnemar_p : float or None
        Mid-p value of McNemar's test. A large one is no evidence that nothing was lost: that is
        what `not_worse` is for.
    flips : tuple of Flips
        By class, those with most changes first.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> X, y = load_digits(return_X_y=True)
    >>> svc = SVC().fit(X[:900], y[:900])
    >>> small = skc.compress(svc, level="lossless")
    >>> report = skc.verify(svc, small, X[900:], y[900:])
    >>> report.agreement, report.not_worse
    (1.0, True)
    """

    scoring: str
    n_rows: int
    score_before: float
    score_after: float
    lower_bound: float
    tolerance: float
    confidence: float
    method: str
    rows_needed: int | None
    agreement: float
    largest_difference: float
    divergence: float | None = None
    largest_divergence: float | None = None
    losses: int | None = None
    gains: int | None = None
    mcnemar_p: float | None = None
    flips: tuple[Flips, ...] = ()

    @property
    def difference(self) -> float:
        """Score after minus score before."""
        return self.score_after - self.score_before

    @property
    def not_worse(self) -> bool:
        """Whether the rows show that the score fell by less than the tolerance."""
        return self.lower_bound > -self.tolerance

    @property
    def verdict(self) -> str:
        """In words: shown, observed to be worse, or too few rows to tell."""
        if self.not_worse:
            return f"not worse by {self.tolerance:g} or more, with {self.confidence:.0%} confidence"
        if not self.difference > -self.tolerance:
            return f"worse by {-self.difference:.4f}, more than the tolerance of {self.tolerance:g}"
        needed = "" if self.rows_needed is None else f": about {self.rows_needed:,} are needed"
        return f"undecided: {self.n_rows:,} rows cannot show it{needed}"

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        plain = dataclasses.asdict(self)
        for flips in plain["flips"]:
            label = flips["label"]
            flips["label"] = label.item() if isinstance(label, np.generic) else label
        plain["flips"] = list(plain["flips"])
        return {
            **plain,
            "difference": self.difference,
            "not_worse": self.not_worse,
            "verdict": self.verdict,
        }

    def plot(self, ax: Any = None) -> Display:
        """Draw difference, bound and tolerance on a matplotlib axis, ``ax_`` of the result."""
        ax = axis_or_new(ax)
        color = "C2" if self.not_worse else "C3"
        bound = max(self.lower_bound, self.difference - 20 * max(self.tolerance, 1e-9))
        ax.plot([bound, self.difference], [0, 0], color=color, linewidth=3, marker="|")
        ax.plot([self.difference], [0], "o", color=color)
        ax.axvline(-self.tolerance, color="black", linestyle="--", label="tolerance")
        ax.axvline(0, color="C7", linewidth=0.8)
        ax.set(xlabel=f"difference of {self.scoring}", yticks=[], title=self.verdict)
        ax.legend()
        return Display(ax)

    def _tables(self) -> list[Table]:
        kind = "good" if self.not_worse else "unknown"
        if not self.difference > -self.tolerance:
            kind = "bad"
        tables = [Table(self.verdict, ("", ""), self._rows(), heading=self.verdict, kind=kind)]
        if any(flips.changed for flips in self.flips):
            most = max(flips.changed for flips in self.flips)
            shares = [flips.changed / most for flips in self.flips]
            rows = self._flip_rows()
            tables.append(Table("Changes by class", _FLIPS_HEADER, rows, shares=shares))
        return tables

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("rows", f"{self.n_rows:,}"),
            (f"{self.scoring} before", f"{self.score_before:.4f}"),
            (f"{self.scoring} after", f"{self.score_after:.4f}"),
            ("difference", f"{self.difference:+.4f}"),
            (f"lower bound ({self.method})", f"{self.lower_bound:+.4f}"),
            ("agreement", f"{self.agreement:.4f}"),
            ("largest difference of an output", f"{self.largest_difference:.3g}"),
        ]
        if self.divergence is not None and self.largest_divergence is not None:
            rows += [
                ("divergence of probabilities, mean", f"{self.divergence:.2g} bits"),
                ("divergence of probabilities, largest", f"{self.largest_divergence:.2g} bits"),
            ]
        if self.mcnemar_p is not None:
            rows += [
                ("right before, wrong after", f"{self.losses:,}"),
                ("wrong before, right after", f"{self.gains:,}"),
                ("McNemar's mid-p", f"{self.mcnemar_p:.3g}"),
            ]
        return rows

    def _flip_rows(self) -> list[tuple[str, ...]]:
        return [
            (str(f.label), f"{f.n_rows:,}", f"{f.changed:,}", f"{f.lost:,}", f"{f.gained:,}")
            for f in self.flips
        ]


_FLIPS_HEADER = ("class", "rows", "changed", "lost", "gained")
