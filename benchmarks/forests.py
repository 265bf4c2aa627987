"""Trees and forests by level: bytes, scores on test rows, agreement, seconds.

Usage: python benchmarks/forests.py [NAME ...] [--markdown FILE]

Every tree model of `models.py` is compressed at each level. Settings are chosen on validation
rows; the test rows are scored once. Bytes are those of the file, ratios those to `lossless`.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from models import SPECS, Fitted, compressed, models
from tables import geometric_mean, kilobytes, publish, table

import skcompress as skc
from skcompress.ir import TreeEnsemble

TREES = tuple(
    name for name in SPECS if name.endswith(("-rf", "-extratrees", "-tree", "-gbr", "-hgb"))
)
LEVELS = ("lossless", "safe", "balanced", "tiny")


def agreement(small: np.ndarray, original: np.ndarray) -> float:
    """Share of equal labels; for numbers, R² of the ones as predictions of the others."""
    if small.dtype.kind != "f":
        return float(np.mean(small == original))
    return 1 - float(np.mean((small - original) ** 2) / np.var(original))


def measure(fitted: Fitted) -> dict[str, Any]:
    """One row of the table."""
    model, X, y = fitted.model, fitted.X_test, fitted.y_test
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=1)
    expected = model.predict(X)
    row: dict[str, Any] = {
        "name": fitted.name,
        "score": model.score(X, y),
        "fit": fitted.fit_seconds,
    }
    for level in LEVELS:
        small, seconds = compressed(fitted, level)
        trees = small.ir.predictor
        assert isinstance(trees, TreeEnsemble)
        row[level] = {
            "bytes": len(skc.dumps(small)),
            "loss": 100 * (row["score"] - small.score(X, y)),
            "agreement": 100 * agreement(small.predict(X), expected),
            "leaves": trees.leaf.size,
            "trees": trees.n_trees,
            "seconds": seconds,
        }
    return row


def report(rows: list[dict[str, Any]]) -> str:
    """The Markdown table and the geometric means."""
    header = ["model", "score", "fit, s"]
    for level in LEVELS:
        header += [f"{level}, kB", "trees", "leaves", "s"]
        if level != "lossless":
            header += ["ratio", "points lost", "agreement, %"]
    cells_of_rows = []
    for row in rows:
        cells = [row["name"], f"{row['score']:.4f}", f"{row['fit']:.1f}"]
        for level in LEVELS:
            part = row[level]
            cells += [
                kilobytes(part["bytes"]), str(part["trees"]), str(part["leaves"]),
                f"{part['seconds']:.1f}",
            ]  # fmt: skip
            if level != "lossless":
                cells += [
                    f"{row['lossless']['bytes'] / part['bytes']:.1f}", f"{part['loss']:+.2f}",
                    f"{part['agreement']:.2f}",
                ]  # fmt: skip
        cells_of_rows.append(cells)
    lines = [*table(header, cells_of_rows), ""]
    for level in LEVELS[1:]:
        ratios = [row["lossless"]["bytes"] / row[level]["bytes"] for row in rows]
        worst = max(rows, key=lambda row: row[level]["loss"])
        least = min(rows, key=lambda row: row[level]["agreement"])
        slowest = max(rows, key=lambda row: row[level]["seconds"] / row["fit"])
        time_ratio = slowest[level]["seconds"] / slowest["fit"]
        lines.append(
            f"- {level}: geometric mean of lossless / {level} {geometric_mean(ratios):.2f}, "
            f"least {min(ratios):.2f}; most points lost {worst[level]['loss']:.2f} "
            f"({worst['name']}); least agreement {least[level]['agreement']:.2f} % "
            f"({least['name']}); longest {time_ratio:.1f} times the fit ({slowest['name']})"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(TREES)}")
    parser.add_argument("--markdown", help="file that the table is written to")
    arguments = parser.parse_args()
    rows = []
    for fitted in models(arguments.names or TREES):
        rows.append(measure(fitted))
        print(report(rows[-1:]).splitlines()[2], flush=True)
    text = report(rows)
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
