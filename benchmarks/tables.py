"""What the benchmarks print, and write: Markdown tables, means, equal predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def same(predicted: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Equal labels; numbers that differ by no more than rounding."""
    if predicted.dtype.kind != "f":
        return predicted == expected
    return np.isclose(predicted, expected, rtol=1e-9, atol=1e-12)


def geometric_mean(numbers: list[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(numbers))))


def kilobytes(count: int | None) -> str:
    """Bytes as kB with three significant digits."""
    return "–" if count is None else f"{count / 1000:.3g}" if count < 1e6 else f"{count / 1000:.0f}"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def publish(text: str, markdown: str | None) -> None:
    """Print, and write to a file where asked."""
    print(text)
    if markdown:
        Path(markdown).write_text(text, encoding="utf-8")
