"""Rows, decisions and starts that a reduced machine is fitted to, and what becomes of it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ..ir import Array, Codebook, KernelExpansion, LowRank, Model, OneVsOne, decode
from ..runtime._registry import compile_node
from ..runtime._rows import CsrRows, as_dense
from ._base import SkipPass
from ._centers import group_means, merged_vectors, pivots, shares
from ._context import Context
from ._decisions import Loss, Values, VoteMargins, decisions_of, winners
from ._descent import descend
from ._expansion import MovingKernel
from ._kernels import self_kernel
from ._polish import Reduced, least_squares, project, search

__all__ = ["Fit", "ReductionPoint", "is_reduced", "rows_of", "scores_of"]

_MOST_ROWS = 20_000
_MOST_DENSE = 50_000_000
_COST = 100
"""What a kernel value costs beside the products, in multiplications."""
_BETWEEN = 2.0
_TEACHING = 2e10
"""Most work for what the original says of rows in between: some seconds."""
_WORK = 4e10
_SEARCH = 1.2e11
_VISITS = 30
_FEWEST_VISITS = 5_000
_SOME = 8_000
_STEPS = (15, 120)
_WIDTHS = (1.0, 1.5, 2.25)
_START_RIDGE, _CLASS_RIDGE = 1e-5, 1e-3


@dataclasses.dataclass(frozen=True)
class ReductionPoint:
    """One point of the path of vectors against error.

    Attributes
    ----------
    n_vectors : int
        Vectors.
    error : float
        Root mean square of the gap to the original's decisions at the refit rows, in units of
        the margin (of the standard deviation, for numbers); gaps beyond the margin do not count.
    held_out_error : float or None
        The same on the held-out rows, where there are any: what to expect on others.
    score : float or None
        Score on the held-out rows.
    """

    n_vectors: int
    error: float
    held_out_error: float | None
    score: float | None


@dataclasses.dataclass(frozen=True)
class Fit:
    """Rows, what the original says of them, and where vectors may start."""

    model: Model
    kernel: KernelExpansion
    rows: np.ndarray
    raw: np.ndarray
    loss: Loss
    groups: np.ndarray
    weights: np.ndarray
    context: Context
    by_class: bool

    @classmethod
    def prepare(cls, model: Model, context: Context, *, by_class: bool) -> Fit:
        """Rows and decisions; the same object as long as a context lives."""
        made = context.memory.get((cls, by_class))
        if not isinstance(made, cls):
            made = cls._prepare(model, context, by_class=by_class)
            context.memory[cls, by_class] = made
        return made

    @classmethod
    def _prepare(cls, model: Model, context: Context, *, by_class: bool) -> Fit:
        original = context.original.predictor
        assert isinstance(original, KernelExpansion)
        if context.original.chain.transforms != model.chain.transforms:
            raise SkipPass("the input of the kernel changed")
        own = rows_of(model, original, context)
        rows = np.concatenate([own, _between(own, original, context.generator())])
        raw = np.asarray(compile_node(original)(rows))
        loss = decisions_of(model.head, raw, by_class=by_class)
        groups = _groups(model, raw[: len(own)])
        sizes = np.bincount(groups)
        # A class with many support vectors has a long border.
        weights = sizes.astype(np.float64)
        if original.group_sizes is not None and original.group_sizes.size == sizes.size:
            weights = original.group_sizes * (sizes > 0).astype(np.float64)
        return cls(model, original, rows, raw, loss, groups, weights, context, by_class)

    @property
    def n_groups(self) -> int:
        """Groups of rows that should all have a vector."""
        return int(np.count_nonzero(np.bincount(self.groups)))

    @functools.cached_property
    def moving(self) -> MovingKernel:
        """The kernel at the rows."""
        return MovingKernel(self.kernel, self.rows)

    def reduce(self, count: int, effort: float = 1.0) -> Reduced:
        """So many vectors, placed and polished."""
        return self.polish(self._start(count), effort)

    def _start(self, count: int) -> Reduced:
        """Merged vectors, means of clusters or vectors, whichever rows not fitted to prefer.

        Few vectors may see farther or less far than many: the same rows choose gamma, and
        whether decisions beyond the margin are aimed for.
        """
        chosen = self.some_rows()
        fitted, judging = chosen[::2], chosen[1::2]
        if not judging.size:
            judging = fitted
        before, after = self.moving.of_rows(fitted), self.moving.of_rows(judging)
        loss, judge = self.loss.of_rows(fitted), self.loss.of_rows(judging)
        gamma = self.kernel.gamma
        n_widths = (3 if self.by_class else 2) if self.kernel.kernel == "rbf" else 1
        widths = _WIDTHS[:n_widths]
        aims = [loss.near] if self.by_class or loss.near is loss.start else [loss.start, loss.near]
        # Scores of classes are far from exact anyway: small coefficients bear rounding better.
        ridge = _CLASS_RIDGE if self.by_class else _START_RIDGE
        merged = self._merged(count)
        found: list[tuple[float, int, Reduced]] = []
        for vectors, width in [
            *((merged, width) for width in widths),
            (self._means(count), 1.0),
            (self._strongest(count), 1.0),
        ]:
            moved = vectors - self.moving.center
            (values, _), (others, _) = (part(moved, gamma * width) for part in (before, after))
            coef, intercept, _ = least_squares(values, np.hstack(aims), ridge)
            each = zip(*(np.split(part, len(aims)) for part in (coef, intercept)), strict=True)
            for coef, intercept in each:
                start = Reduced(vectors, coef, intercept, gamma * width)
                found.append((_error_of(others, judge, start), len(found), start))
        return min(found)[2]

    def some_rows(self, most: int = _SOME) -> np.ndarray:
        """Enough of them for coefficients alone."""
        if self.by_class:
            return np.arange(len(self.groups))
        return self.context.generator().permutation(self.rows.shape[0])[:most]

    def _means(self, count: int) -> np.ndarray:
        counts = shares(np.bincount(self.groups), self.weights, count)
        own = self.rows[: len(self.groups)]
        return group_means(own, self.groups, counts, self.context.generator())

    def _merged(self, count: int) -> np.ndarray:
        vectors, coef = decode(self.kernel.vectors), decode(self.kernel.coef)
        if self.kernel.group_sizes is not None:
            sizes = self.kernel.group_sizes.astype(np.int64)
            groups = np.repeat(np.arange(sizes.size), sizes)
        else:
            groups = (coef[0] > 0).astype(np.int64)
        return merged_vectors(vectors, np.abs(coef).sum(axis=0), groups, count)

    def _strongest(self, count: int) -> np.ndarray:
        vectors = np.asarray(decode(self.kernel.vectors), np.float64)
        moving = MovingKernel(self.kernel, vectors)

        def matrix(places: np.ndarray) -> np.ndarray:
            return moving(vectors[places] - moving.center, self.kernel.gamma)[0]

        sizes = np.abs(decode(self.kernel.coef)).sum(axis=0)
        return vectors[pivots(matrix, self_kernel(self.kernel, vectors), sizes, count)]

    def polish(self, reduced: Reduced, effort: float) -> Reduced:
        """Polish with a part of the work that is meant for it; what that spoils is left alone."""
        if self.by_class and isinstance(self.loss, VoteMargins):
            return self._searched(reduced, effort)
        polished = self._moved(reduced, effort)
        some = self.some_rows()[::2]
        moving, loss = self.moving.of_rows(some), self.loss.of_rows(some)
        return min(polished, reduced, key=lambda each: _error(moving, loss, each))

    def _searched(self, reduced: Reduced, effort: float) -> Reduced:
        """Scores of classes bend where the winner changes: steps on all rows come further."""
        own = np.arange(len(self.groups))
        work = own.size * reduced.vectors.shape[0] * (self.rows.shape[1] + _COST)
        steps = int(np.clip(effort * _SEARCH / work, *_STEPS))
        return search(self.moving.of_rows(own), reduced, self.loss.of_rows(own), steps)

    def _moved(self, reduced: Reduced, effort: float) -> Reduced:
        n_rows, n_features = self.rows.shape
        n_scores, n_vectors = reduced.coef.shape
        visits = effort * _WORK / (n_vectors * (n_features + n_scores + _COST))
        if isinstance(self.loss, Values):
            steps = int(np.clip(visits / n_rows, *_STEPS))
            return project(self.moving, reduced, self.loss, steps)
        visits = int(np.clip(visits, _FEWEST_VISITS, _VISITS * n_rows))
        return descend(self.moving, reduced, self.loss, visits, self.context.generator())

    def build(self, reduced: Reduced, model: Model) -> Model:
        """The model of some vectors and coefficients."""
        coef: Array = reduced.coef
        intercept = reduced.intercept
        if reduced.coef.shape[0] != self.kernel.n_outputs:
            coef, intercept = _differences(reduced.coef, intercept)
        predictor = self.kernel.replace(
            vectors=reduced.vectors,
            coef=coef,
            intercept=intercept,
            gamma=reduced.gamma,
            group_sizes=None,
        )
        return model.with_predictor(predictor)

    @functools.cached_property
    def _held_out(self) -> tuple[MovingKernel, Loss] | None:
        if self.context.held_out is None:
            return None
        inputs = self.context.inputs(self.model, self.context.held_out)
        rows = np.asarray(as_dense(inputs, np.float64))
        raw = np.asarray(compile_node(self.kernel)(rows))
        loss = decisions_of(self.model.head, raw, by_class=self.by_class)
        return MovingKernel(self.kernel, rows), loss

    def held_out_error(self, reduced: Reduced) -> float | None:
        """Root mean square of the gap to the original's decisions at the held-out rows."""
        if self._held_out is None:
            return None
        moving, loss = self._held_out
        return _error(moving, loss, reduced)

    def point(self, reduced: Reduced, small: Model, context: Context) -> ReductionPoint:
        """What is recorded of an attempt."""
        own = np.arange(len(self.groups))
        return ReductionPoint(
            n_vectors=reduced.vectors.shape[0],
            error=_error(self.moving.of_rows(own), self.loss.of_rows(own), reduced),
            held_out_error=self.held_out_error(reduced),
            score=context.score_of(small),
        )


def is_reduced(kernel: KernelExpansion, context: Context) -> bool:
    """Whether the vectors are no longer the original's."""
    original = context.original.predictor
    assert isinstance(original, KernelExpansion)
    return kernel.group_sizes is None and kernel.n_vectors < original.n_vectors


def scores_of(kernel: KernelExpansion, n_scores: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and constants of the scores behind the outputs; undoes `_differences`."""
    if not isinstance(kernel.coef, LowRank):
        return decode(kernel.coef), kernel.intercept.astype(np.float64)
    coef = np.append(decode(kernel.coef.right), np.zeros((1, kernel.n_vectors)), axis=0)
    # The last class is the second of the pairs (0, last), (1, last), ...
    _, second = np.triu_indices(n_scores, 1)
    intercept = np.append(kernel.intercept[second == n_scores - 1], 0.0)
    return coef, intercept.astype(np.float64)


def _differences(coef: np.ndarray, intercept: np.ndarray) -> tuple[LowRank, np.ndarray]:
    """Pairs as differences of class scores, of which the last is zero."""
    n_classes = coef.shape[0]
    first, second = np.triu_indices(n_classes, 1)
    codes = np.zeros((first.size, n_classes), np.uint8)
    places = np.arange(first.size)
    codes[places, first], codes[places, second] = 1, 2
    left = Codebook(codes=codes[:, :-1], table=np.array([0, 1, -1], np.float32), bits=2)
    pairs = LowRank(left=left, right=coef[:-1] - coef[-1])
    return pairs, intercept[first] - intercept[second]


def rows_of(model: Model, original: KernelExpansion, context: Context) -> np.ndarray:
    """Rows as the kernel sees them: refit rows, or the support vectors themselves."""
    if context.refit is None:
        return np.asarray(decode(original.vectors), np.float64)
    rows = context.inputs(model, context.refit)
    if rows.shape[0] * rows.shape[1] > _MOST_DENSE and isinstance(rows, CsrRows):
        raise SkipPass("the rows are too wide to be spread out")
    if rows.shape[0] > _MOST_ROWS:
        chosen = context.generator().choice(rows.shape[0], _MOST_ROWS, replace=False)
        rows = as_dense(rows, np.float64)[np.sort(chosen)]
    return np.asarray(as_dense(rows, np.float64))


def _groups(model: Model, raw: np.ndarray) -> np.ndarray:
    """The class that the original gives each row; one group where there are none."""
    if not isinstance(model.head, OneVsOne):
        return np.zeros(raw.shape[0], np.int64)
    n_classes = len(model.head.target)
    if n_classes == 2:
        return (raw[:, 0] >= 0).astype(np.int64)
    return winners(raw, n_classes)


def _between(
    rows: np.ndarray, original: KernelExpansion, generator: np.random.Generator
) -> np.ndarray:
    """Points between pairs of rows, of which the original can tell what they are, too.

    With thousands of numbers to find, the rows alone would be fitted by heart.
    """
    n_rows, n_features = rows.shape
    work = original.n_vectors * (n_features + _COST)
    most = min(_BETWEEN * n_rows, _MOST_ROWS, _TEACHING / work)
    first = np.arange(int(most)) % n_rows
    second = generator.permutation(int(most)) % n_rows
    share = generator.uniform(0, 0.5, (int(most), 1))
    return np.asarray(rows[first] + share * (rows[second] - rows[first]))


def _error(kernel: MovingKernel, loss: Loss, reduced: Reduced) -> float:
    values, _ = kernel(reduced.vectors - kernel.center, reduced.gamma)
    return _error_of(values, loss, reduced)


def _error_of(values: np.ndarray, loss: Loss, reduced: Reduced) -> float:
    scores = values @ reduced.coef.T.astype(np.float32) + reduced.intercept.astype(np.float32)
    return float(np.sqrt(2 * loss(scores)[0]))
