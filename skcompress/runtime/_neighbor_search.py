"""Which of equally distant rows scikit-learn keeps: its searches, followed step by step.

A tree leaves out a node whose least distance exceeds the largest one kept. That least distance is
rounded, so "equally distant" means: but for rounding. Without the compiled kernel, only queries
whose last neighbours tie come here, so clarity goes before speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._distances import c_power, pair_distances, root

try:
    from . import _neighbor_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _neighbor_kernel = None  # type: ignore[assignment]

__all__ = ["BallTree", "KdTree", "first_met"]

_SOME_ULPS = 2.0**-46


def first_met(reduced: np.ndarray, n_neighbors: int) -> np.ndarray:
    """The neighbours that a search by brute force keeps, nearest first.

    Parameters
    ----------
    reduced : ndarray of shape (n_rows,)
        Distances, before the root, to all rows.
    n_neighbors : int
        How many.
    """
    if _neighbor_kernel is not None:
        rows, values = np.empty(n_neighbors, np.int64), np.empty(n_neighbors)
        _neighbor_kernel.first_met(np.ascontiguousarray(reduced, np.float64), values, rows)
        return rows
    heap = _Heap(n_neighbors)
    for row, value in enumerate(reduced.tolist()):
        heap.push(value, row)
    return heap.sorted_rows()


class _Tree:
    """The tree that scikit-learn builds, from rows that stand in the order of its leaves.

    Parameters
    ----------
    vectors : ndarray of float64, of shape (n_rows, n_features)
        Rows in the tree's order, which makes every node a range of rows.
    n_nodes : int
        Nodes of the tree, one less than a power of two.
    p : float
        Order of the Minkowski distance.
    """

    def __init__(self, vectors: np.ndarray, n_nodes: int, p: float) -> None:
        self._n_nodes = n_nodes
        self._p = p
        self.vectors = vectors
        self._ranges = np.zeros((n_nodes, 2), np.int64)
        self._ranges[0] = 0, vectors.shape[0]
        *inner, _ = self._levels()
        for level in inner:
            start, stop = self._ranges[level].T
            middle = start + (stop - start) // 2
            children = self._ranges[2 * level.start + 1 : 2 * level.stop + 1]
            children[:] = np.stack([start, middle, middle, stop], axis=1).reshape(-1, 2)

    def _levels(self) -> Iterator[slice]:
        """The nodes of each level; together they hold all rows, and each holds one at least."""
        start = 0
        while start < self._n_nodes:
            yield slice(start, 2 * start + 1)
            start = 2 * start + 1

    def margin(self, last: np.ndarray, farthest: np.ndarray) -> np.ndarray:
        """By how much rounding may hide a row behind a farther one, for each query.

        Parameters
        ----------
        last, farthest : ndarray of shape (n_queries,)
            Distances, before the root, to the last row that is kept and to the farthest of all.
        """
        # A least distance is computed from terms as large as the farthest distance.
        gap = _SOME_ULPS * root(farthest, self._p, by_tree=True)
        if self._p == 1 or math.isinf(self._p):
            return gap
        return np.asarray((root(last, self._p, by_tree=True) + gap) ** self._p - last)

    def search(self, point: np.ndarray, reduced: np.ndarray, n_neighbors: int) -> np.ndarray:
        """The neighbours that the search keeps, nearest first.

        Parameters
        ----------
        point : ndarray of float64, of shape (n_features,)
            The query.
        reduced : ndarray of shape (n_rows,)
            Its distances, before the root, to all rows.
        n_neighbors : int
            How many.
        """
        heap = _Heap(n_neighbors)
        stack = [(0, self._bound(0, point))]
        while stack:
            node, bound = stack.pop()
            if bound > heap.largest:
                continue
            start, stop = self._ranges[node].tolist()
            left = 2 * node + 1
            if left >= self._n_nodes or stop - start < 2:
                for row, value in enumerate(reduced[start:stop].tolist(), start):
                    heap.push(value, row)
                continue
            near, far = (left, self._bound(left, point)), (left + 1, self._bound(left + 1, point))
            if near[1] > far[1]:
                near, far = far, near
            stack += [far, near]
        return heap.sorted_rows()

    def compiled(self) -> Any:
        """The compiled search, which finds the same neighbours; None where it was not built."""
        if _neighbor_kernel is None:
            return None
        return _neighbor_kernel.TreeSearch(self.vectors, self._ranges, self._p, **self._shapes())

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays that are kept; some may belong to the model."""
        return self.vectors, self._ranges, *self._shapes().values()

    def _bound(self, node: int, point: np.ndarray) -> float:
        """The least distance, before the root, to what the node holds."""
        raise NotImplementedError

    def _shapes(self) -> dict[str, np.ndarray]:
        """The arrays that describe what the nodes hold, by the names that the kernel gives them."""
        raise NotImplementedError


class KdTree(_Tree):
    """Nodes are boxes."""

    def __init__(self, vectors: np.ndarray, n_nodes: int, p: float) -> None:
        super().__init__(vectors, n_nodes, p)
        starts = [self._ranges[level, 0] for level in self._levels()]
        self._low = np.concatenate([np.minimum.reduceat(vectors, start) for start in starts])
        self._high = np.concatenate([np.maximum.reduceat(vectors, start) for start in starts])

    def _shapes(self) -> dict[str, np.ndarray]:
        return {"low": self._low, "high": self._high}

    def _bound(self, node: int, point: np.ndarray) -> float:
        below, above = self._low[node] - point, point - self._high[node]
        gap = 0.5 * ((below + np.abs(below)) + (above + np.abs(above)))
        if math.isinf(self._p):
            return float(gap.max())
        total = 0.0
        for part in gap.tolist():
            total += c_power(part, self._p)
        return total


class BallTree(_Tree):
    """Nodes are balls.

    Parameters
    ----------
    vectors, n_nodes, p
        As for every tree.
    centers : ndarray of float64, of shape (n_nodes, n_features)
        Centers of the nodes.
    """

    def __init__(self, vectors: np.ndarray, n_nodes: int, p: float, centers: np.ndarray) -> None:
        super().__init__(vectors, n_nodes, p)
        self._center = centers
        rows = np.arange(len(vectors))
        self._radius: list[float] = []
        for level in self._levels():
            ranges = self._ranges[level]
            node = np.repeat(np.arange(len(ranges)), np.diff(ranges)[:, 0])
            reduced = pair_distances(vectors, centers[level], rows, node, p)
            largest = np.maximum.reduceat(reduced, ranges[:, 0])
            self._radius += map(self._root, largest.tolist())

    def _shapes(self) -> dict[str, np.ndarray]:
        return {"center": self._center, "radius": np.array(self._radius)}

    def _root(self, reduced: float) -> float:
        if self._p == 2:
            return math.sqrt(reduced)
        return reduced if math.isinf(self._p) else c_power(reduced, 1.0 / self._p)

    def _bound(self, node: int, point: np.ndarray) -> float:
        first = np.zeros(1, np.int64)
        center = self._center[node][np.newaxis]
        reduced = pair_distances(point[np.newaxis], center, first, first, self._p)
        distance = self._root(float(reduced[0]))
        least = max(0.0, distance - self._radius[node])
        if math.isinf(self._p):
            return least
        return least * least if self._p == 2 else c_power(least, self._p)


class _Heap:
    """The k smallest numbers; an equal one does not replace the largest."""

    def __init__(self, size: int) -> None:
        self.values = [math.inf] * size
        self.rows = [0] * size

    @property
    def largest(self) -> float:
        return self.values[0]

    def sorted_rows(self) -> np.ndarray:
        """Nearest first, rows of one distance in their order."""
        return np.array(self.rows)[np.lexsort((self.rows, self.values))]

    def push(self, value: float, row: int) -> None:
        values, rows, size = self.values, self.rows, len(self.values)
        if value >= values[0]:
            return
        place = 0
        while True:
            left, right = 2 * place + 1, 2 * place + 2
            if left >= size:
                break
            child = left
            if right < size and values[left] < values[right]:
                child = right
            if values[child] <= value:
                break
            values[place], rows[place] = values[child], rows[child]
            place = child
        values[place], rows[place] = value, row
