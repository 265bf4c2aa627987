"""Rows, decisions and starts that a reduced machine is fitted to, and what becomes of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..ir import Array, Codebook, KernelExpansion, LowRank, Model, OneVsOne, decode
from ..runtime._registry import compile_node
from ..runtime._rows import CsrRows, as_dense
from ._base import SkipPass
from ._centers import group_means, shares
from ._context import Context
from ._decisions import Loss, decisions_of
from ._expansion import MovingKernel
from ._polish import Reduced, least_squares, polish

__all__ = ["Fit", "ReductionPoint", "is_reduced", "rows_of", "scores_of"]

_MOST_ROWS = 20_000
_MOST_DENSE = 50_000_000
_WORK = 1.2e11
"""Kernel values that polishing computes, times their cost in multiplications: some 10 s."""
_COST = 100
_STEPS = (15, 120)
_WIDTHS = (1.0, 1.5, 2.25)


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

    kernel: KernelExpansion
    rows: np.ndarray
    loss: Loss
    groups: np.ndarray
    weights: np.ndarray
    context: Context
    by_class: bool

    @classmethod
    def prepare(
        cls, model: Model, kernel: KernelExpansion, context: Context, *, by_class: bool
    ) -> Fit:
        original = context.original.predictor
        assert isinstance(original, KernelExpansion)
        if context.original.chain.transforms != model.chain.transforms:
            raise SkipPass("the input of the kernel changed")
        rows = rows_of(model, original, context)
        raw = compile_node(original)(rows)
        loss = decisions_of(model.head, raw, by_class=by_class)
        groups = _groups(model, raw)
        sizes = np.bincount(groups)
        # A class with many support vectors has a long border.
        weights = sizes.astype(np.float64)
        if original.group_sizes is not None and original.group_sizes.size == sizes.size:
            weights = original.group_sizes * (sizes > 0).astype(np.float64)
        return cls(original, rows, loss, groups, weights, context, by_class)

    @property
    def n_groups(self) -> int:
        """Groups of rows that should all have a vector."""
        return int(np.count_nonzero(np.bincount(self.groups)))

    def reduce(self, count: int, effort: float = 1.0) -> Reduced:
        """So many vectors, placed and polished."""
        counts = shares(np.bincount(self.groups), self.weights, count)
        starts = group_means(self.rows, self.groups, counts, self.context.generator())
        moving = MovingKernel(self.kernel, self.rows)
        gamma = self._width(moving, starts)
        values, _ = moving(starts - moving.center, gamma)
        coef, intercept, _ = least_squares(values, self.loss.start)
        return self.polish(Reduced(starts, coef, intercept, gamma), effort)

    def polish(self, reduced: Reduced, effort: float) -> Reduced:
        """Polish with a part of the work that is meant for it."""
        n_rows, n_features = self.rows.shape
        work = n_rows * reduced.vectors.shape[0] * (n_features + _COST)
        steps = int(np.clip(effort * _WORK / work, *_STEPS))
        return polish(MovingKernel(self.kernel, self.rows), reduced, self.loss, steps)

    def _width(self, moving: MovingKernel, vectors: np.ndarray) -> float:
        """Few vectors see farther or less far than many: gamma by rows that were not fitted."""
        gamma = self.kernel.gamma
        if self.kernel.kernel != "rbf":
            return gamma
        half = np.arange(self.rows.shape[0]) % 2 == 0
        errors = []
        for width in _WIDTHS:
            values, _ = moving(vectors - moving.center, gamma * width)
            coef, intercept, _ = least_squares(values[half], self.loss.start[half])
            scores = values[~half] @ coef.T + intercept
            errors.append(float(np.square(scores - self.loss.start[~half]).mean()))
        return gamma * _WIDTHS[int(np.argmin(errors))]

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

    def _held_out_error(self, reduced: Reduced, small: Model) -> float | None:
        if self.context.held_out is None:
            return None
        rows = np.asarray(as_dense(self.context.inputs(small, self.context.held_out), np.float64))
        raw = compile_node(self.kernel)(rows)
        loss = decisions_of(small.head, raw, by_class=self.by_class)
        moving = MovingKernel(self.kernel, rows)
        values, _ = moving(reduced.vectors - moving.center, reduced.gamma)
        scores = values @ reduced.coef.T + reduced.intercept
        return float(np.sqrt(2 * loss(scores.astype(np.float32))[0]))

    def point(self, reduced: Reduced, small: Model, context: Context) -> ReductionPoint:
        """What is recorded of an attempt."""
        return ReductionPoint(
            n_vectors=reduced.vectors.shape[0],
            error=float(np.sqrt(2 * reduced.loss)),
            held_out_error=self._held_out_error(reduced, small),
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
    first, second = np.triu_indices(n_classes, 1)
    votes = np.zeros((raw.shape[0], n_classes), np.int64)
    for place, (i, j) in enumerate(zip(first, second, strict=True)):
        votes[:, i] += raw[:, place] > 0
        votes[:, j] += raw[:, place] <= 0
    return votes.argmax(axis=1)
