"""Cost-complexity pruning after the fit, of a tree or of all trees of a forest."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import Model, Outlier, TreeEnsemble
from ..runtime.trees import sum_leaves
from ._base import SkipPass
from ._context import Context
from ._trees import collapse, collapsed_ancestor, leaves_reached, trees_of

__all__ = ["CostComplexity", "collapse_alphas", "path_alphas", "weakest_links"]

_PATH_RATIO = 0.9


@dataclasses.dataclass(frozen=True)
class CostComplexity:
    """Minimal cost-complexity pruning (Breiman et al. 1984), on a fitted model.

    The branch under node t is cut at ``alpha >= (R(t) - R(T_t)) / (|T_t| - 1)``, where R is
    impurity times the share of the training weight; each tree is pruned with the same alpha, as
    scikit-learn's ``ccp_alpha`` does at fit time. Nothing is refitted: what it takes is in the
    nodes of the fitted trees.

    Parameters
    ----------
    alpha : float or "auto"
        Complexity parameter; "auto" follows the path as far as the held-out rows accept.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression Trees",
       Wadsworth, 1984, chapter 3.
    """

    alpha: float | str = "auto"
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the model's trees."""
        trees = trees_of(model)
        if trees.notes is None:
            raise SkipPass("the trees no longer hold the impurities that pruning needs")
        if isinstance(model.head, Outlier):
            raise SkipPass("trees that isolate rows are grown at random, whatever their impurities")
        if trees.tree_output is not None:
            raise SkipPass("the impurities of boosted trees do not measure their loss")
        if self.alpha == 0:
            return model
        alphas = collapse_alphas(trees)
        if self.alpha == "auto":
            if not context.judges:
                raise SkipPass("no held-out rows to choose alpha by")
            return _largest_acceptable(model, trees, alphas, context)
        return _pruned(model, trees, alphas, float(self.alpha))


def _pruned(model: Model, trees: TreeEnsemble, alphas: np.ndarray, alpha: float) -> Model:
    return model.with_predictor(collapse(trees, alphas <= alpha))


def collapse_alphas(trees: TreeEnsemble) -> np.ndarray:
    """The alpha at which cost-complexity pruning turns each node into a leaf.

    Parameters
    ----------
    trees : TreeEnsemble
        Trees with notes.

    Returns
    -------
    ndarray of float64, of shape (n_nodes,)
        Infinite for leaves, and for nodes that vanish with an ancestor.
    """
    assert trees.notes is not None
    root_weight = trees.notes.weight[trees.offsets[:-1]]
    return weakest_links(
        trees, trees.notes.impurity * trees.notes.weight / root_weight[trees.tree_of_node]
    )


def weakest_links(trees: TreeEnsemble, risk: np.ndarray) -> np.ndarray:
    """The alpha at which weakest-link pruning turns each node into a leaf, given their risks.

    All trees are pruned side by side. A node whose link is no stronger than those of all its
    ancestors and of all internal nodes below it is cut before any of them, whatever happens
    elsewhere, so all such nodes of the forest can be cut in one round; links only get stronger
    when others are cut.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    risk : ndarray of float64, of shape (n_nodes,)
        What each node costs as a leaf.

    Returns
    -------
    ndarray of float64, of shape (n_nodes,)
        Infinite for leaves, and for nodes that vanish with an ancestor.
    """
    n_nodes = trees.n_nodes
    left, parent = trees.left_of_node(), trees.parent()
    alphas = np.full(n_nodes, np.inf)
    open_nodes = trees.internal.copy()
    by_level = [nodes[open_nodes[nodes]] for nodes in trees.levels()]
    branch_risk, n_leaves = risk.copy(), np.ones(n_nodes)
    link, weakest = np.full(n_nodes, np.inf), np.full(n_nodes, np.inf)
    above = np.full(n_nodes, np.inf)
    while True:
        by_level = [
            nodes for nodes in (level[open_nodes[level]] for level in by_level) if nodes.size
        ]
        if not by_level:
            return alphas
        for nodes in reversed(by_level):
            first, second = left[nodes], left[nodes] + 1
            branch_risk[nodes] = branch_risk[first] + branch_risk[second]
            n_leaves[nodes] = n_leaves[first] + n_leaves[second]
            link[nodes] = (risk[nodes] - branch_risk[nodes]) / (n_leaves[nodes] - 1)
            below = np.minimum(weakest[first], weakest[second])
            weakest[nodes] = np.minimum(link[nodes], below)
        for nodes in by_level:
            up = parent[nodes]
            inherited = np.where(up < 0, np.inf, np.minimum(above[up], link[up]))
            above[nodes] = inherited
        active = np.concatenate(by_level)
        # `weakest` includes the node itself, so equality means that nothing below is weaker.
        cut = active[(link[active] <= weakest[active]) & (link[active] <= above[active])]
        alphas[cut] = link[cut]
        marked = np.zeros(n_nodes, dtype=bool)
        marked[cut] = True
        branch_risk[cut], n_leaves[cut] = risk[cut], 1.0
        link[cut], weakest[cut] = np.inf, np.inf
        for nodes in by_level:
            up = parent[nodes]
            marked[nodes] |= (up >= 0) & marked[up]
        open_nodes &= ~marked


def path_alphas(trees: TreeEnsemble, alphas: np.ndarray, ratio: float = _PATH_RATIO) -> np.ndarray:
    """Alphas along the pruning path at which the number of splits falls by `ratio` each.

    Parameters
    ----------
    trees : TreeEnsemble
        The trees.
    alphas : ndarray of shape (n_nodes,)
        From `collapse_alphas`.
    ratio : float
        Splits left at one alpha as a share of those left at the one before.

    Returns
    -------
    ndarray of float64
        Rising; the last one leaves nothing but roots.
    """
    gone_at = alphas.copy()
    parent = trees.parent()
    for nodes in trees.levels()[1:]:
        gone_at[nodes] = np.minimum(gone_at[nodes], gone_at[parent[nodes]])
    gone = np.sort(gone_at[trees.internal])
    if not gone.size:
        return gone
    left = np.unique(np.floor(gone.size * ratio ** np.arange(1, 400)).astype(np.int64))
    return np.unique(gone[gone.size - 1 - left[left < gone.size]])


def _largest_acceptable(
    model: Model, trees: TreeEnsemble, alphas: np.ndarray, context: Context
) -> Model:
    """Score the whole path from one walk of the held-out rows, and prune where it allows."""
    assert context.held_out is not None
    assert trees.notes is not None
    reached = leaves_reached(trees, context.inputs(model, context.held_out))
    values = trees.value_of_node(trees.notes.values)

    best = None
    path = path_alphas(trees, alphas)
    for done, alpha in enumerate(path):
        end = collapsed_ancestor(trees, alphas <= alpha)
        raw = sum_leaves(trees, values, end[reached].astype(np.int32))
        context.report_progress("cost-complexity path", done + 1, path.size)
        # A stronger pruning that scores well after a weaker one failed does so by luck.
        if not context.acceptable_raw(model, raw):
            break
        best = alpha
    return model if best is None else _pruned(model, trees, alphas, float(best))
