"""`CompressionSearchCV`: the smallest model within a tolerance, or the best within a budget."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import assert_all_finite, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ..estimators import ModelCompressor
from ..estimators._compress import seed_of
from ..estimators._delegate import Delegating, unwrapped
from ..exceptions import BudgetError
from ..families._sklearn_internals import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    routing_enabled,
)
from ..ir.display import Display, axis_or_new
from ._folds import fit_fold, score_of
from ._measure import Measurements, compress_whole
from ._problem import Problem
from ._results import budget_error, choose, front_of, front_table, table
from ._space import default_space, listed, may_judge
from ._strategies import STRATEGIES

__all__ = ["CompressionSearchCV"]

Params = dict[str, Any]


def _can_score(search: CompressionSearchCV) -> bool:
    """Scorers need `predict`, and before `fit` nothing tells more."""
    return hasattr(search.estimator, "predict") or hasattr(search.estimator, "score")


class CompressionSearchCV(Delegating):
    """Search for settings that make a model small and leave it good, by cross-validation.

    The inner model is fitted once for each fold, and all candidates are derived from it. All of
    that runs through joblib, so ``with joblib.parallel_config("dask")`` moves it to a cluster.

    Parameters
    ----------
    estimator : estimator
        The model, unfitted, or fitted inside ``FrozenEstimator``: then the rows passed to `fit`
        must be ones that it was not fitted on. Any supported model or pipeline.
    space : dict, list of dict, or None, default=None
        Parameter of `ModelCompressor` -> values to try, as in a grid search: "level",
        "tolerance", or settings for this kind of model. None: a space for this kind.
    strategy : {"tree", "grid", "halving", "optuna"}, default="tree"
        "tree" is a best-first branch and bound, which measures at most a fifth of the settings;
        "grid" measures all; "halving" begins with all on few rows; "optuna" leaves it to Optuna's
        sampler for several objectives, whose study is kept as ``study_``.
    cv : int, cross-validation generator or iterable, default=5
        Folds.
    scoring : str, callable or None, default=None
        The score, a single one; None: accuracy or R².
    tolerance : float or None, default=None
        Choose the smallest candidate that loses at most so much of the inner model's score.
    max_bytes : int or None, default=None
        Choose the best candidate whose file takes at most so many bytes. Without either, the
        smallest candidate within one standard error of the best one's score is chosen.
    n_candidates : int or None, default=None
        Most candidates that are measured; None: all for "grid", a fifth of them for others.
    n_jobs : int or None, default=None
        Folds and candidates that are worked on at the same time.
    refit : bool, default=True
        Fit the inner model on all rows and compress it with the chosen settings.
    random_state : int, RandomState or None, default=None
        Seed of held-out rows, and of "halving" and "optuna".
    verbose : int, default=0
        Passed on to joblib.

    Attributes
    ----------
    model_ : CompactModel
        The compact model with the chosen settings: this is what is served, saved and pickled.
    cv_results_ : dict of str to ndarray or list
        A column for each parameter, score, loss, number of bytes and time; ready for
        `pandas.DataFrame`. Bytes, ``n_bytes``, are those of the first fold's file.
    pareto_front_ : list of dict
        The candidates that no other beats both in score and in bytes, the smallest first, each
        with ``index``, ``params``, ``n_bytes``, ``score`` and ``loss``.
    best_index_ : int
        Place of the chosen candidate in `cv_results_`.
    best_params_ : dict
        Its parameters: ``ModelCompressor(estimator, **best_params_)`` does the same.
    best_score_ : float
        Its mean score.
    best_estimator_ : ModelCompressor
        Fitted, where `refit` is true.
    original_score_ : float
        Mean score of the inner models.
    scorer_ : callable
        The score.
    n_splits_ : int
        Number of folds.
    n_evaluations_ : float
        Candidates that were measured on all folds; those on a share of the rows count as that
        share.
    refit_time_ : float
        Seconds of the last fit and compression.
    study_ : optuna.Study
        Where `strategy` is "optuna".
    classes_ : ndarray of shape (n_classes,)
        Class labels, for a classifier.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of str
        Names of the input columns, where `fit` saw some.

    See Also
    --------
    compress : One model at a level, without a search.
    verify : Evidence that the result is no worse, on rows that took no part.

    Notes
    -----
    The score of the chosen candidate is a little too good, as in every search.

    A search that is interrupted (Ctrl-C) keeps what it has measured: `cv_results_`,
    `pareto_front_`, `best_params_` and, of Optuna, ``study_``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> import skcompress as skc
    >>> X, y = load_digits(return_X_y=True)
    >>> space = {"n_bits": [8, 6, 4, 3], "n_vectors": [None, 0.5, 0.25]}
    >>> search = skc.CompressionSearchCV(SVC(), space, cv=3, tolerance=0.01)
    >>> search = search.fit(X[:900], y[:900])
    >>> bool(search.original_score_ - search.best_score_ <= 0.01)
    True
    >>> search.model_
    CompactModel(SVC, 64 features, 10 classes)
    >>> sizes = [point["n_bytes"] for point in search.pareto_front_]
    >>> sizes == sorted(sizes)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "space": [dict, list, None],
        "strategy": [StrOptions(set(STRATEGIES))],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "tolerance": [Interval(Real, 0, None, closed="left"), None],
        "max_bytes": [Interval(Integral, 1, None, closed="left"), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "refit": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any = None,
        *,
        strategy: str = "tree",
        cv: Any = 5,
        scoring: Any = None,
        tolerance: float | None = None,
        max_bytes: int | None = None,
        n_candidates: int | None = None,
        n_jobs: int | None = None,
        refit: bool = True,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.strategy = strategy
        self.cv = cv
        self.scoring = scoring
        self.tolerance = tolerance
        self.max_bytes = max_bytes
        self.n_candidates = n_candidates
        self.n_jobs = n_jobs
        self.refit = refit
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, then fit and compress with the chosen settings.

        Parameters
        ----------
        X : array-like, sparse matrix, data frame or list of str, of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Targets.
        **params : dict
            ``groups`` for the splitter; others, such as ``sample_weight``, for the inner `fit`
            and every refit. With metadata routing, for whoever requests them.

        Returns
        -------
        CompressionSearchCV
            The fitted search.

        Raises
        ------
        BudgetError
            If no candidate is within `tolerance` and `max_bytes`; it names the closest.
        """
        self._forget()
        X, y = indexable(X, y)
        if getattr(y, "dtype", None) is not None and np.asarray(y).dtype.kind == "f":
            assert_all_finite(np.asarray(y), input_name="y")
        model = unwrapped(self.estimator)
        self.scorer_ = check_scoring(model, scoring=self.scoring)
        seed = seed_of(self.random_state)
        fit_params, split_params, score_params = self._routed(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(model))
        splits = list(cv.split(X, y, **split_params))
        self.n_splits_ = len(splits)

        def fold(split: tuple[Any, Any], judged: bool) -> Any:
            return delayed(fit_fold)(
                self.estimator,
                X,
                y,
                *split,
                fit_params,
                score_params,
                self.scorer_,
                judged=judged,
                seed=seed,
            )

        template = ModelCompressor(self.estimator, scoring=self.scoring, random_state=seed)
        space = None if self.space is None else listed(self.space)
        judged = space is not None and may_judge(template, space)
        folds = self._parallel(fold(split, judged) for split in splits)
        measured = Measurements(
            template,
            folds,
            self.scorer_,
            seed,
            self._parallel,
            effective_n_jobs(self.n_jobs),
        )
        self.original_score_ = float(np.mean([fold.score for fold in folds]))
        problem = Problem(
            space=default_space(folds[0].lifted) if space is None else space,
            measure=measured,
            original_score=self.original_score_,
            # Half of what the inner model is better than chance.
            worthless=float(np.mean([(fold.score + fold.chance) / 2 for fold in folds])),
            limit=self.n_candidates,
            tolerance=self.tolerance,
            max_bytes=self.max_bytes,
            random_state=seed,
        )
        try:
            STRATEGIES[self.strategy](problem)
        except KeyboardInterrupt:
            # What was measured is kept, even if nothing of it is within the limits.
            with contextlib.suppress(BudgetError):
                self._conclude(problem, measured)
            raise
        self._conclude(problem, measured)
        if self.refit:
            start = time.perf_counter()
            self._refit(template, fold((None, None), judged))
            self.refit_time_ = time.perf_counter() - start
        return self

    def _forget(self) -> None:
        """What an earlier fit left, which this one may not."""
        for name in ("best_estimator_", "model_", "refit_time_", "study_"):
            if hasattr(self, name):
                delattr(self, name)

    def _parallel(self, tasks: Any) -> list[Any]:
        return list(Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(tasks))

    def _routed(self, params: Params) -> tuple[Params, Params, Params]:
        """Parameters of the inner fit, the splitter and the scorer."""
        params = {name: value for name, value in params.items() if value is not None}
        if routing_enabled():
            routed = process_routing(self, "fit", **params)
            return (
                dict(routed.estimator.fit),
                dict(routed.splitter.split),
                dict(routed.scorer.score),
            )
        groups = {"groups": params.pop("groups")} if "groups" in params else {}
        return params, groups, {}

    def _conclude(self, problem: Problem, measured: Measurements) -> None:
        """Tabulate what was measured, and choose."""
        if problem.study is not None:
            self.study_ = problem.study
        self.n_evaluations_ = measured.spent
        if not measured.whole:
            return
        candidates, rows = zip(*measured.whole.values(), strict=True)
        self.cv_results_ = table(candidates, rows, np.array([f.score for f in measured.folds]))
        results = self.cv_results_
        self.pareto_front_ = front_of(results)
        self._order, closest = choose(results, self.tolerance, self.max_bytes)
        if not self._order:
            raise budget_error(results, closest, self.tolerance, self.max_bytes)
        self._take(self._order[0])

    def _take(self, place: int) -> None:
        self.best_index_ = place
        self.best_params_ = self.cv_results_["params"][place]
        self.best_score_ = float(self.cv_results_["mean_test_score"][place])

    def _refit(self, template: ModelCompressor, task: Any) -> None:
        """Fit on all rows; where the file comes out too large, the next candidate is taken."""
        results = self.cv_results_
        choices = (results["params"][place] for place in self._order)
        found = compress_whole(template, self._parallel([task])[0], choices, self.max_bytes)
        if found is None:
            raise budget_error(results, self._order[0], self.tolerance, self.max_bytes)
        place, self.best_estimator_ = found
        self._take(self._order[place])
        self._keep(self.best_estimator_.model_)

    @available_if(_can_score)
    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """The search's own score of the compact model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Input rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            True labels or values.
        **params : dict
            Passed on to the scorer, with metadata routing.

        Returns
        -------
        float
            The score.
        """
        X = self._checked(X)
        routed = {}
        if routing_enabled():
            routed = dict(process_routing(self, "score", **params).scorer.score)
        return score_of(self.model_, self.scorer_, X, y, routed)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        yield Text(repr(self))
        if hasattr(self, "pareto_front_"):
            count = len(self.cv_results_["params"])
            yield front_table(self.pareto_front_, self.best_index_, self.original_score_, count)

    def plot(self, ax: Any = None) -> Display:
        """Draw all candidates and the front on a matplotlib axis, ``ax_`` of what is returned."""
        check_is_fitted(self, "cv_results_")
        ax = axis_or_new(ax)
        results = self.cv_results_
        ax.plot(results["n_bytes"], results["mean_test_score"], ".", color="C7")
        front = [(point["n_bytes"], point["score"]) for point in self.pareto_front_]
        ax.step(*zip(*front, strict=True), where="post", color="C0", label="front")
        chosen = (results[name][self.best_index_] for name in ("n_bytes", "mean_test_score"))
        ax.plot(*([value] for value in chosen), "o", color="C3", label="chosen")
        ax.axhline(self.original_score_, color="black", linestyle="--", label="uncompressed")
        ax.set(xscale="log", xlabel="bytes", ylabel="score")
        ax.legend()
        return Display(ax)

    def get_metadata_routing(self) -> MetadataRouter:
        """How metadata reaches the inner estimator's `fit`, the splitter and the scorer.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        scorer = check_scoring(unwrapped(self.estimator), scoring=self.scoring)
        return (
            MetadataRouter(owner=self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(
                scorer=scorer,
                method_mapping=MethodMapping()
                .add(caller="fit", callee="score")
                .add(caller="score", callee="score"),
            )
        )
