"""Lossless files: bytes beside the peers' and the entropy, seconds to write and to read.

Usage: python benchmarks/lossless.py [NAME ...] [--scale] [--markdown FILE]

Every model of `models.py` is written at level `lossless`. Ratios are those of the other library's
figure to ours, from the same run; seconds are the least of interleaved repeats in one process.
`--scale` adds forests from 10^4 to 10^7 nodes. Boosted trees are weighed with leaf values as
float32, too, to which slim-trees rounds them.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from models import SPECS, Fitted, models
from sizes import geometric_mean, joblib_bytes, kilobytes, same
from sklearn.ensemble import ExtraTreesClassifier

import skcompress as skc
from skcompress.families import lift
from skcompress.format._forest import bits_by_stream
from skcompress.ir import TreeEnsemble, decode

BOOSTED = ("california-gbr", "adult-hgb")
REPEATS = 5


def least_seconds(
    actions: dict[str, Callable[[], Any]], repeats: int = REPEATS
) -> dict[str, float]:
    """The shortest time of each action, one after the other in every round."""
    found = dict.fromkeys(actions, np.inf)
    for _ in range(repeats):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            found[name] = min(found[name], time.perf_counter() - start)
    return found


def entropy(symbols: np.ndarray) -> float:
    """Empirical entropy of all symbols together, in bits."""
    counts = np.unique(symbols, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum())


def entropy_without_contexts(trees: TreeEnsemble) -> float:
    """Bits of topology, features, thresholds of each feature, leaf rows and missing directions."""
    threshold = decode(trees.threshold)
    by_feature = sum(
        entropy(threshold[trees.feature == feature]) for feature in np.unique(trees.feature)
    )
    parts = [trees.internal, trees.feature, trees.leaf]
    parts += [] if trees.missing_left is None else [trees.missing_left]
    return by_feature + sum(map(entropy, parts))


STREAMS = ("topology", "feature", "rank", "leaf", "missing", "tables")


def bits_of(trees: TreeEnsemble) -> dict[str, float]:
    """Bits of a forest's parts by the codec's model."""
    parts = dict.fromkeys(STREAMS, 0.0)
    for name, bits in (bits_by_stream(trees) or {}).items():
        first = name.split()[0]
        parts[first if first in parts else "tables"] += bits
    return parts


def measure_trees(fitted: Fitted, folder: Path) -> dict[str, Any]:
    """One row of the table of tree models."""
    from slim_trees import dump_sklearn_compressed, load_compressed

    model, X = fitted.model, fitted.X_test
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=1)
    small = skc.compress(model, level="lossless")
    data, path = skc.dumps(small), folder / "model.pkl.lzma"
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    answers = getattr(skc.loads(data), method)(X)
    trees = small.ir.predictor
    assert isinstance(trees, TreeEnsemble)
    seconds = least_seconds(
        {
            "slim dump": lambda: dump_sklearn_compressed(model, path),
            "slim load": lambda: load_compressed(path),
            "compress": lambda: skc.compress(model, level="lossless"),
            "dump": lambda: skc.dumps(small),
            "load": lambda: skc.loads(data),
        },
        3,
    )
    row = {
        "name": fitted.name,
        "nodes": trees.n_nodes,
        "joblib": joblib_bytes(model),
        "joblib+lzma": joblib_bytes(model, ("lzma", 6)),
        "slim-trees+lzma": path.stat().st_size,
        "ours": len(data),
        "ours at float32": len(data),
        "equal": float(np.mean(answers == getattr(model, method)(X))),
        "bits": bits_of(trees),
        "without contexts": entropy_without_contexts(trees),
        "values": decode(trees.values).nbytes,
        **seconds,
    }
    if fitted.name in BOOSTED:
        values = decode(trees.values).astype(np.float32)
        rounded = small.ir.with_predictor(trees.replace(values=values))
        row["ours at float32"] = len(skc.dumps(skc.CompactModel(rounded)))
    return row


def measure_vectors(fitted: Fitted) -> dict[str, Any]:
    """One row of the table of other models."""
    model, X = fitted.model, fitted.X_test
    small = skc.compress(model, level="lossless")
    data = skc.dumps(small)
    again = skc.loads(data)
    seconds = least_seconds({"dump": lambda: skc.dumps(small), "load": lambda: skc.loads(data)}, 3)
    return {
        "name": fitted.name,
        "joblib": joblib_bytes(model),
        "joblib+lzma": joblib_bytes(model, ("lzma", 6)),
        "ours": len(data),
        "equal": float(np.mean(same(again.predict(X), model.predict(X)))),
        **seconds,
    }


def scales() -> Iterator[str]:
    """Seconds per million nodes of forests of 10^4 to 10^7 nodes on random rows."""
    rng = np.random.default_rng(0)
    yield "| nodes | bytes | dump, s per million | load, s per million |"
    yield "|--:|--:|--:|--:|"
    for n_rows, n_trees in ((600, 10), (6000, 10), (30_000, 20), (60_000, 100)):
        X, y = rng.normal(size=(n_rows, 8)), rng.integers(0, 10, n_rows)
        forest = ExtraTreesClassifier(n_trees, random_state=0, n_jobs=-1).fit(X, y)
        model = lift(forest)
        trees = model.predictor
        assert isinstance(trees, TreeEnsemble)
        small = skc.CompactModel(model.with_predictor(trees.replace(notes=None)))
        del forest, model
        data = skc.dumps(small)
        actions = {
            "dump": functools.partial(skc.dumps, small),
            "load": functools.partial(skc.loads, data),
        }
        seconds = least_seconds(actions, 2)
        millions = trees.n_nodes / 1e6
        yield (
            f"| {trees.n_nodes} | {len(data)} | {seconds['dump'] / millions:.2f} "
            f"| {seconds['load'] / millions:.2f} |"
        )


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def ratios(rows: list[dict[str, Any]], name: str, ours: str = "ours") -> str:
    """Geometric mean and least ratio of two columns."""
    found = [row[name] / row[ours] for row in rows]
    return f"{name} / {ours}: geometric mean {geometric_mean(found):.2f}, least {min(found):.2f}"


def report_trees(rows: list[dict[str, Any]]) -> list[str]:
    """Tables and means of tree models."""
    sizes = [
        [
            row["name"],
            str(row["nodes"]),
            *(kilobytes(row[n]) for n in ("joblib", "joblib+lzma", "slim-trees+lzma", "ours")),
            f"{row['joblib'] / row['ours']:.1f}",
            f"{row['slim-trees+lzma'] / row['ours']:.2f}",
            f"{row['slim-trees+lzma'] / row['ours at float32']:.2f}",
            f"{row['dump']:.3f}",
            f"{row['slim dump'] / row['dump']:.1f}",
            f"{row['load']:.3f}",
            f"{row['slim load'] / row['load']:.2f}",
            f"{row['compress']:.2f}",
            f"{row['equal']:.6f}",
        ]
        for row in rows
    ]
    header = [
        "model", "nodes", "joblib, kB", "joblib+lzma", "slim-trees+lzma", "ours, kB",
        "joblib / ours", "slim / ours", "with leaves as float32", "dump, s", "slim / ours",
        "load, s", "slim / ours", "compress, s", "equal outputs",
    ]  # fmt: skip
    bits = [
        [
            row["name"],
            *(f"{row['bits'][name] / row['nodes']:.2f}" for name in STREAMS),
            f"{sum(row['bits'].values()) / row['nodes']:.2f}",
            f"{(8 * row['ours'] - sum(row['bits'].values())) / row['nodes']:.2f}",
            f"{8 * row['ours'] / row['nodes']:.2f}",
            f"{row['without contexts'] / row['nodes']:.2f}",
            f"{row['values']}",
        ]
        for row in rows
    ]
    bits_header = [
        "bits a node", *STREAMS, "all of the codec", "leaf values, header, coder", "the file",
        "entropy without contexts, without tables", "bytes of leaf values in memory",
    ]  # fmt: skip
    forests = [row for row in rows if row["name"] not in BOOSTED]
    lines = [*table(header, sizes), "", *table(bits_header, bits), ""]
    lines += [
        f"- {ratios(rows, 'joblib')}",
        f"- {ratios(rows, 'slim-trees+lzma')}",
        f"- {ratios(rows, 'slim-trees+lzma', 'ours at float32')}",
        f"- {ratios(rows, 'slim dump', 'dump')}",
        f"- {ratios(rows, 'slim load', 'load')}",
    ]
    if forests:
        lines.append(f"- forests and trees: {ratios(forests, 'slim-trees+lzma')}")
    return lines


def report_vectors(rows: list[dict[str, Any]]) -> list[str]:
    """Table and means of other models."""
    cells = [
        [
            row["name"],
            *(kilobytes(row[name]) for name in ("joblib", "joblib+lzma", "ours")),
            f"{row['joblib'] / row['ours']:.2f}",
            f"{row['joblib+lzma'] / row['ours']:.2f}",
            f"{row['dump']:.3f}",
            f"{row['load']:.3f}",
            f"{row['equal']:.6f}",
        ]
        for row in rows
    ]
    header = [
        "model", "joblib, kB", "joblib+lzma", "ours, kB", "joblib / ours", "joblib+lzma / ours",
        "dump, s", "load, s", "equal predictions",
    ]  # fmt: skip
    return [
        *table(header, cells),
        "",
        f"- {ratios(rows, 'joblib')}",
        f"- {ratios(rows, 'joblib+lzma')}",
    ]


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
    lines = [*(report_trees(trees) if trees else []), ""]
    lines += [*(report_vectors(vectors) if vectors else []), ""]
    if arguments.scale:
        lines += list(scales())
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.markdown:
        Path(arguments.markdown).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
