"""How a matrix of numbers is modelled best: bins, speeds of learning, contexts, by their bits.

What a model takes is not tried but computed from counts of symbols: adaptive coding of symbols
takes the same bits in any order. Only the writer computes with floats here.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from ._binning import Binning, binnings
from ._symbols import Layout, Row

__all__ = ["MOST_ROWS", "plan"]

_SAMPLE = 1 << 16
_PIECE = 1 << 10
_PARENT_SAMPLE = 1 << 20
_STEPS = (1, 2, 4, 8, 24)
MOST_ROWS = 4096
"""Rows are passed through one by one, where they differ."""
_FEWEST = 24
"""Numbers of a row that are worth a model of its own."""
_FEWEST_IN_CONTEXT = 128
"""Numbers of a row that are worth contexts of its own."""
_SINGLE_ROWS = 64
"""Rows up to which each of them has its own bins and parents."""
_CLASSES = (12, 8)
_MOST_PARENTS = 4
_TRIED_ROWS = 48
_CANDIDATES = 6
"""Rows above that remain candidates once the first was chosen."""
_PATIENCE = 10
"""Rows without a parent after which none is looked for."""
_FARTHEST = 64
_ROW_BITS = 56.0
"""What the model of a row takes in the file, about."""
_CUT_BITS = 9.0
_SMALL = 1024
"""Numbers up to which contexts are tried on them as they are."""
_MOST_COUNTS = 1 << 18
_MOST_PLANS = 256
_plans: dict[tuple[tuple[int, ...], bytes], tuple[Layout, float]] = {}


def _log_gamma(x: np.ndarray) -> np.ndarray:
    """Logarithm of the gamma function of positive numbers, by Stirling's series at ``x + 1``."""
    y = x + 1.0
    series = (x + 0.5) * np.log(y) - y + 0.9189385332046727 + 1 / (12 * y) - 1 / (360 * y**3)
    return series - np.log(x)


@functools.cache
def _gains(step: int) -> np.ndarray:
    """Bits that a symbol seen so often is cheaper by than one that is never learned."""
    prior = 1.0 / step
    counts = np.arange(_SAMPLE + 2, dtype=np.float64)
    return (_log_gamma(counts + prior) - _log_gamma(np.array([prior]))) / np.log(2)


def _bits(counts: np.ndarray, size: int, step: int) -> float:
    """What adaptive coding takes of symbols of such counts, context after context."""
    prior = 1.0 / step
    totals = np.add.reduceat(counts, np.arange(0, counts.size, size))
    totals = totals[totals > 0]
    total = float(_log_gamma(totals + size * prior).sum())
    total -= totals.size * math.lgamma(size * prior)
    many = counts[counts > _SAMPLE]
    if many.size:
        counts = np.where(counts > _SAMPLE, 0, counts)
        total -= float(_log_gamma(many + prior).sum()) - many.size * math.lgamma(prior)
    return total / math.log(2) - float(_gains(step)[counts].sum())


@functools.cache
def _all_gains() -> np.ndarray:
    """`_gains` of each of the steps."""
    return np.array([_gains(step) for step in _STEPS])


def _bits_alone(counts: np.ndarray, size: int) -> np.ndarray:
    """The same, with each of the steps, for symbols in one context, no more than a sample has."""
    n_symbols, priors = int(counts.sum()), [size / step for step in _STEPS]
    totals = [math.lgamma(n_symbols + prior) - math.lgamma(prior) for prior in priors]
    return np.array(totals) / math.log(2) - _all_gains()[:, counts].sum(axis=1)


def plan(matrix: np.ndarray) -> tuple[Layout, float]:
    """The layout for a matrix of uint64, and about how many bits it takes.

    A layout of one row serves a matrix of any shape, as one run of numbers. Codecs that are tried
    often lead to the same numbers, and so do the files of models that share most of their arrays.
    """
    import hashlib  # readers plan nothing

    key = matrix.shape, hashlib.blake2b(np.ascontiguousarray(matrix).data).digest()
    found = _plans.get(key)
    if found is None:
        found = _plan(matrix)
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        _plans[key] = found
    return found


def _plan(matrix: np.ndarray) -> tuple[Layout, float]:
    n_rows, width = matrix.shape
    flat, bits = _row(matrix.reshape(-1))
    best = Layout(1, matrix.size, (flat,)), bits
    if not (2 <= n_rows <= MOST_ROWS and width >= _FEWEST):
        return best
    fine, _ = _row(matrix.reshape(-1), fine=True)
    models = [flat] if fine == flat else [flat, fine]
    drafts = [_with_parents(Layout(n_rows, width, (model,)), matrix) for model in models]
    if n_rows <= _SINGLE_ROWS:
        own = [_row(row) for row in matrix]
        drafts.append(_of_rows(n_rows, width, own))
        fine_own = [_row(row, fine=True) for row in matrix]
        models_of_rows = [own] if fine_own == own else [own, fine_own]
        for rows in models_of_rows if width >= _FEWEST_IN_CONTEXT else []:
            alone = [b for _, b in rows]
            drafts.append(_with_own_parents(_of_rows(n_rows, width, rows)[0], matrix, alone))
    return min([best, *drafts], key=lambda draft: draft[1])


def _of_rows(n_rows: int, width: int, rows: list[tuple[Row, float]]) -> tuple[Layout, float]:
    """The layout of rows that each have a model."""
    layout = Layout(n_rows, width, tuple(row for row, _ in rows))
    return layout, sum(bits + _ROW_BITS for _, bits in rows)


def _row(numbers: np.ndarray, *, fine: bool = False) -> tuple[Row, float]:
    """The best model of numbers without contexts, and the bits that it takes.

    A `fine` one has no bins if the numbers are small: contexts may tell what bins leave open.
    """
    low = int(numbers.min())
    largest = int(numbers.max()) - low
    if largest == 0:
        return Row(low, Binning(False, 0), 1, 1), 0.0
    sample = np.append(_pieces(numbers), numbers.max()) - np.uint64(low)
    scale = numbers.size / sample.size
    best: tuple[Row, float] | None = None
    tried = [Binning(False, 0)] if fine and largest < _SMALL else binnings(largest)
    for binning in tried:
        symbols = binning.symbols(sample)
        size = int(symbols.max()) + 1
        counts = np.bincount(symbols)
        fixed = float((counts * binning.open_bits(np.arange(size))).sum())
        alone = _bits_alone(counts, size)
        place = int(alone.argmin())
        bits = (fixed + float(alone[place])) * scale
        if best is None or bits < best[1]:
            best = Row(low, binning, size, _STEPS[place]), bits
    assert best is not None
    return best


def _pieces(numbers: np.ndarray) -> np.ndarray:
    """All numbers, or pieces of them if they are many: single ones may follow a period."""
    if numbers.size <= _SAMPLE:
        return numbers
    starts = np.linspace(0, numbers.size - _PIECE, _SAMPLE // _PIECE).astype(np.int64)
    return np.concatenate([numbers[start : start + _PIECE] for start in starts])


def _cuts(symbols: np.ndarray, size: int, most: int) -> tuple[int, ...]:
    """Where classes of about the same weight begin; frequent symbols stand alone."""
    if size <= most:
        return tuple(range(1, size))
    counts = np.bincount(symbols, minlength=size).astype(np.float64)
    weight = np.cumsum(np.sqrt(counts))
    goals = weight[-1] * np.arange(1, most) / most
    cuts = np.unique(np.searchsorted(weight, goals) + 1)
    return tuple(int(cut) for cut in cuts if 0 < cut < size)


def _symbols(layout: Layout, matrix: np.ndarray) -> np.ndarray:
    """The symbols of all rows, on some of the columns if there are many."""
    stride = -(-matrix.size // _PARENT_SAMPLE)
    stride = min(stride, max(layout.width // 64, 1))
    rows = []
    for place in range(layout.n_rows):
        row = layout.of(place)
        rows.append(row.binning.symbols(matrix[place, ::stride] - np.uint64(row.low)))
    return np.array(rows)


def _with_parents(layout: Layout, matrix: np.ndarray) -> tuple[Layout, float]:
    """The same model for all rows, with rows at some distances above as context."""
    row = layout.rows[0]
    symbols = _symbols(layout, matrix)
    drafts = [
        _at_distances(layout, symbols, n) for n in _CLASSES if row.size >= n or n == _CLASSES[0]
    ]
    best, bits = min(drafts, key=lambda draft: draft[1])
    fixed = float(row.binning.open_bits(symbols).sum())
    return best, (bits + fixed) * matrix.size / symbols.size


def _at_distances(layout: Layout, symbols: np.ndarray, most: int) -> tuple[Layout, float]:
    """The distances that serve best with so many classes; bits of classes and symbols."""
    row = layout.rows[0]
    cuts = _cuts(symbols.reshape(-1), row.size, most)
    n_classes = len(cuts) + 1
    classes = np.searchsorted(cuts, symbols, side="right")
    inner = _in_classes(np.bincount(symbols.reshape(-1), minlength=row.size), cuts, row.step)
    some = np.unique(np.linspace(0, layout.n_rows - 1, _TRIED_ROWS).astype(int))
    # Distances are the same for all rows, so that the best ones show on a few of them.
    told, every = classes[some].reshape(-1), classes.reshape(-1)
    context = np.zeros(told.size, np.int64)
    full = np.zeros(every.size, np.int64)
    chosen: tuple[int, ...] = ()
    best = layout, np.inf
    left = [*range(1, min(layout.n_rows, _FARTHEST + 1))]
    for _ in range(_MOST_PARENTS):
        if not left or n_classes ** (len(chosen) + 2) > _MOST_COUNTS:
            break
        weights = []
        for d in left:
            c = context * n_classes + _above(classes, d, some)
            weights.append(_bits(np.bincount(c * n_classes + told), n_classes, 8))
        d, *left = [left[i] for i in np.argsort(weights, kind="stable")[:_CANDIDATES]]
        chosen = (*chosen, d)
        context = context * n_classes + _above(classes, d, some)
        full = full * n_classes + _above(classes, d, np.arange(layout.n_rows))
        counts = np.bincount(full * n_classes + every)
        bits, step = min((_bits(counts, n_classes, step), step) for step in _STEPS)
        bits += inner + _CUT_BITS * len(cuts)
        if bits >= best[1]:
            break
        model = dataclasses.replace(row, step=step, parents=chosen, cuts=cuts)
        best = dataclasses.replace(layout, rows=(model,)), bits
    return best


def _above(classes: np.ndarray, distance: int, rows: np.ndarray) -> np.ndarray:
    """The classes that stand so far above the elements of some rows."""
    return np.where((rows >= distance)[:, None], classes[rows - distance], 0).reshape(-1)


def _in_classes(counts: np.ndarray, cuts: tuple[int, ...], step: int) -> float:
    """What the symbols take once their classes are known."""
    parts = np.split(counts, cuts)
    return sum(_bits(part, part.size, step) for part in parts if part.size > 1 and part.any())


def _with_own_parents(
    layout: Layout, matrix: np.ndarray, bits: list[float]
) -> tuple[Layout, float]:
    """Models that differ by row, each with some rows above as its context."""
    symbols = _symbols(layout, matrix)
    scale = layout.width / symbols.shape[1]
    pairs = [*zip(symbols, layout.rows, strict=True)]
    cuts = [_cuts(s, row.size, _CLASSES[0]) for s, row in pairs]
    classes = [np.searchsorted(c, s, side="right") for c, s in zip(cuts, symbols, strict=True)]
    rows, total = list(layout.rows), 0.0
    for place, row in enumerate(layout.rows):
        fixed = float(row.binning.open_bits(symbols[place]).sum())
        counts = np.bincount(symbols[place], minlength=row.size)
        fixed += _in_classes(counts, cuts[place], row.step) + _CUT_BITS * len(cuts[place]) / scale
        n_classes = len(cuts[place]) + 1
        best, weight = row, bits[place]
        context, n_contexts = np.zeros(symbols.shape[1], np.int64), 1
        chosen: tuple[int, ...] = ()
        left = [*range(place)]
        for _ in range(_MOST_PARENTS):
            drafts = []
            for above in left:
                size = (len(cuts[above]) + 1) * n_contexts * n_classes
                if size > _MOST_COUNTS:
                    continue
                told = context * (len(cuts[above]) + 1) + classes[above]
                counts = np.bincount(told * n_classes + classes[place])
                drafts.append((_bits(counts, n_classes, 4), above, counts, told))
            if not drafts:
                break
            drafts.sort(key=lambda draft: draft[0])
            _, above, counts, context = drafts[0]
            left = [draft[1] for draft in drafts[1:_CANDIDATES]]
            chosen = (*chosen, place - above)
            n_contexts *= len(cuts[above]) + 1
            step = min(_STEPS, key=lambda step: _bits(counts, n_classes, step))
            found = (_bits(counts, n_classes, step) + fixed) * scale
            if found >= weight - 8:
                break
            best, weight = dataclasses.replace(row, step=step, parents=chosen), found
        rows[place] = best
        total += weight + _ROW_BITS
        if place == _PATIENCE and not any(row.parents for row in rows):
            return layout, np.inf
    needed = {place - parent for place, row in enumerate(rows) for parent in row.parents}
    needed |= {place for place, row in enumerate(rows) if row.parents}
    rows = [
        dataclasses.replace(row, cuts=cuts[place]) if place in needed else row
        for place, row in enumerate(rows)
    ]
    total += _CUT_BITS * sum(len(cuts[p]) for p in needed if not rows[p].parents)
    return dataclasses.replace(layout, rows=tuple(rows)), total
