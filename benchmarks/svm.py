"""Kernel machines in few vectors and few bits: bytes, scores on test rows, speed, seconds.

Usage: python benchmarks/svm.py [NAME ...] [--markdown FILE]

Each machine is compressed with every setting chosen on validation rows (`auto`: within half a
point), and once more with a given number of vectors where a figure was published or asked for.
Test rows are scored once. Ratios are those of joblib's bytes to ours, and of scikit-learn's time
to ours for predicting all test rows on one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from models import Fitted, models
from peers import joblib_bytes
from sklearn.frozen import FrozenEstimator
from tables import geometric_mean, kilobytes, publish, table

import skcompress as skc

NAMES = ("letter-svc", "mnist-svc", "california-svr", "satimage-svc")
AUTO: dict[str, Any] = {"n_vectors": "auto", "n_bits": "auto", "coef_bits": "auto"}
GIVEN: dict[str, dict[str, Any]] = {
    # Nguyen and Ho: 8.1K -> 500 vectors, 97.62 -> 89.68 %.
    "letter-svc": {"n_vectors": 500, "n_bits": 6, "coef_bits": 8},
    "mnist-svc": {"n_vectors": 0.1, "n_bits": 4, "coef_bits": 8},
}


def seconds_of(predict: Any, X: Any) -> float:
    """The best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        predict(X)
        times.append(time.perf_counter() - start)
    return min(times)


def measure(fitted: Fitted, way: str, settings: dict[str, Any]) -> dict[str, Any]:
    """One row of the table."""
    model, X, y = fitted.model, fitted.X_test, fitted.y_test
    quantizer = skc.SVMQuantizer(FrozenEstimator(model), random_state=0, **settings)
    start = time.perf_counter()
    quantizer.fit(fitted.X_train, fitted.y_train, X_val=fitted.X_val, y_val=fitted.y_val)
    seconds = time.perf_counter() - start
    file = skc.dumps(quantizer.model_)
    small = skc.loads(file)
    return {
        "name": fitted.name,
        "way": way,
        "joblib": joblib_bytes(model),
        "bytes": len(file),
        "vectors": model[-1].support_.size if hasattr(model, "steps") else model.support_.size,
        "kept": small.ir.predictor.n_vectors,
        "score": model.score(X, y),
        "small score": small.score(X, y),
        "faster": seconds_of(model.predict, X) / seconds_of(small.predict, X),
        "fit": fitted.fit_seconds,
        "seconds": seconds,
        "path": quantizer.reduction_path_,
        "ledger": quantizer.size_report_.ledger,
    }


def report(rows: list[dict[str, Any]]) -> str:
    """The Markdown table, and the figures over the machines of the `auto` way."""
    header = [
        "model", "settings", "vectors", "kept", "joblib, kB", "ours, kB", "ratio", "score",
        "ours", "points lost", "times faster", "fit, s", "compression, s",
    ]  # fmt: skip
    cells = [
        [
            row["name"], row["way"], str(row["vectors"]), str(row["kept"]),
            kilobytes(row["joblib"]), kilobytes(row["bytes"]),
            f"{row['joblib'] / row['bytes']:.1f}", f"{row['score']:.4f}",
            f"{row['small score']:.4f}", f"{100 * (row['score'] - row['small score']):+.2f}",
            f"{row['faster']:.1f}", f"{row['fit']:.1f}", f"{row['seconds']:.1f}",
        ]
        for row in rows
    ]  # fmt: skip
    lines = [*table(header, cells), ""]
    auto = [row for row in rows if row["way"] == "auto"]
    if auto:
        ratios = [row["joblib"] / row["bytes"] for row in auto]
        lost = max(100 * (row["score"] - row["small score"]) for row in auto)
        mean, least = geometric_mean(ratios), min(ratios)
        slowest = min(row["faster"] for row in auto)
        lines.append(
            f"- joblib / ours: geometric mean {mean:.1f} (asked: 60), least {least:.1f} "
            f"(asked: 20); most points lost: {lost:.2f} (asked: 0.5); least speed-up: "
            f"{slowest:.1f} (asked: 5)"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(NAMES)}")
    parser.add_argument("--markdown", help="file that the table is written to")
    arguments = parser.parse_args()
    rows = []
    for fitted in models(arguments.names or list(NAMES)):
        ways = {"auto": AUTO}
        if fitted.name in GIVEN:
            ways[", ".join(map(str, GIVEN[fitted.name].values()))] = GIVEN[fitted.name]
        for way, settings in ways.items():
            rows.append(measure(fitted, way, settings))
            print(report(rows[-1:]).splitlines()[2], flush=True)
            for point in rows[-1]["path"]:
                print(f"  {point}", flush=True)
    text = report(rows)
    publish(text, arguments.markdown)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
