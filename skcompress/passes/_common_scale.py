"""Networks, rows and targets brought to a common scale, so that one learning rate suits all."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..ir import DenseNetwork
from ..runtime._rows import CsrRows, Rows
from ._networks import plain, with_weights

__all__ = ["CommonScale", "sized"]


@dataclasses.dataclass(frozen=True)
class CommonScale:
    """What inputs are divided by, and what is taken from outputs before they are divided.

    Attributes
    ----------
    size : float
        Overall size of the inputs.
    center, spread : ndarray of shape (n_outputs,)
        Of the sums of the output layer.
    """

    size: float
    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, size: float, activation: str, targets: np.ndarray) -> CommonScale:
        """That of some targets; only an identity's can be moved and stretched."""
        if activation != "identity":
            return cls(size, np.zeros(targets.shape[1]), np.ones(targets.shape[1]))
        spread = targets.std(axis=0, dtype=np.float64)
        center = targets.mean(axis=0, dtype=np.float64)
        return cls(size, center, np.where(spread > 0, spread, 1.0))

    def softened(self, temperature: float) -> CommonScale:
        """The same with sums divided by a temperature, too."""
        return dataclasses.replace(self, spread=self.spread * temperature)

    def parameters(self, network: DenseNetwork) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Weights and biases of the network that takes and gives what is on the scale."""
        pairs = [plain(layer) for layer in network.layers]
        weights, biases = [w for w, _ in pairs], [b for _, b in pairs]
        weights[0] = weights[0] * self.size
        weights[-1] = weights[-1] / self.spread
        biases[-1] = (biases[-1] - self.center) / self.spread
        return weights, biases

    def network(
        self, like: DenseNetwork, weights: list[np.ndarray], biases: list[np.ndarray]
    ) -> DenseNetwork:
        """The way back, in the dtypes of another network."""
        weights, biases = [*weights], [*biases]
        weights[-1] = weights[-1] * self.spread
        biases[-1] = biases[-1] * self.spread + self.center
        weights[0] = weights[0] / self.size
        pairs = [plain(layer) for layer in like.layers]
        return with_weights(
            like,
            [new.astype(old.dtype) for new, (old, _) in zip(weights, pairs, strict=True)],
            [new.astype(old.dtype) for new, (_, old) in zip(biases, pairs, strict=True)],
        )

    def without_table(self, activations: list[str]) -> frozenset[int]:
        """Parts of the last layer that are scaled output by output on the way back.

        Numbered are the weights and then the biases of all layers.
        """
        n_layers = len(activations)
        if activations[-1] != "identity":
            return frozenset()
        alike = bool((self.spread == self.spread[0]).all())
        return frozenset({2 * n_layers - 1} if alike else {n_layers - 1, 2 * n_layers - 1})


def sized(rows: Rows) -> tuple[Rows, float]:
    """Rows in float32 divided by their overall size, and that size.

    Adam's steps have the size of the learning rate, whatever the size of a weight: inputs that are
    large in total, with weights that are small, must be brought to a common size.
    """
    values = rows.data if isinstance(rows, CsrRows) else rows
    n_entries = rows.shape[0] * rows.shape[1]
    size = float(np.linalg.norm(np.ravel(values)) / np.sqrt(n_entries)) or 1.0
    small = np.multiply(values, 1.0 / size, dtype=np.float32, casting="same_kind")
    return (rows.with_data(small) if isinstance(rows, CsrRows) else small), size
