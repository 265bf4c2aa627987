"""Candidates measured in all folds, each only once, and the last of them on all rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import delayed

from ..estimators._base import BaseCompressor
from ..ir import SizeReport
from ..reports import size_report
from ..runtime import CompactModel
from ._folds import Fold, Measured, derive, evaluate
from ._problem import Point

__all__ = ["Measurements", "compress_whole"]

Params = dict[str, Any]

_BLOCK = 16
"""Candidates that are measured together: an interruption loses no more."""


@dataclasses.dataclass
class Measurements:
    """Measures candidates in all folds, each only once.

    Attributes
    ----------
    template : BaseCompressor
        What candidates set parameters of.
    folds : list of Fold
        The inner models.
    scorer : callable
        The score.
    seed : int
        Seed of the shares of rows.
    parallel : callable
        Runs delayed calls.
    n_workers : int
        How many of them run at once.
    whole : dict
        Of candidates that were measured on all rows: key -> parameters and an entry per fold.
    spent : float
        Candidates measured; those on a share of the rows count as that share.
    """

    template: BaseCompressor
    folds: list[Fold]
    scorer: Any
    seed: int
    parallel: Callable[[Iterable[Any]], list[Any]]
    n_workers: int = 1
    whole: dict[str, tuple[Params, list[Measured]]] = dataclasses.field(default_factory=dict)
    spent: float = 0.0

    def __call__(self, candidates: Sequence[Params], share: float) -> list[Point]:
        """Points of candidates, measured on a share of the rows."""
        new = {_key(params): params for params in candidates}
        if share == 1:
            new = {key: params for key, params in new.items() if key not in self.whole}
        rows: dict[str, tuple[Params, list[Measured]]] = {}
        keys = list(new)
        for start in range(0, len(keys), _BLOCK):
            block = {key: new[key] for key in keys[start : start + _BLOCK]}
            found = self._measure(block, share)
            self.spent += share * len(block)
            if share == 1:
                self.whole |= found
            rows |= found
        rows = self.whole if share == 1 else rows
        return [_point(rows[_key(params)][1]) for params in candidates]

    def _measure(
        self, block: dict[str, Params], share: float
    ) -> dict[str, tuple[Params, list[Measured]]]:
        compressors = [clone(self.template).set_params(**params) for params in block.values()]
        # Candidates of one fold that are measured together share what their recipes begin with.
        n_pieces = min(-(-self.n_workers // len(self.folds)), len(compressors))
        ends = [len(compressors) * piece // n_pieces for piece in range(n_pieces + 1)]
        pieces = [compressors[start:stop] for start, stop in itertools.pairwise(ends)]
        tasks = itertools.product(enumerate(self.folds), pieces)
        found: list[list[Measured]] = self.parallel(
            delayed(evaluate)(piece, fold, self.scorer, share, self.seed, weigh=place == 0)
            for (place, fold), piece in tasks
        )
        columns = [
            itertools.chain.from_iterable(found[place : place + n_pieces])
            for place in range(0, len(found), n_pieces)
        ]
        rows = zip(*columns, strict=True)
        return {
            key: (params, list(row)) for (key, params), row in zip(block.items(), rows, strict=True)
        }


def _key(params: Params) -> str:
    return repr(sorted(params.items(), key=lambda item: item[0]))


def _point(row: Sequence[Measured]) -> Point:
    assert row[0].n_bytes is not None
    return Point(float(np.mean([m.score for m in row])), row[0].n_bytes)


def compress_whole(
    template: BaseCompressor, fold: Fold, choices: Iterable[Params], max_bytes: int | None
) -> tuple[int, BaseCompressor] | None:
    """Compress the model of all rows with the first of several settings whose file fits.

    Parameters
    ----------
    template : BaseCompressor
        What settings are set on.
    fold : Fold
        The model, fitted on all rows.
    choices : iterable of dict
        Settings, the best first.
    max_bytes : int or None
        Largest file.

    Returns
    -------
    tuple of int and BaseCompressor, or None
        Which of the choices, and the fitted compressor; None where nothing fits.
    """
    assert fold.sizes is not None
    for place, params in enumerate(choices):
        compressor = clone(template).set_params(**params)
        ir, ledger = derive(compressor, fold, fold.refit)
        after = size_report(CompactModel(ir))
        if max_bytes is None or after.disk_bytes <= max_bytes:
            report = SizeReport(before=fold.sizes, after=after, ledger=ledger)
            compressor._keep(CompactModel(ir, size_report=report))  # noqa: SLF001
            return place, compressor
    return None
