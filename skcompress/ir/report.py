"""Sizes of a model by part, before and after, and the ledger of what was done in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from .display import Display, axis_or_new
from .tables import Printed, Table

__all__ = ["Ledger", "LedgerEntry", "SizePart", "SizeReport", "Sizes", "format_bytes"]


def format_bytes(count: float) -> str:
    """Bytes in the unit that reads best: ``1.5 MB`` (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


@dataclasses.dataclass(frozen=True)
class SizePart:
    """One line of a size table: what it is and how many bytes of memory it takes."""

    name: str
    memory_bytes: int
    needed: bool = True
    """Whether prediction reads it."""


@dataclasses.dataclass(frozen=True)
class Sizes(Printed):
    """How large one model is.

    Attributes
    ----------
    model : str
        Name of the model's class.
    disk_bytes : int
        Length of an uncompressed joblib dump, or of `skcompress.dumps` for a compact model.
    lzma_bytes : int or None
        Length of the joblib dump compressed with LZMA; None for a compact model.
    memory_bytes : int
        Bytes of all parts.
    parts : tuple of SizePart
        Where the bytes of memory are, largest first.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((50,), max_iter=300, random_state=0).fit(X, y)
    >>> sizes = skc.size_report(mlp)
    >>> sizes.memory_bytes == sum(part.memory_bytes for part in sizes.parts)
    True
    """

    model: str
    disk_bytes: int
    lzma_bytes: int | None
    memory_bytes: int
    parts: tuple[SizePart, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return dataclasses.asdict(self)

    def plot(self, ax: Any = None) -> Display:
        """Draw the parts as bars on a matplotlib axis, ``ax_`` of what is returned."""
        ax = axis_or_new(ax)
        names = [part.name for part in self.parts][::-1]
        colors = ["C0" if part.needed else "C7" for part in self.parts][::-1]
        ax.barh(names, [part.memory_bytes for part in self.parts][::-1], color=colors)
        ax.set(xlabel="bytes in memory (grey: not needed to predict)", title=self.model)
        return Display(ax)

    def _tables(self) -> list[Table]:
        lzma = "" if self.lzma_bytes is None else f" ({format_bytes(self.lzma_bytes)} with LZMA)"
        title = (
            f"{self.model}: {format_bytes(self.disk_bytes)} on disk{lzma}, "
            f"{format_bytes(self.memory_bytes)} in memory"
        )
        total = max(self.memory_bytes, 1)
        shares = [part.memory_bytes / total for part in self.parts]
        rows = [
            (
                part.name,
                format_bytes(part.memory_bytes),
                f"{share:.1%}",
                "yes" if part.needed else "no",
            )
            for part, share in zip(self.parts, shares, strict=True)
        ]
        kinds = ["" if part.needed else "minor" for part in self.parts]
        return [Table(title, _PARTS_HEADER, rows, heading=title, shares=shares, kinds=kinds)]


@dataclasses.dataclass(frozen=True)
class LedgerEntry:
    """What one pass did.

    Attributes
    ----------
    step : str
        Name of the pass and its settings.
    bytes_before, bytes_after : int
        Bytes of the model's arrays.
    score_before, score_after : float or None
        Score on the held-out rows; None where there were none.
    seconds : float
        Time that the pass took.
    outcome : {"applied", "reverted", "skipped"}
        Reverted: it cost more score than allowed. Skipped: it lacked what `note` names.
    note : str
        What else is worth knowing.
    """

    step: str
    bytes_before: int
    bytes_after: int
    score_before: float | None = None
    score_after: float | None = None
    seconds: float = 0.0
    outcome: str = "applied"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Ledger(Printed):
    """The passes that a model went through, in order.

    Examples
    --------
    >>> from skcompress import Ledger
    >>> len(Ledger(()))
    0
    """

    entries: tuple[LedgerEntry, ...] = ()

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_dict(self) -> list[dict[str, Any]]:
        """One plain dictionary an entry, ready for JSON."""
        return [dataclasses.asdict(entry) for entry in self.entries]

    def _tables(self) -> list[Table]:
        rows = [
            (
                entry.step,
                entry.outcome + (f": {entry.note}" if entry.note else ""),
                format_bytes(entry.bytes_before),
                format_bytes(entry.bytes_after),
                _number(entry.score_before),
                _number(entry.score_after),
                f"{entry.seconds:.2f}",
            )
            for entry in self.entries
        ]
        kinds = [_OUTCOMES.get(entry.outcome, "") for entry in self.entries]
        return [Table("What was done", _LEDGER_HEADER, rows, kinds=kinds)]


@dataclasses.dataclass(frozen=True)
class SizeReport(Printed):
    """Sizes before and after compression, and what led from one to the other.

    Attributes
    ----------
    before, after : Sizes
        Of the original and of the compact model.
    ledger : Ledger
        The passes, with bytes and scores.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> small = skc.compress(DecisionTreeClassifier(random_state=0).fit(X, y), level="lossless")
    >>> report = small.size_report_
    >>> report.before.disk_bytes > report.after.disk_bytes
    True
    """

    before: Sizes
    after: Sizes
    ledger: Ledger = dataclasses.field(default_factory=Ledger)

    @property
    def ratio(self) -> float:
        """How many times smaller the file is than an uncompressed joblib dump."""
        return self.before.disk_bytes / self.after.disk_bytes

    @property
    def memory_ratio(self) -> float:
        """How many times smaller the model is in memory."""
        return self.before.memory_bytes / max(self.after.memory_bytes, 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "ratio": self.ratio,
            "memory_ratio": self.memory_ratio,
            "ledger": self.ledger.to_dict(),
        }

    def plot(self, ax: Any = None) -> Display:
        """Draw both models as bars on a matplotlib axis (log scale), ``ax_`` of the result."""
        ax = axis_or_new(ax)
        labels = ["disk", "memory"]
        pairs = (("before", self.before, -0.2, "C7"), ("after", self.after, 0.2, "C0"))
        for label, sizes, shift, color in pairs:
            counts = [sizes.disk_bytes, sizes.memory_bytes]
            places = [place + shift for place in range(len(labels))]
            bars = ax.bar(places, counts, width=0.4, color=color, label=label)
            ax.bar_label(bars, [format_bytes(count) for count in counts])
        ax.set_xticks(range(len(labels)), labels)
        ax.set(yscale="log", ylabel="bytes", title=self.before.model)
        ax.legend()
        return Display(ax)

    def _tables(self) -> list[Table]:
        before, after = self.before, self.after
        pairs = [("disk", before.disk_bytes, after.disk_bytes)]
        if before.lzma_bytes is not None:
            pairs.append(("disk (LZMA before)", before.lzma_bytes, after.disk_bytes))
        pairs.append(("memory", before.memory_bytes, after.memory_bytes))
        ratios = [old / max(new, 1) for _, old, new in pairs]
        rows = [
            (name, format_bytes(old), format_bytes(new), f"{ratio:.1f}")
            for (name, old, new), ratio in zip(pairs, ratios, strict=True)
        ]
        title = f"{before.model}: {self.ratio:.1f} times smaller"
        # What is left of each.
        shares = [min(1 / max(ratio, 1e-9), 1.0) for ratio in ratios]
        sizes = Table(title, _SIZES_HEADER, rows, heading=title, shares=shares)
        return [sizes, *self.ledger._tables()]  # noqa: SLF001


_PARTS_HEADER = ("part", "memory", "share", "needed to predict")
_SIZES_HEADER = ("", "before", "after", "ratio")
_OUTCOMES = {"reverted": "unknown", "skipped": "minor"}
_LEDGER_HEADER = ("pass", "outcome", "before", "after", "score before", "score after", "seconds")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
