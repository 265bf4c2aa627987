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

_LONGEST = {np.dtype(np.float32): 64.0, np.dtype(np.float64): 200.0}
"""Squared lengths, times gamma, up to which a distance may be taken from lengths and a product."""
_LONGEST_SINGLE = 4096.0
"""Squared lengths, times gamma, up to which single precision may be used at all."""
_FEW = 8
"""So few rows are not worth a call of BLAS."""
_BLOCK = 256
_SAMPLE = 256

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
    center : ndarray of float64, of shape (n_features,), or None
        Subtracted from the rows, which are then multiplied by `factor`.
    longest : float
        The largest squared length of a row that leaves digits enough.
    """

    vectors: np.ndarray | None
    lengths: np.ndarray
    center: np.ndarray | None
    factor: float
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
        self._dtype = np.float32 if kernel.single else np.float64

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
        moved = rows
        if products.center is not None:
            moved = rows - products.center
            moved *= products.factor
        moved = moved.astype(self._dtype, copy=False)
        with np.errstate(over="ignore"):
            own = np.einsum("ij,ij->i", moved, moved)
        if not own.max() <= products.longest:
            self._kernel(rows, out)
            return
        width = _expansion_kernel.PANEL_WIDTH
        panel = np.empty((len(rows), width), self._dtype)
        sums = np.zeros((len(rows), self._kernel.sums_width))
        decoded = None
        for part in blocks(products.lengths.size, width):
            n = part.stop - part.start
            if products.vectors is not None:
                vectors = products.vectors[part]
            else:
                if decoded is None:
                    decoded = np.empty((n, rows.shape[1]), self._dtype)
                vectors = decoded[:n]
                self._kernel.decode(part.start, vectors)
            np.matmul(moved, vectors.T, out=panel[:, :n])
            self._kernel.add_products(panel, part.start, n, own, products.lengths, sums)
        self._kernel.finish(sums, out)


def prepare(kernel: KernelExpansion) -> Expansion | None:
    """Lay an expansion out for the compiled kernel.

    Encoded vectors of an RBF kernel are computed with in float32: what their codes lost is more
    than that loses. They stay in their codes. All else is computed in float64.

    Returns
    -------
    Expansion or None
        None where the kernel was not built, or is not for such an expansion.
    """
    if _expansion_kernel is None:
        return None
    if isinstance(kernel.vectors, Sparse) or kernel.gamma < 0 or 0 in kernel.vectors.shape:
        return None
    rbf = kernel.kernel == "rbf"
    single, center = False, None
    if rbf and isinstance(kernel.vectors, Encoded):
        center = np.median(_sample(kernel.vectors), axis=0)
        longest = _lengths(kernel.vectors, center).max() * kernel.gamma
        single = bool(longest <= _LONGEST_SINGLE)
    gamma, factor = (1.0, math.sqrt(kernel.gamma)) if single else (kernel.gamma, 1.0)
    dtype = np.dtype(np.float32 if single else np.float64)

    origin = center if single else None
    held: dict[str, Any]
    coded = _coded(kernel.vectors)
    if coded is None:
        vectors = decode(kernel.vectors)
        if origin is not None:
            vectors = (vectors - origin) * factor
        held = {"vectors": np.ascontiguousarray(vectors, dtype)}
    else:
        held = {"codes": coded[0], **_moved(coded[1], origin, factor)}
    coef = decode(kernel.coef).T
    pairs = kernel.group_sizes is not None
    if kernel.group_sizes is None:
        ends = np.array([kernel.n_vectors])
    else:
        ends = np.cumsum(kernel.group_sizes.astype(np.int64))
    compiled = _expansion_kernel.Expansion(
        kernel.kernel, gamma, kernel.coef0, kernel.degree, single, coef, ends, pairs,
        kernel.intercept, kernel.n_features, center=origin, factor=factor, **held,
    )  # fmt: skip
    products = None
    if kernel.n_features >= _expansion_kernel.NARROW_BELOW:
        products = _products(kernel, gamma, held.get("vectors"), origin, factor, dtype)
    return Expansion(compiled, products, kernel.n_outputs)


def _products(
    kernel: KernelExpansion,
    gamma: float,
    vectors: np.ndarray | None,
    center: np.ndarray | None,
    factor: float,
    dtype: np.dtype,
) -> _Products | None:
    """What matrix products need; None where they would lose digits."""
    if kernel.kernel != "rbf":
        return _Products(vectors, np.zeros(kernel.n_vectors), None, 1.0, math.inf)
    longest = _LONGEST[dtype] / gamma if gamma else math.inf
    lengths = _lengths(kernel.vectors, center) * factor**2
    if center is None and not lengths.max() <= longest and vectors is not None:
        # Around the middle of the vectors they may be short enough.
        center = np.median(_sample(vectors), axis=0)
        vectors = vectors - center
        lengths = _lengths(vectors, None)
    if not lengths.max() <= longest:
        return None
    return _Products(vectors, lengths.astype(dtype), center, factor, longest)


def _coded(vectors: np.ndarray | Encoded) -> _Codes | None:
    """Codes and the table, or scale and zero of each column; None for what is not so coded."""
    if isinstance(vectors, Codebook):
        return vectors.codes, {"table": vectors.table.astype(np.float64)}
    n_features = vectors.shape[1]
    if isinstance(vectors, Affine) and vectors.codes.dtype.itemsize <= 2:
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


def _moved(
    columns: dict[str, np.ndarray], center: np.ndarray | None, factor: float
) -> dict[str, np.ndarray]:
    """The decoding rule of vectors less `center`, times `factor`."""
    if center is None:
        return columns
    if "table" in columns:
        table = columns["table"]
        table = np.broadcast_to(table, (center.size, table.shape[-1]))
        return {"table": (table - center[:, np.newaxis]) * factor}
    return {"scale": columns["scale"] * factor, "zero": (columns["zero"] - center) * factor}


def _rows_of(vectors: np.ndarray | Encoded, rows: slice) -> np.ndarray:
    """Some vectors, decoded."""
    if isinstance(vectors, np.ndarray):
        return vectors[rows]
    if isinstance(vectors, (Affine, FixedPoint, Codebook)) and _coded(vectors) is not None:
        return decode(vectors.replace(codes=vectors.codes[rows]))
    return decode(vectors)[rows]


def _sample(vectors: np.ndarray | Encoded) -> np.ndarray:
    return _rows_of(vectors, slice(None, None, vectors.shape[0] // _SAMPLE + 1))


def _lengths(vectors: np.ndarray | Encoded, center: np.ndarray | None) -> np.ndarray:
    """Squared lengths, from `center`; few vectors are decoded at once."""
    lengths = np.empty(vectors.shape[0])
    with np.errstate(over="ignore"):
        for part in blocks(lengths.size, _SAMPLE):
            rows = _rows_of(vectors, part).astype(np.float64, copy=False)
            moved = rows if center is None else rows - center
            lengths[part] = np.einsum("ij,ij->i", moved, moved)
    return lengths
