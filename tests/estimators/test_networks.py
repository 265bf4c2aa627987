"""Every kind of network that scikit-learn fits is reduced, with and without training on."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import skcompress as skc

X, LABELS = make_classification(400, 12, n_informative=8, n_classes=3, random_state=0)
LABEL_SETS = make_multilabel_classification(400, 12, n_classes=4, random_state=0)
NUMBERS = X[:, 0] + np.abs(X[:, 1])
PAIRS = np.stack([NUMBERS, 50 * NUMBERS**2], axis=1)


def classifier(**settings):
    return MLPClassifier(
        **{"hidden_layer_sizes": (24,), "max_iter": 60, "random_state": 0} | settings
    )


def regressor(**settings):
    return MLPRegressor(
        **{"hidden_layer_sizes": (24,), "max_iter": 60, "random_state": 0} | settings
    )


def in_parts(mlp):
    """Fitted by `partial_fit`."""
    for _ in range(20):
        mlp.partial_fit(X[:300], LABELS[:300], classes=[0, 1, 2])
    return mlp


def twice(mlp):
    """Fitted, and from there once more."""
    return mlp.fit(X[:300], LABELS[:300]).fit(X[:300], LABELS[:300])


KINDS = {
    "early stopping": (lambda: classifier(early_stopping=True).fit(X[:300], LABELS[:300]), LABELS),
    "in parts": (lambda: in_parts(classifier()), LABELS),
    "warm start": (lambda: twice(classifier(warm_start=True)), LABELS),
    "lbfgs, logistic": (
        lambda: classifier(solver="lbfgs", activation="logistic").fit(X[:300], LABELS[:300]),
        LABELS,
    ),
    "sgd, tanh, two layers": (
        lambda: classifier(
            hidden_layer_sizes=(24, 12), solver="sgd", activation="tanh", learning_rate_init=0.1
        ).fit(X[:300], LABELS[:300]),
        LABELS,
    ),
    "two classes": (lambda: classifier().fit(X[:300], LABELS[:300] > 0), LABELS > 0),
    "several labels": (lambda: classifier().fit(LABEL_SETS[0][:300], LABEL_SETS[1][:300]), None),
    "numbers behind a scaler": (
        lambda: make_pipeline(StandardScaler(), regressor(solver="lbfgs")).fit(
            100 * X[:300] + 7, NUMBERS[:300]
        ),
        NUMBERS,
    ),
    "several numbers, identity": (
        lambda: make_pipeline(MinMaxScaler(), regressor(activation="identity", solver="lbfgs")).fit(
            100 * X[:300] + 7, PAIRS[:300]
        ),
        PAIRS,
    ),
}


def rows_of(kind, y):
    """Rows and targets of a kind."""
    if kind == "several labels":
        return LABEL_SETS
    return (100 * X + 7 if "numbers" in kind else X), y


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_reduced(kind):
    make, y = KINDS[kind]
    rows, y = rows_of(kind, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make()
    before = pickle.dumps(model)
    settings = {"sparsity": 0.3, "n_bits": 5, "scheme": "codebook", "random_state": 0}
    original = model.score(rows[:300], y[:300])
    for epochs in (0, 4):
        reducers = [
            skc.MLPReducer(FrozenEstimator(model), finetune_epochs=epochs, **settings)
            for _ in range(2)
        ]
        files = [skc.dumps(r.fit(rows[:300], y[:300]).model_) for r in reducers]
        assert files[0] == files[1]
        assert hasattr(reducers[0], "finetune_report_") == (epochs > 0)
        assert len(files[0]) < 0.1 * len(before)
        assert reducers[0].score(rows[:300], y[:300]) > original - 0.25
        loaded = skc.loads(files[0])
        expected = reducers[0].predict(rows[300:])
        np.testing.assert_array_equal(loaded.predict(rows[300:]), expected)
    small = skc.compress(model, rows[:300], y[:300], X_val=rows[300:], y_val=y[300:])
    assert len(skc.dumps(small)) < 0.1 * len(before)
    assert small.score(rows[300:], y[300:]) >= model.score(rows[300:], y[300:]) - 0.005
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    "settings", [{}, {"n_bits": 6, "scheme": "codebook"}, {"n_bits": None, "sparsity": 0.1}]
)
def test_inputs_of_very_different_size_are_not_rounded_alike(settings):
    rows = X * np.logspace(-3, 4, 12)
    model = make_pipeline(StandardScaler(), regressor(solver="lbfgs")).fit(
        rows[:300], NUMBERS[:300]
    )
    small = skc.MLPReducer(FrozenEstimator(model), **settings).fit(rows[:300], NUMBERS[:300])
    score = model.score(rows[:300], NUMBERS[:300])
    assert small.score(rows[:300], NUMBERS[:300]) > score - 0.05
