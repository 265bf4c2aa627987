"""Which state training keeps, and what its report says."""

import dataclasses
import itertools

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skcompress.ir import DenseNetwork, Layer
from skcompress.passes import (
    Context,
    Data,
    FineTune,
    GradualPrune,
    SkipPass,
)
from skcompress.passes.finetune import finetune
from skcompress.runtime import CompactModel


def zeros(model):
    weights = [layer.weights for layer in model.predictor.layers]
    return 1 - sum(np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)


def quietly(estimator, *data):
    """Fit without waiting for convergence."""
    with pytest.warns(ConvergenceWarning):
        return estimator.fit(*data)


# Stopping


def test_an_interruption_keeps_the_best_state(pruned_digits):
    pruned, context = pruned_digits
    reports = []

    def interrupt(step, done, total):
        assert (step, total) == ("fine-tuning", 50)
        if done == 4:
            raise KeyboardInterrupt

    stopped = FineTune(50, record=reports.append).apply(
        pruned, dataclasses.replace(context, progress=interrupt)
    )
    report = reports[0]
    assert report.interrupted
    assert len(report.losses) == 4
    assert report.best_epoch > 0
    assert zeros(stopped) == zeros(pruned)
    assert not np.array_equal(
        stopped.predictor.layers[0].weights, pruned.predictor.layers[0].weights
    )


def test_an_interruption_while_weights_go_keeps_the_present_state(digits_mlp):
    model, X, y = digits_mlp
    reports = []

    def interrupt(step, done, total):
        if done == 2:
            raise KeyboardInterrupt

    context = Context(original=model, refit=Data(X[:900], y[:900]), progress=interrupt)
    stopped = GradualPrune(0.9, 20, record=reports.append).apply(model, context)
    assert reports[0].interrupted
    assert reports[0].best_epoch == 2
    assert 0.2 < zeros(stopped) < 0.9
    assert CompactModel(stopped).score(X, y) > 0.9


def test_the_best_state_is_kept_not_the_last(pruned_digits):
    pruned, context = pruned_digits
    tuned = FineTune(10).apply(pruned, context)
    reports = []
    wild = FineTune(8, learning_rate=0.5, record=reports.append).apply(tuned, context)
    report = reports[0]
    assert report.best_epoch == 0
    assert min(report.errors[1:]) > report.errors[0] + 0.1
    assert wild is tuned


def test_training_that_diverges_changes_nothing(digits_mlp):
    model, X, y = digits_mlp
    X = X[:100].copy()
    reports = []
    context = Context(original=model, refit=Data(X, y[:100]))
    # Weights so large that float32 sums overflow.
    first, *rest = model.predictor.layers
    huge = model.with_predictor(
        model.predictor.replace(layers=(first.replace(weights=first.weights * 1e39), *rest))
    )
    with pytest.raises(SkipPass, match="diverged"):
        FineTune(3, record=reports.append).apply(huge, context)
    assert reports[0].diverged
    assert any("not finite" in warning for warning in reports[0].warnings)


# The report


def test_report(pruned_digits):
    pruned, context = pruned_digits
    reports, calls = [], []
    watched = dataclasses.replace(
        context, progress=lambda step, done, total: calls.append((step, done, total))
    )
    FineTune(6, record=reports.append).apply(pruned, watched)
    report = reports[0]
    assert len(report.losses) == 6
    assert len(report.errors) == 7
    assert report.losses[-1] < report.losses[0]
    assert report.gradient_norms.shape == (6, 3)
    assert report.gradient_quantiles.shape == (3, 5)
    assert (np.diff(report.gradient_quantiles, axis=1) >= 0).all()
    assert (report.gradient_norms.max(axis=0) <= report.gradient_quantiles[:, 4]).all()
    assert not report.interrupted
    assert report.warnings == ()
    assert calls == [("fine-tuning", epoch, 6) for epoch in range(1, 7)]


def deep(scale, activation, n_layers=6):
    rng = np.random.default_rng(0)
    widths = [5] + [8] * n_layers + [1]
    layers = tuple(
        Layer(
            weights=scale * rng.normal(size=size) / np.sqrt(size[0]),
            bias=np.zeros(size[1]),
            activation=activation if place < n_layers else "identity",
        )
        for place, size in enumerate(itertools.pairwise(widths))
    )
    return DenseNetwork(layers=layers), rng.normal(size=(200, 5)), rng.normal(size=(200, 1))


def test_vanishing_gradients_are_reported():
    _, report = finetune(*deep(0.05, "logistic"), epochs=1)
    assert any("layer 0 vanish" in warning for warning in report.warnings)
    followed = dataclasses.replace(finetune(*deep(1.4, "relu"), epochs=1)[1], tables=report)
    assert any("with tables: gradients of layer 0 vanish" in w for w in followed.warnings)


def test_exploding_gradients_are_reported():
    _, report = finetune(*deep(30.0, "relu"), epochs=1)
    assert any("explode" in warning for warning in report.warnings)
    assert any("clipped in 100%" in warning for warning in report.warnings)


def test_sound_gradients_are_not():
    _, report = finetune(*deep(1.4, "relu"), epochs=1)
    assert report.warnings == ()
