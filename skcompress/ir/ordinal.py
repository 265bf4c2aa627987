"""`OrdinalEncode`: values to their places among known categories."""

from __future__ import annotations

import numpy as np

from ._node import register, require
from .arrays import check_finite
from .transforms import Transform

__all__ = ["OrdinalEncode"]


@register("ordinal")
class OrdinalEncode(Transform):
    """Reorder columns, and put the places of values among known categories for some of them.

    A value that is none of the categories of its column becomes NaN, as a missing one does.

    Parameters
    ----------
    columns : ndarray of unsigned integers, of shape (n_outputs,)
        Input column of each output column; those of categories come first.
    sizes : ndarray of unsigned integers, of shape (n_categorical,)
        Number of categories of each of the first output columns.
    categories : ndarray of float, of shape (sum of sizes,)
        Categories, column after column, rising within each.
    n_features : int
        Number of input columns.
    """

    columns: np.ndarray
    sizes: np.ndarray
    categories: np.ndarray
    n_features: int

    def check(self) -> None:
        for name in ("columns", "sizes"):
            numbers = getattr(self, name)
            require(
                numbers.dtype.kind == "u" and numbers.ndim == 1,
                f"{name} must be a vector of unsigned integers.",
            )
        require(
            self.columns.size >= 1 and int(self.columns.max()) < self.n_features,
            f"there must be a column, and each below {self.n_features}.",
        )
        require(self.sizes.size <= self.columns.size, "there are more sizes than columns.")
        check_finite("categories", self.categories)
        # Python's integers cannot overflow.
        require(
            self.categories.dtype.kind == "f"
            and self.categories.shape == (sum(self.sizes.tolist()),),
            "there must be as many categories as the sizes say, in floating point.",
        )
        rises = np.diff(self.categories) > 0
        between = np.cumsum(self.sizes, dtype=np.int64)
        rises[between[(between > 0) & (between < self.categories.size)] - 1] = True
        require(bool(rises.all()), "the categories of a column must rise.")

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        return int(self.columns.size)
