"""Tables of values that are trained while the weights stand for them."""

from __future__ import annotations

import numpy as np

from .quantize import lloyd_max

__all__ = ["TrainedTables"]

_BIAS_BITS = 4


class TrainedTables:
    """Each layer's weights that are not zero take values of a small table; biases even steps.

    The forward and backward pass see table values; the gradients go straight through to the
    weights behind them (the straight-through estimator), and the table follows these: after each
    step every entry moves to the mean of the weights that stand for it.

    Parameters
    ----------
    flat : ndarray of float32
        All weights, then all biases, layer by layer.
    sizes : list of int
        Number of each layer's weights, then of each layer's biases.
    bits : int
        A table has ``2 ** bits`` entries.
    plain : set of int
        Places in `sizes` of what stays as it is.
    """

    def __init__(self, flat: np.ndarray, sizes: list[int], bits: int, plain: set[int]) -> None:
        self._weights: list[tuple[np.ndarray, np.ndarray]] = []
        self._biases: list[slice] = []
        start = 0
        for place, size in enumerate(sizes):
            part = slice(start, start + size)
            start += size
            if place in plain or not flat[part].any():
                continue
            if place < len(sizes) // 2:
                kept = part.start + np.flatnonzero(flat[part])
                table = lloyd_max(flat[kept].astype(np.float64), 2**bits)
                self._weights.append((kept, table))
            else:
                self._biases.append(part)

    def snap(self, flat: np.ndarray) -> np.ndarray:
        """Replace weights and biases by what they stand for; give back what they were."""
        latent = flat.copy()
        for place, (kept, table) in enumerate(self._weights):
            values = flat[kept]
            codes = np.searchsorted((table[1:] + table[:-1]) / 2, values)
            counts = np.bincount(codes, minlength=table.size)
            sums = np.bincount(codes, values, minlength=table.size)
            # Sorted again: means of neighbours can pass each other by rounding.
            table = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), table))
            self._weights[place] = kept, table
            flat[kept] = _short(table)[codes]
        for part in self._biases:
            values = flat[part]
            low, top = float(values.min()), float(values.max())
            step = _short(np.array([(top - low) / (2**_BIAS_BITS - 1)]))[0]
            if step > 0:
                codes = np.rint((values - low) / step)
                flat[part] = np.float32(step) * (codes + np.rint(low / step))
        return latent


def _short(numbers: np.ndarray) -> np.ndarray:
    """Rounded to eleven binary digits, which take half the room in a file."""
    fraction, exponent = np.frexp(numbers)
    return np.ldexp(np.rint(fraction * 2048) / 2048, exponent).astype(np.float32)
