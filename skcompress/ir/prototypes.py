"""`Prototypes`: votes or means of the nearest stored rows."""

from __future__ import annotations

import math

import numpy as np

from ._node import Node, register, require
from .arrays import Array, check_finite, shape_of

__all__ = ["Prototypes"]


@register("prototypes")
class Prototypes(Node):
    """The targets of the `n_neighbors` stored rows that are nearest to the input, averaged.

    Parameters
    ----------
    vectors : ndarray or Encoded of shape (n_rows, n_features)
        Stored rows.
    targets : ndarray of shape (n_rows, n_columns)
        Target values for regression (`n_classes` None), class indices otherwise.
    n_neighbors : int
        Rows that are consulted.
    weights : {"uniform", "distance"}
        Weight of a neighbour: one, or the inverse of its distance.
    p : float
        Order of the Minkowski distance; infinity for the largest coordinate difference.
    n_classes : ndarray of unsigned integers, of shape (n_columns,), or None
        Classes of each target column: the result then is a vote share per class.
    leaf_size : int
        With a tree (`tree` true): how many rows its leaves hold, as scikit-learn builds it.
        Which of several equally distant rows is consulted depends on it.
    tree : bool
        The rows stand in the order of a tree's leaves and ties are broken as its search does;
        otherwise as by a search that meets the rows in their order.
    centers : ndarray of float64, of shape (n_nodes, n_features), or None
        With a ball tree: the centers of its nodes, breadth first; None: it is a k-d tree. They
        are means of rows, but their last bits depend on how the tree was built.
    """

    vectors: Array
    targets: np.ndarray
    n_neighbors: int
    weights: str = "uniform"
    p: float = 2.0
    n_classes: np.ndarray | None = None
    leaf_size: int = 30
    tree: bool = False
    centers: np.ndarray | None = None

    def check(self) -> None:
        check_finite("vectors", self.vectors)
        check_finite("targets", self.targets)
        vectors = shape_of(self.vectors)
        require(
            len(vectors) == 2 and self.targets.ndim == 2 and self.targets.shape[0] == vectors[0],
            f"targets of shape {self.targets.shape} do not fit vectors of shape {vectors}.",
        )
        require(
            1 <= self.n_neighbors <= vectors[0],
            f"n_neighbors must be in [1, {vectors[0]}]; got {self.n_neighbors}.",
        )
        require(self.weights in ("uniform", "distance"), f"unknown weights {self.weights!r}.")
        require(self.p >= 1 and not math.isnan(self.p), f"p must be at least 1; got {self.p}.")
        require(self.leaf_size >= 1, "leaf_size must be at least 1.")
        if self.centers is not None:
            check_finite("centers", self.centers)
            require(self.tree, "a ball tree is a tree.")
            require(
                self.centers.shape == (self.n_nodes, vectors[1])
                and self.centers.dtype == np.float64,
                f"centers must be float64 of shape {(self.n_nodes, vectors[1])}; "
                f"got {self.centers.dtype} of shape {self.centers.shape}.",
            )
        if self.n_classes is not None:
            require(
                self.n_classes.dtype.kind == "u"
                and self.n_classes.shape == (self.targets.shape[1],)
                and self.targets.dtype.kind == "u",
                "class targets need unsigned indices and a class count per column.",
            )
            require(
                int(self.n_classes.max(initial=0)) < 2**31,
                "a target may have up to 2^31 - 1 classes.",
            )
            require(
                bool((self.targets.max(axis=0) < self.n_classes).all()),
                "a target is not one of the classes.",
            )

    @property
    def n_rows(self) -> int:
        """Number of stored rows."""
        return shape_of(self.vectors)[0]

    @property
    def n_nodes(self) -> int:
        """Nodes of the tree that scikit-learn builds over so many rows."""
        return int(2 ** int(math.log2(max(1.0, (self.n_rows - 1) / self.leaf_size)) + 1) - 1)

    @property
    def n_features(self) -> int:
        """Number of input columns."""
        return shape_of(self.vectors)[1]

    @property
    def n_outputs(self) -> int:
        """Columns of the result."""
        if self.n_classes is None:
            return int(self.targets.shape[1])
        return int(self.n_classes.sum())
