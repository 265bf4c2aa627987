"""Tables of reports: in plain text, in HTML, and with rich, where a terminal shows them."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["Printed", "Table", "text_table"]

_COLORS = {"good": "green", "bad": "red", "unknown": "yellow", "minor": "dim", "": ""}
_BAR_WIDTH = 20
_NUMBER, _SENTENCE = 9, 30
"""Lengths up to which a cell is a number with its unit, and from which it is a sentence."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table, and how it is shown.

    Attributes
    ----------
    title : str
        What it is about.
    header : sequence of str
        Names of the columns; all empty where these need none.
    rows : sequence of sequence of str
        The cells.
    heading : str or None
        What stands above it in plain text; None: nothing.
    shares : sequence of float
        For each row how long its bar is in a terminal, from 0 to 1; empty: no bars.
    kinds : sequence of {"good", "bad", "unknown", "minor", ""}
        For each row what it means; empty: all alike.
    kind : {"good", "bad", "unknown", ""}
        What the title means.
    text : str or None
        Plain text that says it all without a table.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    heading: str | None = None
    shares: Sequence[float] = ()
    kinds: Sequence[str] = ()
    kind: str = ""
    text: str | None = None

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        table = text_table(self.header, self.rows)
        return table if self.heading is None else f"{self.heading}\n{table}"

    def _repr_html_(self) -> str:
        # Columns of sentences read from the left, numbers are compared from the right.
        read = [any(len(row[k]) > _SENTENCE for row in self.rows) for k in range(len(self.header))]
        head = "".join(_cell("th", *pair) for pair in zip(self.header, read, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", *pair) for pair in zip(row, read, strict=True)) + "</tr>"
            for row in self.rows
        )
        return (
            f"<table><caption>{html.escape(self.title)}</caption>"
            + (f"<thead><tr>{head}</tr></thead>" if any(self.header) else "")
            + f"<tbody>{body}</tbody></table>"
        )

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.bar import Bar
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable
        from rich.text import Text

        yield Text(self.title, style=f"bold {_COLORS[self.kind]}".strip())
        shown = RichTable(box=SIMPLE_HEAD, show_header=any(self.header), pad_edge=False)
        for place, name in enumerate(self.header):
            # What is too long goes on in the next line, and nothing is cut off.
            justify = "left" if place == 0 else "right"
            shown.add_column(Text(name), justify=justify, overflow="fold")  # type: ignore[arg-type]
        if self.shares:
            shown.add_column("", width=_BAR_WIDTH)
        for place, row in enumerate(self.rows):
            style = _COLORS[self.kinds[place]] if self.kinds else ""
            # Cells are no markup: names of parts may hold brackets.
            cells: list[Any] = [Text(cell) for cell in row]
            if self.shares:
                cells.append(Bar(1.0, 0.0, self.shares[place], width=_BAR_WIDTH))
            shown.add_row(*cells, style=style)
        yield shown


def _cell(tag: str, text: str, read: bool) -> str:
    escaped = html.escape(text)
    if len(text) <= _NUMBER:
        # A number stays with its unit.
        escaped = escaped.replace(" ", "&nbsp;")
    style = ' style="text-align: left"' if read else ""
    return f"<{tag}{style}>{escaped}</{tag}>"


class Printed:
    """What is shown as tables: by `print`, in a notebook, and by ``rich.print`` in colours."""

    def _tables(self) -> Iterable[Table]:
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n\n".join(str(table) for table in self._tables())

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self._tables())

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        yield from self._tables()


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns aligned with spaces, the first to the left, a rule under the header."""
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
