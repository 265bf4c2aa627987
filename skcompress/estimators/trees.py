"""`TreePruner`: trees and forests pruned after the fit."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from ..families._sklearn_internals import Interval, StrOptions
from ..ir import Model, Node, TreeEnsemble
from ..recipes import LEVELS, Recipe, tree_recipe
from ._base import LIMITS, BaseCompressor
from ._ladder import TREE_LADDER

__all__ = ["TreePruner"]


class TreePruner(BaseCompressor):
    """Prune a fitted tree, or all trees of a forest, by cost-complexity, and compact what is left.

    The weakest links are cut as scikit-learn's ``ccp_alpha`` cuts them at fit time, but from a
    model that is fitted already, and with the whole path of alphas to choose from.

    Parameters
    ----------
    estimator : estimator
        A tree, a forest, or a pipeline that ends in one; unfitted, or fitted inside
        ``FrozenEstimator``. Gradient boosting is taken too: its trees hold no impurities to prune
        by, but `method` knows others, and leaf values and thresholds can be quantized.
    method : {"ccp", "levels", "depths"}, default="ccp"
        How trees are pruned: by cost-complexity (`ccp_alpha`); level by level, by a regression
        with an L1 penalty that finds which subtrees a number can stand for [3]_; or each at a
        depth of its own, by block coordinate descent over the trees [4]_. The last two prune as
        far as `tolerance` allows on held-out rows and refit all leaves on the rows that `fit`
        gets; `ccp_alpha` means nothing to them.
    ccp_alpha : float or "auto", default="auto"
        Complexity parameter; "auto" takes the largest on the path whose score on held-out rows
        is within `tolerance` of the unpruned model's; 0 prunes nothing.
    n_trees : int, float or None, default=None
        Number or share of trees to keep.
    share_thresholds : bool, default=False
        Move thresholds within the gaps between the rows that `fit` gets, so that few different
        ones do for all splits; these rows keep their paths.
    threshold_bits : int or None, default=None
        Let each feature have at most ``2 ** threshold_bits`` different thresholds.
    value_bits : int or None, default=None
        Bits a leaf value.
    refine : bool, default=False
        Refit all leaf values together after pruning, on the rows that `fit` gets.
    tolerance : float or None, default=None
        Score that may be lost on held-out rows. Where the settings lose more, the parts of them
        that save the fewest bytes for what they cost are undone until they do not. None: 0.005
        for ``ccp_alpha="auto"``, with one standard error of the difference to spare, and for
        the other methods, with two; otherwise what is asked is done, and nothing judged.
    max_bytes : int or None, default=None
        Largest file. Where the settings give a larger one, ever stronger settings are tried.
    scoring : str, callable or None, default=None
        The score; None: accuracy or R².
    memory : str, joblib.Memory or None, default=None
        Where fits of the inner estimator are remembered, so that a grid over these settings fits
        it once for each fold.
    keep_notes : bool, default=False
        Keep impurities and sample counts, which `to_sklearn` needs for a complete tree.
    random_state : int, RandomState or None, default=None
        Seed of the held-out rows.
    verbose : int, default=0
        Show progress.

    Attributes
    ----------
    model_ : CompactModel
        The compact model: this is what is served, saved and pickled.
    size_report_ : SizeReport
        Bytes before and after, by part, and what was done.
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        Class labels, for a classifier.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of str
        Names of the input columns, where `fit` saw some.

    See Also
    --------
    ModelCompressor : Choose all settings by the score on held-out rows.

    Notes
    -----
    Pickling a fitted compressor pickles its ``estimator`` parameter too, which holds the original
    if it is a ``FrozenEstimator``: deploy ``model_``.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression Trees",
       Wadsworth, 1984.
    .. [2] S. Ren, X. Cao, Y. Wei, J. Sun, "Global refinement of random forest", CVPR 2015.
    .. [3] L. Devos, T. Martens, D. C. Oruc, W. Meert, H. Blockeel, J. Davis, "Compressing tree
       ensembles through level-wise optimization and pruning", ICML 2025.
    .. [4] B. Liu, R. Mazumder, "ForestPrune: compact depth-pruned tree ensembles", AISTATS 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> import skcompress as skc
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> forest = RandomForestClassifier(50, random_state=0)
    >>> small = skc.TreePruner(forest, ccp_alpha=0.002, random_state=0).fit(X[:400], y[:400])
    >>> bool(small.score(X[400:], y[400:]) > 0.93)
    True
    >>> bool(small.size_report_.ratio > 20)
    True
    """

    _predictors: ClassVar[tuple[type[Node], ...]] = (TreeEnsemble,)
    _takes: ClassVar[str] = "trees and ensembles of trees"

    _ladder: ClassVar[tuple[dict[str, Any], ...]] = TREE_LADDER

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCompressor._parameter_constraints,
        **LIMITS,
        "method": [StrOptions({"ccp", "levels", "depths"})],
        "ccp_alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "n_trees": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "share_thresholds": ["boolean"],
        "threshold_bits": [Interval(Integral, 2, 16, closed="both"), None],
        "value_bits": [Interval(Integral, 2, 16, closed="both"), None],
        "refine": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "ccp",
        ccp_alpha: float | str = "auto",
        n_trees: int | float | None = None,
        share_thresholds: bool = False,
        threshold_bits: int | None = None,
        value_bits: int | None = None,
        refine: bool = False,
        tolerance: float | None = None,
        max_bytes: int | None = None,
        scoring: Any = None,
        memory: Any = None,
        keep_notes: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.ccp_alpha = ccp_alpha
        self.n_trees = n_trees
        self.share_thresholds = share_thresholds
        self.threshold_bits = threshold_bits
        self.value_bits = value_bits
        self.refine = refine
        self.tolerance = tolerance
        self.max_bytes = max_bytes
        self.scoring = scoring
        self.memory = memory
        self.keep_notes = keep_notes
        self.random_state = random_state
        self.verbose = verbose

    def _tolerance(self) -> float | None:
        if self.tolerance is None and (self.ccp_alpha == "auto" or self.method != "ccp"):
            return LEVELS["balanced"]
        return self.tolerance

    def _recipe(self, model: Model) -> Recipe:
        return tree_recipe(
            method=self.method,
            ccp_alpha=self.ccp_alpha,
            n_trees=self.n_trees,
            share_thresholds=self.share_thresholds,
            threshold_bits=self.threshold_bits,
            value_bits=self.value_bits,
            refine=self.refine,
        )
