"""What happens to the input before the predictor: scalers, imputers, projections, text."""

from __future__ import annotations

import numpy as np

from ._node import Node, register, require
from .arrays import Array, check_finite, shape_of

__all__ = [
    "Impute",
    "Normalize",
    "Project",
    "Rescale",
    "Transform",
]


class Transform(Node):
    """Base of the transforms: rows of `n_features` columns in, rows of `n_outputs` columns out."""

    n_features: int
    n_outputs: int


@register("rescale")
class Rescale(Transform):
    """Column by column, in this order: subtract, divide, multiply, add, clip.

    The order is that of scikit-learn's own steps, so that the result is the same to the last bit.

    Parameters
    ----------
    kind : {"standard", "min-max", "max-abs", "robust"}
        Which scaler the numbers come from.
    n_features : int
        Number of columns.
    subtract, divide, multiply, add : ndarray of float, of shape (n_features,), or None
        One number per column; None: the step is left out.
    clip : tuple of two floats, or None
        Bounds of the result.
    round_first : bool
        Round the numbers to the dtype of dense input before they are used, as scikit-learn's
        newer standard scalers do; matters for float32 input alone.
    """

    kind: str
    n_features: int
    subtract: np.ndarray | None = None
    divide: np.ndarray | None = None
    multiply: np.ndarray | None = None
    add: np.ndarray | None = None
    clip: tuple[float, float] | None = None
    round_first: bool = False

    def check(self) -> None:
        kinds = ("standard", "min-max", "max-abs", "robust")
        require(self.kind in kinds, f"kind must be one of {kinds}; got {self.kind!r}.")
        for name in ("subtract", "divide", "multiply", "add"):
            numbers = getattr(self, name)
            if numbers is not None:
                check_finite(name, numbers)
                require(
                    numbers.shape == (self.n_features,),
                    f"{name} must have one entry for each of {self.n_features} columns.",
                )
        if self.divide is not None:
            require(bool((self.divide != 0).all()), "a scale is zero.")
        if self.clip is not None:
            require(self.clip[0] <= self.clip[1], "clip must be (low, high).")

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        return self.n_features


@register("normalize")
class Normalize(Transform):
    """Divide each row by its norm.

    Parameters
    ----------
    norm : {"l1", "l2", "max"}
        Which norm; a row of zeros stays as it is.
    n_features : int
        Number of columns.
    """

    norm: str
    n_features: int

    def check(self) -> None:
        require(self.norm in ("l1", "l2", "max"), f"unknown norm {self.norm!r}.")

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        return self.n_features


@register("impute")
class Impute(Transform):
    """Replace missing values by a constant per column.

    Parameters
    ----------
    fill : ndarray of float, of shape (n_features,)
        What stands in; NaN for a column that was empty in training and is dropped.
    missing : float
        The value that means "missing", NaN as a rule.
    indicators : ndarray of unsigned integers, or None
        Columns whose "is missing" flags are appended to the result.
    """

    fill: np.ndarray
    missing: float
    indicators: np.ndarray | None = None

    def check(self) -> None:
        require(self.fill.dtype.kind == "f" and self.fill.ndim == 1, "fill must be a float vector.")
        require(not np.isinf(self.fill).any(), "a fill value is infinite.")
        if self.indicators is not None:
            require(
                self.indicators.dtype.kind == "u" and self.indicators.ndim == 1,
                "indicators must be a vector of column indices.",
            )
            require(
                int(self.indicators.max(initial=0)) < self.fill.size or not self.indicators.size,
                "an indicator points at a column that does not exist.",
            )

    @property
    def n_features(self) -> int:  # type: ignore[override]
        """Number of input columns."""
        return int(self.fill.size)

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        kept = int(np.count_nonzero(~np.isnan(self.fill)))
        return kept + (0 if self.indicators is None else int(self.indicators.size))


@register("project")
class Project(Transform):
    """Project on components: ``(X @ components.T - offset) / divide``.

    Parameters
    ----------
    components : ndarray or Encoded of shape (n_components, n_features)
        One row per output column.
    offset : ndarray of float, of shape (n_components,), or None
        The projected mean.
    divide : ndarray of float, of shape (n_components,), or None
        Scale of each output column (whitening).
    mean : ndarray of float, of shape (n_features,), or None
        Subtracted from the input before the projection, where that order is the exact one.
    """

    components: Array
    offset: np.ndarray | None = None
    divide: np.ndarray | None = None
    mean: np.ndarray | None = None

    def check(self) -> None:
        check_finite("components", self.components)
        shape = shape_of(self.components)
        require(len(shape) == 2, "components must have two dimensions.")
        for name, size in (("offset", shape[0]), ("divide", shape[0]), ("mean", shape[1])):
            numbers = getattr(self, name)
            if numbers is not None:
                check_finite(name, numbers)
                require(numbers.shape == (size,), f"{name} must have {size} entries.")
        if self.divide is not None:
            require(bool((self.divide != 0).all()), "a scale is zero.")

    @property
    def n_features(self) -> int:  # type: ignore[override]
        """Number of input columns."""
        return shape_of(self.components)[1]

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        return shape_of(self.components)[0]
