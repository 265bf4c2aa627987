"""Evaluation of `DenseNetwork`, and the NumPy reference of the compiled layers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from ..ir import DenseNetwork, Node, decode
from ._layers import is_rounded, is_single, prepare
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
    kind = np.float32 if is_rounded(network) else None
    weights = [np.asarray(decode(layer.weights), kind) for layer in network.layers]
    return (*weights, *(decode(layer.bias) for layer in network.layers))


@evaluates(DenseNetwork)
def compile_network(network: Node) -> Evaluate:
    """Prepare a network.

    A network of float32 weights computes float32 sums from float32 rows and float64 sums from
    float64 rows, as it does in scikit-learn. One of rounded weights computes float32 sums from any
    rows, and from the last sums on in float64.
    """
    assert isinstance(network, DenseNetwork)
    compiled = prepare(network)
    if is_rounded(network):
        return _unless_too_large(network, compiled or compile_numpy(network, single=True))
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


def compile_numpy(network: DenseNetwork, *, single: bool = False) -> Evaluate:
    """Prepare a network that NumPy evaluates: encoded weights are decoded once.

    With `single` all is float32 up to the last sums, to which a float64 bias is added.
    """
    kind = np.float32 if single else None
    weights = [np.asarray(decode(layer.weights), kind) for layer in network.layers]
    biases = [np.asarray(decode(layer.bias), kind) for layer in network.layers[:-1]]
    biases.append(decode(network.layers[-1].bias))
    activations = [ACTIVATE[layer.activation] for layer in network.layers]

    def evaluate(rows: Rows) -> np.ndarray:
        outputs = _to_float32(rows) if single else rows
        for factor, bias, activate in zip(weights, biases, activations, strict=True):
            sums = _product(outputs, factor) + bias
            activate(sums)
            outputs = sums
        assert isinstance(outputs, np.ndarray)
        return outputs

    # Where float32 overflows, rows are evaluated anew.
    return np.errstate(over="ignore", invalid="ignore")(evaluate) if single else evaluate


def _to_float32(rows: Rows) -> Rows:
    if isinstance(rows, CsrRows):
        return rows.with_data(rows.data.astype(np.float32))
    return rows.astype(np.float32)


def _product(rows: Rows, weights: np.ndarray) -> np.ndarray:
    return sparse_matmul(rows, weights) if isinstance(rows, CsrRows) else rows @ weights


def _unless_too_large(network: DenseNetwork, evaluate: Evaluate) -> Evaluate:
    """In float64 where float32 overflows."""
    anew = functools.cache(lambda: compile_numpy(network))

    def evaluate_any(rows: Rows) -> np.ndarray:
        out = evaluate(rows)
        # Finite only if every number is.
        return out if math.isfinite(np.vdot(out, out)) else anew()(rows)

    return evaluate_any
