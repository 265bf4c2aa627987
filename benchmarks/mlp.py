"""Networks by level: bytes, scores on test rows, seconds; a curve; predictions beside ONNX Runtime.

Usage: python benchmarks/mlp.py [NAME ...] [--curve] [--markdown FILE]

Every network of `models.py` is compressed at the levels `balanced` and `tiny`, the latter also
where less may be lost. Settings are chosen on validation rows; the test rows are scored once.
Ratios are to the weights and biases in float32. With --curve, networks of ever fewer weights are
trained as `tiny` trains them, each from the one before, and quantized.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
from models import Fitted, compressed, models
from tables import kilobytes, publish, table

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import DenseNetwork, Model, decode
from skcompress.passes import (
    Context,
    Data,
    GradualPrune,
    RemoveDeadUnits,
    SimplifyScalers,
    TrainTables,
    run,
)

NAMES = ("mnist-mlp", "california-mlp", "letter-mlp")
RUNS = (("balanced", None), ("tiny", 0.005), ("tiny", 0.003), ("tiny", 0.002))
KEPT = (0.13, 0.08, 0.05, 0.035, 0.025, 0.018, 0.013, 0.009, 0.006)
EPOCHS = 24


def network_of(model: Model) -> DenseNetwork:
    """The network that a model is."""
    assert isinstance(model.predictor, DenseNetwork)
    return model.predictor


def float32_bytes(model: Model) -> int:
    """What all weights and biases take in float32."""
    layers = network_of(model).layers
    return sum(4 * decode(p).size for layer in layers for p in (layer.weights, layer.bias))


def weights_left(model: Model) -> int:
    """Weights that are not zero."""
    return sum(np.count_nonzero(decode(layer.weights)) for layer in network_of(model).layers)


def measure(fitted: Fitted, level: str, tolerance: float | None) -> tuple[list[str], Any]:
    """One row of the table, and the compact model."""
    small, seconds = compressed(fitted, level, tolerance=tolerance)
    count, whole = len(skc.dumps(small)), float32_bytes(lift(fitted.model))
    score = fitted.model.score(fitted.X_test, fitted.y_test)
    found = small.score(fitted.X_test, fitted.y_test)
    row = [
        fitted.name, level, "" if tolerance is None else str(tolerance), kilobytes(whole),
        kilobytes(count), f"{whole / count:.1f}", str(weights_left(small.ir)), f"{score:.4f}",
        f"{found:.4f}", f"{100 * (score - found):+.2f}", f"{seconds:.0f}",
    ]  # fmt: skip
    return row, small


def curve(fitted: Fitted) -> list[list[str]]:
    """Bytes and errors of ever fewer weights, with tables of 8 and of 16 values."""
    original = lift(fitted.model)
    context = Context(original=original, refit=Data(fitted.X_train, fitted.y_train))
    state, _ = run((RemoveDeadUnits(), SimplifyScalers()), original, context)
    whole = sum(decode(layer.weights).size for layer in network_of(original).layers)
    rows = []
    for kept in KEPT:
        size = sum(decode(layer.weights).size for layer in network_of(state).layers)
        step = GradualPrune(1 - kept * whole / size, EPOCHS, target="original")
        state = RemoveDeadUnits().apply(step.apply(state, context), context)
        for bits in (3, 4):
            tables = TrainTables(bits, EPOCHS // 2, 7.5e-4, "original")
            small = skc.CompactModel(tables.apply(state, context))
            parts = [(fitted.X_val, fitted.y_val), (fitted.X_test, fitted.y_test)]
            losses = [f"{100 * (1 - small.score(X, y)):.2f}" for X, y in parts]
            count = len(skc.dumps(small))
            rows.append([f"{100 * kept:g} %", str(bits), str(count), *losses])
            print(*rows[-1], flush=True)
    return rows


def median_seconds(call: Any, repeats: int = 21) -> float:
    """The median of some calls' times."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def speeds(fitted: Fitted, small: Any) -> list[list[str]]:
    """Times of predictions: scikit-learn, ONNX Runtime on the original, and the compact model."""
    calls = {"scikit-learn": fitted.model.predict, "skcompress": small.predict}
    try:
        import onnxruntime
        from skl2onnx import to_onnx
    except ImportError:
        print("onnxruntime and skl2onnx are not installed: their column is missing")
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        data = to_onnx(fitted.model, fitted.X_test[:1].astype(np.float32))
        session = onnxruntime.InferenceSession(data.SerializeToString(), options)
        calls["ONNX Runtime"] = lambda X: session.run(None, {"X": X.astype(np.float32)})
    rows = []
    for n_rows in (1, 100, 1000, 10_000):
        X = np.resize(fitted.X_test, (n_rows, fitted.X_test.shape[1]))
        for name, call in calls.items():
            seconds = median_seconds(lambda call=call, X=X: call(X))
            rows.append([fitted.name, str(n_rows), name, f"{1e3 * seconds:.3f}"])
    return rows


def main() -> None:
    """Measure, print, and write the tables where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(NAMES)}")
    parser.add_argument("--curve", action="store_true", help="a curve of each model")
    parser.add_argument("--markdown", help="file that the tables are written to")
    arguments = parser.parse_args()
    levels, timed, curves = [], [], []
    for fitted in models(arguments.names or NAMES):
        for level, tolerance in RUNS:
            row, small = measure(fitted, level, tolerance)
            levels.append(row)
            print(*row, flush=True)
        timed += speeds(fitted, small)
        if arguments.curve:
            curves.append((fitted.name, curve(fitted)))
    lines = table(
        [
            "model", "level", "tolerance", "float32, kB", "file, kB", "ratio", "weights left",
            "score", "compact", "points lost", "seconds",
        ],
        levels,
    )  # fmt: skip
    lines += ["", *table(["model", "rows", "library", "milliseconds"], timed)]
    for name, rows in curves:
        header = ["weights left", "bits", "bytes", "error on validation rows, %", "on test rows, %"]
        lines += ["", name, "", *table(header, rows)]
    text = "\n".join(lines) + "\n"
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
