"""Bytes on disk beside other libraries, and the score before and after.

Usage: python benchmarks/sizes.py [NAME ...] [--markdown FILE]

Every model of `models.py` is written by joblib, joblib with LZMA, slim-trees with LZMA, skops and
ONNX, and by skcompress at `lossless` and `balanced`. Settings are chosen on validation rows; the
test rows are scored once. Ratios are those of the other library's bytes to ours.
"""

from __future__ import annotations

import argparse
import os
import warnings
from typing import Any

import numpy as np
from models import SPECS, Fitted, compressed, models
from peers import attempt, joblib_bytes, onnx_bytes, skops_bytes, slim_trees_bytes
from tables import geometric_mean, kilobytes, publish, same, table

import skcompress as skc

PEERS = ("joblib", "joblib+lzma", "slim-trees+lzma", "skops", "onnx+lzma")


def measure(fitted: Fitted) -> dict[str, Any]:
    """One row of the table."""
    model, X = fitted.model, fitted.X_test
    if "n_jobs" in model.get_params():
        # With more, scikit-learn adds trees in another order each time.
        model.set_params(n_jobs=1)
    row: dict[str, Any] = {
        "name": fitted.name,
        "joblib": joblib_bytes(model),
        "joblib+lzma": joblib_bytes(model, ("lzma", 6)),
        "slim-trees+lzma": attempt(lambda: slim_trees_bytes(model)),
        "skops": attempt(lambda: skops_bytes(model)),
        "onnx+lzma": attempt(lambda: onnx_bytes(model, X)),
        "score": model.score(X, fitted.y_test),
    }
    expected = model.predict(X)
    for level in ("lossless", "balanced"):
        small, row[f"{level} seconds"] = compressed(fitted, level)
        small = skc.loads(skc.dumps(small))
        predicted = small.predict(X)
        row[level] = len(skc.dumps(small))
        row[f"{level} score"] = small.score(X, fitted.y_test)
        row[f"{level} agreement"] = float(np.mean(same(predicted, expected)))
    row["fit seconds"] = fitted.fit_seconds
    return row


def report(rows: list[dict[str, Any]]) -> str:
    """The Markdown table and the geometric means."""
    header = [
        "model", *(f"{peer}, kB" for peer in PEERS), "lossless, kB", "balanced, kB",
        "score", "lossless", "balanced", "joblib / lossless", "joblib / balanced",
    ]  # fmt: skip
    rows_of_cells = []
    for row in rows:
        cells = [row["name"], *(kilobytes(row[peer]) for peer in PEERS)]
        cells += [kilobytes(row[level]) for level in ("lossless", "balanced")]
        cells += [f"{row[key]:.4f}" for key in ("score", "lossless score", "balanced score")]
        cells += [f"{row['joblib'] / row[level]:.1f}" for level in ("lossless", "balanced")]
        rows_of_cells.append(cells)
    lines = table(header, rows_of_cells)
    lines.append("")
    for level in ("lossless", "balanced"):
        for peer in PEERS:
            ratios = [row[peer] / row[level] for row in rows if row[peer] is not None]
            if ratios:
                mean = geometric_mean(ratios)
                lines.append(
                    f"- {peer} / {level}: geometric mean {mean:.2f} over {len(ratios)} models, "
                    f"least {min(ratios):.2f}"
                )
    worst = max(rows, key=lambda row: row["score"] - row["balanced score"])
    loss = worst["score"] - worst["balanced score"]
    agreement = min(row["lossless agreement"] for row in rows)
    lines += [
        f"- largest loss at balanced: {loss:.4f} ({worst['name']})",
        f"- least share of equal predictions at lossless: {agreement:.6f}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(SPECS)}")
    parser.add_argument("--markdown", help="file that the table is written to")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="skl2onnx|skops|slim_trees")
    rows = []
    for fitted in models(arguments.names or None):
        rows.append(measure(fitted))
        row = rows[-1]
        print(
            f"{row['name']}: score {row['score']:.4f} -> {row['balanced score']:.4f}, "
            f"agreement {row['lossless agreement']:.4f} / {row['balanced agreement']:.4f}, "
            f"bytes {row['joblib']} -> {row['lossless']} -> {row['balanced']}, seconds "
            f"fit {row['fit seconds']:.1f}, lossless {row['lossless seconds']:.1f}, "
            f"balanced {row['balanced seconds']:.1f}",
            flush=True,
        )
    text = report(rows)
    publish(text, arguments.markdown)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
