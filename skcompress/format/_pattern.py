"""Where a sparse matrix has entries: rows and columns in classes, a bit for each place.

Pruned weights crowd in few rows (inputs that matter) and few columns (units that do). So rows and
columns are put into classes by how many entries they have, and whether a place has one is coded
with the sum of its two classes as the context: classes are logarithms, so that their sum is that
of the number expected there if rows and columns were independent. The class 0 has no entries.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..exceptions import SkcFormatError
from ..ir.arrays import smallest_unsigned
from ._ports import MeasurePort, Port, ReadPort, Stream, WritePort
from ._rans import Decoder
from ._varint import read_varints, write_varints

__all__ = ["MOST_CELLS", "decode_pattern", "encode_pattern", "memory_to_decode", "pattern_bits"]

MOST_CELLS = 1 << 24
_MOST_CLASSES = 64
_PIECE = 1 << 16
_STEPS = (2, 4, 8)
_LESSONS = 12
_CLASS_STEP = 4
_AXES = ("rows", "columns")


def encode_pattern(indices: np.ndarray, indptr: np.ndarray, n_columns: int) -> bytes:
    """The section for the places of entries, row by row."""
    axes, stays = _axes(indices, indptr, n_columns)
    sizes = [int(classes.max(initial=0)) + 1 for classes in axes]
    measure = MeasurePort()
    moving = [_moves(axis, size) for axis, size in zip(axes, sizes, strict=True)]
    _code_places(measure, axes, sizes, stays)
    choice = measure.choices().get("places", 0)
    port = WritePort({"places": choice})
    for name, classes, size, moves in zip(_AXES, axes, sizes, moving, strict=True):
        _code_classes(port, name, classes.size, size, classes, moves=moves)
    _code_places(port, axes, sizes, stays)
    n_lanes, payload = port.encoder.finish()
    return write_varints([n_lanes, *sizes, *moving, choice]) + payload


def pattern_bits(indices: np.ndarray, indptr: np.ndarray, n_columns: int) -> float:
    """Bits that the symbols of the section take, without its head and the coder's last state."""
    axes, stays = _axes(indices, indptr, n_columns)
    sizes = [int(classes.max(initial=0)) + 1 for classes in axes]
    measure = MeasurePort()
    for name, classes, size in zip(_AXES, axes, sizes, strict=True):
        moves = _moves(classes, size)
        _code_classes(measure, name, classes.size, size, classes, moves=moves)
    _code_places(measure, axes, sizes, stays)
    return sum(min(variants) for variants in measure.bits.values())


def _axes(
    indices: np.ndarray, indptr: np.ndarray, n_columns: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Classes of rows and of columns, and which places have an entry."""
    n_rows = indptr.size - 1
    pointers = indptr.astype(np.int64)
    counts = pointers[1:] - pointers[:-1]
    stays = np.zeros((n_rows, n_columns), bool)
    stays[np.repeat(np.arange(n_rows), counts), indices] = True
    return [_classes(counts), _classes(stays.sum(axis=0))], stays


def decode_pattern(
    data: memoryview, n_rows: int, n_columns: int, n_stored: int
) -> tuple[np.ndarray, np.ndarray]:
    """Column of each entry, and where each row begins."""
    (n_lanes, *told), used = read_varints(data, 6)
    sizes, moving, choice = told[:2], told[2:4], told[4]
    if not all(1 <= size <= _MOST_CLASSES for size in sizes) or max(moving) > 1:
        raise SkcFormatError("A pattern has impossible classes.")
    port = ReadPort({"places": choice}, Decoder(n_lanes, data[used:]))
    axes = [
        _code_classes(port, name, count, size, None, moves=bool(moves))
        for name, count, size, moves in zip(_AXES, (n_rows, n_columns), sizes, moving, strict=True)
    ]
    stays = _code_places(port, axes, sizes, None)
    port.decoder.finish()
    places = np.flatnonzero(stays)
    if places.size != n_stored:
        raise SkcFormatError("A pattern has another number of entries than it declares.")
    row, column = np.divmod(places, max(n_columns, 1))
    counts = np.bincount(row, minlength=n_rows)
    indices = column.astype(smallest_unsigned(max(n_columns - 1, 0)))
    return indices, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def memory_to_decode(n_rows: int, n_columns: int, n_stored: int) -> int:
    """Bytes that `decode_pattern` takes at most."""
    cells = n_rows * n_columns
    return 4 * cells + 48 * n_stored + 200 * min(cells, _PIECE) + 200 * (n_rows + n_columns)


def _classes(counts: np.ndarray) -> np.ndarray:
    """The logarithm of each count, to base 2, rounded."""
    return np.rint(np.log2(1.0 + counts)).astype(np.int64)


def _moves(classes: np.ndarray, size: int) -> bool:
    """Whether steps from class to class are told in fewer bits than the classes."""
    bits = []
    for moves in (False, True):
        port = MeasurePort()
        _code_classes(port, _AXES[0], classes.size, size, classes, moves=moves)
        bits.append(sum(found[0] for found in port.bits.values()))
    return bits[1] < bits[0]


def _code_classes(
    port: Port, name: str, count: int, size: int, classes: np.ndarray | None, *, moves: bool
) -> np.ndarray:
    """Pass classes through a port, or the steps from each to the next, modulo their number."""
    told = classes
    if classes is not None and moves:
        told = np.diff(classes, prepend=0) % size
    first = np.zeros(count, np.int64)
    stream = Stream(name, (size, _CLASS_STEP), lessons=_LESSONS)
    found = first
    if size > 1:
        found = port.code(stream, count, told, lambda _: (first, first + size))
    return np.cumsum(found) % size if moves else found


def _code_places(
    port: Port, axes: list[np.ndarray], sizes: list[int], stays: np.ndarray | None
) -> np.ndarray:
    """Pass for each place whether it has an entry through a port; class 0 has none."""
    rows, columns = (np.flatnonzero(classes) for classes in axes)
    n_contexts = max(sizes[0] + sizes[1] - 3, 1)
    stream = Stream("places", *((2 * n_contexts, step) for step in _STEPS), lessons=_LESSONS)
    found = np.zeros((axes[0].size, axes[1].size), bool)
    coded = np.zeros(rows.size * columns.size, bool)
    known = None if stays is None else stays[np.ix_(rows, columns)].reshape(-1)
    for start in range(0, coded.size, _PIECE):
        part = slice(start, min(start + _PIECE, coded.size))
        row, column = np.divmod(np.arange(part.start, part.stop), columns.size)
        low = 2 * (axes[0][rows[row]] + axes[1][columns[column]] - 2)
        symbols = None if known is None else known[part].astype(np.int64)
        coded[part] = port.code(stream, low.size, symbols, partial(_pair, low))
    found[np.ix_(rows, columns)] = coded.reshape(rows.size, columns.size)
    return found.reshape(-1)


def _pair(low: np.ndarray, variant: int) -> tuple[np.ndarray, np.ndarray]:
    """Two places of the run of counts, whatever the variant."""
    return low, low + 2
