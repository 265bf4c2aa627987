"""What a model holds more often than it need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from ..ir import (
    DenseNetwork,
    KernelExpansion,
    LinearMap,
    Model,
    Prototypes,
    TreeEnsemble,
    decode,
    distinct_rows,
    shape_of,
)
from ..passes import Context, RemoveDeadUnits
from ..runtime.kernel import kernel_matrix

__all__ = ["Redundancy", "redundancies", "subtree_names"]

_MOST_VECTORS = 2000


@dataclasses.dataclass(frozen=True)
class Redundancy:
    """Something that is there more often than it need be.

    Attributes
    ----------
    what : str
        What it is.
    count, total : int
        How many there are too many, and how many there are.
    """

    what: str
    count: int
    total: int


def redundancies(model: Model) -> tuple[Redundancy, ...]:
    """All redundancies that are looked for in a model of this kind."""
    find = _FINDERS.get(type(model.predictor))
    return () if find is None else tuple(find(model))


def _network(model: Model) -> Iterator[Redundancy]:
    network = model.predictor
    assert isinstance(network, DenseNetwork)
    smaller = RemoveDeadUnits().apply(model, Context(original=model)).predictor
    assert isinstance(smaller, DenseNetwork)
    before, after = (_hidden_units(one) for one in (network, smaller))
    yield Redundancy("dead or repeated hidden units", before - after, before)
    weights = [decode(layer.weights) for layer in network.layers]
    yield Redundancy(
        "weights that are zero",
        sum(int((matrix == 0).sum()) for matrix in weights),
        sum(matrix.size for matrix in weights),
    )
    unused = int((~weights[0].any(axis=1)).sum())
    yield Redundancy("unused features", unused, weights[0].shape[0])


def _hidden_units(network: DenseNetwork) -> int:
    return sum(shape_of(layer.bias)[0] for layer in network.layers[:-1])


def _kernel(model: Model) -> Iterator[Redundancy]:
    kernel = model.predictor
    assert isinstance(kernel, KernelExpansion)
    vectors = decode(kernel.vectors)
    n_vectors = vectors.shape[0]
    repeated = n_vectors - distinct_rows(vectors)[0].shape[0]
    yield Redundancy("repeated support vectors", repeated, n_vectors)
    if 0 < n_vectors <= _MOST_VECTORS:
        gram = kernel_matrix(kernel, vectors, vectors)
        rank = int(np.linalg.matrix_rank(gram, hermitian=True, tol=1e-9 * np.abs(gram).max()))
        yield Redundancy("support vectors that others can stand for", n_vectors - rank, n_vectors)
    yield Redundancy("unused features", int((~vectors.any(axis=0)).sum()), vectors.shape[1])


def _linear(model: Model) -> Iterator[Redundancy]:
    linear = model.predictor
    assert isinstance(linear, LinearMap)
    coef = decode(linear.coef)
    yield Redundancy("weights that are zero", int((coef == 0).sum()), coef.size)
    yield Redundancy("unused features", int((~coef.any(axis=0)).sum()), coef.shape[1])


def _prototypes(model: Model) -> Iterator[Redundancy]:
    prototypes = model.predictor
    assert isinstance(prototypes, Prototypes)
    vectors = decode(prototypes.vectors)
    repeated = vectors.shape[0] - distinct_rows(vectors)[0].shape[0]
    yield Redundancy("repeated rows", repeated, vectors.shape[0])


def _trees(model: Model) -> Iterator[Redundancy]:
    trees = model.predictor
    assert isinstance(trees, TreeEnsemble)
    n_leaves = int((~trees.internal).sum())
    yield Redundancy(
        "leaf values that repeat others", n_leaves - np.unique(trees.leaf).size, n_leaves
    )
    if trees.categories is None:
        n_internal = int(trees.internal.sum())
        n_distinct = np.unique(subtree_names(trees)[trees.internal]).size
        yield Redundancy("splits in repeated subtrees", n_internal - n_distinct, n_internal)
    used = np.unique(trees.feature).size
    yield Redundancy("unused features", trees.n_features - used, trees.n_features)


def subtree_names(trees: TreeEnsemble) -> np.ndarray:
    """A number for each node, equal where what hangs below is equal; for no splits on categories.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.

    Returns
    -------
    ndarray of int64, of shape (n_nodes,)
        Leaves have that of the row they hold.
    """
    name = np.full(trees.n_nodes, -1, np.int64)
    # Leaves are named by what they hold; subtrees by their split and the names below, upwards.
    name[~trees.internal] = trees.leaf
    place = np.cumsum(trees.internal) - 1
    split = np.column_stack(
        [
            trees.feature.astype(np.int64),
            np.ascontiguousarray(decode(trees.threshold), np.float64).view(np.int64),
            np.zeros(trees.feature.size, np.int64)
            if trees.missing_left is None
            else trees.missing_left.astype(np.int64),
        ]
    )
    left = trees.left_of_node()
    seen: dict[bytes, int] = {}
    first = int(trees.leaf.max(initial=0)) + 1
    for nodes in reversed(trees.levels()):
        nodes = nodes[trees.internal[nodes]]
        rows = np.column_stack([split[place[nodes]], name[left[nodes]], name[left[nodes] + 1]])
        unique, inverse = np.unique(rows, axis=0, return_inverse=True)
        names = [seen.setdefault(row.tobytes(), first + len(seen)) for row in unique]
        name[nodes] = np.asarray(names, np.int64)[inverse.ravel()]
    return name


_FINDERS: dict[type | None, Callable[[Model], Iterator[Redundancy]]] = {
    DenseNetwork: _network,
    KernelExpansion: _kernel,
    LinearMap: _linear,
    Prototypes: _prototypes,
    TreeEnsemble: _trees,
}
