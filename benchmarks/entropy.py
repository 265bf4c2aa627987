"""Where the bits of a lossless file are, beside the empirical entropy of what it tells."""

from __future__ import annotations

import numpy as np

import skcompress as skc
from skcompress.format._container import unpack
from skcompress.format._forest import bits_by_stream, encode_forest
from skcompress.ir import Node, TreeEnsemble, decode

STREAMS = ("topology", "feature", "rank", "leaf", "missing")
PARTS = (*STREAMS, "tables", "coder", "leaf values", "header")
_LIMIT = 2**31


def entropy(symbols: np.ndarray) -> float:
    """Empirical entropy of all symbols together, in bits."""
    counts = np.unique(symbols, return_counts=True)[1]
    # Nothing is added to a sum of zeros, which would be -0.
    return abs(float((counts * np.log2(counts / counts.sum())).sum()))


def order_zero(trees: TreeEnsemble) -> dict[str, float]:
    """Bits of each kind of symbol by its frequencies alone, which are told for nothing."""
    threshold = decode(trees.threshold)
    return {
        "topology": entropy(trees.internal),
        "feature": entropy(trees.feature),
        "rank": sum(entropy(threshold[trees.feature == f]) for f in np.unique(trees.feature)),
        "leaf": entropy(trees.leaf),
        "missing": 0.0 if trees.missing_left is None else entropy(trees.missing_left),
    }


def bits_of_file(trees: TreeEnsemble, data: bytes) -> dict[str, float]:
    """Bits of each of the `PARTS` of a file that holds these trees; their sum is the file."""
    section, told = encode_forest(trees), bits_by_stream(trees)
    if section is None or told is None:
        raise ValueError("The forest codec does not hold these trees.")
    parts = dict.fromkeys(PARTS, 0.0)
    for name, bits in told.items():
        first = name.split()[0]
        parts[first if first in STREAMS else "tables"] += bits
    parts["coder"] = 8 * len(section) - sum(told.values())
    streams = len(unpack(data, _LIMIT)[1])
    parts["leaf values"] = 8 * (streams - len(section))
    parts["header"] = 8 * (len(data) - streams)
    return parts


def column_entropy(model: skc.CompactModel) -> float:
    """Bits of all numbers by their frequencies in their column.

    The different numbers of a column are told once, as they are in memory; a column that this does
    not shorten counts as it is.
    """
    return sum(_columns(array) for array in _numbers(model.ir))


def _numbers(node: Node) -> list[np.ndarray]:
    return [array for _, array in node.arrays() if array.dtype.kind in "fiu" and array.size]


def _columns(array: np.ndarray) -> float:
    columns = array.reshape(-1, 1) if array.ndim < 2 else array.reshape(len(array), -1)
    width = 8 * array.itemsize
    return sum(
        min(width * column.size, entropy(column) + width * np.unique(column).size)
        for column in columns.T
    )
