"""`DenseNetwork`: layers of (weights, bias, activation)."""

from __future__ import annotations

from ._node import Node, register, require
from .arrays import Array, check_finite, shape_of

__all__ = ["ACTIVATIONS", "DenseNetwork", "Layer"]

ACTIVATIONS = ("exp", "identity", "logistic", "relu", "softmax", "tanh")


@register("layer")
class Layer(Node):
    """``activation(inputs @ weights + bias)``.

    Parameters
    ----------
    weights : ndarray or Encoded of shape (n_inputs, n_units)
        Weights, a column per unit.
    bias : ndarray or Encoded of shape (n_units,)
        Bias per unit.
    activation : {"exp", "identity", "logistic", "relu", "softmax", "tanh"}
        What is applied to the sums.
    """

    weights: Array
    bias: Array
    activation: str

    def check(self) -> None:
        check_finite("weights", self.weights)
        check_finite("bias", self.bias)
        weights, bias = shape_of(self.weights), shape_of(self.bias)
        require(
            len(weights) == 2 and bias == (weights[1],),
            f"bias of shape {bias} does not fit weights of shape {weights}.",
        )
        require(weights[1] >= 1, "a layer needs a unit.")
        require(
            self.activation in ACTIVATIONS,
            f"activation must be one of {ACTIVATIONS}; got {self.activation!r}.",
        )


@register("network")
class DenseNetwork(Node):
    """Fully connected layers, one after the other.

    Parameters
    ----------
    layers : tuple of Layer
        From the input to the output.
    """

    layers: tuple[Layer, ...]

    def check(self) -> None:
        require(
            len(self.layers) > 0 and all(isinstance(layer, Layer) for layer in self.layers),
            "a network needs at least one layer.",
        )
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            units, inputs = shape_of(before.weights)[1], shape_of(after.weights)[0]
            require(units == inputs, f"a layer of {units} units feeds one of {inputs} inputs.")

    @property
    def n_features(self) -> int:
        """Number of input columns."""
        return shape_of(self.layers[0].weights)[0]

    @property
    def n_outputs(self) -> int:
        """Columns of the result."""
        return shape_of(self.layers[-1].weights)[1]

    @property
    def activations(self) -> list[str]:
        """Of each layer."""
        return [layer.activation for layer in self.layers]
