"""Support vectors without which a machine computes the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..ir import Encoded, KernelExpansion, Model, Sparse, decode, entries_of_rows
from ._base import SkipPass
from ._bytes import file_bytes
from ._context import Context
from ._dependence import (
    Fewer,
    first_equal,
    numerically_fewer,
    polynomial_features,
    spanned_exactly,
)
from ._kernels import expansion_of

__all__ = ["DropDependent"]

_WORTH_WRITING = 0.01
"""Share of the vectors below which fewer of them make no difference."""


@dataclasses.dataclass(frozen=True)
class DropDependent:
    """Drop support vectors that depend on others in feature space; their coefficients move over.

    Equal vectors are merged, whatever the kernel. A polynomial kernel of low degree over few
    columns has an explicit feature space: of more vectors than that has dimensions, the others
    say all. Outputs stay within ``1e-12`` of the sum of the sizes of the terms, which are taken
    as large as they can be for an input of its length. Vectors of a class stand for vectors of
    that class alone, as scikit-learn stores them. What would not make the file smaller is left
    alone.

    Parameters
    ----------
    tolerance : float
        If positive, vectors that depend on others but for rounding go, too, as they do where rbf
        machines see few columns: no output moves by more than this share of the root mean square
        of the outputs at the vectors, whatever the input for rbf kernels.

    References
    ----------
    .. [1] T. Downs, K. Gates, A. Masters, "Exact simplification of support vector solutions",
       JMLR 2, 2001.
    """

    tolerance: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether predictions stay as they are, within the bound."""
        return self.tolerance == 0

    def apply(self, model: Model, context: Context) -> Model:
        """Drop the vectors."""
        kernel = expansion_of(model, "support vectors")
        held = kernel.vectors.data if isinstance(kernel.vectors, Sparse) else kernel.vectors
        if isinstance(held, Encoded) or isinstance(kernel.coef, Encoded):
            raise SkipPass("vectors or coefficients are codes already")
        merged = _by_class(kernel, _merged)
        most = (1 - _WORTH_WRITING) * kernel.n_vectors
        fewer = [merged, _by_class(merged, self._independent)]
        smaller = [model.with_predictor(one) for one in fewer if one.n_vectors <= most]
        # Writing the files to compare them takes longer than all else.
        best = min([model, *smaller][::-1], key=file_bytes) if smaller else model
        if best is model:
            raise SkipPass("no vector depends on others, or none that is worth dropping")
        assert isinstance(best.predictor, KernelExpansion)
        context.remark(f"{best.predictor.n_vectors} of {kernel.n_vectors} vectors are left")
        return best

    def _independent(self, kernel: KernelExpansion) -> Fewer | None:
        if isinstance(kernel.vectors, Sparse):
            return None
        vectors = np.asarray(decode(kernel.vectors), np.float64)
        coef = np.asarray(decode(kernel.coef), np.float64)
        features = polynomial_features(kernel, vectors)
        found = None if features is None else spanned_exactly(features, coef)
        if found is None and self.tolerance:
            found = numerically_fewer(kernel, vectors, coef, self.tolerance)
        return found


def _merged(kernel: KernelExpansion) -> Fewer | None:
    """Of equal vectors the first, with the sum of their coefficients; none that has only zeros."""
    coef = np.asarray(decode(kernel.coef))
    first = first_equal(kernel.vectors)
    sums = np.zeros(coef.shape, np.float64)
    np.add.at(sums.T, first, coef.T)
    kept = np.flatnonzero(sums.any(axis=0))
    return (kept, sums[:, kept]) if kept.size < first.size else None


def _by_class(
    kernel: KernelExpansion, simplify: Callable[[KernelExpansion], Fewer | None]
) -> KernelExpansion:
    """An expansion with what remains of the vectors of each class."""
    coef = decode(kernel.coef)
    sizes = [kernel.n_vectors] if kernel.group_sizes is None else kernel.group_sizes.tolist()
    kept, coefs, start = [], [], 0
    for size in sizes:
        rows = np.arange(start, start + size)
        part = kernel.replace(
            vectors=_rows_of(kernel, rows),
            coef=coef[:, rows],
            intercept=np.zeros(len(coef)),
            group_sizes=None,
        )
        fewer = simplify(part) if size else None
        places, own = (np.arange(size), coef[:, rows]) if fewer is None else fewer
        kept.append(rows[places])
        coefs.append(own)
        start += size
    rows = np.concatenate(kept)
    if rows.size in (0, kernel.n_vectors):
        return kernel
    groups = kernel.group_sizes
    if groups is not None:
        groups = np.array([len(part) for part in kept], dtype=groups.dtype)
    return kernel.replace(vectors=_rows_of(kernel, rows), coef=np.hstack(coefs), group_sizes=groups)


def _rows_of(kernel: KernelExpansion, rows: np.ndarray) -> np.ndarray | Sparse:
    """Some of the vectors."""
    held = kernel.vectors
    if not isinstance(held, Sparse):
        return np.asarray(decode(held)[rows])
    entry, indptr = entries_of_rows(held.indptr, rows)
    return held.replace(
        data=np.asarray(decode(held.data))[entry], indices=held.indices[entry], indptr=indptr
    )
