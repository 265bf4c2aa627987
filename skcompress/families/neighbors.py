"""Nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, Head, Model, Numbers, Prototypes, Shares, decode, smallest_unsigned
from ._input import input_spec
from ._labels import labels_of
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import neighbor_data, neighbor_tree, set_tree_order

__all__: list[str] = []

_ORDERS = {
    "euclidean": 2.0,
    "l2": 2.0,
    "manhattan": 1.0,
    "cityblock": 1.0,
    "l1": 1.0,
    "chebyshev": math.inf,
}


def _lift(neighbors: Any, head: Head, n_classes: np.ndarray | None) -> Model:
    if not hasattr(neighbors, "n_features_in_"):
        raise UnsupportedEstimatorError(
            f"{type(neighbors).__name__}: fitted on a ready-made tree; fit on an array of rows."
        )
    vectors, targets = neighbor_data(neighbors)
    if neighbors.n_neighbors > vectors.shape[0]:
        raise ValueError(
            f"{type(neighbors).__name__}: n_neighbors={neighbors.n_neighbors} is more than the "
            f"rows that it was fitted on, n_samples = {vectors.shape[0]}."
        )
    if issparse(vectors):
        raise UnsupportedEstimatorError(
            f"{type(neighbors).__name__}: stored sparse rows cannot be represented; fit on dense "
            "rows."
        )
    if callable(neighbors.weights):
        raise UnsupportedEstimatorError(
            f"{type(neighbors).__name__}: weights must be 'uniform' or 'distance'; a callable "
            "cannot be represented."
        )
    if vectors.dtype == bool:
        vectors = vectors.astype(np.uint8)
    targets = targets.reshape(len(vectors), -1)
    if n_classes is not None:
        targets = targets.astype(smallest_unsigned(int(n_classes.max()) - 1))
    tree, centers = neighbor_tree(neighbors), None
    if tree is not None:
        order, centers = tree
        vectors, targets = vectors[order], targets[order]
    return Model(
        input=input_spec(neighbors),
        chain=Chain(
            transforms=(),
            predictor=Prototypes(
                vectors=vectors,
                targets=targets,
                n_neighbors=int(neighbors.n_neighbors),
                weights=neighbors.weights,
                p=_distance_order(neighbors, by_tree=tree is not None),
                n_classes=n_classes,
                leaf_size=int(neighbors.leaf_size),
                tree=tree is not None,
                centers=centers,
            ),
        ),
        head=head,
        family=dotted_name(neighbors),
        params=plain_params(neighbors),
    )


def _distance_order(neighbors: Any, *, by_tree: bool) -> float:
    metric = neighbors.effective_metric_
    params = neighbors.effective_metric_params_ or {}
    if metric == "minkowski" and params.get("w") is None:
        order = float(params.get("p", neighbors.p))
        if order < 1:
            raise UnsupportedEstimatorError(
                f"{type(neighbors).__name__}: p={order:g} cannot be represented; p must be at "
                "least 1."
            )
        return order
    # By brute force, "l2" and "euclidean" round differently.
    if not isinstance(metric, str) or metric not in _ORDERS or (metric == "l2" and not by_tree):
        shown = repr(metric) if isinstance(metric, str) else f"a {type(metric).__name__}"
        raise UnsupportedEstimatorError(
            f"{type(neighbors).__name__}: the metric {shown} cannot be represented; supported "
            "are minkowski without weights, euclidean, manhattan and chebyshev."
        )
    return _ORDERS[metric]


def _lift_classifier(neighbors: Any) -> Model:
    several = isinstance(neighbors.classes_, list)
    classes = neighbors.classes_ if several else [neighbors.classes_]
    targets = tuple(labels_of(c) for c in classes)
    return _lift(neighbors, Shares(targets=targets), np.array([len(t) for t in targets], np.uint32))


def _lift_regressor(neighbors: Any) -> Model:
    _, targets = neighbor_data(neighbors)
    several = targets.ndim == 2
    n_outputs = targets.shape[1] if several else 1
    return _lift(neighbors, Numbers(n_outputs=n_outputs, ravel=not several), None)


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        stored, head = model.predictor, model.head
        if not isinstance(stored, Prototypes):
            raise UnsupportedEstimatorError(f"{cls.__name__} holds rows and their targets.")
        ball = stored.centers is not None
        by_tree = "ball_tree" if ball else "kd_tree"
        neighbors = cls(
            **_metric(stored.p)
            | dict(model.params)
            | {
                "n_neighbors": stored.n_neighbors,
                "weights": stored.weights,
                "leaf_size": stored.leaf_size,
                "algorithm": by_tree if stored.tree else "brute",
            }
        )
        neighbors.fit(decode(stored.vectors), _targets(stored, head))
        if stored.tree:
            set_tree_order(neighbors, stored.centers)
        if model.input.names is not None and not model.chain.transforms:
            neighbors.feature_names_in_ = np.array(model.input.names, dtype=object)
        return neighbors

    return lower


def _metric(order: float) -> dict[str, Any]:
    """Parameters that name a distance; those that were kept go before."""
    return {"metric": "chebyshev"} if math.isinf(order) else {} if order == 2 else {"p": order}


def _targets(stored: Prototypes, head: Head) -> np.ndarray:
    """Labels or values as they were fitted."""
    targets = stored.targets
    if isinstance(head, Shares):
        columns = [t.classes[column] for t, column in zip(head.targets, targets.T, strict=True)]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    return targets[:, 0] if isinstance(head, Numbers) and head.ravel else targets


def _examples(cls: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (
        cls(3),
        cls(4, weights="distance"),
        cls(3, p=1, algorithm="kd_tree", leaf_size=5),
        cls(2, algorithm="ball_tree", leaf_size=5),
        cls(2, algorithm="brute"),
    )


for _cls, _lift_it in (
    (KNeighborsClassifier, _lift_classifier),
    (KNeighborsRegressor, _lift_regressor),
):
    register(Family(dotted_name(_cls()), _lift_it, _lower(_cls), _examples(_cls)))
