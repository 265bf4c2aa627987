"""The settings of ModelCompressor, which take the place of a level."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import skcompress as skc
from skcompress.estimators._specialists import SETTINGS
from skcompress.exceptions import UnsupportedEstimatorError

X, y = load_digits(return_X_y=True)
X, y = X[:120], y[:120]
FOREST = RandomForestClassifier(6, random_state=0)
MLP = make_pipeline(MinMaxScaler(), MLPClassifier((10,), max_iter=30, random_state=0))


@pytest.mark.parametrize(
    ("specialist", "estimator", "settings"),
    [
        (skc.SVMQuantizer, SVC(), {"n_bits": 5, "coef_bits": 8, "n_vectors": 0.4}),
        (skc.SVMQuantizer, make_pipeline(StandardScaler(), SVC()), {"n_bits": 6}),
        (skc.SVMQuantizer, LogisticRegression(max_iter=20), {"n_bits": "auto"}),
        (skc.SVMQuantizer, SVC(), {"n_vectors": None, "tolerance": 0.01}),
        (skc.TreePruner, FOREST, {"value_bits": 6}),
        (skc.TreePruner, FOREST, {"ccp_alpha": 0.0, "n_trees": 3, "max_bytes": 1200}),
        (skc.MLPReducer, MLP, {"n_bits": 4, "tolerance": 0.01}),
        (skc.MLPReducer, MLP, {"sparsity": 0.3, "finetune_epochs": 2}),
    ],
    ids=str,
)
def test_settings_make_it_the_compressor_of_the_kind(specialist, estimator, settings):
    ours = skc.ModelCompressor(estimator, random_state=0, **settings).fit(X, y)
    theirs = specialist(estimator, random_state=0, **settings).fit(X, y)
    assert skc.dumps(ours.model_) == skc.dumps(theirs.model_)
    learned = {name for name in vars(theirs) if name.endswith("_")}
    assert learned == {name for name in vars(ours) if name.endswith("_")}
    by_level = skc.ModelCompressor(estimator, level="lossless").fit(X, y)
    assert skc.dumps(by_level.model_) != skc.dumps(ours.model_)


def test_every_setting_of_a_compressor_is_one_of_model_compressor():
    names = set(skc.ModelCompressor(SVC()).get_params(deep=False))
    for kind in (skc.SVMQuantizer, skc.TreePruner, skc.MLPReducer):
        own = set(kind(SVC()).get_params(deep=False))
        assert own <= names
        assert own - {"estimator"} - set(SETTINGS) == names - {"estimator", "level"} - set(SETTINGS)


def test_what_was_learned_goes_with_the_settings():
    compressor = skc.ModelCompressor(SVC(), n_vectors=0.3).fit(X, y)
    assert compressor.reduction_path_[-1].n_vectors <= np.ceil(0.3 * len(X))
    compressor.set_params(n_vectors="default", level="lossless").fit(X, y)
    assert not hasattr(compressor, "reduction_path_")


@pytest.mark.parametrize(
    ("estimator", "settings", "error", "message"),
    [
        (SVC(), {"n_trees": 3}, ValueError, "SVC has no setting n_trees; it has n_bits"),
        (SVC(), {"n_bits": 4, "n_trees": 3}, ValueError, "No kind of model has all"),
        (SVC(), {"n_bits": 17}, ValueError, "n_bits"),
        (MLP, {"n_bits": "auto"}, ValueError, "'n_bits' parameter of MLPReducer"),
        (KNeighborsClassifier(), {"n_bits": 4}, UnsupportedEstimatorError, "Choose a level"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit(estimator, settings, error, message):
    with pytest.raises(error, match=message):
        skc.ModelCompressor(estimator, **settings).fit(X, y)


def test_a_grid_search_reaches_the_settings():
    frozen = FrozenEstimator(FOREST.fit(X, y))
    pruner = skc.ModelCompressor(frozen, ccp_alpha=0.0)
    found = GridSearchCV(pruner, {"value_bits": [12, 3]}, cv=2).fit(X, y)
    assert found.best_estimator_.value_bits in (12, 3)
