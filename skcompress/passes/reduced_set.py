"""A few vectors of their own making in place of many support vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import Array, KernelExpansion, LowRank, Model, Sparse, decode
from ..ir.arrays import shape_of
from ._base import SkipPass
from ._context import Context
from ._expansion import MovingKernel
from ._kernels import dense_expansion_of, expansion_of
from ._polish import Reduced, fit_coefficients
from ._reduction import Fit, ReductionPoint, is_reduced, rows_of, scores_of
from .bounds import moved_coefficients_bound
from .dual import RefitDual
from .parameters import QuantizeCoefficients
from .rounding import round_with_feedback

__all__ = ["ReduceVectors", "RefitDecisions", "RoundCoefficients"]

_SEARCHING = 0.15
"""Part of the work of polishing which each number of vectors gets while the fewest are searched."""
_GIVEN = 2.0
"""The same for a number that is given, since nothing is searched."""
_REFIT_STEPS, _REFIT_ROWS = 10, 16_000
"""More steps on fewer rows fit what only these have."""
_FIRST = 8
_STEP = 1.4
"""Numbers of vectors that are nearer than this are not told apart."""
_LARGEST = 0.5
_PAIRS_FROM = 8


@dataclasses.dataclass(frozen=True)
class ReduceVectors:
    """Replace the support vectors by fewer that are placed freely, and shared by all classes.

    Vectors start as neighbours of a class merged into one, as means of clusters within the
    classes, or as those support vectors that stand for the others best: whichever fits rows
    better that were not fitted to. Their coefficients are fitted to the original's decisions at
    the refit rows (without such rows, at the support vectors) and at points between pairs of
    them, then both are moved together: by Adam on batches, of numbers by L-BFGS. Decisions, not
    distances in feature space, are what is fitted: beyond twice the margin any value on the
    right side is as good as another, and of the pairs of classes only those of the winner
    matter. Where pairs outnumber the features, they become differences of one score per class.

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
    .. [2] D. Nguyen, T. Ho, "An efficient method for simplifying support vector machines", ICML
       2005 (merging).
    .. [3] B. Tang, D. Mazzoni, "Multiclass reduced-set support vector machines", ICML 2006 (one
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
        kernel = expansion_of(model, "support vectors")
        if isinstance(kernel.vectors, Sparse):
            raise SkipPass("vectors placed freely would not stay sparse")
        # Coefficients of all pairs would outweigh the vectors.
        by_class = kernel.n_outputs > max(kernel.n_features, _n_classes(model))
        fit = Fit.prepare(model, context, by_class=by_class)
        if self.n_vectors == "auto":
            return self._searched(fit, model, context)
        share = float(self.n_vectors)
        total = kernel.n_vectors
        count = self.n_vectors if isinstance(self.n_vectors, int) else round(share * total)
        if count >= total:
            return model
        reduced = fit.reduce(max(count, 1), _GIVEN)
        small = fit.build(reduced, model)
        point = fit.point(reduced, small, context)
        self._tell((point,), point, context)
        return small

    def _searched(self, fit: Fit, model: Model, context: Context) -> Model:
        """The fewest vectors whose expected loss is no more than allowed."""
        if not context.judges or context.tolerance is None:
            raise SkipPass("no held-out rows to choose the number of vectors by")
        allowed = self.share * context.tolerance
        limit = int(_LARGEST * fit.kernel.n_vectors)
        path: list[ReductionPoint] = []

        def accepted(reduced: Reduced) -> Model | None:
            small = fit.build(reduced, model)
            path.append(fit.point(reduced, small, context))
            context.report_progress("numbers of vectors tried", len(path), len(path) + 1)
            good = context.expected_loss(small) <= allowed + 1e-12
            good = good and context.acceptable(small, cautious=self.cautious)
            return small if good and context.imitates(small, allowed) else None

        def attempt(count: int) -> tuple[Reduced, Model] | None:
            reduced = fit.reduce(count, _SEARCHING)
            small = accepted(reduced)
            return None if small is None else (reduced, small)

        best = _fewest(attempt, min(max(_FIRST, fit.n_groups), limit), limit)
        if best is None and fit.by_class:
            # Pairs with coefficients of their own need fewer vectors for the same decisions.
            fit = Fit.prepare(model, context, by_class=False)
            # With more coefficients than the original has features they would not be smaller.
            pays = fit.kernel.n_vectors * fit.kernel.n_features // fit.kernel.n_outputs
            best = _fewest(attempt, max(limit // _PAIRS_FROM, 1), min(limit, pays))
        if best is None:
            small = model
        else:
            reduced, small = best
            before = fit.held_out_error(reduced)
            polished = accepted(fit.polish(reduced, 1 - _SEARCHING))
            after = path[-1].held_out_error
            # On few rows, polishing on can fit what only they have.
            if polished is not None and before is not None and after is not None:
                small = polished if after <= before else small
        count = getattr(small.predictor, "n_vectors", 0)
        score = context.score_of(small)
        taken = [point for point in path if (point.n_vectors, point.score) == (count, score)]
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


def _fewest(attempt: Callable[[int], Found | None], least: int, limit: int) -> Found | None:
    """The fewest of a range, by halving it on a scale of ratios."""
    low, high, best = max(least, 1) / _STEP, limit, None
    while high >= _STEP * low:
        middle = max(round((low * high) ** 0.5), 1)
        found = attempt(middle)
        if found is None:
            low = middle
        elif middle == high:
            return found
        else:
            high, best = middle, found
    return best


@dataclasses.dataclass(frozen=True)
class RefitDecisions:
    """Fit the coefficients of vectors that moved to the original's decisions.

    For machines whose vectors were reduced; others keep the layout that `RefitDual` knows.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the coefficients."""
        kernel = dense_expansion_of(model)
        if not is_reduced(kernel, context):
            # Coefficients that are zero or at their bound take next to nothing in a file; where
            # they are as many as the features, a refit would cost more than it saves.
            rows, _ = shape_of(kernel.coef)
            refits = rows < kernel.n_features
            return RefitDual().apply(model, context) if refits else model
        by_class = isinstance(kernel.coef, LowRank)
        fit = Fit.prepare(model, context, by_class=by_class)
        coef, intercept = scores_of(kernel, fit.loss.start.shape[1])
        start = Reduced(decode(kernel.vectors), coef, intercept, kernel.gamma)
        some = fit.some_rows(_REFIT_ROWS)
        moving, loss = fit.moving.of_rows(some), fit.loss.of_rows(some)
        refitted = fit_coefficients(moving, start, loss, _REFIT_STEPS)
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
        kernel = dense_expansion_of(model)
        if not is_reduced(kernel, context):
            return QuantizeCoefficients(self.bits).apply(model, context)
        original = context.original.predictor
        assert isinstance(original, KernelExpansion)
        moving = MovingKernel(kernel, rows_of(model, original, context))
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


def _n_classes(model: Model) -> int:
    return sum(len(labels) for labels in model.head.labels)
