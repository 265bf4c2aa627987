"""Time of a call to predict beside other libraries, and the memory that a served model takes.

Usage: python benchmarks/latency.py [NAME ...] [--rows N ...] [--seconds S] [--markdown FILE]

Every model of `models.py` answers in one process, on one thread, through scikit-learn, ONNX
Runtime, treelite's GTIL, tl2cgen and skcompress at `lossless` and `balanced`. Calls are
interleaved, so that what else the machine does befalls all alike; times are medians, and minima
beside them. Each library gets rows in the dtype that it takes without converting; test rows are
repeated where there are too few. Ratios are those of the fastest other library's time to ours.

Memory is what a fresh process keeps to itself once it has loaded the model and predicted 1000 rows,
less what it kept after importing what it needs; `memory_bytes` of the size report stands beside it.

Of networks and single trees it also prints what bounds them: the time of the bare products by BLAS,
and that of a step of the walk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from models import SPECS, Fitted, compressed, models
from tables import geometric_mean, publish, table

import skcompress as skc
from skcompress.ir import DenseNetwork, TreeEnsemble, decode
from skcompress.runtime.trees import leaf_rows, pack

ROWS = (1, 10, 1000, 100_000)
OURS = ("lossless", "balanced")
PEERS = ("scikit-learn", "onnxruntime", "treelite", "tl2cgen")
KINDS = {
    "trees": ("rf", "extratrees", "gbr", "hgb", "tree"),
    "SVM": ("svc", "svr"),
    "MLP": ("mlp",),
    "others": ("logreg", "knn"),
}
TOO_LONG = 20.0
"""Seconds of one call beyond which a number of rows is left out."""
NODES_TO_COMPILE = 60_000
"""tl2cgen compiles a branch a node: larger forests take its compiler hours."""

Predict = Callable[[Any], Any]

LOAD_ONNX = """
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options)
name = session.get_inputs()[0].name
predict = lambda rows: session.run(None, {name: rows})
"""
LOAD_TREELITE = """
model = treelite.Model.deserialize(path)
predict = lambda rows: treelite.gtil.predict(model, rows, nthread=1)
"""
LOAD_TL2CGEN = """
model = tl2cgen.Predictor(path, nthread=1)
predict = lambda rows: model.predict(tl2cgen.DMatrix(rows))
"""
OUR_MODULES = ("kernel", "linear", "network", "prototypes", "text", "transforms", "trees")
SKLEARN_MODULES = ("ensemble", "neighbors", "neural_network", "pipeline", "svm", "tree")
LOADERS = {
    "scikit-learn": (
        "import joblib, " + ", ".join(f"sklearn.{name}" for name in SKLEARN_MODULES),
        "predict = joblib.load(path).predict",
    ),
    "onnxruntime": ("import onnxruntime", LOAD_ONNX),
    "treelite": ("import treelite", LOAD_TREELITE),
    "tl2cgen": ("import tl2cgen", LOAD_TL2CGEN),
    **dict.fromkeys(
        OURS,
        (
            "import skcompress, skcompress.format, "
            + ", ".join(f"skcompress.runtime.{name}" for name in OUR_MODULES),
            "predict = skcompress.load(path).predict",
        ),
    ),
}
"""What a fresh process imports, and how it then loads a model from `path`."""
PRIVATE = """
import ctypes, gc, pathlib, sys
import numpy as np
{imports}
def private():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
path, rows = sys.argv[1], {rows}
np.ones((300, 300)) @ np.ones((300, 300))  # BLAS takes its buffers
before = private()
{load}
predict(rows)
del rows
print(private() - before)
"""


def save_peer(name: str, fitted: Fitted, folder: Path) -> Path:
    """Write the model in the format of a library."""
    model, path = fitted.model, folder / name
    if name == "scikit-learn":
        joblib.dump(model, path)
    elif name == "onnxruntime":
        path.write_bytes(_onnx(model, fitted.X_test).SerializeToString())
    else:
        import treelite

        imported = treelite.sklearn.import_model(model)
        if name == "treelite":
            imported.serialize(path)
            return path
        import tl2cgen

        n_nodes = sum(_n_nodes(tree) for tree in np.ravel(getattr(model, "estimators_", model)))
        if n_nodes > NODES_TO_COMPILE:
            raise ValueError(f"{n_nodes} nodes are too many to compile")
        path = path.with_suffix(".so")
        tl2cgen.export_lib(
            imported,
            toolchain="gcc",
            libpath=path,
            params={"parallel_comp": os.cpu_count()},
            verbose=False,
        )
    return path


def _onnx(model: Any, X: Any) -> Any:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType

    last = model[-1] if hasattr(model, "steps") else model
    options = {id(last): {"zipmap": False}} if hasattr(last, "classes_") else {}
    if isinstance(X, list):
        options[id(model[0])] = {"locale": "C"}
        return to_onnx(model, initial_types=[("X", StringTensorType([None, 1]))], options=options)
    return to_onnx(model, np.asarray(X[:1], np.float32), options=options)


def _n_nodes(tree: Any) -> int:
    if hasattr(tree, "tree_"):
        return tree.tree_.node_count
    return sum(p.get_n_leaf_nodes() * 2 for stage in tree._predictors for p in stage)


def loaded(name: str, path: Path) -> Predict:
    """The predict function of a library, made as its fresh process makes it."""
    scope: dict[str, Any] = {"path": str(path)}
    exec("\n".join(LOADERS[name]), scope)  # the text that the fresh process runs
    return scope["predict"]


def rows_for(name: str, fitted: Fitted, n_rows: int) -> Any:
    """Test rows, repeated as needed, in the form that a library takes without converting."""
    X = fitted.X_test
    if isinstance(X, list):
        texts = [X[place % len(X)] for place in range(n_rows)]
        return np.array(texts)[:, None] if name == "onnxruntime" else texts
    single = name in ("onnxruntime", "treelite", "tl2cgen") or kind_of(fitted.name) == "trees"
    if fitted.name.endswith("hgb") and name != "onnxruntime":
        single = False
    return np.ascontiguousarray(np.resize(X, (n_rows, X.shape[1])), np.float32 if single else float)


def kind_of(name: str) -> str:
    """Which group of models a model belongs to."""
    return next(kind for kind, ends in KINDS.items() if name.rpartition("-")[2] in ends)


def once(function: Predict, rows: Any, repeats: int = 1) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function(rows)
    return (time.perf_counter() - start) / repeats


def interleaved(
    functions: dict[str, Predict], rows: dict[str, Any], seconds: float
) -> dict[str, tuple[float, float]]:
    """Median and least seconds a call of each function; rounds of all of them, one after another.

    A short call is repeated within its turn until that takes a millisecond.
    """
    repeats = {}
    for name, function in functions.items():
        once(function, rows[name])
        repeats[name] = max(1, int(1e-3 / once(function, rows[name])))
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 3:
        for name, function in functions.items():
            times[name].append(once(function, rows[name], repeats[name]))
    return {name: (statistics.median(found), min(found)) for name, found in times.items()}


def resident(name: str, path: Path, fitted: Fitted, folder: Path) -> float:
    """Bytes that a fresh process keeps for the model; NaN where the system does not tell."""
    if not Path("/proc/self/smaps_rollup").exists():
        return float("nan")
    rows = folder / f"{name}-rows"
    joblib.dump(rows_for(name, fitted, 1000), rows)
    imports, load = LOADERS[name]
    program = PRIVATE.format(
        imports=imports, load=load, rows=f"__import__('joblib').load({str(rows)!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    )
    return 1024.0 * int(done.stdout)


def measure(fitted: Fitted, sizes: list[int], seconds: float, folder: Path) -> dict[str, Any]:
    """Times and memory of one model in every library that takes it."""
    if "n_jobs" in fitted.model.get_params():
        fitted.model.set_params(n_jobs=1)
    paths: dict[str, Path] = {}
    for name in PEERS:
        if name in ("treelite", "tl2cgen") and kind_of(fitted.name) != "trees":
            continue
        try:
            paths[name] = save_peer(name, fitted, folder)
            loaded(name, paths[name])(rows_for(name, fitted, 1))
        except Exception as error:  # noqa: BLE001 - a peer may fail in any way; ours may not
            print(f"  {name}: {type(error).__name__}: {str(error)[:90]}", flush=True)
            paths.pop(name, None)
    row: dict[str, Any] = {"name": fitted.name, "times": {}, "memory": {}, "memory_bytes": {}}
    for level in OURS:
        small, _ = compressed(fitted, level)
        paths[level] = folder / f"{level}.skc"
        skc.dump(small, paths[level])
        row["memory_bytes"][level] = skc.size_report(skc.load(paths[level])).memory_bytes
    row["memory"] = {name: resident(name, path, fitted, folder) for name, path in paths.items()}
    functions = {name: loaded(name, path) for name, path in paths.items()}
    per_row = dict.fromkeys(functions, 0.0)
    for n_rows in sizes:
        chosen = {n: f for n, f in functions.items() if per_row[n] * n_rows < TOO_LONG}
        if not chosen:
            break
        rows = {name: rows_for(name, fitted, n_rows) for name in chosen}
        row["times"][n_rows] = interleaved(chosen, rows, seconds)
        per_row |= {name: least / n_rows for name, (_, least) in row["times"][n_rows].items()}
    return row


def bound(fitted: Fitted, n_rows: int = 1000) -> str | None:
    """What the time of a model that is not an ensemble is made of, at `lossless`."""
    small = skc.compress(fitted.model, level="lossless")
    rows = rows_for("lossless", fitted, n_rows)
    predictor = small.ir.predictor
    whole = least(small.predict, rows)
    if isinstance(predictor, DenseNetwork):
        parts = []
        for dtype in (np.float64, np.float32):
            weights = [decode(layer.weights).astype(dtype) for layer in predictor.layers]
            inputs = [rng_rows(n_rows, len(weight), dtype) for weight in weights]
            products = sum(
                least(np.matmul, x, weight) for x, weight in zip(inputs, weights, strict=True)
            )
            parts.append(f"{duration(products)} µs in {np.dtype(dtype).name}")
        return (
            f"{fitted.name}, {n_rows} rows: the products of its layers alone take BLAS "
            f"{' and '.join(parts)}; all of predict takes {duration(whole)} µs at lossless"
        )
    if isinstance(predictor, TreeEnsemble) and predictor.n_trees == 1:
        steps = fitted.model.decision_path(rows).sum() - n_rows
        walk = least(leaf_rows, pack(predictor), rows)
        return (
            f"{fitted.name}, {n_rows} rows: the walk takes {100 * walk / whole:.0f} % of predict, "
            f"{steps / n_rows:.1f} steps a row and {1e9 * walk / steps:.1f} ns a step; a call for "
            f"one row takes {duration(least(small.predict, rows[:1]))} µs"
        )
    return None


def rng_rows(n_rows: int, n_columns: int, dtype: Any) -> np.ndarray:
    """Random rows, none of them zero."""
    return np.random.default_rng(0).random((n_rows, n_columns)).astype(dtype)


def least(function: Callable[..., Any], *arguments: Any, repeats: int = 50) -> float:
    """Least seconds of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def best_peer(times: dict[str, tuple[float, float]]) -> float | None:
    """Median seconds of the fastest other library."""
    return min((found[0] for name, found in times.items() if name in PEERS), default=None)


def duration(seconds: float) -> str:
    """Microseconds with three significant digits."""
    micro = 1e6 * seconds
    return f"{micro:.3g}" if micro < 1000 else f"{micro:.0f}"


def report(rows: list[dict[str, Any]], sizes: list[int]) -> str:
    """The Markdown tables and the geometric means."""
    names = (*PEERS, *OURS)
    header = ["model", "rows", *(f"{name}, µs" for name in names)]
    header += [f"best / {level}" for level in OURS]
    timed = []
    for row in rows:
        for n_rows, times in row["times"].items():
            best = best_peer(times)
            cells = [row["name"], f"{n_rows}"]
            cells += [duration(times[name][0]) if name in times else "–" for name in names]
            cells += [
                f"{best / times[level][0]:.2f}" if best and level in times else "–"
                for level in OURS
            ]
            timed.append(cells)
    lines = [*table(header, timed), ""]
    for kind in (*KINDS, "all"):
        for n_rows in sizes:
            parts = []
            for level in OURS:
                ratios = [
                    best_peer(row["times"][n_rows]) / row["times"][n_rows][level][0]
                    for row in rows
                    if kind in ("all", kind_of(row["name"]))
                    and level in row["times"].get(n_rows, {})
                    and best_peer(row["times"][n_rows])
                ]
                if ratios:
                    parts.append(
                        f"{level} {geometric_mean(ratios):.2f} (least {min(ratios):.2f}, "
                        f"{len(ratios)} models)"
                    )
            if parts:
                lines.append(
                    f"- {kind}, rows {n_rows}, times faster than the best other library, "
                    f"geometric mean: {'; '.join(parts)}"
                )
    lines.append("")
    header = ["model", *(f"{name}, kB" for name in names)]
    header += [f"memory_bytes {level}, kB" for level in OURS]
    cells_of_rows = []
    for row in rows:
        cells = [row["name"]]
        cells += [
            f"{row['memory'][name] / 1000:.0f}" if name in row["memory"] else "–" for name in names
        ]
        cells += [f"{row['memory_bytes'][level] / 1000:.0f}" for level in OURS]
        cells_of_rows.append(cells)
    return "\n".join([*lines, *table(header, cells_of_rows)]) + "\n"


def main() -> None:
    """Measure, print, and write the tables where asked."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if os.environ != os.environ | one:
        # Libraries look at these when they are imported.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | one)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(SPECS)}")
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--seconds", type=float, default=4.0, help="for each number of rows")
    parser.add_argument("--markdown", help="file that the tables are written to")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    rows, bounds = [], []
    for fitted in models(arguments.names or None):
        print(fitted.name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(fitted, arguments.rows, arguments.seconds, Path(folder)))
        for n_rows, times in rows[-1]["times"].items():
            found = ", ".join(
                f"{name} {duration(median)} (least {duration(least)})"
                for name, (median, least) in times.items()
            )
            print(f"  {n_rows} rows, µs: {found}", flush=True)
        if line := bound(fitted):
            bounds.append(f"- {line}\n")
    text = "\n".join([report(rows, arguments.rows), "".join(bounds)])
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
