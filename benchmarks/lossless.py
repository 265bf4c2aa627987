"""Lossless files: bytes beside the peers' and the entropy, seconds to write and to read.

Usage: python benchmarks/lossless.py [NAME ...] [--scale] [--markdown FILE]

Every model of `models.py` is written at level `lossless`. Ratios are those of the other library's
figure to ours, from the same run. Seconds are those of the processor, the least of rounds in one
process, in which all actions take turns: all of it runs in a single thread, and waiting for the
disk, to which slim-trees writes, does not count. `--scale` adds forests of 10^4 to 10^7 nodes.
Boosted trees are weighed with leaf values as float32, too: slim-trees rounds to it the leaf values
of all trees that it packs, which histogram boosting's are not.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from entropy import PARTS, STREAMS, bits_of_file, column_entropy, order_zero
from models import SPECS, Fitted, models
from peers import joblib_bytes
from sklearn.ensemble import RandomForestClassifier
from tables import geometric_mean, kilobytes, publish, same, table

import skcompress as skc
from skcompress.families import lift
from skcompress.format._forest import memory_to_decode
from skcompress.ir import TreeEnsemble, decode

BOOSTED = ("california-gbr", "adult-hgb")
NOT_PACKED = ("adult-hgb",)
"""Models of which slim-trees makes no more than a pickle with LZMA."""

ROUNDS = 3, 20
SECONDS = 8.0
SIZES = ((600, 22), (6000, 21), (60_000, 21), (60_000, 206))
"""Rows and trees of forests of about 10^4, 10^5, 10^6 and 10^7 nodes."""


def least_seconds(**actions: Callable[[], Any]) -> dict[str, float]:
    """The shortest time of each action; rounds go on for a while, within limits."""
    found = dict.fromkeys(actions, np.inf)
    begin = time.process_time()
    for done in range(ROUNDS[1]):
        if done >= ROUNDS[0] and time.process_time() - begin > SECONDS:
            break
        for name, action in actions.items():
            start = time.process_time()
            action()
            found[name] = min(found[name], time.process_time() - start)
    return found


def equal(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of outputs that are the same to the last bit."""
    return float(np.mean(ours == theirs))


def measure_trees(fitted: Fitted, folder: Path) -> dict[str, Any]:
    """Figures of a tree model."""
    from slim_trees import dump_sklearn_compressed, load_compressed

    model, X = fitted.model, fitted.X_test
    if "n_jobs" in model.get_params():
        # With more, scikit-learn adds trees in another order each time.
        model.set_params(n_jobs=1)
    small = skc.compress(model, level="lossless")
    data, path = skc.dumps(small), folder / "model.pkl.lzma"
    again, trees = skc.loads(data), small.ir.predictor
    assert isinstance(trees, TreeEnsemble)
    final = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    raw = "decision_function" if hasattr(model, "decision_function") else final
    seconds = least_seconds(
        slim_dump=lambda: dump_sklearn_compressed(model, path),
        dump=lambda: skc.dumps(small),
        lift_and_dump=lambda: skc.dumps(skc.compress(model, level="lossless")),
    )
    seconds |= least_seconds(
        slim_load=lambda: load_compressed(path),
        load=lambda: skc.loads(data),
        slim_first=lambda: load_compressed(path).predict(X[:1]),
        first=lambda: skc.loads(data).predict(X[:1]),
    )
    rounded = trees.replace(values=decode(trees.values).astype(np.float32))
    at_float32 = skc.dumps(skc.CompactModel(small.ir.with_predictor(rounded)))
    return {
        "name": fitted.name,
        "nodes": trees.n_nodes,
        "joblib": joblib_bytes(model),
        "joblib+lzma": joblib_bytes(model, ("lzma", 6)),
        "slim-trees+lzma": path.stat().st_size,
        "ours": len(data),
        "ours at float32": len(at_float32) if fitted.name in BOOSTED else len(data),
        "equal raw": equal(getattr(again, raw)(X), getattr(model, raw)(X)),
        "equal": equal(getattr(again, final)(X), getattr(model, final)(X)),
        "bits": bits_of_file(trees, data),
        "order zero": order_zero(trees),
        **seconds,
    }


def measure_vectors(fitted: Fitted) -> dict[str, Any]:
    """Figures of any other model."""
    model, X = fitted.model, fitted.X_test
    small = skc.compress(model, level="lossless")
    data = skc.dumps(small)
    ours, theirs = skc.loads(data).predict(X), model.predict(X)
    return {
        "name": fitted.name,
        "joblib": joblib_bytes(model),
        "joblib+lzma": joblib_bytes(model, ("lzma", 6)),
        "ours": len(data),
        "entropy": column_entropy(small) / 8,
        "equal": equal(ours, theirs),
        "close": float(np.mean(same(ours, theirs))),
        **least_seconds(dump=lambda: skc.dumps(small), load=lambda: skc.loads(data)),
    }


def scales() -> Iterator[list[str]]:
    """Seconds and bytes of forests of 10^4 to 10^7 nodes."""
    rng = np.random.default_rng(0)
    for n_rows, n_trees in SIZES:
        X, y = rng.normal(size=(n_rows, 8)).round(2), rng.integers(0, 2, n_rows)
        forest = RandomForestClassifier(
            n_trees, max_features=1, bootstrap=False, random_state=0, n_jobs=1
        )
        model = lift(forest.fit(X, y))
        trees = model.predictor
        assert isinstance(trees, TreeEnsemble)
        small = skc.CompactModel(model.with_predictor(trees.replace(notes=None)))
        n_nodes = trees.n_nodes
        del forest, model, trees
        data = skc.dumps(small)
        seconds = least_seconds(
            dump=functools.partial(skc.dumps, small), load=functools.partial(skc.loads, data)
        )
        tracemalloc.start()
        skc.loads(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        per_million = [f"{1e6 * seconds[name] / n_nodes:.2f}" for name in ("dump", "load")]
        declared = memory_to_decode(n_nodes)
        yield [
            str(n_nodes), kilobytes(len(data)), f"{8 * len(data) / n_nodes:.2f}", *per_million,
            f"{peak / 1e6:.0f}", f"{declared / 1e6:.0f}",
        ]  # fmt: skip


def mean(rows: list[dict[str, Any]], theirs: str, ours: str) -> str:
    """Geometric mean and least ratio of two figures."""
    ratios = [row[theirs] / row[ours] for row in rows]
    least = rows[int(np.argmin(ratios))]["name"]
    return (
        f"- {theirs} / {ours}: geometric mean {geometric_mean(ratios):.2f} over {len(rows)} "
        f"models, least {min(ratios):.2f} ({least})"
    ).replace("_", " ")


def report_sizes(rows: list[dict[str, Any]]) -> list[str]:
    """Bytes of tree models."""
    peers = ("joblib", "joblib+lzma", "slim-trees+lzma")
    cells = [
        [
            row["name"],
            str(row["nodes"]),
            *(kilobytes(row[name]) for name in (*peers, "ours", "ours at float32")),
            *(f"{row[peer] / row['ours']:.2f}" for peer in peers),
            f"{row['slim-trees+lzma'] / row['ours at float32']:.2f}",
            f"{row['equal raw']:.6f}",
            f"{row['equal']:.6f}",
        ]
        for row in rows
    ]
    header = [
        "model", "nodes", *(f"{peer}, kB" for peer in peers), "ours, kB",
        "boosting at float32, kB", *(f"{peer} / ours" for peer in peers),
        "slim-trees / ours, boosting at float32", "equal sums", "equal outputs",
    ]  # fmt: skip
    lines = [*table(header, cells), ""]
    groups = {
        "All": rows,
        f"Without {', '.join(NOT_PACKED)}, which slim-trees does not pack": [
            row for row in rows if row["name"] not in NOT_PACKED
        ],
        "Forests and trees": [row for row in rows if row["name"] not in BOOSTED],
        "Boosting": [row for row in rows if row["name"] in BOOSTED],
    }
    for name, group in groups.items():
        if group:
            lines += [f"{name}:", "", mean(group, "joblib", "ours")]
            lines += [mean(group, "slim-trees+lzma", n) for n in ("ours", "ours at float32")]
            lines.append("")
    return lines


def report_seconds(rows: list[dict[str, Any]]) -> list[str]:
    """Times of tree models: each of ours, and how many times longer slim-trees takes."""
    pairs = {
        "dump": "slim_dump",
        "lift_and_dump": "slim_dump",
        "load": "slim_load",
        "first": "slim_first",
    }
    cells = [
        [
            row["name"],
            *(text for ours, slim in pairs.items()
              for text in (f"{row[ours]:.4f}", f"{row[slim] / row[ours]:.2f}")),
        ]
        for row in rows
    ]  # fmt: skip
    names = ("dumps, s", "compress and dumps, s", "loads, s", "loads and predict a row, s")
    header = ["model", *(text for name in names for text in (name, "slim-trees / ours"))]
    packed = [row for row in rows if row["name"] not in NOT_PACKED]
    lines = [*table(header, cells), ""]
    lines += [mean(packed, slim, ours) for ours, slim in pairs.items() if packed]
    return [*lines, ""]


def report_bits(rows: list[dict[str, Any]]) -> list[str]:
    """Bits a node, and the entropy without contexts."""
    cells = []
    for row in rows:
        bits, zero, nodes = row["bits"], row["order zero"], row["nodes"]
        told = sum(bits[name] for name in STREAMS)
        first, second, *_ = sorted(PARTS, key=bits.get, reverse=True)
        total = 8 * row["ours"]
        cells.append(
            [
                row["name"],
                *(f"{bits[n] / nodes:.2f} ({zero[n] / nodes:.2f})" for n in STREAMS),
                *(f"{bits[n] / nodes:.3f}" for n in PARTS if n not in STREAMS),
                f"{total / nodes:.2f}",
                f"{told / sum(zero.values()):.3f}",
                f"{bits['coder'] / (told + bits['tables']):.5f}",
                f"{first} {bits[first] / total:.0%}, {second} {bits[second] / total:.0%}",
            ]
        )
    header = [
        "bits a node (entropy of order 0)", *PARTS, "file", "symbols / their entropy of order 0",
        "coder / model's bits", "most bits in",
    ]  # fmt: skip
    return [*table(header, cells), ""]


def report_vectors(rows: list[dict[str, Any]]) -> list[str]:
    """Bytes and times of other models."""
    cells = [
        [
            row["name"],
            *(kilobytes(row[name]) for name in ("joblib", "joblib+lzma", "ours", "entropy")),
            *(f"{row[name] / row['ours']:.2f}" for name in ("joblib", "joblib+lzma")),
            f"{row['ours'] / row['entropy']:.3f}",
            *(f"{row[name]:.4f}" for name in ("dump", "load")),
            *(f"{row[name]:.6f}" for name in ("equal", "close")),
        ]
        for row in rows
    ]
    header = [
        "model", "joblib, kB", "joblib+lzma, kB", "ours, kB", "columns' entropy and tables, kB",
        "joblib / ours", "joblib+lzma / ours", "ours / entropy", "dumps, s", "loads, s",
        "equal to the bit", "equal within rounding",
    ]  # fmt: skip
    means = [mean(rows, peer, "ours") for peer in ("joblib", "joblib+lzma")]
    return [*table(header, cells), "", *means, ""]


def main() -> None:
    """Measure, print, and write the tables where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"models, of {', '.join(SPECS)}")
    parser.add_argument("--scale", action="store_true", help="add forests of 10^4 to 10^7 nodes")
    parser.add_argument("--markdown", help="file that the tables are written to")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="slim_trees")
    trees, vectors = [], []
    with tempfile.TemporaryDirectory() as folder:
        for fitted in models(arguments.names or None):
            if isinstance(lift(fitted.model).predictor, TreeEnsemble):
                trees.append(measure_trees(fitted, Path(folder)))
            else:
                vectors.append(measure_vectors(fitted))
            print(f"{fitted.name}: measured", flush=True)
    lines = []
    if trees:
        lines += [*report_sizes(trees), *report_seconds(trees), *report_bits(trees)]
    if vectors:
        lines += report_vectors(vectors)
    if arguments.scale:
        header = [
            "nodes", "kB", "bits a node", "dumps, s per million", "loads, s per million",
            "peak memory of loads, MB", "declared for the trees, MB",
        ]  # fmt: skip
        lines += table(header, list(scales()))
    text = "\n".join(lines).rstrip() + "\n"
    publish(text, arguments.markdown)


if __name__ == "__main__":
    main()
