"""Fewer leaf values, coarser thresholds, and leaves refitted together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..ir import Affine, Model, Shares, decode, distinct_rows, smallest_unsigned
from ..runtime._rows import as_dense
from ..runtime.trees import add_leaves, add_to_leaves, leaf_rows, pack
from ._base import SkipPass
from ._context import Context
from ._trees import trees_of
from .ensemble import regression_targets
from .quantize import lloyd_max

__all__ = ["QuantizeLeaves", "QuantizeThresholds", "RefineLeaves", "refit_leaves"]

_ITERATIONS = 50
_PRECISION = 1e-3
_NOTHING = 1e-9


@dataclasses.dataclass(frozen=True)
class QuantizeLeaves:
    """Round leaf values.

    A row of class shares is rounded to multiples of ``1 / (2 ** bits - 1)`` that still add up to
    one (largest remainders); other values go to a Lloyd-Max table of ``2 ** bits`` entries, each
    weighted by the leaves that hold it. Rows that become equal are stored once.

    Parameters
    ----------
    bits : int
        Bits a value.
    """

    bits: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Round the values of all leaves."""
        trees = trees_of(model)
        values = decode(trees.values)
        if isinstance(model.head, Shares) and not model.head.clip:
            codes = _round_shares(values, [len(t) for t in model.head.labels], 2**self.bits - 1)
            # Only rows that a leaf still points at.
            codes, leaf = distinct_rows(codes[trees.leaf])
            scale = np.array([1.0 / (2**self.bits - 1)])
            rounded = Affine(codes=codes, scale=scale, zero=np.zeros(1), bits=self.bits)
            return model.with_predictor(trees.replace(values=rounded, leaf=leaf))
        used = values[trees.leaf]
        rounded_columns = []
        for column in used.T:
            table = lloyd_max(column, 2**self.bits)
            table = np.unique(table.astype(np.float32)).astype(np.float64)
            rounded_columns.append(table[np.searchsorted((table[1:] + table[:-1]) / 2, column)])
        rows = np.stack(rounded_columns, axis=1).astype(np.float32)
        table, leaf = distinct_rows(rows)
        return model.with_predictor(trees.replace(values=table, leaf=leaf))


def _round_shares(values: np.ndarray, sizes: list[int], total: int) -> np.ndarray:
    """Integers in proportion to each target's shares that add up to `total` exactly."""
    parts, start = [], 0
    for size in sizes:
        shares = values[:, start : start + size]
        sums = shares.sum(axis=1, keepdims=True)
        exact = shares / np.where(sums == 0, 1.0, sums) * total
        whole = np.floor(exact).astype(np.int64)
        missing = np.where(sums[:, 0] == 0, 0, total - whole.sum(axis=1))
        rank = np.argsort(np.argsort(whole - exact, axis=1, kind="stable"), axis=1)
        parts.append(whole + (rank < missing[:, None]))
        start += size
    return np.concatenate(parts, axis=1).astype(smallest_unsigned(total))


@dataclasses.dataclass(frozen=True)
class QuantizeThresholds:
    """Move each feature's thresholds to a Lloyd-Max table of ``2 ** bits`` of them.

    Parameters
    ----------
    bits : int
        Bits a threshold.
    """

    bits: int
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Move the thresholds."""
        trees = trees_of(model)
        threshold = decode(trees.threshold).copy()
        numeric = np.isfinite(threshold)
        if trees.categories is not None:
            numeric &= ~trees.categories.is_category
        order = np.flatnonzero(numeric)
        order = order[np.argsort(trees.feature[order], kind="stable")]
        for places in np.split(order, np.flatnonzero(np.diff(trees.feature[order])) + 1):
            if places.size:
                own = threshold[places].astype(np.float64)
                table = lloyd_max(own, 2**self.bits)
                moved = table[np.searchsorted((table[1:] + table[:-1]) / 2, own)]
                threshold[places] = moved
        return model.with_predictor(trees.replace(threshold=threshold))


@dataclasses.dataclass(frozen=True)
class RefineLeaves:
    """Refit the values of all leaves of all trees together, by ridge regression.

    Minimizes the squared error of the summed leaf values on the refit rows plus a penalty on the
    change, with labels as targets or, where there are none, the original's outputs.

    Parameters
    ----------
    ridge : float
        Penalty on the squared change of a leaf value, in rows: where all trees put the same
        `ridge` rows into one leaf, that leaf moves half the way.
    iterations : int
        Conjugate-gradient steps.

    References
    ----------
    .. [1] S. Ren, X. Cao, Y. Wei, J. Sun, "Global refinement of random forest", CVPR 2015.
    .. [2] S. Buschjäger, K. Morik, "Joint leaf-refinement and ensemble pruning through L1
       regularization", Data Mining and Knowledge Discovery 37, 2023.
    """

    ridge: float = 3.0
    iterations: int = _ITERATIONS
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the leaf values."""
        trees = trees_of(model)
        if context.refit is None:
            raise SkipPass("no rows to refit leaf values on")
        if trees.tree_output is not None:
            raise SkipPass("leaf values of boosted trees are not refitted")
        targets = regression_targets(model, context)
        rows = as_dense(context.inputs(model, context.refit))
        reached = leaf_rows(pack(trees, np.arange(trees.leaf.size)), rows)
        old = decode(trees.values)[trees.leaf].astype(np.float64)
        share = 1.0 / trees.denominator
        weight = context.refit.sample_weight
        if trees.base is not None:
            targets = targets - trees.base * share
        refined = refit_leaves(old, reached, targets, weight, share, self.ridge, self.iterations)
        values, leaf = distinct_rows(refined)
        # Only the mean over the trees is a probability now, and only nearly so.
        head = model.head.replace(clip=True) if isinstance(model.head, Shares) else model.head
        return model.replace(head=head).with_predictor(trees.replace(values=values, leaf=leaf))


def refit_leaves(
    values: np.ndarray,
    reached: np.ndarray,
    targets: np.ndarray,
    weight: np.ndarray | None,
    share: float,
    ridge: float,
    iterations: int = _ITERATIONS,
) -> np.ndarray:
    """Leaf values whose weighted sums fit the targets, near those that were there.

    Parameters
    ----------
    values : ndarray of shape (n_leaves, n_outputs)
        What was there.
    reached : ndarray of int32, of shape (n_rows, n_trees)
        The leaf of each row in each tree.
    targets : ndarray of shape (n_rows, n_outputs)
        What the sums should be.
    weight : ndarray of shape (n_rows,), or None
        Weights of the rows.
    share : float
        Weight of a tree in the sum.
    ridge : float
        Penalty, as `RefineLeaves` takes it.
    iterations : int
        Conjugate-gradient steps.

    Returns
    -------
    ndarray of shape (n_leaves, n_outputs)
        Leaves that no row reaches stay as they are.
    """
    n_leaves, penalty = values.shape[0], ridge * share
    weights = np.ones(len(reached)) if weight is None else weight / weight.mean()
    weights = share * weights[:, None]

    def sums(x: np.ndarray) -> np.ndarray:
        return share * add_leaves(x, reached)

    def product(x: np.ndarray) -> np.ndarray:
        return add_to_leaves(weights * sums(x), reached, n_leaves) + penalty * x

    gap = targets - sums(values)
    # Shares of classes add up to one before and after, so that the last change tells itself.
    whole = gap.shape[1] > 1 and bool((np.abs(gap.sum(axis=1)) < _NOTHING).all())
    right = add_to_leaves(weights * (gap[:, :-1] if whole else gap), reached, n_leaves)
    diagonal = share * add_to_leaves(weights, reached, n_leaves) + penalty
    change = conjugate_gradients(product, right, iterations, diagonal)
    if whole:
        change = np.hstack([change, -change.sum(axis=1, keepdims=True)])
    return values + change


def conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    iterations: int,
    diagonal: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Solve a positive definite system for several right sides at once.

    Parameters
    ----------
    product : callable
        Gives the product of the matrix and one column a right side.
    right : ndarray of shape (n, n_sides)
        The right sides.
    iterations : int
        Steps at most; it ends when all residuals are a thousandth of their sides.
    diagonal : ndarray of shape (n, 1), or 1.0
        That of the matrix, about: what preconditions it.

    Returns
    -------
    ndarray of shape (n, n_sides)
        The solutions.
    """
    solution = np.zeros_like(right)
    residual = right.copy()
    direction = residual / diagonal
    norm = (residual * direction).sum(axis=0)
    wanted = _PRECISION**2 * np.square(residual).sum(axis=0)
    for _ in range(iterations):
        if bool((np.square(residual).sum(axis=0) <= wanted).all()):
            break
        image = product(direction)
        curvature = (direction * image).sum(axis=0)
        # Where the residual is zero already, nothing is left to do in that direction.
        step = np.divide(norm, curvature, out=np.zeros_like(norm), where=curvature > 0)
        solution += step * direction
        residual -= step * image
        eased = residual / diagonal
        before, norm = norm, (residual * eased).sum(axis=0)
        growth = np.divide(norm, before, out=np.zeros_like(norm), where=before > 0)
        direction = eased + growth * direction
    return solution
