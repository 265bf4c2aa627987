"""Directions of missing values that can be told from the shape of the trees."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Impute, Model, TreeEnsemble
from ..runtime._rows import as_dense
from ._base import SkipPass
from ._context import Context
from ._trees import trees_of

__all__ = ["DropMissing", "MissingToLarger"]


@dataclasses.dataclass(frozen=True)
class DropMissing:
    """Forget where missing values go in trees that never see any.

    scikit-learn keeps a direction in every split, also in trees of models that refuse missing
    values, as gradient boosting does, and behind an imputer, which fills them in.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Forget the directions."""
        trees = trees_of(model)
        if trees.missing_left is None:
            raise SkipPass("the trees keep no directions")
        filled = any(
            isinstance(step, Impute) and np.isnan(step.missing) for step in model.chain.transforms
        )
        if model.input.finite != "all" and not filled:
            raise SkipPass("missing values may come in")
        return model.with_predictor(trees.replace(missing_left=None))


@dataclasses.dataclass(frozen=True)
class MissingToLarger:
    """Send values that were never missing to the larger subtree, where they are missing after all.

    scikit-learn sends them where more training rows went, and keeps a bit for it in every split.
    The number of nodes tells nearly the same and takes nothing in a file. Splits on features
    that miss values in the refit rows keep what training found.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Change the directions."""
        trees = trees_of(model)
        if trees.missing_left is None:
            return model
        if context.refit is None:
            raise SkipPass("no rows that tell which features miss values")
        rows = as_dense(context.inputs(model, context.refit))
        misses = np.isnan(rows).any(axis=0)[trees.feature]
        directions = np.where(misses, trees.missing_left, _left_is_larger(trees))
        return model.with_predictor(trees.replace(missing_left=directions))


def _left_is_larger(trees: TreeEnsemble) -> np.ndarray:
    """Of each split, whether the left subtree has at least as many nodes as the right one."""
    sizes = trees.sum_below(np.ones(trees.n_nodes, np.int64))
    left = trees.left_child()
    return sizes[left] >= sizes[left + 1]
