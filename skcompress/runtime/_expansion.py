"""Kernel expansions laid out for the compiled kernel, which `kernel.py` falls back from."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..ir import Affine, Codebook, Encoded, FixedPoint, KernelExpansion, Sparse, decode
from ._rows import blocks

try:
    from . import _expansion_kernel
except ImportError:  # built without a compiler: the NumPy reference gives the same answer
    _expansion_kernel = None  # type: ignore[assignment]

__all__ = ["Expansion", "prepare"]

_LONGEST = 200.0
"""Squared lengths, times gamma, up to which a distance may be taken from lengths and a product."""
_FEW = 8
"""So few rows are not worth a call of BLAS."""
_BLOCK = 256
_SAMPLE = 256

_CODES = (np.dtype(np.uint8), np.dtype(np.uint16))

_Codes = tuple[np.ndarray, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Products:
    """What distances from matrix products need.

    Attributes
    ----------
    vectors : ndarray of shape (n_vectors, n_features), or None
        The vectors, less `center`; None: they are decoded by panels.
    lengths : ndarray of shape (n_vectors,)
        Their squared lengths.
    center : ndarray of shape (n_features,), or None
        Subtracted from the rows.
    longest : float
        The largest squared length of a row that leaves digits enough.
    """

    vectors: np.ndarray | None
    lengths: np.ndarray
    center: np.ndarray | None
    longest: float


class Expansion:
    """A kernel expansion that evaluates dense rows of float64.

    Few rows, or rows of few columns, are compared with the vectors coordinate by coordinate in
    the kernel. Otherwise BLAS multiplies panels of rows and vectors, as long as no length robs the
    distances of digits.
    """

    def __init__(self, kernel: Any, products: _Products | None, n_outputs: int) -> None:
        self._kernel = kernel
        self._products = products
        self._n_outputs = n_outputs

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((rows.shape[0], self._n_outputs))
        if self._products is None or rows.shape[0] < _FEW:
            self._kernel(rows, out)
        else:
            for block in blocks(rows.shape[0], _BLOCK):
                self._by_products(self._products, rows[block], out[block])
        return out

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays that are kept; some may belong to the model."""
        found = list(self._kernel.arrays)
        if self._products is not None:
            found += [a for a in vars(self._products).values() if isinstance(a, np.ndarray)]
        return tuple(found)

    def _by_products(self, products: _Products, rows: np.ndarray, out: np.ndarray) -> None:
        moved = rows if products.center is None else rows - products.center
        with np.errstate(over="ignore"):
            own = np.einsum("ij,ij->i", moved, moved)
        if not own.max() <= products.longest:
            self._kernel(rows, out)
            return
        width = _expansion_kernel.PANEL_WIDTH
        panel = np.empty((len(rows), width))
        sums = np.zeros((len(rows), self._kernel.sums_width))
        decoded = None
        for part in blocks(products.lengths.size, width):
            n = part.stop - part.start
            if products.vectors is not None:
                vectors = products.vectors[part]
            else:
                if decoded is None:
                    decoded = np.empty((n, rows.shape[1]))
                vectors = decoded[:n]
                self._kernel.decode(part.start, vectors)
            np.matmul(moved, vectors.T, out=panel[:, :n])
            self._kernel.add_products(panel, part.start, n, own, products.lengths, sums)
        self._kernel.finish(sums, out)


def prepare(kernel: KernelExpansion) -> Expansion | None:
    """Lay an expansion out for the compiled kernel; encoded vectors stay in their codes.

    Returns
    -------
    Expansion or None
        None where the kernel was not built, or is not for such an expansion.
    """
    if _expansion_kernel is None:
        return None
    if isinstance(kernel.vectors, Sparse) or kernel.gamma < 0 or 0 in kernel.vectors.shape:
        return None
    held: dict[str, Any]
    coded = _coded(kernel.vectors)
    if coded is None:
        held = {"vectors": np.ascontiguousarray(decode(kernel.vectors), np.float64)}
    else:
        held = {"codes": coded[0], **coded[1]}
    pairs = kernel.group_sizes is not None
    if kernel.group_sizes is None:
        ends = np.array([kernel.n_vectors])
    else:
        ends = np.cumsum(kernel.group_sizes.astype(np.int64))
    compiled = _expansion_kernel.Expansion(
        kernel.kernel, kernel.gamma, kernel.coef0, kernel.degree, decode(kernel.coef).T, ends,
        pairs, kernel.intercept, kernel.n_features, **held,
    )  # fmt: skip
    products = None
    if kernel.n_features >= _expansion_kernel.NARROW_BELOW:
        products = _products(kernel, held.get("vectors"))
    return Expansion(compiled, products, kernel.n_outputs)


def _products(kernel: KernelExpansion, vectors: np.ndarray | None) -> _Products | None:
    """What matrix products need; None where they would lose digits."""
    if kernel.kernel != "rbf":
        return _Products(vectors, np.zeros(kernel.n_vectors), None, math.inf)
    longest = _LONGEST / kernel.gamma if kernel.gamma else math.inf
    lengths = _lengths(kernel.vectors)
    center = None
    if not lengths.max() <= longest and vectors is not None:
        # Around the middle of the vectors they may be short enough. The median of some of them:
        # a mean would follow a single vector far out.
        center = np.median(vectors[:: len(vectors) // _SAMPLE + 1], axis=0)
        vectors = vectors - center
        lengths = _lengths(vectors)
    return _Products(vectors, lengths, center, longest) if lengths.max() <= longest else None


def _coded(vectors: np.ndarray | Encoded) -> _Codes | None:
    """Codes and the table, or scale and zero of each column; None for what is not so coded."""
    if isinstance(vectors, Codebook) and vectors.codes.dtype in _CODES:
        return vectors.codes, {"table": vectors.table.astype(np.float64)}
    n_features = vectors.shape[1]
    if isinstance(vectors, Affine) and vectors.codes.dtype in _CODES:
        codes, scale, zero = vectors.codes, vectors.scale, vectors.zero
    elif isinstance(vectors, FixedPoint) and vectors.codes.dtype.itemsize <= 2:
        half = 1 << (8 * vectors.codes.dtype.itemsize - 1)
        codes = (vectors.codes.astype(np.int32) + half).astype(f"u{vectors.codes.dtype.itemsize}")
        scale = np.ldexp(1.0, vectors.exponent.astype(np.int32))
        zero = -half * scale
    else:
        return None
    if any(array.ndim == 2 and array.shape[0] > 1 for array in (scale, zero)):
        return None
    columns = {
        name: np.broadcast_to(array.astype(np.float64), (1, n_features))[0]
        for name, array in (("scale", scale), ("zero", zero))
    }
    return codes, columns


def _rows_of(vectors: np.ndarray | Encoded, rows: slice) -> np.ndarray:
    """Some vectors, decoded."""
    if isinstance(vectors, np.ndarray):
        return vectors[rows]
    if isinstance(vectors, (Affine, FixedPoint, Codebook)) and _coded(vectors) is not None:
        return decode(vectors.replace(codes=vectors.codes[rows]))
    return decode(vectors)[rows]


def _lengths(vectors: np.ndarray | Encoded) -> np.ndarray:
    """Squared lengths; few vectors are decoded at once."""
    lengths = np.empty(vectors.shape[0])
    with np.errstate(over="ignore"):
        for part in blocks(lengths.size, _SAMPLE):
            rows = _rows_of(vectors, part).astype(np.float64, copy=False)
            lengths[part] = np.einsum("ij,ij->i", rows, rows)
    return lengths
