"""Where the bits of a file are, beside the empirical entropy of what it tells."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

import skcompress as skc
from skcompress.format._common import CommonWriter
from skcompress.format._container import unpack
from skcompress.format._counts import put_counts
from skcompress.format._forest import bits_by_stream, encode_forest
from skcompress.format._pattern import put_pattern
from skcompress.ir import Affine, Codebook, DenseNetwork, Node, Sparse, TreeEnsemble, decode

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


@dataclasses.dataclass
class Coded:
    """Symbols of one kind in a file.

    Attributes
    ----------
    n_symbols : int
        How many.
    entropy : float
        Bits by their frequencies (of places: given the classes of row and column), told for
        nothing.
    learned : float
        Bits of a code that learns these frequencies from the symbols before (Krichevsky and
        Trofimov 1981).
    coded : float
        Bits in the file, heads included.
    """

    n_symbols: int = 0
    entropy: float = 0.0
    learned: float = 0.0
    coded: float = 0.0

    def add(self, contexts: list[np.ndarray]) -> None:
        """Add symbols, those of each context apart."""
        for symbols in filter(np.size, contexts):
            self.n_symbols += symbols.size
            self.entropy += entropy(symbols)
            self.learned += _learned(np.unique(symbols, return_counts=True)[1])


def network_bits(model: skc.CompactModel) -> dict[str, Coded]:
    """Which places hold a weight, and which value it has, over all layers; signs apart, too."""
    network = model.ir.predictor
    if not isinstance(network, DenseNetwork):
        raise ValueError("The model is not a network.")
    common = CommonWriter()
    names = "places of weights", "their values", "signs alone", "magnitudes, given signs"
    places, values, signs, magnitudes = found = [Coded() for _ in names]
    for layer in network.layers:
        weights = layer.weights
        if isinstance(weights, Sparse):
            places.add(_by_class(decode(weights) != 0))
            places.coded -= common.bits
            put_pattern(weights.indices, weights.indptr, weights.n_columns, common)
            places.coded += common.bits
            weights = weights.data
        if isinstance(weights, Affine | Codebook):
            numbers = decode(weights).ravel()
            values.add([weights.codes.ravel()])
            values.coded -= common.bits
            put_counts(weights.codes, common)
            values.coded += common.bits
            signs.add([np.sign(numbers)])
            magnitudes.add([np.abs(numbers[np.sign(numbers) == sign]) for sign in (-1, 0, 1)])
    return dict(zip(names, found, strict=True))


def _by_class(stays: np.ndarray) -> list[np.ndarray]:
    """Classes of rows and of columns, then whether each place has an entry, class by class."""
    rows, columns = (np.rint(np.log2(1 + stays.sum(axis=axis))) for axis in (1, 0))
    places = stays[np.ix_(rows > 0, columns > 0)]
    context = rows[rows > 0, None] + columns[None, columns > 0]
    return [rows, columns, *(places[context == each] for each in np.unique(context))]


def _learned(counts: np.ndarray) -> float:
    """Bits of symbols of such counts if each is coded by those before it and half a symbol more."""
    total, size = float(counts.sum()), counts.size
    bits = math.lgamma(total + size / 2) - math.lgamma(size / 2)
    return (bits - sum(math.lgamma(n + 0.5) - math.lgamma(0.5) for n in counts)) / math.log(2)
