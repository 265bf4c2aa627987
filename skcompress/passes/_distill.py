"""What a network answers between the rows that there are."""

from __future__ import annotations

import numpy as np

from ._dense import FlatNetwork

__all__ = ["TEMPERATURE", "Blend"]

TEMPERATURE = 3.0
"""Class scores are divided by it while they are imitated, so that unlikely classes count."""


class Blend:
    """Every other row of a batch mixed with another row; a teacher tells what to answer.

    A small network that only has to agree with the teacher on the rows learns them by heart. In
    between them it has to compute what the teacher computes.

    Parameters
    ----------
    teacher : FlatNetwork
        Answers.
    generator : numpy.random.Generator
        Draws partners and shares.
    """

    def __init__(self, teacher: FlatNetwork, generator: np.random.Generator) -> None:
        self._teacher, self._generator = teacher, generator

    def __call__(self, rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and targets of which every other is replaced."""
        some = rows[::2]
        partners = rows[self._generator.permutation(len(rows))[: len(some)]]
        share = self._generator.random((len(some), 1), dtype=np.float32)
        mixed = partners + share * (some - partners)
        rows, targets = rows.copy(), targets.copy()
        rows[::2], targets[::2] = mixed, self._teacher.forward(mixed)[-1]
        return rows, targets
