import io

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress import ir

X, y = load_iris(return_X_y=True)


def joblib_length(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return len(file.getvalue())


class Compressor(DecisionTreeClassifier):
    """Has a `model_` after fit, as skcompress's compressors do."""

    def fit(self, X, y):
        super().fit(X, y)
        self.model_ = skc.CompactModel(
            ir.Model(
                input=ir.InputSpec(n_features=X.shape[1]),
                chain=ir.Chain(
                    transforms=(),
                    predictor=ir.LinearMap(coef=np.ones((1, X.shape[1])), intercept=np.zeros(1)),
                ),
                head=ir.Numbers(n_outputs=1),
                family="f",
            )
        )
        return self


def test_estimator_is_weighed_as_joblib_writes_it():
    tree = DecisionTreeClassifier(random_state=0)
    assert skc.size_scorer(tree) == -joblib_length(tree)
    tree.fit(X, y)
    assert skc.size_scorer(tree, X, y) == -joblib_length(tree)


def test_compressor_is_weighed_by_its_file():
    fitted = Compressor().fit(X, y)
    assert skc.size_scorer(fitted) == -len(skc.dumps(fitted.model_))
    assert skc.size_scorer(fitted.model_) == -len(skc.dumps(fitted.model_))


def test_compressor_at_the_end_of_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), Compressor()).fit(X, y)
    expected = joblib_length(pipeline[:-1]) + len(skc.dumps(pipeline[-1].model_))
    assert skc.size_scorer(pipeline) == -expected


def test_compressor_at_the_end_of_nested_pipelines():
    inner = make_pipeline(StandardScaler(), Compressor())
    outer = make_pipeline(StandardScaler(), inner).fit(X, y)
    expected = len(skc.dumps(inner[-1].model_))
    scalers = make_pipeline(outer[0], inner[:-1])
    assert -skc.size_scorer(outer) == pytest.approx(expected + joblib_length(scalers), abs=40)


def test_compressor_alone_in_a_pipeline():
    pipeline = make_pipeline(Compressor()).fit(X, y)
    assert -skc.size_scorer(pipeline) == len(skc.dumps(pipeline[-1].model_))


def test_grid_search_chooses_the_smallest_that_is_good():
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 8]},
        scoring={"score": "accuracy", "size": skc.size_scorer},
        refit=skc.smallest_within(0.05),
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    sizes = -search.cv_results_["mean_test_size"]
    near = scores >= scores.max() - 0.05
    assert near[search.best_index_]
    assert sizes[search.best_index_] == sizes[near].min()
    assert search.best_index_ == 1
    assert search.predict(X[:1]).shape == (1,)


RESULTS = {
    "mean_test_score": np.array([0.90, 0.95, 0.94, 0.80, np.nan]),
    "mean_test_size": -np.array([500.0, 9000.0, 2000.0, 10.0, 1.0]),
    "split0_test_score": np.array([0.8, 0.91, 0.9, 0.8, np.nan]),
    "split1_test_score": np.array([1.0, 0.99, 0.98, 0.8, np.nan]),
}


@pytest.mark.parametrize(
    ("drop", "standard_errors", "chosen"),
    [(0, 0, 1), (0.009, 0, 1), (0.01, 0, 2), (0.05, 0, 0), (1, 0, 3), (0, 1, 2), (0.01, 1, 0)],
)
def test_rule(drop, standard_errors, chosen):
    assert skc.smallest_within(drop, standard_errors=standard_errors)(RESULTS) == chosen


def test_equally_small_candidates_are_chosen_by_score():
    results = {"mean_test_score": [0.90, 0.91, 0.905], "mean_test_size": [-5.0, -5.0, -5.0]}
    assert skc.smallest_within(0.1)(results) == 1


def test_other_names():
    results = {"mean_test_auc": [0.9, 0.5], "mean_test_bytes": [-9.0, -1.0]}
    assert skc.smallest_within(0.5, score="auc", size="bytes")(results) == 1


def test_missing_score_is_named():
    with pytest.raises(ValueError, match=r"mean_test_size.*scoring"):
        skc.smallest_within(0.1)({"mean_test_score": [1.0]})


def test_no_fit_succeeded():
    results = {"mean_test_score": [np.nan], "mean_test_size": [np.nan]}
    with pytest.raises(ValueError, match="NaN"):
        skc.smallest_within(0.1)(results)


@pytest.mark.parametrize("drop", [-0.1, np.nan, np.inf, "0.1", None])
def test_bad_drop(drop):
    with pytest.raises(ValueError, match="drop"):
        skc.smallest_within(drop)
