"""Fewer trees."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from ..ir import ClassScores, Model, Numbers, Shares, TreeEnsemble, WeightedMedian, decode
from ..runtime import CompactModel
from ..runtime._rows import as_dense
from ..runtime.trees import leaf_rows, pack
from ._base import SkipPass
from ._context import Context
from ._trees import take_nodes, trees_of

__all__ = ["SelectTrees", "greedy_order", "keep_trees", "regression_targets"]


_CELLS = 1 << 17
"""Numbers by which trees are told apart: more do not change which ones are worth keeping."""


@dataclasses.dataclass(frozen=True)
class SelectTrees:
    """Keep some trees of an averaged forest.

    With rows, trees are added one by one, each time the one that brings the mean closest to the
    targets in least squares (ensemble selection without replacement, Caruana et al. 2004); their
    order in the forest is kept. Without rows the first trees stay: a forest's trees are
    exchangeable.

    Parameters
    ----------
    n_trees : int or float
        Number (int) or share (float) of trees to keep.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries
       of models", ICML 2004.
    """

    n_trees: int | float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Drop trees."""
        trees = trees_of(model)
        total = trees.n_trees
        wanted = self.n_trees if isinstance(self.n_trees, int) else round(self.n_trees * total)
        count = min(max(int(wanted), 1), total)
        if count == total:
            return model
        if isinstance(model.head, WeightedMedian):
            return _fewer_in_median(model, model.head, trees, count)
        if not trees.average:
            # Boosted trees correct one another in order: a prefix is an earlier stage.
            of_stage = 1 if trees.tree_output is None else trees.n_outputs
            stages = max(count - count % of_stage, of_stage)
            divisor = _divisor_of(model, trees, stages)
            return model.with_predictor(keep_trees(trees, np.arange(stages), divisor=divisor))
        if context.refit is None:
            return model.with_predictor(keep_trees(trees, np.arange(count)))
        rows = as_dense(context.inputs(model, context.refit))
        reached = leaf_rows(pack(trees), rows)
        targets = regression_targets(model, context)
        order = greedy_order(decode(trees.values), reached, targets, context, count)
        return model.with_predictor(keep_trees(trees, np.sort(order)))


def _fewer_in_median(model: Model, head: WeightedMedian, trees: TreeEnsemble, count: int) -> Model:
    """The median of the first trees."""
    if trees.tree_output is None or trees.n_trees != trees.n_outputs:
        raise SkipPass("the numbers of which the median is taken do not come from a tree each")
    fewer = keep_trees(trees, np.arange(count), n_outputs=count)
    chain = model.chain.replace(predictor=fewer)
    return model.replace(chain=chain, head=head.replace(weights=head.weights[:count]))


def _divisor_of(model: Model, trees: TreeEnsemble, count: int) -> float:
    """What the sum over the first trees is divided by, if that over all is by `divisor`."""
    if trees.divisor == 1:
        return 1.0
    weight = np.ones(trees.n_trees)
    if isinstance(model.head, ClassScores):
        # Votes weigh as much as the largest of their leaves.
        largest = np.abs(decode(trees.values)).max(axis=1)[trees.leaf]
        weight = np.zeros(trees.n_trees)
        np.maximum.at(weight, trees.tree_of_node[~trees.internal], largest)
    return float(trees.divisor * weight[:count].sum() / weight.sum())


def greedy_order(
    values: np.ndarray,
    reached: np.ndarray,
    targets: np.ndarray,
    context: Context,
    count: int | None = None,
) -> np.ndarray:
    """Trees in the order in which each brings the mean closest to the targets.

    Parameters
    ----------
    values : ndarray of shape (n_values, n_outputs)
        What leaves hold.
    reached : ndarray of int, of shape (n_rows, n_trees)
        The row of `values` that each row of the data gets from each tree.
    targets : ndarray of shape (n_rows, n_outputs)
        What the mean should be.
    context : Context
        Told of the progress.
    count : int or None
        How many trees are wanted; None: all.

    Returns
    -------
    ndarray of int64
        The trees.
    """
    n_trees = reached.shape[1]
    count = n_trees if count is None else count
    step = -(-targets.size // _CELLS)
    reached, targets = reached[::step], targets[::step]
    # |s + p_t - k y|^2 = |s - k y|^2 + |p_t|^2 + 2 p_t (s - k y): all that a round needs of a
    # tree is its product with the current gap, so the Gram matrix of the trees tells everything.
    gram = np.zeros((n_trees, n_trees))
    with_target = np.zeros(n_trees)
    for column in range(values.shape[1]):
        predictions = values[:, column][reached]
        gram += predictions.T @ predictions
        with_target += predictions.T @ targets[:, column]
    norms = np.diag(gram).copy()
    sums = np.zeros(n_trees)
    available = np.ones(n_trees, dtype=bool)
    chosen = []
    for k in range(1, count + 1):
        gain = norms + 2 * sums - 2 * k * with_target
        best = int(np.argmin(np.where(available, gain, np.inf)))
        chosen.append(best)
        available[best] = False
        sums += gram[best]
        context.report_progress("trees selected", k, count)
    return np.asarray(chosen)


def regression_targets(model: Model, context: Context) -> np.ndarray:
    """What the raw output should be on the refit rows: one-hot labels, numbers, or the original's.

    Returns
    -------
    ndarray of float64, of shape (n_rows, n_outputs)
        Without labels, the original's probabilities or predictions.
    """
    assert context.refit is not None
    data, head = context.refit, model.head
    if data.y is None:
        raw = CompactModel(context.original).raw(data.X)
        return np.asarray(raw, dtype=np.float64)
    y = np.asarray(data.y)
    if isinstance(head, Numbers):
        return y.astype(np.float64).reshape(len(data), -1)
    if isinstance(head, Shares):
        columns = y.reshape(len(data), -1)
        return np.concatenate(
            [
                (columns[:, [place]] == target.classes).astype(np.float64)
                for place, target in enumerate(head.labels)
            ],
            axis=1,
        )
    kind = "scores" if isinstance(head, ClassScores) else type(head).__name__
    raise SkipPass(f"there are no least-squares targets for a head of {kind}")


def keep_trees(trees: TreeEnsemble, chosen: np.ndarray, **settings: Any) -> TreeEnsemble:
    """The ensemble of some of the trees, in their own order, with other fields as given."""
    mask = np.zeros(trees.n_trees, dtype=bool)
    mask[chosen] = True
    nodes = np.flatnonzero(mask[trees.tree_of_node])
    leaf = trees.leaf[mask[trees.tree_of_node[~trees.internal]]]
    outputs = None if trees.tree_output is None else trees.tree_output[mask]
    kept = {"leaf": leaf, "tree_output": outputs, **settings}
    return take_nodes(trees, nodes, trees.internal[nodes], **kept)
