"""`LinearMap`: X @ coef.T + intercept."""

from __future__ import annotations

import numpy as np

from ._node import Node, register, require
from .arrays import Array, check_finite, shape_of

__all__ = ["LinearMap"]


@register("linear")
class LinearMap(Node):
    """A linear map of the input.

    Parameters
    ----------
    coef : ndarray or Encoded of shape (n_outputs, n_features)
        Weights, a row per output.
    intercept : ndarray of float, of shape (n_outputs,)
        Added to the products.
    """

    coef: Array
    intercept: np.ndarray

    def check(self) -> None:
        check_finite("coef", self.coef)
        check_finite("intercept", self.intercept)
        shape = shape_of(self.coef)
        require(len(shape) == 2, f"coef must have two dimensions; got shape {shape}.")
        require(
            self.intercept.shape == (shape[0],),
            f"intercept of shape {self.intercept.shape} does not fit coef of shape {shape}.",
        )

    @property
    def n_features(self) -> int:
        """Number of input columns."""
        return shape_of(self.coef)[1]

    @property
    def n_outputs(self) -> int:
        """Columns of the result."""
        return shape_of(self.coef)[0]
