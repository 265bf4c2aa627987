import pickle

import matplotlib as mpl
import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import skcompress as skc
from skcompress.exceptions import BudgetError
from skcompress.passes import ReduceVectors

mpl.use("Agg")
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = X[:600], X[600:1000], y[:600], y[600:1000]
SPACE = {"n_bits": [10, 6, 4, 3, 2], "scheme": ["affine", "codebook"]}
LINEAR = LogisticRegression(max_iter=30)


def search(estimator=LINEAR, space=None, **settings):
    settings = {"cv": 3, "random_state": 0} | settings
    return skc.CompressionSearchCV(estimator, SPACE if space is None else space, **settings)


def test_grid_is_what_cross_validation_of_each_compressor_gives():
    found = search(strategy="grid", tolerance=0.02).fit(X, y)
    results = found.cv_results_
    assert len(results["params"]) == found.n_evaluations_ == 10
    for place in (0, 3, 9):
        compressor = skc.ModelCompressor(LINEAR, random_state=0, **results["params"][place])
        scores = cross_val_score(compressor, X, y, cv=3)
        assert results["mean_test_score"][place] == pytest.approx(scores.mean())
        split = [results[f"split{k}_test_score"][place] for k in range(3)]
        assert split == pytest.approx(list(scores))
    assert found.original_score_ == pytest.approx(cross_val_score(LINEAR, X, y, cv=3).mean())
    losses = found.original_score_ - results["mean_test_score"]
    assert results["mean_test_loss"] == pytest.approx(losses)
    good = losses <= 0.02
    assert good[found.best_index_]
    assert results["n_bytes"][found.best_index_] == results["n_bytes"][good].min()
    assert found.best_score_ == results["mean_test_score"][found.best_index_]


def test_model_is_that_of_the_compressor_with_the_chosen_settings():
    found = search(tolerance=0.02).fit(X, y)
    compressor = skc.ModelCompressor(LINEAR, random_state=0, **found.best_params_).fit(X, y)
    assert skc.dumps(found.model_) == skc.dumps(compressor.model_)
    assert (found.predict(X_test) == compressor.predict(X_test)).all()
    assert found.score(X_test, y_test) == compressor.score(X_test, y_test)
    assert skc.size_scorer(found) == -len(skc.dumps(found.model_))
    assert found.size_report_.ratio > 2
    assert (found.best_estimator_.predict(X_test) == found.predict(X_test)).all()
    assert not hasattr(found.best_estimator_.estimator, "coef_")


def test_inner_model_is_fitted_once_per_fold_and_once_more(monkeypatch):
    fits = []
    fit = LogisticRegression.fit

    def counted(self, X, y, sample_weight=None):
        fits.append(len(X))
        return fit(self, X, y, sample_weight)

    monkeypatch.setattr(LogisticRegression, "fit", counted)
    search(strategy="grid").fit(X, y)
    assert sorted(fits) == [400, 400, 400, 600]


def test_front():
    found = search(strategy="grid").fit(X, y)
    results = found.cv_results_
    front = found.pareto_front_
    n_bytes, scores = results["n_bytes"], results["mean_test_score"]
    for point in front:
        better = (n_bytes <= point["n_bytes"]) & (scores >= point["score"])
        better &= (n_bytes < point["n_bytes"]) | (scores > point["score"])
        assert not better.any()
    for place in set(range(10)) - {point["index"] for point in front}:
        assert any(
            point["n_bytes"] <= n_bytes[place] and point["score"] >= scores[place]
            for point in front
        )


def test_best_within_a_budget():
    grid = search(strategy="grid").fit(X, y)
    limit = int(np.median(grid.cv_results_["n_bytes"]))
    found = search(strategy="grid", max_bytes=limit).fit(X, y)
    assert len(skc.dumps(found.model_)) <= limit
    small = found.cv_results_["n_bytes"] <= limit - 20
    assert found.best_score_ >= found.cv_results_["mean_test_score"][small].max() - 1e-9


@pytest.mark.parametrize("limits", [{"max_bytes": 50}, {"tolerance": 0.0, "max_bytes": 600}])
def test_budget_that_cannot_be_met(limits):
    space = {"n_bits": [3, 2]}
    with pytest.raises(BudgetError, match="closest") as caught:
        search(space=space, **limits).fit(X, y)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.n_bytes > 0
    assert isinstance(error.loss, float)
    assert error.settings["n_bits"] in (2, 3)
    assert str(error) == str(caught.value)


@pytest.mark.parametrize("strategy", ["tree", "halving"])
def test_strategies_are_deterministic_whatever_the_workers(strategy):
    space = {"n_bits": [12, 10, 8, 6, 5, 4, 3, 2], "scheme": ["affine", "codebook"]}
    first = search(space=space, strategy=strategy).fit(X, y)
    with parallel_config("threading", n_jobs=2):
        again = search(space=space, strategy=strategy).fit(X, y)
    assert first.cv_results_["params"] == again.cv_results_["params"]
    assert first.best_params_ == again.best_params_
    assert skc.dumps(first.model_) == skc.dumps(again.model_)
    assert 0 < first.n_evaluations_ < 16


def test_optuna():
    pytest.importorskip("optuna")
    found = search(strategy="optuna", n_candidates=6).fit(X, y)
    assert len(found.study_.trials) == 6
    assert found.n_evaluations_ <= 6
    again = search(strategy="optuna", n_candidates=6).fit(X, y)
    assert found.best_params_ == again.best_params_
    assert not hasattr(again.set_params(strategy="grid").fit(X, y), "study_")


@pytest.mark.parametrize(
    ("estimator", "n_rows"),
    [
        (RandomForestClassifier(8, random_state=0), 600),
        (GradientBoostingClassifier(n_estimators=4, random_state=0), 600),
        (MLPClassifier((12,), max_iter=20, random_state=0), 600),
        (SVC(), 100),
        (make_pipeline(StandardScaler(), LINEAR), 600),
        (make_pipeline(StandardScaler(), SVC()), 100),
        (KNeighborsClassifier(), 100),
    ],
    ids=str,
)
def test_default_space_names_parameters_of_model_compressor(estimator, n_rows):
    found = skc.CompressionSearchCV(estimator, cv=2, n_candidates=8, tolerance=0.05, random_state=0)
    found.fit(X[:n_rows], y[:n_rows])
    assert found.n_evaluations_ <= 8
    original = clone(estimator).fit(X[:n_rows], y[:n_rows])
    assert found.score(X_test, y_test) > original.score(X_test, y_test) - 0.15
    assert set(found.best_params_) <= set(skc.ModelCompressor(estimator).get_params())
    again = skc.ModelCompressor(estimator, random_state=0, **found.best_params_)
    again.fit(X[:n_rows], y[:n_rows])
    assert skc.dumps(again.model_) == skc.dumps(found.model_)
    best = found.best_estimator_.get_params(deep=False)
    assert {name: best[name] for name in found.best_params_} == found.best_params_


def test_regression_and_its_score():
    X, y = load_diabetes(return_X_y=True)
    found = search(Ridge(alpha=0.1), scoring="neg_mean_absolute_error", tolerance=5.0).fit(X, y)
    expected = get_scorer("neg_mean_absolute_error")(found.model_, X, y)
    assert found.score(X, y) == expected
    assert found.best_score_ < 0


def test_frozen_model_is_not_fitted_again():
    fitted = LogisticRegression(max_iter=30).fit(X, y)
    before = fitted.coef_.copy()
    found = search(FrozenEstimator(fitted), tolerance=0.05).fit(X_test, y_test)
    assert (fitted.coef_ == before).all()
    assert skc.verify(fitted, found, X, y).agreement > 0.9


def test_levels_beside_settings():
    forest = RandomForestClassifier(6, random_state=0)
    settings = {"ccp_alpha": [0.0], "share_thresholds": [True], "value_bits": [8, 4]}
    space = [{"level": ["lossless"]}, settings]
    found = search(forest, space, strategy="grid").fit(X, y)
    assert found.cv_results_["params"][0] == {"level": "lossless"}
    assert found.cv_results_["mean_test_loss"][0] == 0
    n_bytes = found.cv_results_["n_bytes"]
    assert max(n_bytes[0], n_bytes[1]) > n_bytes[2]


def test_interruption_keeps_what_was_measured():
    calls, limit = [], [40]

    def impatient(estimator, X, y):
        calls.append(estimator)
        if len(calls) == limit[0]:
            raise KeyboardInterrupt
        return estimator.score(X, y)

    space = {"n_bits": [16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2], "scheme": ["affine", "codebook"]}
    found = search(space=space, scoring=impatient, n_candidates=20)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    assert len(calls) == 40
    measured = len(found.cv_results_["params"])
    assert 4 <= measured < 20
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]
    assert len(found.pareto_front_) <= measured
    assert not hasattr(found, "model_")
    # Two scores a fold before, then three for each candidate
    limit[0] = 6 + 20 * 3
    impossible = search(space=space, scoring=impatient, strategy="grid", max_bytes=1)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        impossible.fit(X, y)
    assert len(impossible.cv_results_["params"]) == 16


def test_levels_are_judged_on_rows_that_were_not_fitted_on():
    forest = RandomForestClassifier(6, random_state=0)
    space = {"level": ["lossless", "balanced", "tiny"]}
    found = search(forest, space, strategy="grid", cv=2, tolerance=0.05).fit(X, y)
    assert isinstance(found.best_estimator_, skc.ModelCompressor)
    n_bytes = dict(
        zip(
            [p["level"] for p in found.cv_results_["params"]],
            found.cv_results_["n_bytes"],
            strict=True,
        )
    )
    assert max(n_bytes["tiny"], n_bytes["balanced"]) < n_bytes["lossless"]


def test_groups_and_weights():
    groups = np.arange(len(y)) // 10
    weight = np.where(y < 5, 1.0, 0.0)
    found = search(cv=GroupKFold(3)).fit(X, y, groups=groups, sample_weight=weight)
    assert found.n_splits_ == 3
    assert set(found.predict(X_test)) <= set(range(5))


def test_routed_weights_reach_fit_and_score():
    weight = np.where(y < 5, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = clone(LINEAR).set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        found = search(inner, scoring=scorer).fit(X, y, sample_weight=weight)
        weighted = found.original_score_
        plain = get_scorer("accuracy").set_score_request(sample_weight=False)
        plain = search(inner, scoring=plain).fit(X, y, sample_weight=weight)
        assert found.score(X_test, y_test, sample_weight=(y_test < 5).astype(float)) > 0.8
    assert weighted > 0.85
    assert plain.original_score_ < 0.6


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ([], "at least one"),
        ([3], "dictionary"),
        ({"n_bits": 8}, "n_bits"),
        ({"n_bits": []}, "n_bits"),
        ({"scheme": "affine"}, "scheme"),
        ({"max_bytes": [1000]}, "max_bytes"),
        ({"level": ["tiny"], "n_bits": [4]}, "two dictionaries"),
        ({"n_trees": [3]}, "LogisticRegression has no setting n_trees"),
        ({"n_bits": [4], "n_trees": [3]}, "No kind of model"),
    ],
)
def test_bad_spaces(space, message):
    with pytest.raises(ValueError, match=message):
        search(space=space).fit(X, y)


def test_bad_values_are_named_as_everywhere():
    with pytest.raises(ValueError, match="n_bits"):
        search(space={"n_bits": [99]}).fit(X, y)
    with pytest.raises(ValueError, match="no_such"):
        search(space={"no_such": [1]}).fit(X, y)


def test_methods_before_and_after_fit():
    unfitted = search()
    assert hasattr(unfitted, "predict_proba")
    assert not hasattr(unfitted, "transform")
    with pytest.raises(sklearn.exceptions.NotFittedError):
        unfitted.predict(X)
    without = search(refit=False, cv=KFold(2)).fit(X, y)
    assert without.best_params_
    with pytest.raises(sklearn.exceptions.NotFittedError):
        without.predict(X)


def test_plot_and_pickle():
    found = search().fit(X, y)
    display = found.plot()
    assert display.ax_.get_xlabel() == "bytes"
    assert found.plot(display.ax_).ax_ is display.ax_
    mpl.pyplot.close(display.figure_)
    copy = pickle.loads(pickle.dumps(found))
    assert (copy.predict(X_test) == found.predict(X_test)).all()


def test_candidates_that_begin_alike_reduce_vectors_once_in_a_fold(monkeypatch):
    found = []
    apply = ReduceVectors.apply
    monkeypatch.setattr(
        ReduceVectors, "apply", lambda self, *told: found.append(1) or apply(self, *told)
    )
    space = {"n_vectors": [0.2], "n_bits": [8, 4], "coef_bits": [None, 8]}
    results = search(SVC(), space, strategy="grid", cv=2, refit=False).fit(X, y).cv_results_
    assert len(results["params"]) == 4
    assert len(found) == 2
