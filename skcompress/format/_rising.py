"""The codec `rising`: floats whose first column is sorted, as steps between neighbouring floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import rising_bits
from ._codec import Argument, Make, Reader, Spec, codec, refuse_unless, take_arguments

__all__ = ["floats_at"]


def floats_at(ranks: np.ndarray) -> np.ndarray:
    """The floats of these ranks among all floats: the way back from `rising_bits`."""
    sign = ranks.dtype.type(1 << (8 * ranks.dtype.itemsize - 1))
    bits = np.where(ranks & sign, ranks ^ sign, ~ranks)
    return bits.view(np.dtype(f"f{ranks.dtype.itemsize}"))


@codec("rising")
class _Rising:
    """Each column as a row of ranks among all floats; in the first, their differences."""

    inner = (("counts", "raw", "planes"),)

    def suits(self, array: np.ndarray) -> bool:
        if array.dtype.kind != "f" or array.itemsize < 4 or array.ndim not in (1, 2):
            return False
        first = rising_bits(array.reshape(len(array), -1)[:, 0]) if array.size > 1 else array[:0]
        return first.size > 1 and bool((first[1:] >= first[:-1]).all())

    def write(self, array: np.ndarray) -> tuple[Argument, ...]:
        ranks = np.ascontiguousarray(rising_bits(array).reshape(len(array), -1).T)
        ranks[0] = np.diff(ranks[0], prepend=ranks.dtype.type(0))
        return (ranks,)

    def read(self, spec: Spec, arguments: list[Any], reader: Reader) -> Make:
        sound = spec.dtype.kind == "f" and spec.dtype.itemsize >= 4 and len(spec.shape) in (1, 2)
        refuse_unless(sound, "Only a vector or a matrix of floats is stored by its ranks.")
        (inner,) = take_arguments(arguments, 1)
        ranks, make_ranks = reader.array(inner)
        expected = Spec(np.dtype(f"u{spec.dtype.itemsize}"), (*spec.shape[1:], spec.shape[0]))
        if len(spec.shape) == 1:
            expected = Spec(expected.dtype, (1, *spec.shape))
        refuse_unless(ranks == expected, "Ranks of floats do not fit their array.")
        reader.charge(4 * spec.nbytes)

        def make() -> np.ndarray:
            found = make_ranks().copy()
            if found.size:
                found[0] = np.cumsum(found[0], dtype=found.dtype)
            return np.ascontiguousarray(floats_at(found).T).reshape(spec.shape)

        return make
