"""Bytes on disk beside other libraries, and the score before and after.

Usage: python benchmarks/sizes.py [NAME ...] [--markdown FILE]

Every model of `models.py` is written by joblib, joblib with LZMA, slim-trees with LZMA, skops and
ONNX, and by skcompress at `lossless` and `balanced`. Settings are chosen on validation rows; the
test rows are scored once. Ratios are those of the other library's bytes to ours.
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import joblib
import numpy as np
from models import SPECS, Fitted, models

import skcompress as skc

PEERS = ("joblib", "joblib+lzma", "slim-trees+lzma", "skops", "onnx+lzma")


def joblib_bytes(model: Any, compress: Any = 0) -> int:
    """Length of a joblib dump."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return len(buffer.getvalue())


def slim_trees_bytes(model: Any) -> int:
    """Length of a slim-trees dump with LZMA."""
    from slim_trees import dump_sklearn_compressed

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pkl.lzma")
        dump_sklearn_compressed(model, path)
        return path.stat().st_size


def skops_bytes(model: Any) -> int:
    """Length of a deflated skops dump."""
    import skops.io

    return len(skops.io.dumps(model, compression=ZIP_DEFLATED, compresslevel=9))


def onnx_bytes(model: Any, X: Any) -> int:
    """Length of the ONNX graph with LZMA."""
    from skl2onnx import to_onnx

    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    graph = to_onnx(model, np.asarray(X[:1], np.float32), options=options)
    return len(lzma.compress(graph.SerializeToString(), preset=6))


def same(predicted: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Equal labels; numbers that differ by no more than rounding."""
    if predicted.dtype.kind != "f":
        return predicted == expected
    return np.isclose(predicted, expected, rtol=1e-9, atol=1e-12)


def attempt(measure: Callable[[], int]) -> int | None:
    """A peer's bytes; None where it does not take the model, which is printed."""
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - a peer may fail in any way; ours may not
        print(f"  {measure.__name__}: {type(error).__name__}: {str(error)[:90]}", flush=True)
        return None


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
        start = time.perf_counter()
        small = skc.compress(
            model,
            fitted.X_train,
            fitted.y_train,
            X_val=fitted.X_val,
            y_val=fitted.y_val,
            level=level,
            random_state=0,
        )
        row[f"{level} seconds"] = time.perf_counter() - start
        small = skc.loads(skc.dumps(small))
        predicted = small.predict(X)
        row[level] = len(skc.dumps(small))
        row[f"{level} score"] = small.score(X, fitted.y_test)
        row[f"{level} agreement"] = float(np.mean(same(predicted, expected)))
    row["fit seconds"] = fitted.fit_seconds
    return row


def geometric_mean(numbers: list[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(numbers))))


def kilobytes(count: int | None) -> str:
    """Bytes as kB with three significant digits."""
    return "–" if count is None else f"{count / 1000:.3g}" if count < 1e6 else f"{count / 1000:.0f}"


def report(rows: list[dict[str, Any]]) -> str:
    """The Markdown table and the geometric means."""
    header = [
        "model", *(f"{peer}, kB" for peer in PEERS), "lossless, kB", "balanced, kB",
        "score", "lossless", "balanced", "joblib / lossless", "joblib / balanced",
    ]  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
    for row in rows:
        cells = [row["name"], *(kilobytes(row[peer]) for peer in PEERS)]
        cells += [kilobytes(row[level]) for level in ("lossless", "balanced")]
        cells += [f"{row[key]:.4f}" for key in ("score", "lossless score", "balanced score")]
        cells += [f"{row['joblib'] / row[level]:.1f}" for level in ("lossless", "balanced")]
        lines.append("| " + " | ".join(cells) + " |")
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
    print(text)
    if arguments.markdown:
        Path(arguments.markdown).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
