"""What the compressors promise as scikit-learn estimators."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress import MLPReducer, ModelCompressor, SVMQuantizer, TreePruner

DIGITS = load_digits(return_X_y=True)


@pytest.mark.parametrize(
    "compressor",
    [
        SVMQuantizer(SVC()),
        TreePruner(RandomForestClassifier(5, random_state=0), random_state=0),
        MLPReducer(MLPClassifier((16,), random_state=0)),
        ModelCompressor(DecisionTreeClassifier(random_state=0), random_state=0),
    ],
    ids=lambda compressor: type(compressor).__name__,
)
class TestEvery:
    def test_a_frozen_model_is_not_touched(self, compressor):
        X, y = DIGITS
        model = clone(compressor.estimator).fit(X[:600], y[:600])
        before = joblib.hash(model)
        compressor = clone(compressor).set_params(estimator=FrozenEstimator(model))
        compressor.fit(X[600:1000], y[600:1000])
        assert joblib.hash(model) == before
        assert compressor.score(X[1000:], y[1000:]) > model.score(X[1000:], y[1000:]) - 0.05

    def test_same_seed_same_file(self, compressor):
        X, y = DIGITS
        files = {skc.dumps(clone(compressor).fit(X[:500], y[:500]).model_) for _ in range(2)}
        assert len(files) == 1

    def test_methods_are_those_of_the_inner_estimator(self, compressor):
        X, y = DIGITS
        fitted = clone(compressor).fit(X[:500], y[:500])
        for name in ("predict", "predict_proba", "decision_function", "transform", "score"):
            assert hasattr(compressor, name) == hasattr(compressor.estimator, name)
            assert hasattr(fitted, name) == hasattr(compressor.estimator, name)
            assert hasattr(fitted.model_, name) == hasattr(fitted, name)

    def test_not_fitted(self, compressor):
        with pytest.raises(NotFittedError):
            clone(compressor).predict(DIGITS[0])

    def test_survives_pickle_and_holds_no_original(self, compressor):
        X, y = DIGITS
        fitted = clone(compressor).fit(X[:500], y[:500])
        copy = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
        original = clone(compressor.estimator).fit(X[:500], y[:500])
        assert len(pickle.dumps(fitted.model_)) < 0.7 * len(pickle.dumps(original))

    def test_works_in_a_pipeline_and_grid_search(self, compressor):
        X, y = DIGITS
        pipeline = make_pipeline(StandardScaler(), clone(compressor))
        original = make_pipeline(StandardScaler(), clone(compressor.estimator))
        scores, attained = (
            cross_val_score(e, X[:400], y[:400], cv=2) for e in (pipeline, original)
        )
        assert (scores >= np.minimum(0.6, attained - 1e-9)).all()


def _count_fits(monkeypatch, cls):
    fits, fit = [], cls.fit

    def counted(self, X, y, *args, **kwargs):
        fits.append(len(y))
        return fit(self, X, y, *args, **kwargs)

    monkeypatch.setattr(cls, "fit", counted)
    return fits


def test_the_inner_model_is_fitted_once_for_each_fold(tmp_path, monkeypatch):
    fits = _count_fits(monkeypatch, SVC)
    X, y = DIGITS
    search = GridSearchCV(
        SVMQuantizer(SVC(), memory=str(tmp_path)),
        {"n_bits": [3, 4, 6, 8], "scheme": ["affine", "codebook"]},
        cv=3,
    ).fit(X[:300], y[:300])
    assert len(fits) == 3 + 1  # each fold, and the refit on all rows
    assert search.best_score_ > 0.9


def test_refit_by_size_within_a_tolerance():
    X, y = DIGITS
    search = GridSearchCV(
        SVMQuantizer(SVC(), scheme="codebook"),
        {"n_bits": [2, 4, 8]},
        scoring={"score": "accuracy", "size": skc.size_scorer},
        refit=skc.smallest_within(0.01),
        cv=3,
    ).fit(X[:600], y[:600])
    sizes = -search.cv_results_["mean_test_size"]
    scores = search.cv_results_["mean_test_score"]
    chosen = search.best_index_
    allowed = scores >= scores.max() - 0.01
    assert allowed[chosen]
    assert sizes[chosen] == sizes[allowed].min()


@pytest.mark.parametrize(
    ("compressor", "message"),
    [
        (SVMQuantizer(DecisionTreeClassifier()), "SVMQuantizer takes kernel and linear machines"),
        (TreePruner(SVC()), "TreePruner takes trees"),
        (MLPReducer(SVC()), "MLPReducer takes MLPClassifier"),
        (ModelCompressor(SVC(kernel=lambda a, b: a @ b.T)), "kernel"),
        (ModelCompressor(VotingClassifier([("a", SVC())])), "VotingClassifier"),
    ],
)
def test_models_that_are_not_taken(compressor, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(skc.UnsupportedEstimatorError, match=message):
        compressor.fit(X, y)


def test_a_users_subclass_is_refused():
    class Mine(DecisionTreeClassifier):
        pass

    X, y = load_iris(return_X_y=True)
    with pytest.raises(skc.UnsupportedEstimatorError, match="subclass of DecisionTreeClassifier"):
        ModelCompressor(Mine()).fit(X, y)


def test_a_step_that_is_not_supported_is_named():
    from sklearn.preprocessing import PolynomialFeatures

    X, y = load_iris(return_X_y=True)
    with pytest.raises(skc.UnsupportedEstimatorError, match="PolynomialFeatures"):
        ModelCompressor(make_pipeline(PolynomialFeatures(), SVC())).fit(X, y)


@pytest.mark.parametrize(
    ("compressor", "parameter"),
    [
        (SVMQuantizer(SVC(), n_bits=1), "n_bits"),
        (SVMQuantizer(SVC(), n_bits=17), "n_bits"),
        (SVMQuantizer(SVC(), scheme="random"), "scheme"),
        (TreePruner(DecisionTreeClassifier(), ccp_alpha=-1.0), "ccp_alpha"),
        (MLPReducer(MLPClassifier(), sparsity=1.0), "sparsity"),
        (ModelCompressor(SVC(), level="extreme"), "level"),
    ],
)
def test_parameters_are_checked(compressor, parameter):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        compressor.fit(*load_iris(return_X_y=True))


def test_pipelines_are_compressed_whole():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), PCA(10, random_state=0), SVC())
    small = ModelCompressor(pipeline, random_state=0).fit(X[:400], y[:400])
    assert small.score(X[400:], y[400:]) > 0.93
    assert small.size_report_.ratio > 2


def test_inner_transform_passes_through():
    X, y = load_iris(return_X_y=True)
    scaler = make_pipeline(StandardScaler(), PCA(2, random_state=0))
    compressor = ModelCompressor(scaler, level="lossless")
    np.testing.assert_array_equal(compressor.fit_transform(X, y), clone(scaler).fit_transform(X, y))
    assert not hasattr(compressor, "predict")


def test_sample_weight_reaches_the_inner_fit():
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.where(y == 0, 20.0, 1.0)
    plain = TreePruner(DecisionTreeClassifier(random_state=0), ccp_alpha=0.02).fit(X, y)
    weighed = TreePruner(DecisionTreeClassifier(random_state=0), ccp_alpha=0.02)
    weighed.fit(X, y, sample_weight=weight)
    assert weighed.predict(X).mean() < plain.predict(X).mean()


def test_sample_weight_is_routed():
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.where(y == 0, 20.0, 1.0)
    with config_context(enable_metadata_routing=True):
        inner = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        weighed = TreePruner(inner, random_state=0).fit(X, y, sample_weight=weight)
        ignored = TreePruner(
            DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=False),
            random_state=0,
        ).fit(X, y)
    assert weighed.predict(X).mean() < ignored.predict(X).mean()


def test_held_out_rows_are_not_fitted_on(monkeypatch):
    X, y = DIGITS
    seen = _count_fits(monkeypatch, DecisionTreeClassifier)
    TreePruner(DecisionTreeClassifier(), random_state=0).fit(X, y)
    TreePruner(DecisionTreeClassifier(), random_state=0).fit(
        X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:]
    )
    TreePruner(DecisionTreeClassifier(), ccp_alpha=0.01).fit(X, y)
    assert seen[0] < 0.82 * len(y)
    assert seen[1:] == [1000, len(y)]


def test_data_frames_keep_their_names():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    small = TreePruner(DecisionTreeClassifier(random_state=0), ccp_alpha=0.01).fit(frame, y)
    assert list(small.feature_names_in_) == list(frame.columns)
    assert list(small.model_.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        small.predict(frame.rename(columns={frame.columns[0]: "other"}))
    with pytest.raises(ValueError, match="another order"):
        small.model_.predict(frame[frame.columns[::-1]])
    assert isinstance(small.predict(frame), np.ndarray)
    assert pd.Series(small.predict(frame)).nunique() == 3


def test_sparse_rows():
    X, y = DIGITS
    small = SVMQuantizer(LinearSVC(random_state=0)).fit(csr_array(X[:500]), y[:500])
    np.testing.assert_array_equal(small.predict(csr_array(X)), small.predict(X))


class TestCompress:
    def test_without_rows_only_what_needs_none(self):
        X, y = DIGITS
        forest = RandomForestClassifier(10, random_state=0).fit(X, y)
        small = skc.compress(forest)
        np.testing.assert_array_equal(small.predict_proba(X), forest.predict_proba(X))
        assert {entry.outcome for entry in small.size_report_.ledger} == {"skipped", "applied"}

    @pytest.mark.parametrize("level", ["safe", "balanced", "tiny"])
    def test_levels_allow_what_they_say(self, level):
        X, y = DIGITS
        forest = RandomForestClassifier(30, random_state=0).fit(X[:900], y[:900])
        small = skc.compress(forest, X_val=X[900:1500], y_val=y[900:1500], level=level)
        allowed = {"safe": 0.001, "balanced": 0.005, "tiny": 0.02}[level]
        lost = forest.score(X[900:1500], y[900:1500]) - small.score(X[900:1500], y[900:1500])
        assert lost <= allowed + 1e-12

    @pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), SVC()])
    def test_no_level_takes_more_than_lossless(self, model):
        # Pixels take four bits each; thresholds between whole numbers, and vectors placed
        # freely, could take more.
        X, y = load_digits(return_X_y=True)
        model.fit(X[:300], y[:300])
        rows = {"X": X[:300], "y": y[:300], "X_val": X[300:600], "y_val": y[300:600]}
        sizes = [
            len(skc.dumps(skc.compress(model, **rows, level=level, random_state=0)))
            for level in ("lossless", "safe", "balanced")
        ]
        assert max(sizes) == sizes[0]

    def test_levels_shrink(self):
        X, y = DIGITS
        forest = RandomForestClassifier(30, random_state=0).fit(X[:900], y[:900])
        sizes = [
            len(skc.dumps(skc.compress(forest, X_val=X[900:], y_val=y[900:], level=level)))
            for level in ("lossless", "safe", "balanced", "tiny")
        ]
        lossless, safe, balanced, tiny = sizes
        assert tiny < balanced <= safe <= lossless
        assert tiny < 0.9 * lossless

    def test_budget(self):
        X, y = DIGITS
        forest = RandomForestClassifier(30, random_state=0).fit(X[:900], y[:900])
        rows = {"X_val": X[900:], "y_val": y[900:]}
        safe, tiny = (
            len(skc.dumps(skc.compress(forest, level=n, **rows))) for n in ("safe", "tiny")
        )
        small = skc.compress(forest, max_bytes=(safe + tiny) // 2, level="safe", **rows)
        assert len(skc.dumps(small)) <= (safe + tiny) // 2
        with pytest.raises(skc.BudgetError, match="closest") as caught:
            skc.compress(forest, max_bytes=100, **rows)
        assert 100 < caught.value.n_bytes < tiny
        assert len(skc.dumps(caught.value.model)) == caught.value.n_bytes
        assert caught.value.loss > 0
        with pytest.raises(skc.BudgetError, match="closest") as caught:
            skc.compress(forest, max_bytes=100, tolerance=0.01, **rows)
        assert caught.value.loss <= 0.01

    def test_unfitted(self):
        with pytest.raises(NotFittedError):
            skc.compress(SVC())

    def test_scoring(self):
        X, y = load_breast_cancer(return_X_y=True)
        forest = RandomForestClassifier(30, random_state=0).fit(X[:300], y[:300])
        small = skc.compress(
            forest, X_val=X[300:], y_val=y[300:], scoring="roc_auc", tolerance=0.01, random_state=0
        )
        scores = [entry.score_after for entry in small.size_report_.ledger]
        assert min(scores) > 0.95
        assert hasattr(small, "predict_proba")

    def test_boosting_and_neighbours_lose_nothing_at_lossless(self):
        X, y = load_iris(return_X_y=True)
        for model in (GradientBoostingClassifier(n_estimators=5), KNeighborsClassifier()):
            model.fit(X, y)
            small = skc.compress(model, level="lossless")
            np.testing.assert_array_equal(small.predict(X), model.predict(X))

    def test_regressor_without_labels(self):
        from sklearn.ensemble import RandomForestRegressor

        X, y = load_diabetes(return_X_y=True)
        forest = RandomForestRegressor(20, random_state=0).fit(X[:200], y[:200])
        small = skc.compress(forest, X[200:], tolerance=0.02, random_state=0)
        assert np.corrcoef(small.predict(X), forest.predict(X))[0, 1] > 0.98


@pytest.fixture(scope="module")
def small():
    X, y = load_breast_cancer(return_X_y=True)
    return skc.compress(RandomForestClassifier(20, random_state=0).fit(X, y), level="lossless")


class TestCompactModelInScikitLearn:
    def test_scorers_and_permutation_importance(self, small):
        X, y = load_breast_cancer(return_X_y=True)
        result = permutation_importance(small, X, y, scoring="roc_auc", n_repeats=2, random_state=0)
        assert result.importances_mean.shape == (30,)

    def test_cross_val_predict_through_a_frozen_wrapper(self, small):
        X, y = load_breast_cancer(return_X_y=True)
        predicted = cross_val_predict(FrozenEstimator(small), X, y, cv=3)
        np.testing.assert_array_equal(predicted, small.predict(X))

    def test_voting_and_calibration(self, small):
        from sklearn.calibration import CalibratedClassifierCV

        X, y = load_breast_cancer(return_X_y=True)
        voting = VotingClassifier([("small", FrozenEstimator(small))], voting="soft").fit(X, y)
        assert voting.score(X, y) > 0.99
        calibrated = CalibratedClassifierCV(FrozenEstimator(small)).fit(X, y)
        assert calibrated.predict_proba(X).shape == (569, 2)

    def test_in_a_pipeline(self, small):
        X, y = load_breast_cancer(return_X_y=True)
        assert make_pipeline("passthrough", FrozenEstimator(small)).fit(X, y).score(X, y) > 0.99

    def test_clone_and_fit_change_nothing(self, small):
        assert clone(small) is small
        assert small.fit([[1]], [2]) is small
        assert small.get_params() == {}
        with pytest.raises(ValueError, match="no parameters"):
            small.set_params(level="tiny")

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.zeros(30), "Expected 2D array"),
            (np.zeros((2, 29)), "29 features, but CompactModel is expecting 30"),
            (np.zeros((0, 30)), "0 sample"),
            (np.full((1, 30), np.inf), "infinity"),
            (np.full((1, 30), 1e300), "too large for dtype"),
            (np.full((1, 30), "a"), "must be numeric"),
            (np.zeros((1, 30), complex), "Complex data"),
        ],
    )
    def test_bad_input(self, small, X, message):
        with pytest.raises(ValueError, match=message):
            small.predict(X)

    def test_nan_where_it_is_not_taken(self):
        X, y = load_iris(return_X_y=True)
        small = skc.compress(SVC().fit(X, y), level="lossless")
        with pytest.raises(ValueError, match="NaN"):
            small.predict(np.full((1, 4), np.nan))
        with pytest.raises(TypeError, match="dense"):
            small.predict(csr_array(X))
