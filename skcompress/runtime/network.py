"""Evaluation of `DenseNetwork`, and the NumPy reference of the compiled layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import DenseNetwork, Node, decode
from ._layers import is_single, prepare
from ._registry import Evaluate, evaluates, keeps
from ._rows import CsrRows, Rows
from ._sparse import sparse_matmul

__all__ = ["ACTIVATE", "compile_network", "compile_numpy"]


def _identity(sums: np.ndarray) -> None:
    """Leave the sums as they are."""


def _exp(sums: np.ndarray) -> None:
    np.exp(sums, out=sums)


def _logistic(sums: np.ndarray) -> None:
    # A large negative sum overflows to infinity, whose reciprocal is the zero that is meant.
    with np.errstate(over="ignore"):
        np.negative(sums, out=sums)
        np.exp(sums, out=sums)
        sums += 1
        np.reciprocal(sums, out=sums)


def _relu(sums: np.ndarray) -> None:
    np.maximum(sums, 0, out=sums)


def _softmax(sums: np.ndarray) -> None:
    shifted = sums - sums.max(axis=1)[:, np.newaxis]
    np.exp(shifted, out=sums)
    sums /= sums.sum(axis=1)[:, np.newaxis]


def _tanh(sums: np.ndarray) -> None:
    np.tanh(sums, out=sums)


ACTIVATE: dict[str, Callable[[np.ndarray], None]] = {
    "exp": _exp,
    "identity": _identity,
    "logistic": _logistic,
    "relu": _relu,
    "softmax": _softmax,
    "tanh": _tanh,
}
"""What each activation does, in place, to the sums of a layer; by operations that scikit-learn
uses too, in its order."""


@keeps(DenseNetwork)
def kept_arrays(network: Node) -> tuple[np.ndarray, ...]:
    """All arrays that evaluation keeps; some may belong to the network."""
    assert isinstance(network, DenseNetwork)
    compiled = prepare(network)
    if compiled is not None:
        return compiled.arrays
    return tuple(decode(array) for layer in network.layers for array in (layer.weights, layer.bias))


@evaluates(DenseNetwork)
def compile_network(network: Node) -> Evaluate:
    """Prepare a network.

    A network of float32 weights computes float32 sums from float32 rows and float64 sums from
    float64 rows, as it does in scikit-learn.
    """
    assert isinstance(network, DenseNetwork)
    compiled = prepare(network)
    if compiled is None:
        return compile_numpy(network)
    layers = compiled
    mixed = compile_numpy(network) if is_single(network) else None

    def evaluate(rows: Rows) -> np.ndarray:
        if mixed is not None and _dtype(rows) != np.float32:
            return mixed(rows)
        return layers(rows)

    return evaluate


def _dtype(rows: Rows) -> np.dtype:
    return rows.data.dtype if isinstance(rows, CsrRows) else rows.dtype


def compile_numpy(network: DenseNetwork) -> Evaluate:
    """Prepare a network that NumPy evaluates: encoded weights are decoded once."""
    layers = [
        (decode(layer.weights), decode(layer.bias), ACTIVATE[layer.activation])
        for layer in network.layers
    ]

    def evaluate(rows: Rows) -> np.ndarray:
        outputs = rows
        for weights, bias, activate in layers:
            if isinstance(outputs, CsrRows):
                outputs = sparse_matmul(outputs, weights)
            else:
                outputs = outputs @ weights
            outputs += bias
            activate(outputs)
        assert isinstance(outputs, np.ndarray)
        return outputs

    return evaluate
