"""What the passes on networks share."""

from __future__ import annotations

import numpy as np

from ..ir import DenseNetwork, Encoded, Layer, Model, decode
from ..runtime._rows import as_dense
from ..runtime.network import ACTIVATE
from ._base import SkipPass
from ._context import Context, Data, take_rows

__all__ = [
    "activated",
    "as_count",
    "layer_inputs",
    "network_of",
    "plain",
    "plain_layers",
    "with_layers",
    "with_weights",
]


def network_of(model: Model) -> DenseNetwork:
    """The network that a model consists of.

    Raises
    ------
    SkipPass
        If it has none.
    """
    if not isinstance(model.predictor, DenseNetwork):
        raise SkipPass("the model has no layers")
    return model.predictor


def plain(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Decoded weights and bias."""
    return decode(layer.weights), decode(layer.bias)


def plain_layers(network: DenseNetwork) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases of a network whose parameters are not encoded yet.

    Raises
    ------
    SkipPass
        If some are.
    """
    if any(isinstance(p, Encoded) for la in network.layers for p in (la.weights, la.bias)):
        raise SkipPass("the weights are encoded already")
    pairs = [plain(layer) for layer in network.layers]
    return [w for w, _ in pairs], [b for _, b in pairs]


def with_weights(
    network: DenseNetwork, weights: list[np.ndarray], biases: list[np.ndarray]
) -> DenseNetwork:
    """The network with other weights; activations stay."""
    layers = tuple(
        layer.replace(weights=w, bias=b)
        for layer, w, b in zip(network.layers, weights, biases, strict=True)
    )
    return network.replace(layers=layers)


def with_layers(model: Model, weights: list[np.ndarray], biases: list[np.ndarray]) -> Model:
    """The model with other weights in its network."""
    return model.with_predictor(with_weights(network_of(model), weights, biases))


def activated(activation: str, sums: np.ndarray) -> np.ndarray:
    """An activation of sums, which are left as they are."""
    out = sums.copy()
    ACTIVATE[activation](out)
    return out


def layer_inputs(model: Model, context: Context, data: Data, most: int = 5000) -> list[np.ndarray]:
    """What each layer sees of (at most `most` of) the rows."""
    if len(data) > most:
        chosen = np.sort(context.generator().choice(len(data), most, replace=False))
        data = Data(take_rows(data.X, chosen))
    found = [as_dense(context.inputs(model, data), np.float64)]
    for layer in network_of(model).layers[:-1]:
        weights, bias = plain(layer)
        found.append(activated(layer.activation, found[-1] @ weights + bias))
    return found


def as_count(share: int | float, size: int) -> int:
    """How many a number (an integer) or share (a float) of `size` is; at least one."""
    count = int(share) if isinstance(share, int | np.integer) else round(share * size)
    return min(max(count, 1), size)
