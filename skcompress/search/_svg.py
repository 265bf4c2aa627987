"""Bars and points as SVG, for pages that must not load anything."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Sequence

import numpy as np

from ..ir.report import format_bytes

__all__ = ["Series", "bars", "scatter"]

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 34, 46
_LEGEND_COLUMNS = 3


@dataclasses.dataclass(frozen=True)
class Series:
    """Points with a name and a color, joined by a line or not."""

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    line: bool = False


def bars(title: str, rows: Sequence[tuple[str, int, bool]]) -> str:
    """Horizontal bars.

    Parameters
    ----------
    title : str
        Heading.
    rows : sequence of (str, int, bool)
        Name, bytes, and whether prediction needs them: grey if not.
    """
    longest = max((count for _, count, _ in rows), default=1) or 1
    height = 30 + 24 * len(rows)
    parts = [_open(title, height)]
    for place, (name, count, needed) in enumerate(rows):
        y = 32 + 24 * place
        width = max(220 * count / longest, 1)
        color = "#1f77b4" if needed else "#999"
        note = "" if needed else ", not needed to predict"
        parts.append(
            f'<text x="250" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect x="260" y="{y}" width="{width:.1f}" height="18" fill="{color}"></rect>'
            f'<text x="{266 + width:.1f}" y="{y + 13}">{format_bytes(count)}{note}</text>'
        )
    return "".join([*parts, "</svg>"])


def scatter(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    level: float | None = None,
    ticks: Sequence[float] | None = None,
) -> str:
    """Points and lines on axes.

    Parameters
    ----------
    title : str
        Heading.
    series : sequence of Series
        Drawn in this order.
    x_label, y_label : str
        Names of the axes.
    log_x : bool
        Logarithmic.
    level : float or None
        Where a dashed line goes across.
    ticks : sequence of float or None
        Places that the horizontal axis names; None: five at equal distances.
    """
    pairs = [point for one in series for point in one.points]
    xs = np.array([x for x, _ in pairs] or [1.0, 2.0])
    ys = np.array([y for _, y in pairs] + ([] if level is None else [level]) or [0.0, 1.0])
    x_low, x_high = _limits(np.log10(xs) if log_x else xs)
    y_low, y_high = _limits(ys)

    def across(x: float) -> float:
        at = math.log10(x) if log_x else x
        return _LEFT + (at - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return _HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_open(title, _HEIGHT + 20 * math.ceil(len(series) / _LEGEND_COLUMNS))]
    parts += [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}" '
        'stroke="#8884"></line>'
        f'<text x="{_LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        for y in np.linspace(y_low, y_high, 5)
    ]
    evenly = np.linspace(x_low, x_high, 5)
    for x in ticks if ticks is not None else 10**evenly if log_x else evenly:
        text = format_bytes(x) if log_x else f"{x:.3g}"
        parts.append(
            f'<text x="{across(x):.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">'
            f"{text}</text>"
        )
    if level is not None:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(level):.1f}" y2="{up(level):.1f}" '
            'stroke="currentColor" stroke-dasharray="6 4"></line>'
        )
    for place, one in enumerate(series):
        spots = [(across(x), up(y)) for x, y in one.points]
        if one.line and spots:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{one.color}"></polyline>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{one.color}"></circle>'
            for x, y in spots
        ]
        # Below, where no point can be.
        row, column = divmod(place, _LEGEND_COLUMNS)
        x, y = _LEFT + 210 * column, _HEIGHT + 10 + 20 * row
        parts.append(
            f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{one.color}"></circle>'
            f'<text x="{x + 10}" y="{y}">{html.escape(one.name)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{html.escape(x_label)}</text>'
        f'<text x="4" y="16">{html.escape(y_label)}</text>'
    )
    return "".join([*parts, "</svg>"])


def _open(title: str, height: int) -> str:
    name = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{name}">'
        f'<text x="{_WIDTH / 2}" y="16" text-anchor="middle" font-weight="600">{name}</text>'
    )


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room
