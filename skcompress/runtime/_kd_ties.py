"""Which of equally distant rows scikit-learn's k-d tree keeps: its search, followed step by step.

Only rows whose last neighbours tie come here, so clarity goes before speed.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["KdTree"]


class KdTree:
    """The tree that scikit-learn builds, from rows that stand in the order of its leaves.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, n_features)
        Rows in the tree's order, which makes every node a range of rows.
    leaf_size : int
        As given to scikit-learn.
    p : float
        Order of the Minkowski distance.
    """

    def __init__(self, vectors: np.ndarray, leaf_size: int, p: float) -> None:
        n_rows = vectors.shape[0]
        n_levels = int(math.log2(max(1.0, (n_rows - 1) / leaf_size)) + 1)
        self._n_nodes = 2**n_levels - 1
        self._p = p
        self._ranges = np.zeros((self._n_nodes, 2), np.int64)
        self._low = np.empty((self._n_nodes, vectors.shape[1]))
        self._high = np.empty_like(self._low)
        self._ranges[0] = 0, n_rows
        for node in range(self._n_nodes):
            start, stop = self._ranges[node]
            self._low[node] = vectors[start:stop].min(axis=0, initial=np.inf)
            self._high[node] = vectors[start:stop].max(axis=0, initial=-np.inf)
            left = 2 * node + 1
            if left < self._n_nodes:
                middle = start + (stop - start) // 2
                self._ranges[left] = start, middle
                self._ranges[left + 1] = middle, stop

    def search(self, point: np.ndarray, reduced: np.ndarray, n_neighbors: int) -> np.ndarray:
        """The neighbours that the search keeps, nearest first.

        Parameters
        ----------
        point : ndarray of shape (n_features,)
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
            start, stop = self._ranges[node]
            left = 2 * node + 1
            if left >= self._n_nodes or stop - start < 2:
                for row in range(start, stop):
                    heap.push(float(reduced[row]), row)
                continue
            near, far = (left, self._bound(left, point)), (left + 1, self._bound(left + 1, point))
            if near[1] > far[1]:
                near, far = far, near
            stack += [far, near]
        values, rows = np.array(heap.values), np.array(heap.rows)
        return np.asarray(rows[np.argsort(values, kind="stable")])

    def _bound(self, node: int, point: np.ndarray) -> float:
        """The least distance, before the root, to the node's box."""
        below, above = self._low[node] - point, point - self._high[node]
        gap = 0.5 * (below + np.abs(below) + above + np.abs(above))
        if math.isinf(self._p):
            return float(gap.max())
        total = 0.0
        for part in gap.tolist():
            total += part**self._p
        return total


class _Heap:
    """The k smallest numbers; an equal one does not replace the largest."""

    def __init__(self, size: int) -> None:
        self.values = [math.inf] * size
        self.rows = [0] * size

    @property
    def largest(self) -> float:
        return self.values[0]

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
