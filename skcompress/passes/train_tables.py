"""Weights that take a few values each layer, and the values trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import Affine, Array, Codebook, DenseNetwork, Model, Sparse
from ..ir.arrays import smallest_unsigned
from ._context import Context
from .finetune import FineTuneReport
from .quantize import quantize
from .tuning import tune

__all__ = ["TrainTables"]

_MOST_VALUES = 256


@dataclasses.dataclass(frozen=True)
class TrainTables:
    """Quantize weights to tables of values, one a layer, and train on with them; biases too.

    Zeros stay zeros and need no entry. See `finetune` for how tables are trained.

    Parameters
    ----------
    bits : int
        A table has ``2 ** bits`` values.
    epochs : int
        Passes over the refit rows.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    target : {"auto", "labels", "original", "mix"}
        What is trained for, as in `FineTune`.
    record : callable or None
        Is given the report.

    References
    ----------
    .. [1] S. Han, H. Mao, W. Dally, "Deep compression", ICLR 2016.
    .. [2] Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through
       stochastic neurons for conditional computation", arXiv:1308.3432, 2013.
    """

    bits: int
    epochs: int
    learning_rate: float = 5e-4
    target: str = "auto"
    record: Callable[[FineTuneReport], None] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Quantize, train and encode."""
        tuned, _ = tune(self, model, context, "training values", bits=self.bits)
        return model.with_predictor(_encoded(tuned))


def _encoded(network: DenseNetwork) -> DenseNetwork:
    layers = []
    for layer in network.layers:
        weights, bias = layer.weights, layer.bias
        assert isinstance(weights, np.ndarray)
        assert isinstance(bias, np.ndarray)
        layers.append(layer.replace(weights=_by_table(weights), bias=_by_steps(bias)))
    return network.replace(layers=tuple(layers))


def _by_table(weights: np.ndarray) -> Array:
    """Codes and a table; without the zeros if that is smaller. Eight bits where values differ."""
    sparse = Sparse.from_dense(weights.astype(np.float32))
    assert isinstance(sparse.data, np.ndarray)
    table, codes = np.unique(sparse.data, return_inverse=True)
    if table.size > _MOST_VALUES:
        return quantize(weights, "affine", 8, 1)
    if table.size and sparse.nbytes - 3 * sparse.data.size < weights.size:
        return sparse.replace(data=_codebook(codes, table))
    table, codes = np.unique(weights.astype(np.float32), return_inverse=True)
    return _codebook(codes.reshape(weights.shape), table)


def _codebook(codes: np.ndarray, table: np.ndarray) -> Codebook:
    bits = max(int(table.size - 1).bit_length(), 1)
    return Codebook(codes=codes.astype(smallest_unsigned(table.size - 1)), table=table, bits=bits)


def _by_steps(bias: np.ndarray) -> Array:
    """Whole multiples of a step, if that is what they are; else float32, if they fit."""
    with np.errstate(over="ignore"):
        narrow = bias.astype(np.float32)
    if not np.isfinite(narrow).all():
        return bias
    distinct = np.unique(narrow)
    step = float(np.diff(distinct).min()) if distinct.size > 1 else 0.0
    if step > 0:
        codes = np.rint((distinct[-1] - distinct[0]) / step)
        low = distinct[0]
        found = np.rint((narrow.astype(np.float64) - low) / step)
        if codes <= 255 and np.abs(found * step + low - narrow).max() < 1e-3 * step:
            bits = max(int(codes).bit_length(), 1)
            scale, zero = np.array([step], np.float32), np.array([low], np.float32)
            return Affine(codes=found.astype(np.uint8), scale=scale, zero=zero, bits=bits)
    return narrow
