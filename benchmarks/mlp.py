"""Networks by level: bytes, scores on test rows, seconds; a curve; predictions beside ONNX Runtime.

Usage: python benchmarks/mlp.py [NAME ...] [--tolerances SCORE ...] [--curve NAME ...]
       [--error PERCENT] [--markdown FILE]

Every network of `models.py` is compressed at the levels `balanced` and `tiny`, the latter also
where less may be lost. Settings are chosen on validation rows; the test rows are scored once.
Ratios are to the weights and biases in float32. How many bytes the places and values of weights
take is compared with their entropy, and what corrections after rounding without training are worth
with doing without. For those named after --curve, networks of ever fewer weights are trained as
`tiny` trains them, each from the one before, and quantized; with --error, the smallest of these is
named whose error on the validation rows is at most that.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from typing import Any

import numpy as np
from entropy import network_bits
from models import Fitted, compressed, models
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
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
TOLERANCES = (0.005, 0.003)
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
    start = time.process_time()
    small, seconds = compressed(fitted, level, tolerance=tolerance)
    busy = time.process_time() - start
    count, whole = len(skc.dumps(small)), float32_bytes(lift(fitted.model))
    score = fitted.model.score(fitted.X_test, fitted.y_test)
    found = small.score(fitted.X_test, fitted.y_test)
    row = [
        fitted.name, level, "" if tolerance is None else str(tolerance), kilobytes(whole),
        kilobytes(count), f"{whole / count:.1f}", str(weights_left(small.ir)), f"{score:.4f}",
        f"{found:.4f}", f"{100 * (score - found):+.2f}", f"{seconds:.0f}", f"{busy:.0f}",
    ]  # fmt: skip
    return row, small


@dataclasses.dataclass(frozen=True)
class Point:
    """A network of a curve: weights left, bits of its tables, bytes, errors in percent."""

    kept: float
    bits: int
    n_bytes: int
    validation: float
    test: float

    @property
    def row(self) -> list[str]:
        """As it is printed."""
        errors = f"{self.validation:.2f}", f"{self.test:.2f}"
        return [f"{100 * self.kept:g} %", str(self.bits), str(self.n_bytes), *errors]


def curve(fitted: Fitted) -> list[Point]:
    """Bytes and errors of ever fewer weights, with tables of 8 and of 16 values."""
    original = lift(fitted.model)
    context = Context(original=original, refit=Data(fitted.X_train, fitted.y_train))
    state, _ = run((RemoveDeadUnits(), SimplifyScalers()), original, context)
    whole = sum(decode(layer.weights).size for layer in network_of(original).layers)
    points = []
    for kept in KEPT:
        size = sum(decode(layer.weights).size for layer in network_of(state).layers)
        step = GradualPrune(1 - kept * whole / size, EPOCHS, target="original")
        state = RemoveDeadUnits().apply(step.apply(state, context), context)
        for bits in (3, 4):
            tables = TrainTables(bits, EPOCHS // 2, 7.5e-4, "original")
            small = skc.CompactModel(tables.apply(state, context))
            parts = [(fitted.X_val, fitted.y_val), (fitted.X_test, fitted.y_test)]
            losses = [100 * (1 - small.score(X, y)) for X, y in parts]
            points.append(Point(kept, bits, len(skc.dumps(small)), *losses))
            print(*points[-1].row, flush=True)
    return points


def smallest_within(points: list[Point], error: float) -> str:
    """The smallest network whose error on the validation rows is at most so many percent."""
    within = [point for point in points if point.validation <= error]
    if not within:
        best = min(points, key=lambda point: point.validation)
        return (
            f"None has an error of at most {error:g} % on the validation rows; the least is "
            f"{best.validation:.2f} %, of {best.n_bytes} bytes, {best.test:.2f} % on the test rows."
        )
    found = min(within, key=lambda point: point.n_bytes)
    return (
        f"The smallest with an error of at most {error:g} % on the validation rows takes "
        f"{found.n_bytes} bytes; its error on the test rows is {found.test:.2f} %."
    )


def coding(fitted: Fitted, level: str, small: Any) -> list[list[str]]:
    """Bytes of the places and values of weights, beside their entropy."""
    rows = []
    for name, found in network_bits(small).items():
        if not found.n_symbols:
            continue
        numbers = [f"{bits / 8:.0f}" for bits in (found.entropy, found.learned)]
        if found.coded:
            numbers += [f"{found.coded / 8:.0f}", f"{100 * (found.coded / found.learned - 1):+.1f}"]
        else:
            numbers += ["", ""]
        rows.append([fitted.name, level, name, str(found.n_symbols), *numbers])
    return rows


CORRECTIONS: dict[str, dict[str, bool]] = {
    "none": {"bias_correction": False, "rescale": False},
    "bias_correction": {"rescale": False},
    "both": {},
    "and equalize": {"equalize": True},
}
ROUGH: dict[str, dict[str, Any]] = {
    "half of the weights": {"sparsity": 0.5, "n_bits": None},
    "3 bits, table": {"n_bits": 3, "scheme": "codebook"},
    "4 bits, even steps": {"n_bits": 4},
}


def corrections(fitted: Fitted) -> list[list[str]]:
    """Percent of validation rows that get another answer, with and without corrections.

    Another label, or a number that is farther off than a tenth of a standard deviation.
    """
    original = np.asarray(fitted.model.predict(fitted.X_val))
    rows = []
    for name, settings in ROUGH.items():
        row = [fitted.name, name]
        for switches in CORRECTIONS.values():
            reducer = skc.MLPReducer(FrozenEstimator(fitted.model), **settings, **switches)
            found = reducer.fit(fitted.X_train, fitted.y_train).predict(fitted.X_val)
            if original.dtype.kind == "f":
                apart = float(np.mean(np.abs(found - original) > 0.1 * original.std()))
            else:
                apart = float(np.mean(found != original))
            row.append(f"{100 * apart:.2f}")
        rows.append(row)
    return rows


def median_seconds(call: Any, repeats: int = 21) -> float:
    """The median of what some calls take of a processor, which other processes do not change."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def speeds(fitted: Fitted, smalls: dict[str, Any]) -> list[list[str]]:
    """Times of predictions: scikit-learn, ONNX Runtime on the original, and compact models.

    All in one thread; ONNX Runtime is given rows that are in float32 already.
    """
    calls = {"scikit-learn": fitted.model.predict}
    calls |= {f"skcompress, {name}": small.predict for name, small in smalls.items()}
    try:
        import onnxruntime
        from skl2onnx import to_onnx
    except ImportError:
        print("onnxruntime and skl2onnx are not installed: their column is missing")
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        plain = {id(fitted.model[-1]): {"zipmap": False}} if is_classifier(fitted.model) else {}
        data = to_onnx(fitted.model, fitted.X_test[:1].astype(np.float32), options=plain)
        session = onnxruntime.InferenceSession(data.SerializeToString(), options)
        calls["ONNX Runtime"] = lambda X: session.run(None, {"X": X})
    rows = []
    for n_rows in (1, 10, 1000, 10_000):
        X = np.resize(fitted.X_test, (n_rows, fitted.X_test.shape[1]))
        for name, call in calls.items():
            given = X.astype(np.float32) if name == "ONNX Runtime" else X
            seconds = median_seconds(lambda call=call, X=given: call(X))
            rows.append([fitted.name, str(n_rows), name, f"{1e3 * seconds:.3f}"])
    return rows


def main() -> None:
    """Measure, print, and write the tables where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(NAMES)}")
    parser.add_argument(
        "--tolerances", nargs="*", type=float, default=TOLERANCES, help="of the score, for tiny"
    )
    parser.add_argument("--curve", nargs="*", default=(), help="models to draw a curve of")
    parser.add_argument("--error", type=float, help="percent of validation rows, for the curves")
    parser.add_argument("--markdown", help="file that the tables are written to")
    arguments = parser.parse_args()
    levels, timed, coded, corrected, curves = [], [], [], [], []
    for fitted in models(arguments.names or NAMES):
        runs = [("balanced", None), *(("tiny", each) for each in arguments.tolerances)]
        smalls = {}
        for level, tolerance in runs:
            row, small = measure(fitted, level, tolerance)
            levels.append(row)
            print(*row, flush=True)
            name = level if tolerance is None else f"{level}, {tolerance:g}"
            coded += coding(fitted, name, small)
            smalls.setdefault(level, small)
        timed += speeds(fitted, smalls)
        corrected += corrections(fitted)
        if fitted.name in arguments.curve:
            curves.append((fitted.name, curve(fitted)))
    lines = table(
        [
            "model", "level", "tolerance", "float32, kB", "file, kB", "ratio", "weights left",
            "score", "compact", "points lost", "seconds", "processor seconds",
        ],
        levels,
    )  # fmt: skip
    lines += ["", *table(["model", "rows", "library", "processor milliseconds"], timed)]
    header = [
        "model", "level", "what", "symbols", "entropy, B", "learned, B", "coded, B",
        "coded above learned, %",
    ]  # fmt: skip
    lines += ["", *table(header, coded)]
    lines += ["", *table(["model", "without training", *CORRECTIONS], corrected)]
    for name, points in curves:
        header = ["weights left", "bits", "bytes", "error on validation rows, %", "on test rows, %"]
        lines += ["", f"Curve of {name}:", "", *table(header, [point.row for point in points])]
        if arguments.error is not None:
            lines += ["", smallest_within(points, arguments.error)]
    text = "\n".join(lines) + "\n"
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
