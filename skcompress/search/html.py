"""`write_report`: one page with figures, for people who were not there."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..ir import SizeReport
from ..ir.report import format_bytes
from ..ir.tables import Printed
from ..reports import VerifyReport
from ._svg import Series, bars, scatter
from .compression_search import CompressionSearchCV
from .diagnosis import Diagnosis
from .sensitivity import SensitivityReport

__all__ = ["write_report"]

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #2a8a4a; --bad: #c0392b; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.verdict { border-left: .4rem solid var(--bad); padding: .6rem 1rem; background: #8881; }
.verdict.good { border-color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; min-width: 34rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
"""


def write_report(
    path: Any,
    *,
    title: str = "Model compression report",
    sizes: SizeReport | None = None,
    verdict: VerifyReport | None = None,
    search: CompressionSearchCV | None = None,
    sensitivity: SensitivityReport | None = None,
    diagnosis: Diagnosis | None = None,
) -> None:
    """Write one self-contained HTML page of what is known of a compressed model.

    The page loads nothing and runs no script, so it can be mailed, archived and opened anywhere.

    Parameters
    ----------
    path : str or path-like
        File to write.
    title : str
        Heading of the page.
    sizes : SizeReport, optional
        The ``size_report_`` of the compact model. Taken from `search` if that is given alone.
    verdict : VerifyReport, optional
        What `verify` gave.
    search : CompressionSearchCV, optional
        A fitted search; its candidates and their front are drawn.
    sensitivity : SensitivityReport, optional
        What `sensitivity_report` gave.
    diagnosis : Diagnosis, optional
        What `diagnose` gave.

    Raises
    ------
    ValueError
        If there is nothing to report.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X[:600], y[:600])
    >>> small = skc.compress(forest, X_val=X[600:900], y_val=y[600:900], level="safe")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "report.html")
    >>> skc.write_report(
    ...     path, sizes=small.size_report_, verdict=skc.verify(forest, small, X[900:], y[900:])
    ... )
    >>> path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    if sizes is None and search is not None and hasattr(search, "model_"):
        sizes = search.size_report_
    parts = [
        *([] if verdict is None else _verdict(verdict)),
        *([] if sizes is None else _sizes(sizes)),
        *([] if search is None else _search(search)),
        *([] if sensitivity is None else _sensitivity(sensitivity)),
        *([] if diagnosis is None else _diagnosis(diagnosis)),
    ]
    if not parts:
        raise ValueError(
            "There is nothing to report: pass sizes, verdict, search, sensitivity or diagnosis."
        )
    name = html.escape(title)
    page = "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{name}</h1>",
            *parts,
            "</main></body></html>\n",
        ]
    )
    Path(path).write_text(page, encoding="utf-8")


def _section(title: str, *content: str) -> list[str]:
    return [f"<section><h2>{html.escape(title)}</h2>", *content, "</section>"]


def _scroll(content: str) -> str:
    """What may be wider than the page, beside which nothing else then moves."""
    return f'<div class="scroll">{content}</div>'


def _tables(report: Printed) -> list[str]:
    return [_scroll(table._repr_html_()) for table in report._tables()]  # noqa: SLF001


def _verdict(report: VerifyReport) -> list[str]:
    kind = "verdict good" if report.not_worse else "verdict"
    text = html.escape(report.verdict[:1].upper() + report.verdict[1:])
    # The paragraph has said it, so the table need not.
    first, *others = report._tables()  # noqa: SLF001
    tables = (dataclasses.replace(first, title="In figures"), *others)
    shown = (_scroll(table._repr_html_()) for table in tables)
    return _section("Verdict", f'<p class="{kind}"><strong>{text}.</strong></p>', *shown)


def _sizes(report: SizeReport) -> list[str]:
    charts = [
        bars(
            f"{name}: {format_bytes(sizes.disk_bytes)} on disk, "
            f"{format_bytes(sizes.memory_bytes)} in memory",
            [(part.name, part.memory_bytes, part.needed) for part in sizes.parts[:12]],
        )
        for name, sizes in (("Before", report.before), ("After", report.after))
    ]
    return _section("Bytes by part", *map(_scroll, charts), *_tables(report))


def _search(search: CompressionSearchCV) -> list[str]:
    results = search.cv_results_
    everything = list(zip(results["n_bytes"], results["mean_test_score"], strict=True))
    front = [(point["n_bytes"], point["score"]) for point in search.pareto_front_]
    chosen = [everything[search.best_index_]]
    chart = scatter(
        "Score against bytes",
        [
            Series("candidates", "#8888", _points(everything)),
            Series("front", "#1f77b4", _points(front), line=True),
            Series("chosen", "#d62728", _points(chosen)),
        ],
        x_label="bytes (logarithmic)",
        y_label="score",
        log_x=True,
        level=search.original_score_,
    )
    settings = ", ".join(f"{name} = {value}" for name, value in search.best_params_.items())
    text = (
        f"{len(everything)} candidates were measured on {search.n_splits_} folds. Chosen: "
        f"{settings}. The dashed line is the uncompressed model."
    )
    return _section("Search", f"<p>{html.escape(text)}</p>", _scroll(chart))


def _points(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in pairs if math.isfinite(y)]


def _sensitivity(report: SensitivityReport) -> list[str]:
    palette = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b")
    chart = scatter(
        "Score with one part rounded",
        [
            Series(
                part.name,
                color,
                list(zip(map(float, report.bits), part.scores, strict=True)),
                line=True,
            )
            for part, color in zip(report.parts, palette, strict=False)
        ],
        x_label="bits a value",
        y_label="score",
        level=report.score,
        ticks=report.bits,
    )
    return _section("Sensitivity", _scroll(chart), *_tables(report))


def _diagnosis(report: Diagnosis) -> list[str]:
    return _section("Diagnosis", *_tables(report))
