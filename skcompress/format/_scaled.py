"""Codecs for floats that are whole numbers in disguise: decimals, maybe behind a scaler."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._codec import (
    LEAVES,
    Argument,
    Make,
    Reader,
    Spec,
    codec,
    refuse_unless,
    take_arguments,
)

__all__ = ["OPERATIONS", "scaled_arguments"]

OPERATIONS = (np.subtract, np.divide, np.multiply, np.add)
"""Steps of a scaler, in the order in which they are applied."""
_UNDO = (np.add, np.multiply, np.divide, np.subtract)

_REST = 127
"""Digits of a column that is stored as it is."""
_SINGLE = 32
"""Added to the digits where the quotient is rounded to float32."""
_MOST_DIGITS = 15
_MOST_HALVINGS = 63
_TRIED = (*range(10), *range(_SINGLE + 1, _SINGLE + 10), -4, -8, -16, -24)
_LARGEST = 2**53
_BYTES_PER_COLUMN = 1024
"""Columns are made one by one, each by some objects of Python."""

Steps = tuple[np.ndarray | None, ...]


def _divisor(digits: int) -> float:
    """Ten to the digits, or two to the number of halvings; both are exact."""
    return float(10 ** (digits % _SINGLE)) if digits >= 0 else float(2 ** (-digits))


def _is_sound(digits: int) -> bool:
    if digits < 0:
        return digits >= -_MOST_HALVINGS
    return digits == _REST or (digits < 2 * _SINGLE and digits % _SINGLE <= _MOST_DIGITS)


def _values(numbers: np.ndarray, digits: int, steps: list[float | None]) -> np.ndarray:
    """A column of float64 behind its whole numbers."""
    out = numbers.astype(np.float64) / _divisor(digits)
    if digits >= _SINGLE:
        out = out.astype(np.float32).astype(np.float64)
    for operation, number in zip(OPERATIONS, steps, strict=True):
        if number is not None:
            out = operation(out, number)
    return out


def _column(
    values: np.ndarray, steps: list[float | None], dtype: np.dtype[Any]
) -> tuple[int, np.ndarray] | None:
    """Digits and whole numbers of a column, if they give it back to the bit."""
    wanted = values.astype(dtype)
    raw = values.astype(np.float64)
    for undo, number in reversed([*zip(_UNDO, steps, strict=True)]):
        if number is not None:
            raw = undo(raw, number)
    few = slice(0, 64)
    for digits in _TRIED:
        if _numbers(raw[few], wanted[few], digits, steps) is not None:
            numbers = _numbers(raw, wanted, digits, steps)
            if numbers is not None:
                return digits, numbers
    return None


def _numbers(
    raw: np.ndarray, wanted: np.ndarray, digits: int, steps: list[float | None]
) -> np.ndarray | None:
    """Whole numbers that give what is wanted to the bit, if they do."""
    numbers = np.rint(raw * _divisor(digits))
    if not bool((np.abs(numbers) < _LARGEST).all()):
        return None
    # As they will be read: whole numbers have no negative zero.
    whole = numbers.astype(np.int64)
    found = _values(whole, digits, steps).astype(wanted.dtype)
    return whole if found.tobytes() == wanted.tobytes() else None


def scaled_arguments(array: np.ndarray, steps: Steps) -> tuple[Argument, ...] | None:
    """The arguments of `scaled` for a matrix; None where no column is made of whole numbers."""
    with np.errstate(all="ignore"):
        found = [
            _column(column, [None if s is None else float(s[j]) for s in steps], array.dtype)
            for j, column in enumerate(array.T)
        ]
    kept = [f for f in found if f is not None]
    if not kept:
        return None
    digits = np.array([_REST if f is None else f[0] for f in found], np.int8)
    numbers = np.stack([k for _, k in kept])
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4"):
        limits = np.iinfo(dtype)
        if limits.min <= numbers.min() and numbers.max() <= limits.max:
            numbers = numbers.astype(dtype)
            break
    rest = np.ascontiguousarray(array.T[[f is None for f in found]])
    used = [0 if s is None else s for s in steps]
    return digits, numbers, (rest if len(rest) else 0), *used


@codec("scaled")
class _Scaled:
    """Columns of floats as whole numbers, divided by a power of ten, then rescaled."""

    inner = (LEAVES, LEAVES, LEAVES, LEAVES, LEAVES, LEAVES, LEAVES)

    def suits(self, array: np.ndarray) -> bool:
        if array.ndim != 2 or array.dtype.kind != "f" or array.dtype.itemsize < 4 or not array.size:
            return False
        few = array[:64, :: -(-array.shape[1] // 16)]
        return array.shape[1] <= 4096 and scaled_arguments(few, (None,) * 4) is not None

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        arguments = scaled_arguments(array, (None,) * 4)
        if arguments is None:
            digits = np.full(array.shape[1], _REST, np.int8)
            empty = np.zeros((0, array.shape[0]), np.int8)
            return digits, empty, np.ascontiguousarray(array.T), 0, 0, 0, 0
        return arguments

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(
            spec.dtype.kind == "f" and spec.dtype.itemsize >= 4 and len(spec.shape) == 2,
            "Only a matrix of floats is stored as scaled columns.",
        )
        n_rows, n_columns = spec.shape
        inner = take_arguments(arguments, 3 + len(OPERATIONS))
        digits, make_digits = reader.array(inner[0])
        numbers, make_numbers = reader.array(inner[1])
        rest = None if inner[2] == 0 else reader.array(inner[2])
        steps = [None if step == 0 else reader.array(step) for step in inner[3:]]
        sound = digits == Spec(np.dtype(np.int8), (n_columns,)) and numbers.dtype.kind in "iu"
        n_rest = 0 if rest is None else rest[0].shape[0] if len(rest[0].shape) == 2 else -1
        sound = sound and numbers.shape == (n_columns - n_rest, n_rows)
        sound = sound and (rest is None or rest[0] == Spec(spec.dtype, (n_rest, n_rows)))
        sound = sound and all(
            step is None or step[0] == Spec(np.dtype(np.float64), (n_columns,)) for step in steps
        )
        refuse_unless(sound, "Scaled columns do not fit their array.")
        reader.charge(32 * n_rows + _BYTES_PER_COLUMN * n_columns)

        def make() -> np.ndarray:
            told, kept = make_digits().tolist(), make_numbers()
            plain = None if rest is None else rest[1]()
            refuse_unless(
                told.count(_REST) == n_rest and all(map(_is_sound, told)),
                "The digits of scaled columns are impossible.",
            )
            scale = [None if step is None else step[1]() for step in steps]
            array = np.empty(spec.shape, spec.dtype)
            next_kept, next_plain = iter(kept), iter(() if plain is None else plain)
            with np.errstate(all="ignore"):
                for j, d in enumerate(told):
                    if d == _REST:
                        array[:, j] = next(next_plain)
                    else:
                        own = [None if s is None else float(s[j]) for s in scale]
                        array[:, j] = _values(next(next_kept), d, own)
            return array

        return make
