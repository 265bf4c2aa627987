"""The codec `escape`: floats of which a few are frequent, and the others all differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._codec import (
    Argument,
    Make,
    Reader,
    Spec,
    codec,
    refuse_unless,
    take_arguments,
)

__all__: list[str] = []

_MOST_FREQUENT = 16
_SAMPLE = 1 << 16


def _sign_bit(dtype: np.dtype[Any]) -> np.ndarray:
    return np.array(1 << (8 * dtype.itemsize - 1), f"u{dtype.itemsize}")


def _frequent(patterns: np.ndarray) -> np.ndarray:
    """The patterns that take a share of all, rising."""
    stride = -(-patterns.size // _SAMPLE)
    sample = patterns[::stride]
    found, counts = np.unique(sample, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:_MOST_FREQUENT]
    return np.sort(found[kept[counts[kept] > max(sample.size // 2000, 3)]])


@codec("escape")
class _Escape:
    """Frequent elements by their place in a table; of the others the sign, and apart the rest."""

    inner = (
        ("raw",),
        ("counts", "columns", "raw"),
        ("raw", "planes", "counts", "table"),
    )

    def suits(self, array: np.ndarray) -> bool:
        if array.dtype.kind != "f" or array.size < 32:
            return False
        return _frequent(array.reshape(-1).view(f"u{array.dtype.itemsize}")).size > 0

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        patterns = array.reshape(-1).view(f"u{array.dtype.itemsize}")
        frequent, sign = _frequent(patterns), _sign_bit(array.dtype)
        places = np.searchsorted(frequent, patterns)
        known = np.append(frequent, 0)[places] == patterns
        known &= places < frequent.size
        negative = (patterns & sign) != 0
        codes = np.where(known, places, frequent.size + negative).astype(np.uint8)
        rest = (patterns[~known] & ~sign).view(array.dtype)
        return frequent.view(array.dtype), codes.reshape(array.shape), rest

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        refuse_unless(spec.dtype.kind == "f", "Only floats are stored with escapes.")
        inner = take_arguments(arguments, 3)
        table, make_table = reader.array(inner[0])
        codes, make_codes = reader.array(inner[1])
        rest, make_rest = reader.array(inner[2])
        sound = table.dtype == rest.dtype == spec.dtype and len(table.shape) == len(rest.shape) == 1
        sound = sound and codes == Spec(np.dtype(np.uint8), spec.shape) and table.size < 255
        refuse_unless(sound, "Frequent elements do not fit their array.")
        reader.charge(spec.nbytes + 10 * spec.size)

        def make() -> np.ndarray:
            places = make_codes().reshape(-1)
            others = places >= table.size
            sound = int(places.max(initial=0)) <= table.size + 1
            refuse_unless(
                sound and int(np.count_nonzero(others)) == rest.size,
                "The places of frequent elements are out of range, or too few.",
            )
            unsigned = f"u{spec.dtype.itemsize}"
            patterns = np.append(make_table().view(unsigned), np.zeros(2, unsigned))[places]
            signs = (places[others] - table.size).astype(unsigned) * _sign_bit(spec.dtype)
            patterns[others] = make_rest().view(unsigned) ^ signs
            return patterns.view(spec.dtype).reshape(spec.shape)

        return make
