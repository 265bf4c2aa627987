"""`KernelExpansion`: kernel(X, vectors) @ coef + intercept."""

from __future__ import annotations

import math

import numpy as np

from ._node import Node, register, require
from .arrays import Array, check_finite, shape_of

__all__ = ["KERNELS", "KernelExpansion"]

KERNELS = ("linear", "poly", "rbf", "sigmoid")


@register("kernel")
class KernelExpansion(Node):
    """A weighted sum of kernels between the input and stored vectors.

    Two layouts of the coefficients. Dense: ``coef`` has a row per output over all vectors.
    One-vs-one (`group_sizes` given): vectors are grouped by class, and a vector of class i has
    ``n_classes - 1`` coefficients, one per opponent, as libsvm stores them; output (i, j), i < j,
    sums row ``j - 1`` over the vectors of class i and row ``i`` over those of class j.

    Parameters
    ----------
    vectors : ndarray or Encoded of shape (n_vectors, n_features)
        Support vectors.
    coef : ndarray or Encoded of shape (n_rows, n_vectors)
        Dual coefficients.
    intercept : ndarray of float, of shape (n_outputs,)
        Added to the sums.
    kernel : {"linear", "poly", "rbf", "sigmoid"}
        ``<x, v>``, ``(gamma <x, v> + coef0) ** degree``, ``exp(-gamma |x - v|^2)`` and
        ``tanh(gamma <x, v> + coef0)``.
    gamma, coef0 : float
        Kernel parameters.
    degree : int
        Degree of the polynomial kernel.
    group_sizes : ndarray of unsigned integers, of shape (n_classes,), or None
        Vectors in each class for the one-vs-one layout.
    """

    vectors: Array
    coef: Array
    intercept: np.ndarray
    kernel: str
    gamma: float = 1.0
    coef0: float = 0.0
    degree: int = 3
    group_sizes: np.ndarray | None = None

    def check(self) -> None:
        for name in ("vectors", "coef", "intercept"):
            check_finite(name, getattr(self, name))
        require(self.kernel in KERNELS, f"kernel must be one of {KERNELS}; got {self.kernel!r}.")
        require(
            math.isfinite(self.gamma) and math.isfinite(self.coef0),
            "kernel parameters must be finite.",
        )
        require(0 <= self.degree <= 1000, f"degree must be in [0, 1000]; got {self.degree}.")
        vectors, coef = shape_of(self.vectors), shape_of(self.coef)
        require(
            len(vectors) == 2 and len(coef) == 2 and coef[1] == vectors[0],
            f"coef of shape {coef} does not fit vectors of shape {vectors}.",
        )
        require(self.intercept.ndim == 1, "intercept must be a vector.")
        if self.group_sizes is None:
            expected = coef[0]
        else:
            require(
                self.group_sizes.dtype.kind == "u" and self.group_sizes.ndim == 1,
                "group sizes must be a vector of unsigned integers.",
            )
            n_classes = self.group_sizes.size
            require(
                n_classes >= 2 and coef[0] == n_classes - 1,
                f"{n_classes} classes need {n_classes - 1} rows of coefficients; got {coef[0]}.",
            )
            require(
                int(self.group_sizes.max()) <= vectors[0]
                and int(self.group_sizes.sum()) == vectors[0],
                "group sizes do not add up to the number of vectors.",
            )
            expected = n_classes * (n_classes - 1) // 2
        require(
            self.intercept.size == expected,
            f"there must be {expected} intercepts; got {self.intercept.size}.",
        )

    @property
    def n_features(self) -> int:
        """Number of input columns."""
        return shape_of(self.vectors)[1]

    @property
    def n_vectors(self) -> int:
        """Number of stored vectors."""
        return shape_of(self.vectors)[0]

    @property
    def n_outputs(self) -> int:
        """Columns of the result."""
        return int(self.intercept.size)
