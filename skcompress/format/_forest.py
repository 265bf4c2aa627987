"""The forest codec: the trees of a `TreeEnsemble` as one entropy-coded section."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..exceptions import SkcFormatError
from ..ir import Affine, TreeEnsemble, decode, rising_bits, shape_of, smallest_unsigned
from ._forest_walk import (
    LARGEST_ALPHABET,
    MOST_LEVELS,
    STREAMS,
    Nodes,
    Shape,
    UnboundedError,
    code_missing,
    code_nodes,
    most_counts,
)
from ._ports import MeasurePort, Port, ReadPort, WritePort
from ._rans import Decoder
from ._tables import Tables, code_tables
from ._varint import read_varints, write_varints

__all__ = [
    "bits_by_stream",
    "decode_forest",
    "encode_forest",
    "memory_to_decode",
    "weigh_forest",
]

_BOUNDED, _DOUBLE, _MISSING = 1, 2, 4
_STEPS = "step length"
_NAMED = (_STEPS, *STREAMS)

_BYTES_PER_NODE = 120
_BYTES_PER_COUNT = 40
_BYTES_OF_SMALL_COUNTS = 4 << 20


def memory_to_decode(n_nodes: int) -> int:
    """Bytes that decoding a section of so many nodes takes at most, its result included."""
    counts = _BYTES_PER_COUNT * most_counts(n_nodes)
    return _BYTES_PER_NODE * n_nodes + counts + _BYTES_OF_SMALL_COUNTS


def encode_forest(trees: TreeEnsemble) -> bytes | None:
    """Encode topology, features, thresholds, missing directions and leaf rows.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees. Leaf rows that are sorted take the fewest bits.

    Returns
    -------
    bytes or None
        The section; None where the codec does not hold these trees to the bit.
    """
    measured = _measured(trees)
    if measured is None:
        return None
    forest, meter = measured
    choices = meter.choices()
    port = WritePort(choices)
    _code(port, forest.shape, forest)
    n_lanes, payload = port.encoder.finish()
    shape = forest.shape
    flags = (
        _BOUNDED * shape.bounded
        | _DOUBLE * (forest.dtype.itemsize == 8)
        | _MISSING * (forest.missing is not None)
    )
    head = [flags, shape.n_trees, forest.tables.used.size, n_lanes]
    head += [choices.get(name, 0) for name in _NAMED]
    return write_varints(head) + payload


def bits_by_stream(trees: TreeEnsemble) -> dict[str, float] | None:
    """Bits that each stream of the section takes by the model, the coder's rounding aside.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.

    Returns
    -------
    dict or None
        Name of the stream -> bits; None where the codec does not hold the trees.
    """
    measured = _measured(trees)
    return None if measured is None else {n: min(b) for n, b in measured[1].bits.items()}


def weigh_forest(trees: TreeEnsemble) -> float | None:
    """About how many bytes a file takes for some trees, found without writing it.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.

    Returns
    -------
    float or None
        Bits of the section by its model, and the entropy of the leaf values, column by column, or
        what these are plainly, if that is less; None where the codec does not hold the trees.
    """
    bits = bits_by_stream(trees)
    if bits is None:
        return None
    values = trees.values.codes if isinstance(trees.values, Affine) else decode(trees.values)
    counts = [np.unique(column, return_counts=True)[1] for column in values.T]
    symbols = sum(float(-(n * np.log2(n / values.shape[0])).sum()) / 8 for n in counts)
    tables = values.itemsize * sum(n.size for n in counts)
    return sum(bits.values()) / 8 + min(symbols + tables, values.nbytes)


def _measured(trees: TreeEnsemble) -> tuple[_Forest, MeasurePort] | None:
    """What is coded, and what every variant would take; None where other codecs must do."""
    levels = trees.levels()
    if len(levels) > MOST_LEVELS or not _is_usual(trees):
        return None
    forest = _ranked(trees, np.concatenate(levels))
    if max(forest.tables.thresholds.size, forest.shape.n_rows) > LARGEST_ALPHABET:
        return None
    meter = MeasurePort()
    try:
        _code(meter, forest.shape, forest)
    except UnboundedError:
        shape = dataclasses.replace(forest.shape, bounded=False)
        forest = dataclasses.replace(forest, shape=shape)
        meter = MeasurePort()
        _code(meter, shape, forest)
    return forest, meter


def decode_forest(
    data: bytes | memoryview, *, n_nodes: int, n_features: int, n_rows: int
) -> dict[str, np.ndarray | None]:
    """Decode what `encode_forest` encoded.

    Parameters
    ----------
    data : bytes-like
        The section.
    n_nodes, n_features, n_rows : int
        Number of nodes, of input columns and of leaf rows.

    Returns
    -------
    dict
        The fields of a `TreeEnsemble` that a section holds.

    Raises
    ------
    SkcFormatError
        If the section is damaged.
    """
    (flags, n_trees, n_used, n_lanes, *variants), end = read_varints(data, 4 + len(_NAMED))
    if not 1 <= n_trees <= n_nodes < 2**31 or flags > 7:
        raise SkcFormatError(f"A forest of {n_trees} trees cannot have {n_nodes} nodes.")
    if n_used > min(n_features, n_nodes) or not 1 <= n_rows <= LARGEST_ALPHABET:
        raise SkcFormatError("A forest has more features or leaf rows than there can be.")
    choices = dict(zip(_NAMED, variants, strict=True))
    dtype = np.dtype(np.float64 if flags & _DOUBLE else np.float32)
    port = ReadPort(choices, Decoder(n_lanes, data[end:]))
    tables = code_tables(
        port, None, n_used=n_used, n_features=n_features, dtype=dtype, most=_most(n_nodes)
    )
    shape = Shape(n_trees, n_nodes, tables.sizes, n_rows, bounded=bool(flags & _BOUNDED))
    nodes = code_nodes(port, shape, None)
    missing = code_missing(port, shape, nodes, None) if flags & _MISSING else None
    port.decoder.finish()
    return _by_tree(nodes, tables, missing, n_features, n_rows)


@dataclasses.dataclass(frozen=True)
class _Forest:
    """The trees in level order, with ranks for thresholds."""

    shape: Shape
    tables: Tables
    nodes: Nodes
    missing: np.ndarray | None
    n_features: int

    @property
    def dtype(self) -> np.dtype:
        """That of the thresholds."""
        return self.tables.thresholds.dtype


def _code(port: Port, shape: Shape, forest: _Forest) -> None:
    code_tables(
        port,
        forest.tables,
        n_used=forest.tables.used.size,
        n_features=forest.n_features,
        dtype=forest.dtype,
        most=_most(shape.n_nodes),
    )
    code_nodes(port, shape, forest.nodes)
    if forest.missing is not None:
        code_missing(port, shape, forest.nodes, forest.missing)


def _most(n_nodes: int) -> int:
    """Most thresholds that a forest of so many nodes may have."""
    return min(n_nodes, LARGEST_ALPHABET)


def _is_usual(trees: TreeEnsemble) -> bool:
    """Whether all dtypes are those that the section implies."""
    n_rows = shape_of(trees.values)[0]
    return (
        isinstance(trees.threshold, np.ndarray)
        and trees.threshold.dtype in (np.float32, np.float64)
        and trees.feature.dtype == smallest_unsigned(trees.n_features - 1)
        and trees.leaf.dtype == smallest_unsigned(n_rows - 1)
        and trees.n_nodes < 2**31
    )


def _ranked(trees: TreeEnsemble, order: np.ndarray) -> _Forest:
    """The trees with their nodes in this order."""
    tables, place, rank = _rank_thresholds(trees.feature, np.asarray(trees.threshold))
    internal = trees.internal

    def spread(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
        spread = np.full(mask.size, -1, np.int32)
        spread[mask] = values
        return spread[order]

    nodes = Nodes(
        internal=internal[order],
        tree=trees.tree_of_node[order].astype(np.int32),
        feature=spread(internal, place),
        rank=spread(internal, rank),
        leaf=spread(~internal, trees.leaf),
    )
    missing = None
    if trees.missing_left is not None:
        missing = spread(internal, trees.missing_left)[nodes.internal] > 0
    n_rows = shape_of(trees.values)[0]
    shape = Shape(trees.n_trees, trees.n_nodes, tables.sizes, n_rows, bounded=True)
    return _Forest(shape, tables, nodes, missing, trees.n_features)


def _rank_thresholds(
    feature: np.ndarray, threshold: np.ndarray
) -> tuple[Tables, np.ndarray, np.ndarray]:
    """The tables, and each split's place among the used features and in its table."""
    used, place = np.unique(feature, return_inverse=True)
    bits = rising_bits(threshold)
    if bits.itemsize == 4:
        # One key of both sorts several times faster.
        order = np.argsort((place.astype(np.uint64) << np.uint64(32)) | bits)
    else:
        order = np.lexsort((bits, place))
    place_in_order, in_order = place[order], bits[order]
    is_new = np.ones(order.size, bool)
    is_new[1:] = (np.diff(place_in_order) != 0) | (in_order[1:] != in_order[:-1])
    sizes = np.bincount(place_in_order[is_new], minlength=used.size)
    tables = Tables(used.astype(np.int64), sizes, threshold[order][is_new])
    rank = np.empty(order.size, np.int64)
    rank[order] = np.cumsum(is_new) - 1 - tables.offsets[place_in_order]
    return tables, place, rank


def _by_tree(
    nodes: Nodes, tables: Tables, missing: np.ndarray | None, n_features: int, n_rows: int
) -> dict[str, np.ndarray | None]:
    """The fields of a `TreeEnsemble`, where trees stand one after the other."""
    order = np.argsort(nodes.tree, kind="stable")
    internal = nodes.internal[order]
    split = order[internal]
    feature, rank = nodes.feature[split], nodes.rank[split]
    if missing is not None:
        spread = np.zeros(nodes.internal.size, bool)
        spread[nodes.internal] = missing
        missing = spread[split]
    return {
        "internal": internal,
        "feature": tables.used[feature].astype(smallest_unsigned(n_features - 1)),
        "threshold": tables.thresholds[tables.offsets[feature] + rank],
        "missing_left": missing,
        "leaf": nodes.leaf[order[~internal]].astype(smallest_unsigned(n_rows - 1)),
    }
