"""Every compressor within a tolerance and a number of bytes."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

import skcompress as skc
from skcompress.estimators._ladder import MLP_LADDER, SVM_LADDER, TREE_LADDER, stronger

X, y = load_digits(return_X_y=True)
ROWS = {"X_val": X[600:1000], "y_val": y[600:1000]}
MODELS = {
    skc.SVMQuantizer: SVC().fit(X[:300], y[:300]),
    skc.TreePruner: RandomForestClassifier(10, random_state=0).fit(X[:600], y[:600]),
    skc.MLPReducer: make_pipeline(
        MinMaxScaler(), MLPClassifier((20,), max_iter=60, random_state=0)
    ).fit(X[:600], y[:600]),
}
RUINOUS = {
    skc.SVMQuantizer: {"n_bits": 2, "n_vectors": 0.2, "refit": False},
    skc.TreePruner: {"ccp_alpha": 0.2, "value_bits": 2},
    skc.MLPReducer: {"n_bits": 2, "sparsity": 0.9},
}
GENTLE = {skc.TreePruner: {"ccp_alpha": 0.0}}


def fitted(kind, **settings):
    model = FrozenEstimator(MODELS[kind])
    return kind(model, random_state=0, **settings).fit(X[:300], y[:300], **ROWS)


@pytest.mark.parametrize("kind", MODELS)
def test_settings_that_cost_too_much_are_undone_in_part(kind):
    before = MODELS[kind].score(*ROWS.values())
    ruined = fitted(kind, **RUINOUS[kind])
    assert ruined.score(*ROWS.values()) < before - 0.05
    small = fitted(kind, tolerance=0.02, **RUINOUS[kind])
    assert small.score(*ROWS.values()) >= before - 0.02
    outcomes = [entry.outcome for entry in small.size_report_.ledger]
    notes = [entry.note for entry in small.size_report_.ledger]
    assert "reverted" in outcomes or any("layers" in note for note in notes)
    assert len(skc.dumps(ruined.model_)) < len(skc.dumps(small.model_))


@pytest.mark.parametrize("kind", MODELS)
def test_settings_that_are_good_enough_are_left_alone(kind):
    plain = fitted(kind, **GENTLE.get(kind, {"n_bits": 10}))
    judged = fitted(kind, tolerance=0.05, **GENTLE.get(kind, {"n_bits": 10}))
    assert skc.dumps(plain.model_) == skc.dumps(judged.model_)


@pytest.mark.parametrize("kind", MODELS)
def test_stronger_settings_are_tried_until_the_file_is_small_enough(kind):
    large = len(skc.dumps(fitted(kind, **GENTLE.get(kind, {})).model_))
    small = fitted(kind, max_bytes=int(0.6 * large), **GENTLE.get(kind, {}))
    assert len(skc.dumps(small.model_)) <= 0.6 * large
    assert small.score(*ROWS.values()) > 0.5


@pytest.mark.parametrize("kind", MODELS)
def test_budget_that_cannot_be_met(kind):
    with pytest.raises(skc.BudgetError, match="closest") as caught:
        fitted(kind, max_bytes=60, tolerance=0.3, **GENTLE.get(kind, {}))
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.n_bytes == len(skc.dumps(error.model)) > 60
    assert error.loss <= 0.3
    assert str(error.n_bytes) in str(error)


def test_layers_are_undone_by_what_they_save_for_what_they_cost():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(900, 12))
    labels = (np.sin(3 * rows[:, 0]) + rows[:, 1] > 0).astype(int)
    mlp = MLPClassifier((60, 8), max_iter=300, random_state=0).fit(rows[:600], labels[:600])
    val = {"X_val": rows[600:], "y_val": labels[600:]}
    small = skc.MLPReducer(
        FrozenEstimator(mlp),
        n_bits=2,
        tolerance=0.03,
        bias_correction=False,
        rescale=False,
        random_state=0,
    )
    small.fit(rows[:600], labels[:600], **val)
    assert small.score(rows[600:], labels[600:]) >= mlp.score(rows[600:], labels[600:]) - 0.03
    notes = [entry.note for entry in small.size_report_.ledger if "Quantize" in entry.step]
    assert any("left out on layers" in note for note in notes)
    original = skc.compress(mlp, level="lossless")
    assert len(skc.dumps(small.model_)) < len(skc.dumps(original))


def test_fine_tuning_of_the_chosen_attempt_is_reported():
    reducer = skc.MLPReducer(
        FrozenEstimator(MODELS[skc.MLPReducer]),
        finetune_epochs=1,
        max_bytes=1500,
        random_state=0,
    ).fit(X[:600], y[:600])
    assert reducer.finetune_report_ is not None
    assert reducer.n_bits == 8
    assert len(skc.dumps(reducer.model_)) <= 1500


def test_scoring_is_what_the_tolerance_means():
    svc = MODELS[skc.SVMQuantizer]
    small = fitted(skc.SVMQuantizer, n_bits=2, tolerance=0.01, scoring="f1_macro")
    score = get_scorer("f1_macro")
    assert score(small.model_, *ROWS.values()) >= score(svc, *ROWS.values()) - 0.01


def test_held_out_rows_are_not_fitted_on():
    fits = []

    class Watched(LogisticRegression):
        def fit(self, X, y):
            fits.append(len(X))
            return super().fit(X, y)

    with pytest.raises(skc.UnsupportedEstimatorError):
        skc.SVMQuantizer(Watched(), tolerance=0.01).fit(X[:500], y[:500])
    assert 390 <= fits[0] <= 410


@pytest.mark.parametrize(
    ("name", "own", "offered", "expected"),
    [
        ("n_bits", None, 8, 8),
        ("n_bits", 4, 8, 4),
        ("n_vectors", 20, 0.5, 0.5),
        ("n_vectors", 0.2, 0.5, 0.2),
        ("sparsity", 0.5, 0.3, 0.5),
        ("share_thresholds", False, True, True),
        ("scheme", "affine", "codebook", "codebook"),
    ],
)
def test_stronger(name, own, offered, expected):
    assert stronger(name, own, offered) == expected


@pytest.mark.parametrize("ladder", [SVM_LADDER, TREE_LADDER, MLP_LADDER])
def test_ladders_only_climb(ladder):
    reached = {}
    for rung in ladder:
        for name, value in rung.items():
            assert stronger(name, reached.get(name), value) == value
            reached[name] = value
