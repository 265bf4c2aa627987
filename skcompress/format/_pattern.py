"""Where a sparse matrix has entries: rows and columns in classes, a bit for each place.

Pruned weights crowd in few rows (inputs that matter) and few columns (units that do). So rows and
columns are put into classes by how many entries they have, and whether a place has one is coded
with the sum of its two classes as the context: classes are logarithms, so that their sum is that
of the number expected there if rows and columns were independent. The class 0 has no entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..exceptions import SkcFormatError
from ..ir.arrays import smallest_unsigned
from ._common import CommonReader, CommonWriter
from ._ports import MeasurePort, Port, ReadPort, Stream, WritePort, pace
from ._rans import Decoder
from ._varint import read_varints, write_varints

__all__ = [
    "MOST_CELLS",
    "decode_pattern",
    "encode_pattern",
    "memory_to_decode",
    "pattern_bits",
    "put_pattern",
    "take_pattern",
]

MOST_CELLS = 1 << 24
_MOST_CLASSES = 64
_PIECE = 1 << 16
_STEPS = (2, 4, 8)
_CLASS_STEP = 4
_AXES = ("rows", "columns")
_HEAD = 5
"""Numbers of the head besides the lanes."""


def encode_pattern(indices: np.ndarray, indptr: np.ndarray, n_columns: int) -> bytes:
    """A section for the places of entries, row by row."""
    axes, stays = _axes(indices, indptr, n_columns)
    head, _ = _planned(axes, stays, quick=False)
    port = WritePort({"places": head[-1]})
    _code_pattern(port, head, axes, stays, quick=False)
    n_lanes, payload = port.encoder.finish()
    return write_varints([n_lanes, *head]) + payload


def put_pattern(
    indices: np.ndarray, indptr: np.ndarray, n_columns: int, section: CommonWriter
) -> None:
    """The same into the common section."""
    axes, stays = _axes(indices, indptr, n_columns)
    head, _ = _planned(axes, stays, quick=True)
    section.head(*head)
    _code_pattern(section.port({"places": head[-1]}), head, axes, stays, quick=True)


def pattern_bits(indices: np.ndarray, indptr: np.ndarray, n_columns: int) -> float:
    """Bits that the symbols of the section take, without its head and the coder's last state."""
    _, bits = _planned(*_axes(indices, indptr, n_columns), quick=False)
    return bits


def decode_pattern(
    data: memoryview, n_rows: int, n_columns: int, n_stored: int
) -> tuple[np.ndarray, np.ndarray]:
    """Column of each entry, and where each row begins."""
    (n_lanes, *head), used = read_varints(data, 1 + _HEAD)
    decoder = Decoder(n_lanes, data[used:])
    found = _read_pattern(
        head, lambda choices: ReadPort(choices, decoder), (n_rows, n_columns), n_stored
    )
    decoder.finish()
    return found


def take_pattern(
    section: CommonReader, n_rows: int, n_columns: int, n_stored: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same from the common section."""
    head = section.head(_HEAD)
    return _read_pattern(head, section.port, (n_rows, n_columns), n_stored, quick=True)


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


def _planned(axes: list[np.ndarray], stays: np.ndarray, *, quick: bool) -> tuple[list[int], float]:
    """The head: numbers of classes, whether they move, the variant; bits of the symbols."""
    sizes = [int(classes.max(initial=0)) + 1 for classes in axes]
    moving = [int(_moves(axis, size, quick)) for axis, size in zip(axes, sizes, strict=True)]
    measure = MeasurePort()
    _code_pattern(measure, [*sizes, *moving, 0], axes, stays, quick=quick)
    bits = sum(min(variants) for variants in measure.bits.values())
    return [*sizes, *moving, measure.choices().get("places", 0)], bits


def _code_pattern(
    port: Port,
    head: list[int],
    axes: Sequence[np.ndarray | int],
    stays: np.ndarray | None,
    *,
    quick: bool,
) -> np.ndarray:
    """Pass all through a port; when reading, instead of classes only their number is known."""
    sizes, moving = head[:2], head[2:4]
    classes = [
        _code_classes(port, name, axis, size, moves=bool(moves), quick=quick)
        for name, axis, size, moves in zip(_AXES, axes, sizes, moving, strict=True)
    ]
    return _code_places(port, classes, sizes, stays, quick=quick)


def _read_pattern(
    head: list[int],
    port: Callable[[dict[str, int]], Port],
    shape: tuple[int, int],
    n_stored: int,
    *,
    quick: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    if not all(1 <= size <= _MOST_CLASSES for size in head[:2]) or max(head[2:4]) > 1:
        raise SkcFormatError("A pattern has impossible classes.")
    n_rows, n_columns = shape
    stays = _code_pattern(port({"places": head[-1]}), head, shape, None, quick=quick)
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


def _moves(classes: np.ndarray, size: int, quick: bool) -> bool:
    """Whether steps from class to class are told in fewer bits than the classes."""
    bits = []
    for moves in (False, True):
        port = MeasurePort()
        _code_classes(port, _AXES[0], classes, size, moves=moves, quick=quick)
        bits.append(sum(found[0] for found in port.bits.values()))
    return bits[1] < bits[0]


def _code_classes(
    port: Port, name: str, classes: np.ndarray | int, size: int, *, moves: bool, quick: bool
) -> np.ndarray:
    """Pass classes through a port, or the steps from each to the next, modulo their number."""
    told, count = (None, classes) if isinstance(classes, int) else (classes, classes.size)
    if told is not None and moves:
        told = np.diff(told, prepend=0) % size
    first = np.zeros(count, np.int64)
    stream = Stream(name, (size, _CLASS_STEP), **pace(quick=quick))
    found = first
    if size > 1:
        found = port.code(stream, count, told, lambda _: (first, first + size))
    return np.cumsum(found) % size if moves else found


def _code_places(
    port: Port,
    axes: list[np.ndarray],
    sizes: list[int],
    stays: np.ndarray | None,
    *,
    quick: bool,
) -> np.ndarray:
    """Pass for each place whether it has an entry through a port; class 0 has none."""
    rows, columns = (np.flatnonzero(classes) for classes in axes)
    n_contexts = max(sizes[0] + sizes[1] - 3, 1)
    variants = ((2 * n_contexts, step) for step in _STEPS)
    stream = Stream("places", *variants, **pace(quick=quick))
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
