"""Probabilities of machines whose decisions moved."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from skcompress.families import lift
from skcompress.ir import OneVsOne
from skcompress.passes import Context, Data, ReduceVectors, RefitPlatt
from skcompress.passes.platt import fit_sigmoids
from skcompress.runtime import CompactModel
from skcompress.runtime.heads import expit

X, Y = load_digits(return_X_y=True)


def test_sigmoids_are_found():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 3))
    a, b = np.array([-1.5, -0.5, -4.0]), np.array([0.3, -1.0, 0.0])
    found = fit_sigmoids(
        scores, expit(-(a * scores + b)), np.ones(scores.shape, bool), -np.ones(3), np.zeros(3)
    )
    np.testing.assert_allclose(found, (a, b), atol=1e-3)


def test_a_pair_without_rows_keeps_its_numbers():
    scores = np.ones((5, 1))
    a, b = fit_sigmoids(scores, scores, np.zeros((5, 1), bool), np.array([-2.0]), np.array([0.5]))
    assert (a, b) == (-2.0, 0.5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_follow(n_classes):
    y = Y % n_classes
    model = lift(SVC().fit(X[:900], y[:900]))
    pairs = n_classes * (n_classes - 1) // 2
    assert isinstance(model.head, OneVsOne)
    head = model.head.replace(platt_a=np.full(pairs, -2.0), platt_b=np.linspace(-0.2, 0.2, pairs))
    model = model.replace(head=head)
    context = Context(original=model, refit=Data(X[:900], y[:900]))
    small = ReduceVectors(40).apply(model, context)
    # As if the reduced machine's decisions were on another scale.
    kernel = small.predictor
    small = small.with_predictor(
        kernel.replace(coef=3 * kernel.coef, intercept=3 * kernel.intercept)
    )
    expected = CompactModel(model).predict_proba(X[900:])

    def gap(candidate):
        return np.abs(CompactModel(candidate).predict_proba(X[900:]) - expected).mean()

    assert gap(RefitPlatt().apply(small, context)) < 0.6 * gap(small)


def test_without_probabilities_nothing_changes():
    model = lift(SVC().fit(X[:300], Y[:300]))
    assert RefitPlatt().apply(model, Context(original=model)) is model
