"""`MLPReducer`: multi-layer perceptrons with fewer weights in fewer bits."""

from __future__ import annotations

import dataclasses
from numbers import Integral, Real
from typing import Any, ClassVar

from ..families._sklearn_internals import Interval, StrOptions
from ..ir import DenseNetwork, Model, Node
from ..passes import SCHEMES, TARGETS, FineTuneReport
from ..recipes import Recipe, mlp_recipe
from ._base import LIMITS, BaseCompressor
from ._ladder import MLP_LADDER

__all__ = ["MLPReducer"]


class MLPReducer(BaseCompressor):
    """Prune, factorize and quantize the weights of a multi-layer perceptron.

    Optimizer state (three quarters of an MLP's pickle), dead and duplicate hidden units always
    go. Scalers are folded into the first layer where that is exact, unless weights that are to be
    rounded, pruned or trained on would differ in size for it.

    Parameters
    ----------
    estimator : estimator
        MLPClassifier or MLPRegressor, or a pipeline that ends in one; unfitted, or fitted inside
        ``FrozenEstimator``.
    structure : {"smallest", "fastest"} or None, default=None
        Instead of `sparsity`, `n_units` and `rank`: keep as few units, as few weights, or factors
        of as low a rank as half of the `tolerance` allows on held-out rows, and of these, and of
        the whole network, once the rest was done with them, take the smallest file, or the one that
        multiplies the least.
    sparsity : float, default=0.0
        Share of the weights to set to zero, the smallest first; gradually and with fine-tuning
        if `finetune_epochs` is not 0.
    n_units : int, float, tuple or None, default=None
        Number (int) or share (float) of hidden units to keep in each layer, the most important
        first; a tuple has an entry per hidden layer.
    rank : int, float or None, default=None
        Rank of the factors that replace each layer's weights, where that is smaller.
    n_bits : int or None, default=8
        Bits a weight, from 2 to 16; None leaves them as they are.
    scheme : {"affine", "fixed-point", "codebook"}, default="affine"
        Even steps between the extremes of a unit's weights; integers times a power of two; or
        the Lloyd-Max table of a layer, which is the best at few bits. With `finetune_epochs`,
        such tables of up to 8 bits are trained, for a third as many epochs again.
    bit_price : float or None, default=None
        Instead of `n_bits` and `scheme`: round weights to even steps, many of them to zero, so that
        the error of what follows plus the price of all bits is least, and let the weights that are
        rounded later make up for it. The price is the share of the outputs' variance that a bit
        may cost, such as 1e-5.
    equalize : bool, default=False
        Scale rectified and linear hidden units so that their incoming and outgoing weights have
        about the same range, which changes no prediction. It helps where units of one layer differ
        by orders of magnitude.
    bias_correction : bool, default=True
        After weights are pruned or rounded without training, let the biases take over what that
        changes in the means of all sums, on the rows that `fit` gets.
    rescale : bool, default=True
        Bring the variance of each layer's sums back to what it was, too, by a factor.
    finetune_epochs : int, default=0
        Passes over the rows that `fit` gets, to recover what pruning cost.
    target : {"auto", "labels", "original", "mix"}, default="auto"
        What is trained for: labels; what the original answers, on the rows and in between, which
        is better where it learned its labels by heart; the mean of the two; or labels where there
        are some and otherwise the original.
    tolerance : float or None, default=None
        Score that may be lost on held-out rows. Where the settings lose more, the parts of them
        that save the fewest bytes for what they cost are undone until they do not. None: what is
        asked is done, and nothing judged.
    max_bytes : int or None, default=None
        Largest file. Where the settings give a larger one, ever stronger settings are tried.
    scoring : str, callable or None, default=None
        The score; None: accuracy or R².
    memory : str, joblib.Memory or None, default=None
        Where fits of the inner estimator are remembered, so that a grid over these settings fits
        it once for each fold.
    keep_notes : bool, default=False
        Keep what only `to_sklearn` needs, such as constructor parameters.
    random_state : int, RandomState or None, default=None
        Seed of fine-tuning.
    verbose : int, default=0
        Show progress.

    Attributes
    ----------
    model_ : CompactModel
        The compact model: this is what is served, saved and pickled.
    size_report_ : SizeReport
        Bytes before and after, by part, and what was done.
    finetune_report_ : FineTuneReport
        Losses, errors and gradient norms of fine-tuning, where there was any; its `tables` has
        those of the tables that were trained after it.
    classes_ : ndarray of shape (n_classes,)
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
    .. [1] S. Han, H. Mao, W. Dally, "Deep compression", ICLR 2016.
    .. [2] M. Zhu, S. Gupta, "To prune, or not to prune", ICLR workshop 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> import skcompress as skc
    >>> X, y = load_digits(return_X_y=True)
    >>> mlp = MLPClassifier((32,), max_iter=300, random_state=0)
    >>> small = skc.MLPReducer(mlp, n_bits=5, scheme="codebook").fit(X[:1200] / 16, y[:1200])
    >>> bool(small.score(X[1200:] / 16, y[1200:]) > 0.89)
    True
    >>> bool(small.size_report_.ratio > 20)
    True
    """

    _predictors: ClassVar[tuple[type[Node], ...]] = (DenseNetwork,)
    _takes: ClassVar[str] = "MLPClassifier and MLPRegressor"

    _ladder: ClassVar[tuple[dict[str, Any], ...]] = MLP_LADDER

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCompressor._parameter_constraints,
        **LIMITS,
        "structure": [StrOptions({"smallest", "fastest"}), None],
        "sparsity": [Interval(Real, 0, 1, closed="left")],
        "n_units": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            tuple,
            None,
        ],
        "rank": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "n_bits": [Interval(Integral, 2, 16, closed="both"), None],
        "scheme": [StrOptions(set(SCHEMES))],
        "bit_price": [Interval(Real, 0, None, closed="neither"), None],
        "equalize": ["boolean"],
        "bias_correction": ["boolean"],
        "rescale": ["boolean"],
        "finetune_epochs": [Interval(Integral, 0, None, closed="left")],
        "target": [StrOptions(set(TARGETS))],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        structure: str | None = None,
        sparsity: float = 0.0,
        n_units: int | float | tuple[int | float, ...] | None = None,
        rank: int | float | None = None,
        n_bits: int | None = 8,
        scheme: str = "affine",
        bit_price: float | None = None,
        equalize: bool = False,
        bias_correction: bool = True,
        rescale: bool = True,
        finetune_epochs: int = 0,
        target: str = "auto",
        tolerance: float | None = None,
        max_bytes: int | None = None,
        scoring: Any = None,
        memory: Any = None,
        keep_notes: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.structure = structure
        self.sparsity = sparsity
        self.n_units = n_units
        self.rank = rank
        self.n_bits = n_bits
        self.scheme = scheme
        self.bit_price = bit_price
        self.equalize = equalize
        self.bias_correction = bias_correction
        self.rescale = rescale
        self.finetune_epochs = finetune_epochs
        self.target = target
        self.tolerance = tolerance
        self.max_bytes = max_bytes
        self.scoring = scoring
        self.memory = memory
        self.keep_notes = keep_notes
        self.random_state = random_state
        self.verbose = verbose

    def _recipe(self, model: Model) -> Recipe:
        if hasattr(self, "finetune_report_"):
            del self.finetune_report_
        return mlp_recipe(
            structure=self.structure,
            sparsity=self.sparsity,
            n_units=self.n_units,
            rank=self.rank,
            n_bits=self.n_bits,
            scheme=self.scheme,
            bit_price=self.bit_price,
            equalize=self.equalize,
            bias_correction=self.bias_correction,
            rescale=self.rescale,
            finetune_epochs=self.finetune_epochs,
            target=self.target,
            record=self._record,
            record_tables=self._record_tables,
        )

    def _record(self, report: FineTuneReport) -> None:
        self.finetune_report_ = report

    def _record_tables(self, report: FineTuneReport) -> None:
        before = getattr(self, "finetune_report_", None)
        after = report if before is None else dataclasses.replace(before, tables=report)
        self.finetune_report_ = after
