"""Arrays that are stored as codes plus a decoding rule.

Wherever the IR holds an array of model parameters it may hold one of these instead; `decode`
gives the float64 values that the codes stand for, or float32 ones that are held as they are.
"""

from __future__ import annotations

import numpy as np

from ._node import Node, register, require

__all__ = [
    "Affine",
    "Array",
    "Codebook",
    "Encoded",
    "FixedPoint",
    "LowRank",
    "Sparse",
    "check_finite",
    "decode",
    "distinct_rows",
    "entries_of_rows",
    "floor_to_float32",
    "rising_bits",
    "shape_of",
]

MAX_BITS = 16


class Encoded(Node):
    """Base of the encoded arrays."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the decoded array."""
        raise NotImplementedError

    def decode(self) -> np.ndarray:
        """The float64 array that the codes stand for."""
        raise NotImplementedError


Array = np.ndarray | Encoded
"""A plain or encoded array."""


def decode(array: Array) -> np.ndarray:
    """Plain values of a plain or encoded array."""
    return array.decode() if isinstance(array, Encoded) else array


def shape_of(array: Array) -> tuple[int, ...]:
    """Shape of a plain or encoded array, without decoding it."""
    return tuple(array.shape)


def check_finite(name: str, array: Array) -> None:
    """Raise `InvalidModelError` unless the array is of real numbers, all of them finite."""
    if isinstance(array, Encoded):
        return  # proven when it was built
    require(array.dtype.kind in "iuf", f"{name} must be numeric; got dtype {array.dtype}.")
    require(bool(np.isfinite(array).all()), f"{name} must be finite; found NaN or infinity.")


def _check_codes(codes: np.ndarray, bits: int, kinds: str) -> None:
    require(codes.dtype.kind in kinds, f"codes must be integers; got dtype {codes.dtype}.")
    require(1 <= bits <= MAX_BITS, f"bits must be in [1, {MAX_BITS}]; got {bits}.")


def _check_product(name: str, largest: float) -> None:
    require(bool(np.isfinite(largest)), f"{name} overflow: the decoded values are not finite.")


@register("affine")
class Affine(Encoded):
    """Values on an evenly spaced grid: ``codes * scale + zero``.

    Parameters
    ----------
    codes : ndarray of unsigned integers
        Below ``2 ** bits``.
    scale, zero : ndarray of float
        Step and value of code 0; broadcast against `codes` (one per column as a rule).
    bits : int
        Nominal bits a code, from 1 to 16.
    """

    codes: np.ndarray
    scale: np.ndarray
    zero: np.ndarray
    bits: int

    def check(self) -> None:
        _check_codes(self.codes, self.bits, "u")
        check_finite("scale", self.scale)
        check_finite("zero", self.zero)
        for name in ("scale", "zero"):
            _check_broadcast(name, getattr(self, name).shape, self.codes.shape)
        if self.codes.size:
            require(int(self.codes.max()) < 2**self.bits, "codes exceed their number of bits.")
            with np.errstate(over="ignore"):
                largest = np.abs(self.scale.astype(np.float64)).max() * 2.0**self.bits
                _check_product("affine codes", largest + np.abs(self.zero).max())

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    def decode(self) -> np.ndarray:
        return self.codes * self.scale.astype(np.float64) + self.zero.astype(np.float64)


@register("fixed-point")
class FixedPoint(Encoded):
    """Integers scaled by a power of two: ``codes * 2.0 ** exponent``.

    Parameters
    ----------
    codes : ndarray of signed integers
        In ``[-2 ** (bits - 1), 2 ** (bits - 1))``.
    exponent : ndarray of int
        Broadcasts against `codes`.
    bits : int
        Nominal bits a code, sign included.
    """

    codes: np.ndarray
    exponent: np.ndarray
    bits: int

    def check(self) -> None:
        _check_codes(self.codes, self.bits, "i")
        require(self.exponent.dtype.kind == "i", "exponents must be signed integers.")
        _check_broadcast("exponent", self.exponent.shape, self.codes.shape)
        if self.codes.size:
            half = 2 ** (self.bits - 1)
            require(
                -half <= int(self.codes.min()) and int(self.codes.max()) < half,
                "codes exceed their number of bits.",
            )
            require(
                int(self.exponent.min()) >= -1000 and int(self.exponent.max()) <= 1000,
                "exponents must be in [-1000, 1000].",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    def decode(self) -> np.ndarray:
        return np.ldexp(self.codes.astype(np.float64), self.exponent.astype(np.int32))


@register("codebook")
class Codebook(Encoded):
    """Values looked up in a table, shared by all entries or one table per column.

    Parameters
    ----------
    codes : ndarray of unsigned integers
        Indices into the table.
    table : ndarray of float, of shape (n_values,) or (n_columns, n_values)
        The second form needs two-dimensional `codes` with as many columns.
    bits : int
        Nominal bits a code.
    """

    codes: np.ndarray
    table: np.ndarray
    bits: int

    def check(self) -> None:
        _check_codes(self.codes, self.bits, "u")
        check_finite("table", self.table)
        require(self.table.ndim in (1, 2), "a codebook's table has one or two dimensions.")
        if self.table.ndim == 2:
            require(
                self.codes.ndim == 2 and self.codes.shape[1] == self.table.shape[0],
                f"a table per column needs {self.table.shape[0]} columns of codes; "
                f"got codes of shape {self.codes.shape}.",
            )
        require(self.table.shape[-1] <= 2**self.bits, "the table has more rows than bits allow.")
        if self.codes.size:
            require(int(self.codes.max()) < self.table.shape[-1], "codes exceed their table.")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    def decode(self) -> np.ndarray:
        table = self.table.astype(np.float64)
        if table.ndim == 1:
            return table[self.codes]
        return table[np.arange(table.shape[0]), self.codes]


@register("sparse")
class Sparse(Encoded):
    """A matrix of which only the entries that are not zero are kept, row by row (CSR).

    Parameters
    ----------
    data : ndarray or Encoded of shape (n_stored,)
        The entries.
    indices : ndarray of unsigned integers, of shape (n_stored,)
        Their columns, rising within a row.
    indptr : ndarray of integers, of shape (n_rows + 1,)
        Where each row begins.
    n_columns : int
        Number of columns of the matrix.
    """

    data: Array
    indices: np.ndarray
    indptr: np.ndarray
    n_columns: int

    def check(self) -> None:
        check_finite("data", self.data)
        require(len(shape_of(self.data)) == 1, "sparse data has one dimension.")
        n_stored = shape_of(self.data)[0]
        require(self.indices.dtype.kind == "u", "sparse column indices must be unsigned.")
        require(self.indices.shape == (n_stored,), "sparse data and indices differ in length.")
        require(
            self.indptr.dtype.kind in "iu" and self.indptr.ndim == 1 and self.indptr.size >= 1,
            "sparse row pointers must be a vector of integers.",
        )
        # Compared one by one: differences of numbers out of range could wrap around.
        require(
            self.indptr[0] == 0
            and self.indptr[-1] == n_stored
            and bool((self.indptr[1:] >= self.indptr[:-1]).all()),
            "sparse row pointers must rise from 0 to the number of entries.",
        )
        pointers = self.indptr.astype(np.int64)
        require(
            0 <= self.n_columns < 2**48,
            f"a sparse matrix has from 0 to 2^48 - 1 columns; got {self.n_columns}.",
        )
        if n_stored:
            require(int(self.indices.max()) < self.n_columns, "a sparse column is out of range.")
            rising = np.diff(self.indices.astype(np.int64)) > 0
            starts = pointers[1:-1]
            rising[starts[(starts > 0) & (starts < n_stored)] - 1] = True
            require(bool(rising.all()), "sparse columns must rise within each row.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.indptr.size - 1, self.n_columns)

    @classmethod
    def from_dense(cls, dense: np.ndarray) -> Sparse:
        """Keep the non-zero entries of a two-dimensional array."""
        rows, columns = np.nonzero(dense)
        counts = np.bincount(rows, minlength=dense.shape[0])
        return cls(
            data=dense[rows, columns],
            indices=columns.astype(smallest_unsigned(max(dense.shape[1] - 1, 0))),
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            n_columns=dense.shape[1],
        )

    def rows(self) -> np.ndarray:
        """Row of each stored entry."""
        pointers = self.indptr.astype(np.int64)
        return np.repeat(np.arange(self.indptr.size - 1), pointers[1:] - pointers[:-1])

    def decode(self) -> np.ndarray:
        values = decode(self.data)
        # Plain float32 stays float32, as it does in a plain array.
        narrow = values.dtype == np.float32
        dense = np.zeros(self.shape, np.float32 if narrow else np.float64)
        dense[self.rows(), self.indices] = values
        return dense


@register("low-rank")
class LowRank(Encoded):
    """A matrix as the product of two thin ones: ``left @ right``.

    The factors are plain, or codes as many as their values: a sparse or low-rank factor could be
    larger than all that describes it.
    """

    left: Array
    right: Array

    def check(self) -> None:
        require(
            not isinstance(self.left, (Sparse, LowRank))
            and not isinstance(self.right, (Sparse, LowRank)),
            "a low-rank factor can be neither sparse nor low-rank itself.",
        )
        check_finite("left", self.left)
        check_finite("right", self.right)
        left, right = shape_of(self.left), shape_of(self.right)
        require(
            len(left) == 2 and len(right) == 2 and left[1] == right[0],
            f"low-rank factors do not fit: {left} and {right}.",
        )
        with np.errstate(over="ignore", invalid="ignore"):
            bound = np.abs(decode(self.left)).sum(axis=1).max(initial=0.0)
            _check_product("low-rank factors", bound * np.abs(decode(self.right)).max(initial=0.0))

    @property
    def shape(self) -> tuple[int, ...]:
        return (shape_of(self.left)[0], shape_of(self.right)[1])

    def decode(self) -> np.ndarray:
        return decode(self.left) @ decode(self.right)


_FEW_ROWS = 1000
_BLOCK = 2048
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def entries_of_rows(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of all entries of some rows in CSR form, and where each of these rows then begins."""
    counts = np.diff(indptr)[rows]
    ends = np.cumsum(counts)
    entry = np.arange(counts.sum()) + np.repeat(indptr[rows] - (ends - counts), counts)
    return entry, np.concatenate([[0], ends]).astype(indptr.dtype)


def distinct_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that differ in at least one bit, so that 0.0 and -0.0 stay apart, and each row's place.

    They come sorted by their first numbers, then by their second, and so on.

    Returns
    -------
    values : ndarray of shape (n_distinct, n_columns)
        The distinct rows.
    index : ndarray of unsigned integers, of shape (n_rows,)
        Which of them each row is.
    """
    rows = np.ascontiguousarray(rows)
    if rows.shape[1] == 1 or rows.shape[0] < _FEW_ROWS:
        return _sorted_rows(rows)
    # Sorting numbers takes less than sorting rows, most of which repeat.
    bits = rows.view(f"u{rows.dtype.itemsize}")
    _, first, group = np.unique(_hashes(bits), return_index=True, return_inverse=True)
    if not np.array_equal(bits, bits[first][group]):
        return _sorted_rows(rows)
    values, index = _sorted_rows(rows[first])
    return values, index[group]


def _hashes(bits: np.ndarray) -> np.ndarray:
    """A number for each row of bits; rows that differ hardly ever share one."""
    hashes = np.zeros(bits.shape[0], np.uint64)
    # Some rows at a time, which stay at hand while one column after the other is taken.
    for start in range(0, bits.shape[0], _BLOCK):
        found = hashes[start : start + _BLOCK]
        for column in bits[start : start + _BLOCK].T:
            found ^= column
            found *= _MULTIPLIER
            found ^= found >> np.uint64(29)
    return hashes


def _sorted_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    big_endian = np.ascontiguousarray(rising_bits(rows)).astype(f">u{rows.dtype.itemsize}")
    # Compared byte by byte, which for big-endian numbers is their order.
    bits = big_endian.view(f"V{rows.dtype.itemsize * rows.shape[1]}").ravel()
    _, first, index = np.unique(bits, return_index=True, return_inverse=True)
    return rows[first], index.astype(smallest_unsigned(max(first.size - 1, 0)))


def rising_bits(numbers: np.ndarray) -> np.ndarray:
    """Bits of numbers as unsigned integers of the same size, in the order of the numbers.

    For floats, the place of each among all of its dtype; 0.0 and -0.0 have different ones.
    """
    unsigned = np.dtype(f"u{numbers.dtype.itemsize}")
    bits = numbers.view(unsigned)
    if numbers.dtype.kind == "u":
        return bits
    sign = unsigned.type(1 << (8 * unsigned.itemsize - 1))
    if numbers.dtype.kind == "i":
        return bits ^ sign
    return np.where(bits & sign, ~bits, bits | sign)


def floor_to_float32(numbers: np.ndarray) -> np.ndarray:
    """The largest float32 numbers that are not above these.

    A float32 number is at most one of these if and only if it is at most this.
    """
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    above = narrow > numbers
    narrow[above] = np.nextafter(narrow[above], np.float32(-np.inf))
    return narrow


def smallest_unsigned(largest: int) -> np.dtype:
    """The narrowest unsigned dtype that holds `largest`."""
    return np.min_scalar_type(int(largest))


def _check_broadcast(name: str, shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    fits = len(shape) <= len(target) and all(
        small in (1, large) for small, large in zip(shape[::-1], target[::-1], strict=False)
    )
    require(fits, f"{name} of shape {shape} does not broadcast against codes of shape {target}.")
