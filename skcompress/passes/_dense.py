"""Networks for training: parameters in one flat vector, losses, and gradients by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime._rows import Rows, as_dense, blocks
from ..runtime.network import ACTIVATE

__all__ = ["DERIVE", "LOSSES", "TRAINABLE", "FlatNetwork", "loss_of"]

_TINY = 1e-7
_BLOCK = 4096


class FlatNetwork:
    """Weights and biases as views of one flat vector, with gradients likewise.

    One vector makes an optimizer a few operations on whole arrays, whatever the layers are.

    Parameters
    ----------
    weights, biases : list of ndarray
        Of each layer; copied.
    activations : list of str
        Of each layer.
    dtype : dtype
        Of parameters, gradients and sums.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        activations: list[str],
        dtype: Any = np.float32,
    ) -> None:
        self.activations = activations
        self.flat, self.weights, self.biases = _views(weights, biases, dtype)
        self.gradient, self.weight_gradients, self.bias_gradients = _views(weights, biases, dtype)

    def forward(self, rows: np.ndarray) -> list[np.ndarray]:
        """What goes into each layer, and the output last."""
        outputs = [rows]
        for w, b, activation in zip(self.weights, self.biases, self.activations, strict=True):
            sums = outputs[-1] @ w
            sums += b
            _ACTIVATE[activation](sums)
            outputs.append(sums)
        return outputs

    def outputs(self, rows: Rows) -> np.ndarray:
        """The output on rows that may be sparse."""
        parts = [
            self.forward(as_dense(rows[block], np.float32))[-1]
            for block in blocks(rows.shape[0], _BLOCK)
        ]
        return np.concatenate(parts)

    def backward(self, outputs: list[np.ndarray], delta: np.ndarray) -> None:
        """Fill the gradients, given that at the sums of the last layer."""
        for place in range(len(self.weights) - 1, -1, -1):
            np.matmul(outputs[place].T, delta, out=self.weight_gradients[place])
            np.sum(delta, axis=0, out=self.bias_gradients[place])
            if place:
                delta = delta @ self.weights[place].T
                DERIVE[self.activations[place - 1]](delta, outputs[place])


def _views(
    weights: list[np.ndarray], biases: list[np.ndarray], dtype: Any
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    parts = [*weights, *biases]
    flat = np.concatenate([part.ravel() for part in parts]).astype(dtype)
    ends = np.cumsum([part.size for part in parts])
    views = [
        flat[end - part.size : end].reshape(part.shape)
        for end, part in zip(ends, parts, strict=True)
    ]
    return flat, views[: len(weights)], views[len(weights) :]


def _logistic(sums: np.ndarray) -> None:
    # Beyond 80 float32 overflows on the way, and the answer is 0 or 1 already.
    np.clip(sums, -80, 80, out=sums)
    ACTIVATE["logistic"](sums)


def _exp(sums: np.ndarray) -> None:
    np.clip(sums, None, 80, out=sums)
    ACTIVATE["exp"](sums)


_ACTIVATE: dict[str, Callable[[np.ndarray], None]] = ACTIVATE | {"logistic": _logistic, "exp": _exp}


def _times(delta: np.ndarray, factor: np.ndarray) -> None:
    delta *= factor


DERIVE: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "exp": _times,
    "identity": lambda delta, out: None,
    "logistic": lambda delta, out: _times(delta, out * (1 - out)),
    "relu": lambda delta, out: _times(delta, out > 0),
    "tanh": lambda delta, out: _times(delta, 1 - out * out),
}
"""Turn the gradient at a hidden layer's output into that at its sums, in place."""

TRAINABLE = frozenset(DERIVE)
"""Activations that hidden layers may have: those that act on each unit by itself."""


def _squared(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    return 0.5 * np.square(output - target).sum(axis=1)


def _cross_entropy(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    return -(target * np.log(np.maximum(output, _TINY))).sum(axis=1)


def _binary_cross_entropy(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    likely = target * np.log(np.maximum(output, _TINY))
    likely += (1 - target) * np.log(np.maximum(1 - output, _TINY))
    return -likely.sum(axis=1)


def _poisson(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    return (output - target * np.log(np.maximum(output, _TINY))).sum(axis=1)


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "exp": _poisson,
    "identity": _squared,
    "logistic": _binary_cross_entropy,
    "softmax": _cross_entropy,
}


def loss_of(activation: str, output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The loss of each row that goes with an output activation.

    The two are matched so that the gradient at the sums is ``output - target``: squared error
    for identity, cross-entropy for softmax, its binary form per output for logistic, Poisson
    deviance for exp. Any other activation in the output layer has no loss.
    """
    return LOSSES[activation](output, target)
