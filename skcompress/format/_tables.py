"""Sorted tables of thresholds, as steps on a grid or between neighbouring floats."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..exceptions import SkcFormatError
from ..ir import rising_bits
from ._ports import Port, Stream, bit_length, code_numbers
from ._rising import floats_at

__all__ = ["Tables", "code_tables"]

_FLOATS = 31
"""Grid g < 31: multiples of ``2 ** -g``; grid 31: the place among all floats of the dtype."""
_GRIDS = _FLOATS + 1
_EXACT = 2**52
"""Multiples below it, and their differences, are exact in float64."""
_CONTEXTS = 64


@dataclasses.dataclass(frozen=True)
class Tables:
    """The distinct thresholds of each used feature.

    Attributes
    ----------
    used : ndarray of int64
        Features that have thresholds, rising.
    sizes : ndarray of int64
        Thresholds of each.
    thresholds : ndarray of float32 or float64
        All tables one after the other, each rising.
    """

    used: np.ndarray
    sizes: np.ndarray
    thresholds: np.ndarray

    @property
    def offsets(self) -> np.ndarray:
        """First place of each table, and the number of thresholds last."""
        return np.concatenate([[0], np.cumsum(self.sizes)])


def code_tables(
    port: Port,
    tables: Tables | None,
    *,
    n_used: int,
    n_features: int,
    dtype: np.dtype,
    most: int,
) -> Tables:
    """Pass the used features and their tables through a port.

    Parameters
    ----------
    port : Port
        Where they go.
    tables : Tables or None
        None when reading.
    n_used, n_features : int
        Number of used features, and of all.
    dtype : dtype
        Of the thresholds: float32 or float64.
    most : int
        Largest number of thresholds that a reader takes.

    Returns
    -------
    Tables
        The same.

    Raises
    ------
    SkcFormatError
        If what is read cannot be.
    """
    zeros = np.zeros(n_used, np.int64)
    told = None if tables is None else (np.diff(tables.used, prepend=-1) - 1).astype(np.uint64)
    gaps = code_numbers(port, "feature gap", told, zeros, 1)
    if bool((gaps >= n_features).any()):
        raise SkcFormatError("A forest uses a feature that does not exist.")
    used = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if n_used and int(used[-1]) >= n_features:
        raise SkcFormatError("A forest uses a feature that does not exist.")

    told = None if tables is None else (tables.sizes - 1).astype(np.uint64)
    more = code_numbers(port, "table size", told, zeros, 1)
    if bool((more >= most).any()) or int(more.sum()) + n_used > most:
        raise SkcFormatError("A forest has more thresholds than splits.")
    sizes = more.astype(np.int64) + 1

    grid = places = None
    if tables is not None:
        grid, places = _places(tables)
    grid = port.code(Stream("grid", (_GRIDS, 2)), n_used, grid, lambda _: (zeros, zeros + _GRIDS))
    starts = np.cumsum(sizes) - sizes
    is_first = np.zeros(int(sizes.sum()), bool)
    is_first[starts] = True
    told = None if places is None else _fold(places[starts], grid)
    first = code_numbers(port, "first", told, zeros, 1)
    told = None if places is None else np.diff(places)[~is_first[1:]] - 1
    context = np.minimum(np.repeat(np.arange(n_used), sizes - 1), _CONTEXTS - 1)
    steps = code_numbers(port, "step", told, context, _CONTEXTS)

    # Sums wrap around at 2^64, where their differences are right again.
    jumps = np.empty(is_first.size, np.uint64)
    jumps[~is_first] = steps + 1
    jumps[starts] = 0
    sums = np.cumsum(jumps, dtype=np.uint64)
    places = sums - np.repeat(sums[starts] - _unfold(first, grid), sizes)
    thresholds = _thresholds(places, np.repeat(grid, sizes), dtype)
    rising = rising_bits(thresholds)
    if not bool((rising[1:] > rising[:-1])[~is_first[1:]].all()):
        raise SkcFormatError("A table of thresholds does not rise.")
    return Tables(used, sizes, thresholds)


def _fold(numbers: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """On grids, where numbers have a sign, 0, -1, 1, -2... as 0, 1, 2, 3...; places as they are."""
    signed = numbers.view(np.int64)
    folded = ((signed << 1) ^ (signed >> 63)).view(np.uint64)
    return np.where(grid == _FLOATS, numbers, folded)


def _unfold(numbers: np.ndarray, grid: np.ndarray) -> np.ndarray:
    folded = (numbers >> np.uint64(1)) ^ (np.uint64(0) - (numbers & np.uint64(1)))
    return np.where(grid == _FLOATS, numbers, folded)


def _places(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """The grid of each table on which its steps take the fewest bits, and the places on it."""
    if not tables.used.size:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64)
    starts = tables.offsets[:-1]
    floats = rising_bits(tables.thresholds).astype(np.uint64)
    wide = tables.thresholds.astype(np.float64)
    grid = np.maximum.reduceat(_coarsest_grid(wide), starts)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.ldexp(wide, np.repeat(grid, tables.sizes))
    fits = np.logical_and.reduceat(np.abs(scaled) < _EXACT, starts) & (grid < _FLOATS)
    multiples = np.where(np.repeat(fits, tables.sizes), scaled, 0).astype(np.int64)
    lighter = _weight(multiples.view(np.uint64), starts) < _weight(floats, starts)
    grid = np.where(fits & lighter, grid, _FLOATS)
    on_grid = np.repeat(grid, tables.sizes) < _FLOATS
    return grid, np.where(on_grid, multiples.view(np.uint64), floats)


def _coarsest_grid(values: np.ndarray) -> np.ndarray:
    """The least g for which each value is a multiple of ``2 ** -g``; 31 if there is none below."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.5))
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest_bit = bit_length((whole & -whole).astype(np.uint64)) - 1
    grid = np.where(whole == 0, 0, 53 - exponent - lowest_bit)
    none = ~np.isfinite(values) | ((values == 0) & np.signbit(values))
    return np.where(none, _FLOATS, np.clip(grid, 0, _FLOATS)).astype(np.int64)


def _weight(places: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Bits that the steps within each table take, about."""
    steps = np.diff(places, prepend=places[:1])
    steps[starts] = 0
    return np.add.reduceat(bit_length(steps), starts)


def _thresholds(places: np.ndarray, grid: np.ndarray, dtype: np.dtype) -> np.ndarray:
    unsigned = np.dtype(f"u{dtype.itemsize}")
    multiples = places.view(np.int64)
    among_floats = grid == _FLOATS
    if bool((places[among_floats] > np.iinfo(unsigned).max).any()) or bool(
        (np.abs(multiples.astype(np.float64))[~among_floats] >= _EXACT).any()
    ):
        raise SkcFormatError("A table of thresholds leaves the range of numbers.")
    floats = floats_at(np.where(among_floats, places, 0).astype(unsigned))
    with np.errstate(over="ignore"):
        scaled = np.ldexp(multiples.astype(np.float64), -grid).astype(dtype)
    return np.where(among_floats, floats, scaled)
