"""Trained tables, teachers between the rows, and the search for the smallest network."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import Codebook, Sparse, decode
from skcompress.passes import (
    Context,
    Data,
    FineTune,
    GradualPrune,
    QuantizeWeights,
    SimplifyScalers,
    SkipPass,
    SmallestNetwork,
    SmallestRounding,
    TrainTables,
    smallest_network,
)
from skcompress.passes._dense import FlatNetwork
from skcompress.passes._distill import Blend
from skcompress.passes._targets import teacher_for
from skcompress.passes._trained_tables import TrainedTables
from skcompress.runtime import CompactModel


def score(model, X, y):
    return CompactModel(model).score(X, y)


def regression(n_targets=1):
    X, y = load_diabetes(return_X_y=True)
    X, y = X * np.logspace(0, 3, 10), (y - y.mean()) / y.std()
    Y = y if n_targets == 1 else np.stack([y, 1e3 * y**2][:n_targets], axis=1)
    mlp = MLPRegressor(hidden_layer_sizes=(24,), solver="lbfgs", max_iter=40, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), mlp).fit(X[:300], Y[:300]), X, Y


# Tables


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_a_layer_takes_few_values_and_zeros_stay(seed, bits):
    rng = np.random.default_rng(seed)
    flat = rng.normal(size=60).astype(np.float32)
    flat[rng.random(60) < 0.3] = 0
    before = flat.copy()
    tables = TrainedTables(flat, [30, 20, 6, 4], bits, set())
    latent = tables.snap(flat)
    np.testing.assert_array_equal(latent, before)
    for part in (slice(0, 30), slice(30, 50)):
        np.testing.assert_array_equal(flat[part] == 0, before[part] == 0)
        assert np.unique(flat[part][flat[part] != 0]).size <= 2**bits
    for part in (slice(50, 56), slice(56, 60)):
        assert np.unique(flat[part]).size <= 17
        assert np.abs(flat[part] - before[part]).max() <= np.ptp(before[part]) / 15 + 1e-6


def test_what_is_to_stay_plain_stays():
    flat = np.arange(1, 21, dtype=np.float32)
    tables = TrainedTables(flat, [10, 6, 2, 2], 1, {1, 3})
    tables.snap(flat)
    np.testing.assert_array_equal(flat[10:16], np.arange(11, 17))
    np.testing.assert_array_equal(flat[18:], [19, 20])
    assert np.unique(flat[:10]).size == 2


def test_training_the_tables_beats_rounding(digits_mlp):
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:900], y[:900]))
    pruned = GradualPrune(0.85, 30).apply(model, context)
    rounded = QuantizeWeights("codebook", 2).apply(pruned, context)
    trained = TrainTables(2, 30).apply(pruned, context)
    assert score(trained, X[900:], y[900:]) > score(rounded, X[900:], y[900:])
    assert len(skc.dumps(CompactModel(trained))) < len(skc.dumps(CompactModel(rounded)))
    for before, after in zip(pruned.predictor.layers, trained.predictor.layers, strict=True):
        values = decode(after.weights)
        np.testing.assert_array_equal(before.weights == 0, values == 0)
        assert np.unique(values[values != 0]).size <= 4
        table = after.weights.data if isinstance(after.weights, Sparse) else after.weights
        assert isinstance(table, Codebook)


def test_tables_of_targets_that_differ_in_spread():
    pipeline, X, Y = regression(2)
    small = skc.MLPReducer(
        FrozenEstimator(pipeline),
        n_bits=4,
        scheme="codebook",
        finetune_epochs=30,
        random_state=0,
    ).fit(X[:300], Y[:300])
    assert small.score(X[300:], Y[300:]) > pipeline.score(X[300:], Y[300:]) - 0.1
    report = small.finetune_report_
    assert len(report.losses) == 30
    assert report.tables.gradient_norms.shape == (10, 2)
    assert (report.tables.gradient_quantiles > 0).all()


def test_without_training_what_is_kept_is_quantized_too(digits_mlp):
    model, X, y = digits_mlp
    trained = TrainTables(3, 1, learning_rate=1e-12).apply(
        model, Context(original=model, refit=Data(X[:900], y[:900]))
    )
    for layer in trained.predictor.layers:
        assert np.unique(decode(layer.weights)).size <= 9


def test_tables_need_rows_and_plain_weights(digits_mlp):
    model, X, _ = digits_mlp
    with pytest.raises(SkipPass, match="no rows"):
        TrainTables(3, 1).apply(model, Context(original=model))
    coded = QuantizeWeights("affine", 8).apply(model, Context(original=model))
    with pytest.raises(SkipPass, match="encoded already"):
        TrainTables(3, 1).apply(coded, Context(original=model, refit=Data(X)))


# Teachers


def test_blends_lie_between_rows_and_the_teacher_answers():
    rng = np.random.default_rng(0)
    teacher = FlatNetwork([rng.normal(size=(4, 3))], [rng.normal(size=3)], ["softmax"])
    rows = rng.normal(size=(7, 4)).astype(np.float32)
    targets = np.zeros((7, 3), np.float32)
    mixed, answers = Blend(teacher, rng)(rows, targets)
    np.testing.assert_array_equal(mixed[1::2], rows[1::2])
    np.testing.assert_array_equal(answers[1::2], 0)
    assert (mixed[::2] >= rows.min(axis=0) - 1e-6).all()
    assert (mixed[::2] <= rows.max(axis=0) + 1e-6).all()
    np.testing.assert_allclose(answers[::2], teacher.forward(mixed[::2])[-1])


def test_the_teacher_sees_what_the_model_sees():
    pipeline, X, y = regression()
    model = lift(pipeline)
    context = Context(original=model, refit=Data(X[:300]))
    assert teacher_for(model, context, "original") is model.predictor
    simple = SimplifyScalers().apply(model, context)
    teacher = teacher_for(simple, context, "original")
    assert teacher is not model.predictor
    rows = context.inputs(simple, context.refit)
    hidden = np.maximum(rows @ teacher.layers[0].weights + teacher.layers[0].bias, 0)
    found = hidden @ teacher.layers[1].weights + teacher.layers[1].bias
    np.testing.assert_allclose(found.ravel(), pipeline.predict(X[:300]), rtol=1e-8)
    labelled = dataclasses.replace(context, refit=Data(X[:300], y[:300]))
    assert teacher_for(model, labelled, "auto") is None
    assert teacher_for(model, labelled, "original") is not None


def test_imitating_in_between_keeps_few_weights_close(digits_mlp):
    """To the original, that is: what labels teach is something else."""
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:900], y[:900]))
    known = CompactModel(model).predict(X[900:])
    by_labels, by_teacher = (
        GradualPrune(0.9, 40, target=target).apply(model, context)
        for target in ("labels", "original")
    )
    agreement = [
        np.mean(CompactModel(m).predict(X[900:]) == known) for m in (by_labels, by_teacher)
    ]
    assert agreement[1] >= agreement[0] - 0.01
    assert agreement[1] > 0.9


# The search


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(smallest_network, "_FEWEST", 6)
    monkeypatch.setattr(smallest_network, "_MOST", 8)


def test_classes(quick, digits_mlp):
    _, X, y = digits_mlp
    mlp = MLPClassifier((40, 20), max_iter=400, tol=1e-3, random_state=0).fit(X[:900], y[:900])
    rows = {"X_val": X[900:1350], "y_val": y[900:1350], "random_state": 0}
    balanced, tiny = (
        skc.compress(mlp, X[:900], y[:900], level=level, **rows) for level in ("balanced", "tiny")
    )
    assert len(skc.dumps(tiny)) < len(skc.dumps(balanced))
    assert tiny.score(X[900:1350], y[900:1350]) >= mlp.score(X[900:1350], y[900:1350]) - 0.02
    assert tiny.score(X[1350:], y[1350:]) > mlp.score(X[1350:], y[1350:]) - 0.05
    (step,) = [e for e in tiny.size_report_.ledger if "SmallestNetwork" in e.step]
    assert step.outcome == "applied"


def test_numbers_behind_a_scaler(quick):
    pipeline, X, y = regression()
    small = skc.compress(
        pipeline, X[:300], y[:300], X_val=X[300:], y_val=y[300:], level="tiny", random_state=0
    )
    assert small.score(X[300:], y[300:]) >= pipeline.score(X[300:], y[300:]) - 0.02
    lossless = skc.compress(pipeline, level="lossless")
    assert len(skc.dumps(small)) < 0.3 * len(skc.dumps(lossless))


def test_what_the_search_needs(digits_mlp):
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X))
    with pytest.raises(SkipPass, match="no held-out rows"):
        SmallestNetwork().apply(model, context)
    judged = Context(original=model, held_out=Data(X, y), tolerance=0.1)
    with pytest.raises(SkipPass, match="no rows to fine-tune on"):
        SmallestNetwork().apply(model, judged)


def interrupted_search(digits_mlp, when, reports=None, tolerance=0.02):
    """A search that is stopped from the keyboard where `when(step, done)` says so."""
    model, X, y = digits_mlp
    calls = []

    def listen(step, done, total):
        calls.append((step, done, total))
        if when(step, done):
            raise KeyboardInterrupt

    context = Context(
        original=model,
        refit=Data(X[:900], y[:900]),
        held_out=Data(X[900:], y[900:]),
        tolerance=tolerance,
        progress=listen,
    )
    record = None if reports is None else reports.append
    return SmallestNetwork(record=record).apply(model, context), context, calls


def third_epoch(reports, trainings):
    """When the third epoch of the next training is over."""
    trained_on = ("fine-tuning", "training values")
    return lambda step, done: step in trained_on and len(reports) == trainings and done == 3


def test_an_interruption_keeps_the_smallest_file_so_far(quick, digits_mlp):
    reports = []
    found, context, calls = interrupted_search(digits_mlp, third_epoch(reports, 1), reports)
    assert [report.interrupted for report in reports] == [False, True]
    assert calls[-1][0] == "fine-tuning"
    rounded = SmallestRounding().apply(digits_mlp[0], context)
    assert skc.dumps(CompactModel(found)) == skc.dumps(CompactModel(rounded))
    assert context.remarks == ["interrupted: the smallest network so far"]


def test_an_interruption_quantizes_what_is_trained_already(quick, digits_mlp, monkeypatch):
    def refuse(*_):
        raise SkipPass("nothing")

    monkeypatch.setattr(SmallestRounding, "apply", refuse)
    reports = []
    found, context, _ = interrupted_search(digits_mlp, third_epoch(reports, 4), reports, 0.1)
    assert reports[-1].interrupted
    assert context.acceptable(found, cautious=False)
    codes = found.predictor.layers[0].weights
    assert isinstance(codes, Sparse)
    assert isinstance(codes.data, Codebook)


def test_an_interruption_before_anything_is_found_is_one(quick, digits_mlp):
    with pytest.raises(KeyboardInterrupt):
        interrupted_search(digits_mlp, lambda step, done: step == "prices tried")


def test_the_search_shows_how_far_it_is(quick, digits_mlp):
    reports = []
    found, context, calls = interrupted_search(digits_mlp, lambda step, done: False, reports)
    assert context.acceptable(found, cautious=1.0)
    seen = [(done, total) for step, done, total in calls if step == "networks trained"]
    assert len(seen) == len(reports) + 1
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert all("interrupted" not in remark for remark in context.remarks)


def test_an_interruption_keeps_what_is_good(digits_mlp):
    """The pass under way ends with its best state; the recipe goes on with it."""
    model, X, y = digits_mlp

    def stop(step, done, total):
        if done == 3:
            raise KeyboardInterrupt

    context = Context(original=model, refit=Data(X[:900], y[:900]), progress=stop)
    reports = []
    tuned = FineTune(10, target="original", record=reports.append).apply(model, context)
    assert reports[0].interrupted
    assert score(tuned, X[900:], y[900:]) > 0.85
