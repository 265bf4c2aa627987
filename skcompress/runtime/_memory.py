"""How much memory a model takes to predict, known before any of it is taken.

A small array can stand for a large one: few sparse entries for many columns, two thin factors for
a matrix, a number of outputs for as many sums. What comes from a stranger is weighed by this
before it is served.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..ir import (
    Array,
    DenseNetwork,
    Encoded,
    KernelExpansion,
    LinearMap,
    Model,
    Node,
    Project,
    Prototypes,
    Sparse,
    TextVectorize,
    TreeEnsemble,
    shape_of,
)

__all__ = ["memory_to_predict"]

_PER_OUTPUT = 64
_PER_TREE_NODE = 64
_PER_SPARSE_ENTRY = 64
_PER_COLUMN = 48
_PER_TERM = 160
_PER_VECTOR = 128


def memory_to_predict(model: Model) -> int:
    """Bytes that preparing a model and predicting one row take at most, besides its arrays.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    int
        Bytes; exact to a small factor, and no array is decoded to tell.
    """
    return sum(
        _PER_OUTPUT * step.n_outputs + _WEIGHTS.get(type(step), _nothing)(step)
        for step in model.chain.steps
    )


def _nothing(step: Node) -> int:
    return 0


def _decoded(array: Array) -> int:
    """Bytes of an array in float64."""
    return 8 * math.prod(shape_of(array))


def _extra(array: Array) -> int:
    """Bytes of its decoded form, if that is not the array itself."""
    return 2 * _decoded(array) if isinstance(array, Encoded) else 0


def _sparse(array: Sparse) -> int:
    return _PER_SPARSE_ENTRY * (int(array.indices.size) + int(array.indptr.size))


def _linear(linear: LinearMap) -> int:
    coef = linear.coef
    if not isinstance(coef, Sparse):
        return _extra(coef)
    # Columns that no output uses are left out where most are such.
    columns = min(coef.n_columns, 2 * int(coef.indices.size))
    return 2 * 8 * columns * linear.n_outputs + _sparse(coef)


def _kernel(kernel: KernelExpansion) -> int:
    vectors = kernel.vectors
    held = _sparse(vectors) if isinstance(vectors, Sparse) else 3 * _decoded(vectors)
    held += _PER_COLUMN * kernel.n_features
    return held + 3 * _decoded(kernel.coef) + _PER_VECTOR * kernel.n_vectors


def _network(network: DenseNetwork) -> int:
    arrays = sum(_extra(layer.weights) + _extra(layer.bias) for layer in network.layers)
    return arrays + _PER_OUTPUT * sum(shape_of(layer.bias)[0] for layer in network.layers)


def _prototypes(prototypes: Prototypes) -> int:
    held = 4 * _decoded(prototypes.vectors) + _PER_VECTOR * prototypes.n_rows
    if prototypes.tree:
        held += (2 * 8 * prototypes.n_features + _PER_VECTOR) * prototypes.n_nodes
    return held


def _trees(trees: TreeEnsemble) -> int:
    held = _PER_TREE_NODE * trees.n_nodes + 2 * _decoded(trees.values)
    return held + _extra(trees.threshold)


def _project(project: Project) -> int:
    return _extra(project.components)


def _text(text: TextVectorize) -> int:
    words = [text.terms, *([] if text.stop_words is None else [text.stop_words])]
    return sum(_PER_TERM * array.size + 2 * array.nbytes for array in words)


_WEIGHTS: dict[type[Node], Callable[[Any], int]] = {
    DenseNetwork: _network,
    KernelExpansion: _kernel,
    LinearMap: _linear,
    Project: _project,
    Prototypes: _prototypes,
    TextVectorize: _text,
    TreeEnsemble: _trees,
}
