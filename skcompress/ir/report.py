"""Sizes of a model by part, before and after, and the ledger of what was done in between."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

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
class Sizes:
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

    def __str__(self) -> str:
        return "\n".join([self._title(), text_table(_PARTS_HEADER, self._rows())])

    def _repr_html_(self) -> str:
        return html_table(self._title(), _PARTS_HEADER, self._rows())

    def plot(self, ax: Any = None) -> Any:
        """Draw the parts as bars on a matplotlib axis, which is returned."""
        ax = axis_or_new(ax)
        names = [part.name for part in self.parts][::-1]
        colors = ["C0" if part.needed else "C7" for part in self.parts][::-1]
        ax.barh(names, [part.memory_bytes for part in self.parts][::-1], color=colors)
        ax.set(xlabel="bytes in memory (grey: not needed to predict)", title=self.model)
        return ax

    def _title(self) -> str:
        lzma = "" if self.lzma_bytes is None else f" ({format_bytes(self.lzma_bytes)} with LZMA)"
        return (
            f"{self.model}: {format_bytes(self.disk_bytes)} on disk{lzma}, "
            f"{format_bytes(self.memory_bytes)} in memory"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        total = max(self.memory_bytes, 1)
        return [
            (
                part.name,
                format_bytes(part.memory_bytes),
                f"{part.memory_bytes / total:.1%}",
                "yes" if part.needed else "no",
            )
            for part in self.parts
        ]


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
class Ledger:
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

    def __str__(self) -> str:
        return text_table(_LEDGER_HEADER, self._rows())

    def _repr_html_(self) -> str:
        return html_table("What was done", _LEDGER_HEADER, self._rows())

    def _rows(self) -> list[tuple[str, ...]]:
        return [
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


@dataclasses.dataclass(frozen=True)
class SizeReport:
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

    def __str__(self) -> str:
        table = text_table(_SIZES_HEADER, self._rows())
        return f"{self.before.model}: {self.ratio:.1f} times smaller\n{table}\n\n{self.ledger}"

    def _repr_html_(self) -> str:
        title = f"{self.before.model}: {self.ratio:.1f} times smaller"
        return html_table(title, _SIZES_HEADER, self._rows()) + self.ledger._repr_html_()

    def plot(self, ax: Any = None) -> Any:
        """Draw both models as bars on a matplotlib axis (log scale), which is returned."""
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
        return ax

    def _rows(self) -> list[tuple[str, ...]]:
        before, after = self.before, self.after
        rows = [
            ("disk", format_bytes(before.disk_bytes), format_bytes(after.disk_bytes), self.ratio),
            (
                "memory",
                format_bytes(before.memory_bytes),
                format_bytes(after.memory_bytes),
                self.memory_ratio,
            ),
        ]
        if before.lzma_bytes is not None:
            ratio = before.lzma_bytes / after.disk_bytes
            rows.insert(
                1,
                (
                    "disk (LZMA before)",
                    format_bytes(before.lzma_bytes),
                    format_bytes(after.disk_bytes),
                    ratio,
                ),
            )
        return [(name, old, new, f"{ratio:.1f}") for name, old, new, ratio in rows]


_PARTS_HEADER = ("part", "memory", "share", "needed to predict")
_SIZES_HEADER = ("", "before", "after", "ratio")
_LEDGER_HEADER = ("pass", "outcome", "before", "after", "score before", "score after", "seconds")


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns aligned with spaces, the first two to the left, a rule under the header."""
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(
        [line(table[0]), "  ".join("-" * width for width in widths)]
        + [line(row) for row in table[1:]]
    )


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same as an HTML table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{html.escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def axis_or_new(ax: Any) -> Any:
    """The axis itself, or a new one; matplotlib is imported only here."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib; install it with: pip install 'skcompress[plot]'"
        ) from error
    return plt.subplots()[1]
