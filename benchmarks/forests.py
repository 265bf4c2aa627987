"""Trees and forests by level: bytes, scores on test rows, agreement, seconds.

Usage: python benchmarks/forests.py [NAME ...] [--markdown FILE]

Every tree model of `models.py` is compressed at each level. Settings are chosen on validation
rows; the test rows are scored once. Bytes are those of the file, ratios those to `lossless`.
Seconds are those of the processor, of fits on one thread, too.

A second table compares methods, each allowed two points of the score on the validation rows: the
search of `SmallestForest`, levels by L1 regression (`PruneLevels`, LOP) and depths by block descent
(`PruneDepths`, ForestPrune), after which thresholds are shared and leaves rounded alike.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from models import SPECS, Fitted, compressed, models
from sklearn.base import clone
from tables import geometric_mean, kilobytes, publish, table

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import TreeEnsemble
from skcompress.passes import (
    Context,
    Data,
    DropNotes,
    PruneDepths,
    PruneLevels,
    SmallestForest,
    run,
)
from skcompress.recipes import LEVELS as TOLERANCES
from skcompress.recipes import level_recipe
from skcompress.search._redundancy import subtree_names

TREES = tuple(
    name for name in SPECS if name.endswith(("-rf", "-extratrees", "-tree", "-gbr", "-hgb"))
)
LEVELS = ("lossless", "safe", "balanced", "tiny")
METHODS = {
    "smallest forest": SmallestForest(),
    "levels (LOP)": PruneLevels(),
    "depths (ForestPrune)": PruneDepths(),
}


def agreement(small: np.ndarray, original: np.ndarray) -> float:
    """Share of equal labels; for numbers, R² of the ones as predictions of the others."""
    if small.dtype.kind != "f":
        return float(np.mean(small == original))
    return 1 - float(np.mean((small - original) ** 2) / np.var(original))


def fit_seconds(fitted: Fitted) -> float:
    """Processor time of the fit, on one thread."""
    model = clone(fitted.model)
    start = time.process_time()
    model.fit(fitted.X_train, fitted.y_train)
    return time.process_time() - start


def saved_by_sharing(trees: TreeEnsemble, n_bytes: int) -> float:
    """Share of a file that would be saved if equal subtrees of three nodes and more stood once.

    Each of the others, unless it is part of a larger one, would take the number of the first in
    place of its nodes, which are taken to be as dear as any; and each split a flag that tells.
    """
    if trees.categories is not None or not trees.internal.any():
        return 0.0
    names = subtree_names(trees)
    _, first = np.unique(names, return_index=True)
    repeated = trees.internal.copy()
    repeated[first] = False
    parent = trees.parent()
    inside = repeated[parent] & (parent >= 0)
    for nodes in trees.levels()[1:]:
        inside[nodes] |= inside[parent[nodes]]
    sizes = trees.sum_below(np.ones(trees.n_nodes))[repeated & ~inside]
    per_node = 8 * n_bytes / trees.n_nodes
    pointer = np.log2(max(int(trees.internal.sum()) - sizes.size, 2))
    gains = per_node * sizes - pointer
    left = float(trees.internal.sum() - (sizes[gains > 0] - 1).sum() / 2)
    share = np.clip((gains > 0).sum() / left, 1e-12, 1 - 1e-12)
    flags = -left * (share * np.log2(share) + (1 - share) * np.log2(1 - share))
    return float(max(gains[gains > 0].sum() - flags, 0.0) / (8 * n_bytes))


def by_method(fitted: Fitted) -> list[str]:
    """A row of the second table: bytes, leaves, points lost and seconds of each method."""
    original = lift(fitted.model)
    context = Context(
        original=original,
        refit=Data(fitted.X_train, fitted.y_train),
        held_out=Data(fitted.X_val, fitted.y_val),
        tolerance=TOLERANCES["tiny"],
    )
    score = fitted.model.score(fitted.X_test, fitted.y_test)
    cells = [fitted.name]
    for method in METHODS.values():
        start = time.process_time()
        recipe = (method, *level_recipe(original, "tiny")[1:], DropNotes())
        small = skc.CompactModel(run(recipe, original, context)[0])
        trees = small.ir.predictor
        assert isinstance(trees, TreeEnsemble)
        cells += [
            kilobytes(len(skc.dumps(small))), str(trees.leaf.size),
            f"{100 * (score - small.score(fitted.X_test, fitted.y_test)):+.2f}",
            f"{time.process_time() - start:.1f}",
        ]  # fmt: skip
    return cells


def measure(fitted: Fitted) -> dict[str, Any]:
    """One row of the table."""
    model, X, y = fitted.model, fitted.X_test, fitted.y_test
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=1)
    expected = model.predict(X)
    row: dict[str, Any] = {
        "name": fitted.name,
        "score": model.score(X, y),
        "fit": fit_seconds(fitted),
    }
    for level in LEVELS:
        start = time.process_time()
        small, _ = compressed(fitted, level)
        seconds = time.process_time() - start
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
        row[level]["saved"] = saved_by_sharing(trees, row[level]["bytes"])
    row["methods"] = by_method(fitted)
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
        long = [row[level]["seconds"] / row["fit"] for row in rows if row["fit"] >= 1]
        lines.append(
            f"- {level}: geometric mean of lossless / {level} {geometric_mean(ratios):.2f}, "
            f"least {min(ratios):.2f}; most points lost {worst[level]['loss']:.2f} "
            f"({worst['name']}); least agreement {least[level]['agreement']:.2f} % "
            f"({least['name']}); longest {time_ratio:.1f} times the fit ({slowest['name']}), "
            f"{max(long, default=0.0):.1f} of fits of a second and more"
        )
    saved = [
        f"{level} " + ", ".join(f"{100 * row[level]['saved']:.1f}" for row in rows)
        for level in LEVELS
    ]
    lines.append(
        f"- sharing equal subtrees would save, in % of the file, row by row: {'; '.join(saved)}"
    )
    header = ["two points allowed"]
    for name in METHODS:
        header += [f"{name}, kB", "leaves", "points lost", "s"]
    lines += ["", *table(header, [row["methods"] for row in rows])]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(TREES)}")
    parser.add_argument("--markdown", help="file that the table is written to")
    arguments = parser.parse_args()
    rows = []
    for fitted in models(arguments.names or list(TREES)):
        rows.append(measure(fitted))
        print(report(rows[-1:]).splitlines()[2], flush=True)
    text = report(rows)
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
