"""`SVMQuantizer`: kernel and linear machines in few bits."""

from __future__ import annotations

import dataclasses
from numbers import Integral, Real
from typing import Any, ClassVar

from ..families._sklearn_internals import Interval, StrOptions
from ..ir import KernelExpansion, LinearMap, Model, Node
from ..passes import SCHEMES, ReductionPoint
from ..recipes import LEVELS, Recipe, svm_recipe
from ._base import LIMITS, BaseCompressor
from ._compress import Job
from ._ladder import SVM_LADDER

__all__ = ["SVMQuantizer"]


class SVMQuantizer(BaseCompressor):
    """Quantize the support vectors and coefficients of an SVM, or the weights of a linear model.

    Every column of the support vectors gets a scale or table of its own, so that features of
    different size do not disturb one another. After the vectors are quantized, the dual
    coefficients are refitted to the original decision function: without that, 8 bits can cost
    several points of accuracy.

    Parameters
    ----------
    estimator : estimator
        SVC, NuSVC, SVR, NuSVR, OneClassSVM or a linear model, or a pipeline that ends in one;
        unfitted, or fitted inside ``FrozenEstimator``.
    n_bits : int, "auto" or None, default=8
        Bits a component of a support vector, or a weight of a linear model, from 2 to 16; None
        leaves them as they are; "auto" prunes weights of linear models, too. Reduced vectors
        take so many on average: columns get more or fewer by how much an error there changes the
        decisions.
    coef_bits : int, "auto" or None, default=16
        Bits a dual coefficient, from 2 to 16; None leaves them in float64.
    scheme : {"affine", "fixed-point", "codebook"}, default="affine"
        Even steps between the extremes of a column; integers times a power of two; or the
        Lloyd-Max table of a column, which is the best at few bits.
    n_vectors : float, int, "auto" or None, default=None
        Share (float) or number (int) of vectors. The support vectors are replaced by so many
        that are placed freely, shared by all classes, and fitted to the decisions at the rows
        of `fit`. Sparse vectors, or all with ``refit=False``, are not replaced: the strongest of
        each class are kept.
    refit : bool, default=True
        Refit the dual coefficients after vectors were moved or dropped.
    tolerance : float or None, default=None
        Score that may be lost on held-out rows. Where the settings lose more, the parts of them
        that save the fewest bytes for what they cost are undone until they do not. None: 0.005
        where a setting is "auto"; else what is asked is done, and nothing judged.
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
        Seed of the held-out rows.
    verbose : int, default=0
        Show progress.

    Attributes
    ----------
    model_ : CompactModel
        The compact model: this is what is served, saved and pickled.
    size_report_ : SizeReport
        Bytes before and after, by part, and what was done.
    reduction_path_ : tuple of ReductionPoint
        Each number of vectors that was tried: `n_vectors`, the `error` at the rows that they were
        fitted to, the `score` on held-out rows. Empty where none were replaced.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for a classifier.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of str
        Names of the input columns, where `fit` saw some.

    See Also
    --------
    ModelCompressor : Choose bits by the score on held-out rows.

    Notes
    -----
    Pickling a fitted compressor pickles its ``estimator`` parameter too, which holds the original
    if it is a ``FrozenEstimator``: deploy ``model_``.

    References
    ----------
    .. [1] S. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information
       Theory 28 (2), 1982.
    .. [2] C. Burges, B. Schölkopf, "Improving the accuracy and speed of support vector
       machines", NIPS 1997.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> import skcompress as skc
    >>> X, y = load_digits(return_X_y=True)
    >>> small = skc.SVMQuantizer(SVC(), n_bits=4, scheme="codebook").fit(X[:1200], y[:1200])
    >>> bool(small.score(X[1200:], y[1200:]) > 0.93)
    True
    >>> bool(small.size_report_.ratio > 8)
    True
    """

    _predictors: ClassVar[tuple[type[Node], ...]] = (KernelExpansion, LinearMap)
    _takes: ClassVar[str] = "kernel and linear machines such as SVC, SVR and LinearSVC"

    _ladder: ClassVar[tuple[dict[str, Any], ...]] = SVM_LADDER

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCompressor._parameter_constraints,
        **LIMITS,
        "n_bits": [Interval(Integral, 2, 16, closed="both"), StrOptions({"auto"}), None],
        "coef_bits": [Interval(Integral, 2, 16, closed="both"), StrOptions({"auto"}), None],
        "scheme": [StrOptions(set(SCHEMES))],
        "n_vectors": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "refit": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_bits: int | str | None = 8,
        coef_bits: int | str | None = 16,
        scheme: str = "affine",
        n_vectors: float | int | str | None = None,
        refit: bool = True,
        tolerance: float | None = None,
        max_bytes: int | None = None,
        scoring: Any = None,
        memory: Any = None,
        keep_notes: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_bits = n_bits
        self.coef_bits = coef_bits
        self.scheme = scheme
        self.n_vectors = n_vectors
        self.refit = refit
        self.tolerance = tolerance
        self.max_bytes = max_bytes
        self.scoring = scoring
        self.memory = memory
        self.keep_notes = keep_notes
        self.random_state = random_state
        self.verbose = verbose

    def _recipe(self, model: Model) -> Recipe:
        assert model.predictor is not None
        self.reduction_path_: tuple[ReductionPoint, ...] = ()
        return svm_recipe(
            model.predictor,
            n_bits=self.n_bits,
            coef_bits=self.coef_bits,
            scheme=self.scheme,
            n_vectors=self.n_vectors,
            refit=self.refit,
            record=self._keep_path,
        )

    def _keep_path(self, path: tuple[ReductionPoint, ...]) -> None:
        self.reduction_path_ = path

    def _chooses(self) -> bool:
        return "auto" in (self.n_bits, self.coef_bits, self.n_vectors)

    def _tolerance(self) -> float | None:
        if self.tolerance is None and self._chooses():
            return LEVELS["balanced"]
        return self.tolerance

    def _job(self) -> Job:
        job = super()._job()
        # What was chosen by held-out rows need not be undone by them.
        return dataclasses.replace(job, ranked=job.ranked and not self._chooses())
