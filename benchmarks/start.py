"""From the start of a process to its first prediction, beside `python -c "import numpy"`.

Usage: python benchmarks/start.py [--repeats N] [--nodes N]

Every program runs in a process of its own, all of them in turn, `--repeats` times, after one round
that is not counted. Ratios are those of medians to the median of NumPy alone. `--nodes` is the
size of the large forest, about. *private* is memory that a process does not share with others,
beyond that of NumPy alone; the model is still held when it is read.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import skcompress as skc

PRIVATE = """
import pathlib
lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
print(sum(int(line.split()[1]) for line in lines if line.startswith("Private_")))
"""
NUMPY = "import numpy as np\n"
PREDICT = "model.predict(np.zeros((1, 20)))\n"
OURS = NUMPY + "import skcompress\nmodel = skcompress.load({path!r})\n" + PREDICT
MAPPED = OURS.replace("{path!r}", "{path!r}, mmap=True")
JOBLIB = NUMPY + "import joblib\nmodel = joblib.load({path!r})\n" + PREDICT


def programs(folder: Path, n_nodes: int) -> dict[str, str]:
    """What is run, by the name of its row."""
    X, y = make_classification(20_000, 20, n_informative=10, flip_y=0.2, random_state=0)
    X = X.astype(np.float32)
    found = {"NumPy alone": NUMPY}
    for name, model in {
        "forest of 20,000 nodes": _forest(X[:4000], y[:4000], 20_000),
        f"forest of {n_nodes:,} nodes": _forest(X, y, n_nodes),
        "SVC": SVC().fit(X[:1000], y[:1000]),
        "MLP": MLPClassifier(max_iter=20, early_stopping=True, random_state=0).fit(X, y),
    }.items():
        stem = folder / name.replace(" ", "-")
        small = skc.compress(model, level="lossless")
        skc.dump(small, f"{stem}.skc")
        skc.dump(small, f"{stem}-mapped.skc", layout="mapped")
        joblib.dump(model, f"{stem}.joblib")
        found[f"{name}, coded"] = OURS.format(path=f"{stem}.skc")
        found[f"{name}, mapped"] = MAPPED.format(path=f"{stem}-mapped.skc")
        found[f"{name}, joblib"] = JOBLIB.format(path=f"{stem}.joblib")
    return found


def _forest(X: np.ndarray, y: np.ndarray, n_nodes: int) -> Any:
    """A forest of at most so many nodes, and nearly as many."""
    forest = RandomForestClassifier(1, random_state=0).fit(X, y)
    forest.set_params(n_estimators=max(1, round(n_nodes / forest[0].tree_.node_count))).fit(X, y)
    while sum(tree.tree_.node_count for tree in forest.estimators_) > n_nodes:
        forest.estimators_.pop()
        forest.n_estimators -= 1
    return forest


def run(program: str) -> tuple[float, float]:
    """Seconds from start to end, and of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def private(program: str) -> float:
    """MB that the process does not share; NaN where the system does not tell."""
    if not Path("/proc/self/smaps_rollup").exists():
        return float("nan")
    done = subprocess.run(
        [sys.executable, "-c", program + PRIVATE], check=True, capture_output=True, text=True
    )
    return int(done.stdout) / 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    arguments = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        rows = programs(Path(folder), arguments.nodes)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for repeat in range(arguments.repeats + 1):
            for name, program in rows.items():
                seconds = run(program)
                if repeat:
                    times[name].append(seconds)
        base_memory = private(NUMPY)
        base = [statistics.median(column) for column in zip(*times["NumPy alone"], strict=True)]
        print(f"{'':40} {'ms':>7} {'ratio':>6} {'CPU ms':>7} {'ratio':>6} {'private MB':>10}")
        for name, program in rows.items():
            wall, cpu = (statistics.median(column) for column in zip(*times[name], strict=True))
            print(
                f"{name:40} {1e3 * wall:7.1f} {wall / base[0]:6.2f} {1e3 * cpu:7.1f} "
                f"{cpu / base[1]:6.2f} {private(program) - base_memory:10.1f}"
            )


if __name__ == "__main__":
    main()
