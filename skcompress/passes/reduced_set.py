"""A few vectors of their own making in place of many support vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import Array, Codebook, KernelExpansion, LowRank, Model, OneVsOne, Sparse, decode
from ..runtime._registry import compile_node
from ..runtime._rows import CsrRows, as_dense
from ._base import SkipPass
from ._centers import group_means, shares
from ._context import Context
from ._decisions import Loss, decisions_of
from ._expansion import MovingKernel
from ._polish import Reduced, fit_coefficients, least_squares, polish
from .bounds import moved_coefficients_bound
from .dual import RefitDual
from .parameters import QuantizeCoefficients
from .rounding import round_with_feedback

__all__ = ["ReduceVectors", "ReductionPoint", "RefitDecisions", "RoundCoefficients"]

_MOST_ROWS = 20_000
_MOST_DENSE = 50_000_000
_WORK = 1.2e11
"""Kernel values that polishing computes, times their cost in multiplications: some 10 s."""
_COST = 100
_STEPS = (15, 120)
_SEARCHING = 0.3
"""Part of that work which each number of vectors gets while the fewest are searched."""
_REFIT_STEPS = 25
_WIDTHS = (1.0, 1.5, 2.25)
_FIRST = 8
_LARGEST = 0.5
_PAIRS_FROM = 8


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
class ReduceVectors:
    """Replace the support vectors by fewer that are placed freely, and shared by all classes.

    Vectors start at means of clusters within the classes. Their coefficients are fitted to the
    original's decisions at the refit rows (without such rows, at the support vectors), then both
    are moved together by L-BFGS. Decisions, not distances in feature space, are what is fitted:
    beyond the margin any value on the right side is as good as another, and of the pairs of
    classes only those of the winner matter. Where pairs outnumber the features, they become
    differences of one score per class.

    Parameters
    ----------
    n_vectors : float, int or "auto"
        Share or number of vectors; "auto" takes the fewest of a path whose loss the held-out
        rows accept.
    share : float
        Part of the tolerance that "auto" may use up.
    record : callable or None
        Called with the path, a tuple of `ReductionPoint`.

    References
    ----------
    .. [1] C. Burges, B. Schölkopf, "Improving the accuracy and speed of support vector
       machines", NIPS 1997.
    .. [2] B. Tang, D. Mazzoni, "Multiclass reduced-set support vector machines", ICML 2006 (one
       set for all pairs of classes).
    """

    n_vectors: float | int | str
    share: float = 0.5
    record: Callable[[tuple[ReductionPoint, ...]], None] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    exact: ClassVar[bool] = False
    cautious: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Reduce the vectors."""
        kernel = model.predictor
        if not isinstance(kernel, KernelExpansion):
            raise SkipPass("the model has no support vectors")
        if isinstance(kernel.vectors, Sparse):
            raise SkipPass("vectors placed freely would not stay sparse")
        # Coefficients of all pairs would outweigh the vectors.
        by_class = kernel.n_outputs > max(kernel.n_features, _n_classes(model))
        fit = _Fit.prepare(model, kernel, context, by_class=by_class)
        if self.n_vectors == "auto":
            return self._searched(fit, model, context)
        share = float(self.n_vectors)
        total = kernel.n_vectors
        count = self.n_vectors if isinstance(self.n_vectors, int) else round(share * total)
        if count >= total:
            return model
        reduced = fit.reduce(max(count, 1))
        small = fit.build(reduced, model)
        point = fit.point(reduced, small, context)
        self._tell((point,), point, context)
        return small

    def _searched(self, fit: _Fit, model: Model, context: Context) -> Model:
        """The fewest vectors that the held-out rows accept.

        Without the caution that `Strongest` takes: few numbers are tried, and rows that are too
        few to prove a small loss would never accept any.
        """
        if not context.judges or context.tolerance is None:
            raise SkipPass("no held-out rows to choose the number of vectors by")
        allowed = self.share * context.tolerance
        limit = int(_LARGEST * fit.kernel.n_vectors)
        path: list[ReductionPoint] = []

        def accepted(reduced: Reduced) -> Model | None:
            small = fit.build(reduced, model)
            path.append(fit.point(reduced, small, context))
            context.report_progress("numbers of vectors tried", len(path), len(path) + 1)
            good = context.acceptable(small, allowed, cautious=False)
            return small if good and context.imitates(small, allowed) else None

        def attempt(count: int) -> tuple[Reduced, Model] | None:
            reduced = fit.reduce(count, _SEARCHING)
            small = accepted(reduced)
            return None if small is None else (reduced, small)

        best = _fewest(attempt, min(max(_FIRST, fit.n_groups), limit), limit)
        if best is None and fit.by_class:
            # Pairs with coefficients of their own need fewer vectors for the same decisions.
            fit = _Fit.prepare(model, fit.kernel, context, by_class=False)
            best = _fewest(attempt, max(limit // _PAIRS_FROM, 1), limit // 2)
        if best is None:
            small = model
        else:
            reduced, small = best
            small = accepted(fit.polish(reduced, 1 - _SEARCHING)) or small
        count = getattr(small.predictor, "n_vectors", 0)
        taken = [point for point in path if point.n_vectors == count]
        path.sort(key=lambda point: point.n_vectors)
        self._tell(tuple(path), taken[-1] if taken else None, context)
        return small

    def _tell(
        self, path: tuple[ReductionPoint, ...], taken: ReductionPoint | None, context: Context
    ) -> None:
        if self.record is not None:
            self.record(path)
        if taken is None:
            context.remark("no number of vectors was accepted")
            return
        held = "" if taken.held_out_error is None else f", {taken.held_out_error:.3f} on held-out"
        context.remark(
            f"{taken.n_vectors} vectors; error of decisions {taken.error:.3f} on refit rows{held}"
        )


Found = tuple[Reduced, Model]


def _fewest(attempt: Callable[[int], Found | None], count: int, limit: int) -> Found | None:
    """Doubling until an attempt succeeds, then twice in the middle."""
    low, best = 0, None
    while 1 <= count <= limit:
        best = attempt(count)
        if best is not None:
            break
        low, count = count, 2 * count
    if best is None or not low:
        return best
    high = count
    for _ in range(2):
        middle = round((low * high) ** 0.5)
        if not low < middle < high:
            break
        found = attempt(middle)
        low, high = (middle, high) if found is None else (low, middle)
        best = best if found is None else found
    return best


@dataclasses.dataclass(frozen=True)
class RefitDecisions:
    """Fit the coefficients of vectors that moved to the original's decisions.

    For machines whose vectors were reduced; others keep the layout that `RefitDual` knows.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the coefficients."""
        kernel = model.predictor
        if not isinstance(kernel, KernelExpansion) or isinstance(kernel.vectors, Sparse):
            raise SkipPass("the model has no dense vectors")
        if not _is_reduced(kernel, context):
            return RefitDual().apply(model, context)
        by_class = isinstance(kernel.coef, LowRank)
        fit = _Fit.prepare(model, kernel, context, by_class=by_class)
        moving = MovingKernel(kernel, fit.rows)
        coef, intercept = _scores_of(kernel, fit.loss.start.shape[1])
        start = Reduced(decode(kernel.vectors), coef, intercept, kernel.gamma)
        refitted = fit_coefficients(moving, start, fit.loss, _REFIT_STEPS)
        small = fit.build(refitted, model)
        assert isinstance(small.predictor, KernelExpansion)
        return small.with_predictor(small.predictor.replace(vectors=kernel.vectors))


@dataclasses.dataclass(frozen=True)
class RoundCoefficients:
    """Coefficients of reduced vectors on even steps, errors made up for one by the other.

    Parameters
    ----------
    bits : int
        Bits a coefficient.
    """

    bits: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Round the coefficients and move the constants along."""
        kernel = model.predictor
        if not isinstance(kernel, KernelExpansion) or isinstance(kernel.vectors, Sparse):
            raise SkipPass("the model has no dense vectors")
        if not _is_reduced(kernel, context):
            return QuantizeCoefficients(self.bits).apply(model, context)
        original = context.original.predictor
        assert isinstance(original, KernelExpansion)
        moving = MovingKernel(kernel, _rows(model, original, context))
        values, _ = moving(decode(kernel.vectors) - moving.center, kernel.gamma)
        middle = values.mean(axis=0)
        given = decode(kernel.coef.right if isinstance(kernel.coef, LowRank) else kernel.coef)
        rounded = round_with_feedback(given, values - middle, self.bits)
        coef: Array = rounded
        if isinstance(kernel.coef, LowRank):
            coef = kernel.coef.replace(right=rounded)
        moved = (given - rounded.decode()) @ middle
        if isinstance(kernel.coef, LowRank):
            moved = decode(kernel.coef.left) @ moved
        intercept = (kernel.intercept + moved).astype(np.float32)
        rounded_kernel = kernel.replace(coef=coef, intercept=intercept)
        bound = moved_coefficients_bound(kernel, rounded_kernel)
        if bound is not None:
            context.remark(f"coefficients move outputs by at most {bound:.2g}")
        return model.with_predictor(rounded_kernel)


@dataclasses.dataclass(frozen=True)
class _Fit:
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
    ) -> _Fit:
        original = context.original.predictor
        assert isinstance(original, KernelExpansion)
        if context.original.chain.transforms != model.chain.transforms:
            raise SkipPass("the input of the kernel changed")
        rows = _rows(model, original, context)
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


def _n_classes(model: Model) -> int:
    return sum(len(labels) for labels in model.head.labels)


def _is_reduced(kernel: KernelExpansion, context: Context) -> bool:
    """Whether the vectors are no longer the original's."""
    original = context.original.predictor
    assert isinstance(original, KernelExpansion)
    return kernel.group_sizes is None and kernel.n_vectors < original.n_vectors


def _scores_of(kernel: KernelExpansion, n_scores: int) -> tuple[np.ndarray, np.ndarray]:
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


def _rows(model: Model, original: KernelExpansion, context: Context) -> np.ndarray:
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
