"""The forest codec's walk: what is told of each node, in which order, given what is known.

All trees are passed side by side, a level at a time. A threshold is a rank in the sorted table of
its feature's thresholds, within the interval that the splits above leave open. Contexts are what
is known when a node is reached: how wide its box still is, whether its sibling is a leaf, the
feature above, and the leaf next to it. The compiled walk in `_forest_walk.h` takes the same steps.

References
----------
.. [1] A. Painsky, S. Rosset, "Compressing random forests", ICDM 2016 (the idea of coding by
   level, given the depth and what stands above).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NoReturn

import numpy as np

from ..exceptions import SkcFormatError
from ._ports import Port, Stream, bit_length

try:
    from . import _forest_kernel
except ImportError:  # built without a compiler: the NumPy walk gives the same bytes
    _forest_kernel = None  # type: ignore[assignment]

__all__ = [
    "LARGEST_ALPHABET",
    "MOST_LEVELS",
    "STREAMS",
    "Nodes",
    "Shape",
    "UnboundedError",
    "code_missing",
    "code_nodes",
    "most_counts",
]

LARGEST_ALPHABET = 1 << 23
"""Thresholds, features and leaf rows beyond which the coder's slots would not do."""

MOST_LEVELS = 512
"""Levels of the deepest tree. A path of millions would take few bytes, but hours to read: every
level takes its time, and every split looks for its bounds among those above."""

STREAMS = ("topology", "feature", "rank", "leaf", "leaf in bin", "missing")
"""Names of the streams, in the order in which a file names their variants."""

_OF_WALK = STREAMS[:-1]

_BOX_CLASSES = 64
_DEPTH_CLASSES = 64
_SIBLINGS = 3
_MOST_COUNTS = 1 << 20
_COUNTS_PER_NODE = 4
_DIRECT_ROWS = 256
_PAIRED_ROWS = 24
_BINS = 64
_COARSE = 4
_COARSE_CONTEXTS = _BINS // _COARSE + 1
_SHARES = 16
_SIZE_CLASSES = 24


class UnboundedError(Exception):
    """A threshold lies outside what the splits above it leave open."""


_OUTCOMES: dict[str, tuple[type[Exception], str]] = {
    "no words": (SkcFormatError, "An entropy-coded section ends too early."),
    "too many nodes": (SkcFormatError, "A forest has more nodes than it declares."),
    "too few nodes": (SkcFormatError, "A forest has fewer nodes than it declares."),
    "too deep": (SkcFormatError, f"A forest has more than {MOST_LEVELS} levels."),
    "no thresholds": (SkcFormatError, "A forest without thresholds has a split."),
    "closed": (SkcFormatError, "A split has no threshold left to take."),
    "unbounded": (UnboundedError, "A threshold lies outside of what is open."),
}
"""How a walk may end but well."""


@dataclasses.dataclass(frozen=True)
class Nodes:
    """One entry per node, in level order over all trees; what does not apply is -1.

    Attributes
    ----------
    internal : ndarray of bool
        Whether it splits.
    tree, feature, rank, leaf : ndarray of int32
        Its tree, place among the used features, rank of the threshold, row of the leaf values.
    """

    internal: np.ndarray
    tree: np.ndarray
    feature: np.ndarray
    rank: np.ndarray
    leaf: np.ndarray


@dataclasses.dataclass(frozen=True)
class Shape:
    """What must be known beforehand.

    Attributes
    ----------
    n_trees, n_nodes : int
        Of the whole ensemble.
    n_thresholds : ndarray of int64
        Distinct thresholds of each used feature.
    n_rows : int
        Leaf rows.
    bounded : bool
        Every threshold lies within what the splits above it leave open.
    """

    n_trees: int
    n_nodes: int
    n_thresholds: np.ndarray
    n_rows: int
    bounded: bool

    @property
    def offsets(self) -> np.ndarray:
        """Where the thresholds of each used feature begin in one run, and where they all end."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.n_thresholds)])

    @property
    def full_box(self) -> int:
        """Bits of the volume that is open to a root."""
        return int(bit_length(self.n_thresholds).sum())

    def alphabets(self) -> dict[str, int]:
        """Symbols of each context of a stream; 0 where contexts are stretches of one run."""
        leaf = _BINS if self.n_rows > _DIRECT_ROWS else self.n_rows
        n_used = max(self.n_thresholds.size, 1)
        return {"topology": 2, "feature": n_used, "rank": 0, "leaf": leaf, "leaf in bin": 0}

    def streams(self) -> dict[str, Stream]:
        """Fresh streams, with the variants that their sizes allow."""
        n_used, rows = max(self.n_thresholds.size, 1), self.n_rows
        total = max(int(self.n_thresholds.sum()), 1)
        if rows > _DIRECT_ROWS:
            leaf = [(_BINS, 2), ((2 * _BINS + 1) * _BINS, 2), (_COARSE_CONTEXTS**2 * _BINS, 2)]
        else:
            leaf = [(rows, 1), ((2 * rows + 1) * rows, 2)]
            if rows <= _PAIRED_ROWS:
                leaf.append(((rows + 1) * (rows + 1) * rows, 2))
        topology = [(n * _SIBLINGS * 2, 2) for n in (_BOX_CLASSES, _DEPTH_CLASSES)]
        variants = {
            "topology": topology,
            "feature": [(n_used, 2), ((n_used + 1) * n_used, 2)],
            "rank": [(total, 0), (total, 1)],
            "leaf": leaf,
            "leaf in bin": [(rows, 0), (rows, 1)],
            "missing": [(_SIZE_CLASSES * _SHARES * 2, 2)],
        }
        return {name: Stream(name, *self._allowed(found)) for name, found in variants.items()}

    def _allowed(self, variants: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The first variant, equally likely where it is large, and those that can learn."""
        first, *others = variants
        if first[0] > _MOST_COUNTS:
            first = first[0], 0
        most = most_counts(self.n_nodes)
        return [first, *(variant for variant in others if variant[0] <= most)]


def most_counts(n_nodes: int) -> int:
    """The counts that one variant may have beyond the first: more could not be learned."""
    return min(_MOST_COUNTS, _COUNTS_PER_NODE * n_nodes)


def code_nodes(port: Port, shape: Shape, source: Nodes | None) -> Nodes:
    """Pass all nodes through a port, level by level.

    Parameters
    ----------
    port : Port
        Where they go.
    shape : Shape
        What is known of them.
    source : Nodes or None
        None when reading.

    Returns
    -------
    Nodes
        The same.

    Raises
    ------
    SkcFormatError
        If what is read cannot be.
    UnboundedError
        If what is written is not bounded, though `shape` says so.
    """
    if _forest_kernel is not None:
        return _code_compiled(port, shape, source)
    n_nodes, nodes = shape.n_nodes, _room(shape.n_nodes)
    walk = _Walk(port, shape, nodes, source)
    start, stop, depth = 0, shape.n_trees, 0
    while start < stop:
        if stop > n_nodes:
            _fail("too many nodes")
        if depth == MOST_LEVELS:
            _fail("too deep")
        n_split = walk.level(start, stop, depth)
        start, stop, depth = stop, stop + 2 * n_split, depth + 1
    if stop != n_nodes:
        _fail("too few nodes")
    return nodes


def _fail(outcome: str) -> NoReturn:
    error, message = _OUTCOMES[outcome]
    raise error(message)


def _room(n_nodes: int) -> Nodes:
    return Nodes(
        internal=np.zeros(n_nodes, bool),
        tree=np.empty(n_nodes, np.int32),
        **{name: np.full(n_nodes, -1, np.int32) for name in ("feature", "rank", "leaf")},
    )


def _code_compiled(port: Port, shape: Shape, source: Nodes | None) -> Nodes:
    nodes = _room(shape.n_nodes) if source is None else source
    streams, alphabets = shape.streams(), shape.alphabets()
    walk = _forest_kernel.Walk(
        nodes,
        shape.offsets,
        [
            (
                alphabets[name],
                streams[name].lessons,
                streams[name].largest,
                [(variant.size, variant.step) for variant in streams[name].variants],
            )
            for name in _OF_WALK
        ],
        {
            "n_trees": shape.n_trees,
            "n_rows": shape.n_rows,
            "bounded": shape.bounded,
            "full_box": shape.full_box,
            "most_levels": MOST_LEVELS,
            "box_classes": _BOX_CLASSES,
            "depth_classes": _DEPTH_CLASSES,
            "siblings": _SIBLINGS,
            "direct_rows": _DIRECT_ROWS,
            "bins": _BINS,
            "coarse": _COARSE,
        },
    )
    outcome = port.code_walk(walk, _OF_WALK)
    if outcome is not None:
        _fail(outcome)
    return nodes


class _Walk:
    """The state of the walk: what is known of the nodes of the levels reached so far."""

    def __init__(self, port: Port, shape: Shape, nodes: Nodes, source: Nodes | None) -> None:
        self.port, self.shape, self.nodes, self.source = port, shape, nodes, source
        self.streams = shape.streams()
        self.offsets, self.full_box = shape.offsets, shape.full_box
        self.parent = np.full(shape.n_nodes, -1, np.int32)
        self.is_right = np.zeros(shape.n_nodes, bool)
        self.first = np.empty(shape.n_nodes, np.int32)
        self.end = np.empty(shape.n_nodes, np.int32)
        self.box = np.full(shape.n_nodes, self.full_box, np.int32)
        self.near = np.full(shape.n_nodes, -1, np.int32)
        nodes.tree[: shape.n_trees] = np.arange(shape.n_trees)

    def level(self, start: int, stop: int, depth: int) -> int:
        """Pass the nodes of a level; how many of them split."""
        level = np.arange(start, stop)
        # The second of two siblings is told when all is known of the first.
        halves = [level] if depth == 0 else [level[0::2], level[1::2]]
        for place, half in enumerate(halves):
            self._topology(half, depth, has_sibling=place == 1)
        split = level[self.nodes.internal[level]]
        low, high, rank = self._splits(split)
        for place, half in enumerate(halves):
            self._leaves(half[~self.nodes.internal[half]], has_sibling=place == 1)
        if stop + 2 * split.size <= self.shape.n_nodes:
            self._descend(split, stop, low, high, rank, depth)
        return split.size

    def _told(self, name: str, nodes: np.ndarray) -> np.ndarray | None:
        """What is to be told of some nodes; None when reading."""
        return None if self.source is None else getattr(self.source, name)[nodes].astype(np.int64)

    def _topology(self, half: np.ndarray, depth: int, *, has_sibling: bool) -> None:
        sibling = np.full(half.size, 2)
        if has_sibling:
            sibling = self.nodes.internal[half - 1].astype(np.int64)
        box = self.box[half].astype(np.int64) * _BOX_CLASSES // (self.full_box + 1)
        contexts = (
            box * _SIBLINGS + sibling,
            np.full(half.size, min(depth, _DEPTH_CLASSES - 1)) * _SIBLINGS + sibling,
        )
        told = self._told("internal", half)
        bounds = partial(_alphabets, contexts, 2)
        found = self.port.code(self.streams["topology"], half.size, told, bounds)
        self.nodes.internal[half] = found > 0

    def _splits(self, split: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pass features and ranks of splits; the open intervals, and the ranks."""
        n_used = self.shape.n_thresholds.size
        if split.size and not n_used:
            _fail("no thresholds")
        above = self.parent[split]
        above = np.where(above < 0, n_used, self.nodes.feature[above]).astype(np.int64)
        bounds = partial(_alphabets, (np.zeros_like(above), above), n_used)
        told = self._told("feature", split)
        feature = self.port.code(self.streams["feature"], split.size, told, bounds)
        self.nodes.feature[split] = feature

        low, high = np.zeros(split.size, np.int64), self.shape.n_thresholds[feature]
        if self.shape.bounded:
            nodes, opened = self.nodes, (self.first, self.end)
            _narrow(
                nodes.feature, nodes.rank, self.parent, self.is_right, split, *opened, low, high
            )
            self.first[split], self.end[split] = low, high
        told = self._told("rank", split)
        if told is not None and bool(((told < low) | (told >= high)).any()):
            _fail("unbounded")
        if bool((low >= high).any()):
            _fail("closed")
        first = self.offsets[feature]
        bounds = partial(_stretches, first + low, first + high)
        told = None if told is None else told - low
        rank = low + self.port.code(self.streams["rank"], split.size, told, bounds)
        self.nodes.rank[split] = rank
        return low, high, rank

    def _leaves(self, leaves: np.ndarray, *, has_sibling: bool) -> None:
        beside = np.full(leaves.size, -1)
        if has_sibling:
            beside = self.nodes.leaf[leaves - 1].astype(np.int64)
        near = self.near[leaves].astype(np.int64)
        rows = self._told("leaf", leaves)
        code = _code_rows if self.shape.n_rows <= _DIRECT_ROWS else _code_binned_rows
        found = code(self.port, self.streams, self.shape.n_rows, rows, near, beside)
        self.nodes.leaf[leaves] = found

    def _descend(
        self,
        split: np.ndarray,
        stop: int,
        low: np.ndarray,
        high: np.ndarray,
        rank: np.ndarray,
        depth: int,
    ) -> None:
        """Note what is known of the children of splits."""
        left = stop + 2 * np.arange(split.size)
        for child in (left, left + 1):
            self.nodes.tree[child] = self.nodes.tree[split]
            self.parent[child] = split
        self.is_right[left + 1] = True
        # Without bounds a feature's whole range counts at each of its splits.
        rest = np.maximum(self.box[split] - bit_length(high - low), 0)
        self.box[left] = rest + bit_length(rank - low)
        self.box[left + 1] = rest + bit_length(high - rank - 1)
        if depth > 0:
            sibling = np.where(self.is_right[split], split - 1, split + 1)
            beside = self.nodes.leaf[sibling]
            self.near[left] = self.near[left + 1] = np.where(beside >= 0, beside, self.near[split])


def _alphabets(
    contexts: tuple[np.ndarray, ...], size: int, variant: int
) -> tuple[np.ndarray, np.ndarray]:
    low = contexts[variant] * size
    return low, low + size


def _stretches(low: np.ndarray, high: np.ndarray, variant: int) -> tuple[np.ndarray, np.ndarray]:
    """The same alphabets, whatever the variant."""
    return low, high


def _narrow(
    feature: np.ndarray,
    rank: np.ndarray,
    parent: np.ndarray,
    is_right: np.ndarray,
    split: np.ndarray,
    first: np.ndarray,
    end: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    """The nearest split above on the same feature decides: what was open to it is narrowed."""
    place, at = np.arange(split.size), split
    while place.size:
        up = parent[at]
        alive = up >= 0
        place, at, up = place[alive], at[alive], up[alive]
        same = feature[up] == feature[split[place]]
        right = is_right[at] > 0
        found, above = place[same & right], up[same & right]
        low[found], high[found] = rank[above] + 1, end[above]
        found, above = place[same & ~right], up[same & ~right]
        low[found], high[found] = first[above], rank[above]
        place, at = place[~same], up[~same]


def _code_rows(
    port: Port,
    streams: dict[str, Stream],
    n_rows: int,
    rows: np.ndarray | None,
    near: np.ndarray,
    beside: np.ndarray,
) -> np.ndarray:
    """Pass leaf rows through, given the leaf beside each one and the nearest one further up."""
    contexts = (
        np.zeros_like(near),
        np.where(beside >= 0, n_rows + 1 + beside, near + 1),
        (near + 1) * (n_rows + 1) + beside + 1,
    )
    return port.code(streams["leaf"], near.size, rows, partial(_alphabets, contexts, n_rows))


def _code_binned_rows(
    port: Port,
    streams: dict[str, Stream],
    n_rows: int,
    rows: np.ndarray | None,
    near: np.ndarray,
    beside: np.ndarray,
) -> np.ndarray:
    """Pass leaf rows through as one of 64 bins, then the place within the bin."""
    edges = -(-np.arange(_BINS + 1, dtype=np.int64) * n_rows // _BINS)
    near_bin, beside_bin = (np.where(r >= 0, r * _BINS // n_rows, -1) for r in (near, beside))
    contexts = (
        np.zeros_like(near),
        np.where(beside >= 0, _BINS + 1 + beside_bin, near_bin + 1),
        (near_bin // _COARSE + 1) * _COARSE_CONTEXTS + beside_bin // _COARSE + 1,
    )
    told = None if rows is None else rows * _BINS // n_rows
    bins = port.code(streams["leaf"], near.size, told, partial(_alphabets, contexts, _BINS))
    low = edges[bins]
    told = None if rows is None else rows - low
    bounds = partial(_stretches, low, edges[bins + 1])
    return low + port.code(streams["leaf in bin"], near.size, told, bounds)


def code_missing(port: Port, shape: Shape, nodes: Nodes, missing: np.ndarray | None) -> np.ndarray:
    """Pass the directions of missing values through: they tend to the larger subtree.

    Parameters
    ----------
    port : Port
        Where they go.
    shape : Shape
        What is known of the nodes.
    nodes : Nodes
        All of them.
    missing : ndarray of bool, of shape (n_internal,), or None
        Whether missing values go to the left; None when reading.

    Returns
    -------
    ndarray of bool
        The same.
    """
    split = np.flatnonzero(nodes.internal)
    left = shape.n_trees + 2 * np.arange(split.size)
    sizes = _subtree_sizes(nodes.internal, shape.n_trees)
    one, two = sizes[left], sizes[left + 1]
    share = one * (_SHARES - 1) // (one + two - 1)
    context = np.minimum(bit_length(one + two), _SIZE_CLASSES - 1) * _SHARES + share
    told = None if missing is None else missing.astype(np.int64)
    bounds = partial(_alphabets, (context,), 2)
    return port.code(shape.streams()["missing"], split.size, told, bounds) > 0


def _subtree_sizes(internal: np.ndarray, n_trees: int) -> np.ndarray:
    """Nodes in the subtree of each node; children stand behind all of their parent's level."""
    if _forest_kernel is not None:
        return _forest_kernel.subtree_sizes(internal, n_trees)
    sizes = np.ones(internal.size, np.int64)
    split = np.flatnonzero(internal)
    starts, end = [0], n_trees
    while starts[-1] < end:
        n_split = int(np.count_nonzero(internal[starts[-1] : end]))
        starts.append(end)
        end += 2 * n_split
    number = np.searchsorted(split, starts)
    for first, last in zip(number[-2::-1], number[:0:-1], strict=True):
        left = n_trees + 2 * np.arange(first, last)
        sizes[split[first:last]] += sizes[left] + sizes[left + 1]
    return sizes
