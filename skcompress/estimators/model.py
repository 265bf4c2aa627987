"""`ModelCompressor`: any supported model, by level or by the settings of its kind."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..families import lift
from ..ir import Ledger, Model
from ..passes import Beginnings, Data
from ..recipes import Recipe, gentler_recipes, level_recipe
from ..runtime import CompactModel
from ._base import BaseCompressor
from ._compress import Job, compress_fitted, compress_within
from ._levels import LEVEL_CONSTRAINTS, allowed_loss, level_attempts
from ._specialists import (
    DEFAULT,
    SETTING_CONSTRAINTS,
    SETTINGS,
    SHARED,
    specialist_for,
    specialists,
)

__all__ = ["ModelCompressor"]


class ModelCompressor(BaseCompressor):
    """Compress any supported model, or a pipeline that ends in one.

    By level, which chooses all else by the score on held-out rows; or by settings. Each kind of
    model has its own, and as soon as one is given, they take the place of the level: then this is
    `SVMQuantizer`, `TreePruner` or `MLPReducer`, whose defaults hold for the settings not given.

    Parameters
    ----------
    estimator : estimator
        Unfitted, or fitted inside ``FrozenEstimator``.
    level : {"lossless", "safe", "balanced", "tiny"}, default="balanced"
        How much of the score on held-out rows may be lost: nothing, 0.001, 0.005 or 0.02.
        "lossless" predicts identically and needs no held-out rows.
    tolerance : float or None, default=None
        Overrides what the level allows, in units of `scoring`. Where settings lose more, parts of
        them are undone.
    max_bytes : int or None, default=None
        Largest file. Where the level's result is larger, stronger levels are tried; then, unless a
        `tolerance` is given, whatever it costs, as little as it takes. Settings are made stronger.
    n_bits, scheme : default="default"
        For kernel and linear machines, as in `SVMQuantizer`, and for multi-layer perceptrons, as
        in `MLPReducer`.
    coef_bits, n_vectors, refit : default="default"
        For kernel machines, as in `SVMQuantizer`.
    method, ccp_alpha, n_trees, share_thresholds, refine : default="default"
        For trees and ensembles of trees, as in `TreePruner`.
    threshold_bits, value_bits : default="default"
        For trees and ensembles of trees, as in `TreePruner`.
    structure, sparsity, n_units, rank, bit_price : default="default"
        For multi-layer perceptrons, as in `MLPReducer`.
    equalize, bias_correction, rescale, finetune_epochs, target : default="default"
        For multi-layer perceptrons, as in `MLPReducer`.
    scoring : str, callable or None, default=None
        The score; None: accuracy or R².
    memory : str, joblib.Memory or None, default=None
        Where fits of the inner estimator are remembered, so that a grid over these settings fits
        it once for each fold.
    keep_notes : bool, default=False
        Keep what only `to_sklearn` needs.
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
    reduction_path_, finetune_report_
        As `SVMQuantizer` and `MLPReducer` leave them, where settings are given.

    See Also
    --------
    compress : The same for a fitted model, in one call.
    CompressionSearchCV : Search for the best of these parameters.
    SVMQuantizer : Settings for kernel and linear machines.
    TreePruner : Settings for trees and forests.
    MLPReducer : Settings for multi-layer perceptrons.

    Notes
    -----
    Pickling a fitted compressor pickles its ``estimator`` parameter too, which holds the original
    if it is a ``FrozenEstimator``: deploy ``model_``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> import skcompress as skc
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), SVC())
    >>> small = skc.ModelCompressor(pipeline, random_state=0).fit(X[:400], y[:400])
    >>> bool(small.score(X[400:], y[400:]) > 0.95)
    True
    >>> chosen = skc.ModelCompressor(pipeline, n_bits=4, scheme="codebook").fit(X[:400], y[:400])
    >>> bool(chosen.score(X[400:], y[400:]) > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCompressor._parameter_constraints,
        **LEVEL_CONSTRAINTS,
        **SETTING_CONSTRAINTS,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        level: str = "balanced",
        tolerance: float | None = None,
        max_bytes: int | None = None,
        n_bits: int | str | None = DEFAULT,
        coef_bits: int | str | None = DEFAULT,
        scheme: str = DEFAULT,
        n_vectors: float | int | str | None = DEFAULT,
        refit: bool | str = DEFAULT,
        method: str = DEFAULT,
        ccp_alpha: float | str = DEFAULT,
        n_trees: float | int | str | None = DEFAULT,
        share_thresholds: bool | str = DEFAULT,
        threshold_bits: int | str | None = DEFAULT,
        value_bits: int | str | None = DEFAULT,
        refine: bool | str = DEFAULT,
        structure: str | None = DEFAULT,
        sparsity: float | str = DEFAULT,
        n_units: Any = DEFAULT,
        rank: float | int | str | None = DEFAULT,
        bit_price: float | str | None = DEFAULT,
        equalize: bool | str = DEFAULT,
        bias_correction: bool | str = DEFAULT,
        rescale: bool | str = DEFAULT,
        finetune_epochs: int | str = DEFAULT,
        target: str = DEFAULT,
        scoring: Any = None,
        memory: Any = None,
        keep_notes: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.level = level
        self.tolerance = tolerance
        self.max_bytes = max_bytes
        self.n_bits = n_bits
        self.coef_bits = coef_bits
        self.scheme = scheme
        self.n_vectors = n_vectors
        self.refit = refit
        self.method = method
        self.ccp_alpha = ccp_alpha
        self.n_trees = n_trees
        self.share_thresholds = share_thresholds
        self.threshold_bits = threshold_bits
        self.value_bits = value_bits
        self.refine = refine
        self.structure = structure
        self.sparsity = sparsity
        self.n_units = n_units
        self.rank = rank
        self.bit_price = bit_price
        self.equalize = equalize
        self.bias_correction = bias_correction
        self.rescale = rescale
        self.finetune_epochs = finetune_epochs
        self.target = target
        self.scoring = scoring
        self.memory = memory
        self.keep_notes = keep_notes
        self.random_state = random_state
        self.verbose = verbose

    def _settings(self) -> dict[str, Any]:
        """Those that were chosen."""
        values = {name: getattr(self, name) for name in SETTINGS}
        # Arrays are compared with a text element by element, so its type is asked for first.
        return {n: v for n, v in values.items() if not (isinstance(v, str) and v == DEFAULT)}

    def _specialist(self, kind: type[BaseCompressor]) -> BaseCompressor:
        """A compressor for one kind of model with these parameters."""
        shared = {name: getattr(self, name) for name in SHARED}
        return kind(**shared, **self._settings())

    def _tolerance(self) -> float | None:
        if settings := self._settings():
            return self._specialist(specialists(settings)[0])._tolerance()  # noqa: SLF001
        return allowed_loss(self.level, self.tolerance, self.max_bytes)

    def _recipe(self, model: Model) -> Recipe:
        return level_recipe(model, self.level)

    def _job(self) -> Job:
        if settings := self._settings():
            # Before the fit only settings tell the kind; those that several have judge nothing.
            return self._specialist(specialists(settings)[0])._job()  # noqa: SLF001
        return dataclasses.replace(
            super()._job(), rivals=lambda lifted: gentler_recipes(lifted, self.level)
        )

    def _compress(self, inner: Any, job: Job) -> CompactModel:
        for name in ("finetune_report_", "reduction_path_"):
            if hasattr(self, name):
                delattr(self, name)
        if settings := self._settings():
            specialist = self._specialist(specialist_for(lift(inner), settings))
            model = specialist._compress_anew(inner, job)  # noqa: SLF001
            self._adopt(specialist)
            return model
        if self.max_bytes is None:
            return compress_fitted(inner, job)
        attempts = level_attempts(job, self.level, self.tolerance)
        return compress_within(inner, attempts, self.max_bytes)

    def _derive(
        self, lifted: Model, refit: Data, held_out: Data | None, beginnings: Beginnings | None
    ) -> tuple[Model, Ledger]:
        if settings := self._settings():
            self._validate_params()
            specialist = self._specialist(specialist_for(lifted, settings))
            return specialist._derive(lifted, refit, held_out, beginnings)  # noqa: SLF001
        return super()._derive(lifted, refit, held_out, beginnings)
