"""Training on: masks, targets, what is taken and what is refused."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcompress.families import lift
from skcompress.passes import (
    Context,
    Data,
    FineTune,
    GradualPrune,
    PruneWeights,
    QuantizeWeights,
    SkipPass,
    run,
)
from skcompress.passes._targets import network_targets
from skcompress.passes.finetune import finetune
from skcompress.runtime import CompactModel
from skcompress.runtime._inputs import check_rows


def zeros(model):
    weights = [layer.weights for layer in model.predictor.layers]
    return 1 - sum(np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)


def quietly(estimator, *data):
    """Fit without waiting for convergence."""
    with pytest.warns(ConvergenceWarning):
        return estimator.fit(*data)


# What training on does


def test_it_recovers_what_pruning_cost(pruned_digits, digits_mlp):
    pruned, context = pruned_digits
    model, X, y = digits_mlp
    tuned = FineTune(30).apply(pruned, context)
    scores = [CompactModel(m).score(X[900:], y[900:]) for m in (model, pruned, tuned)]
    assert scores[1] < scores[0] - 0.1
    assert scores[2] > scores[0] - 0.02


def test_zeros_stay_zero_and_nothing_else_becomes_zero(pruned_digits):
    pruned, context = pruned_digits
    tuned = FineTune(5).apply(pruned, context)
    for before, after in zip(pruned.predictor.layers, tuned.predictor.layers, strict=True):
        np.testing.assert_array_equal(before.weights != 0, after.weights != 0)
        assert not np.signbit(after.weights[after.weights == 0]).any()
        assert after.weights.dtype == before.weights.dtype
        assert not np.array_equal(before.bias, after.bias)


def test_the_argument_stays_as_it_is(pruned_digits):
    pruned, context = pruned_digits
    before = [array.copy() for _, array in pruned.arrays() if array.dtype.kind == "f"]
    FineTune(2).apply(pruned, context)
    after = [array for _, array in pruned.arrays() if array.dtype.kind == "f"]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_seed_decides_everything(pruned_digits):
    pruned, context = pruned_digits
    first, again = (FineTune(3).apply(pruned, context) for _ in range(2))
    other = FineTune(3).apply(pruned, dataclasses.replace(context, random_state=4))
    for a, b, c in zip(
        first.predictor.layers, again.predictor.layers, other.predictor.layers, strict=True
    ):
        np.testing.assert_array_equal(a.weights, b.weights)
        assert not np.array_equal(a.weights, c.weights)


def test_held_out_rows_are_not_looked_at(pruned_digits, digits_mlp):
    pruned, context = pruned_digits
    _, X, y = digits_mlp
    blind = FineTune(3).apply(pruned, context)
    seeing = FineTune(3).apply(
        pruned, dataclasses.replace(context, held_out=Data(X[900:], y[900:]), tolerance=0.5)
    )
    np.testing.assert_array_equal(
        blind.predictor.layers[0].weights, seeing.predictor.layers[0].weights
    )


def test_distillation_needs_no_labels(pruned_digits, digits_mlp):
    pruned, context = pruned_digits
    model, X, _ = digits_mlp
    unlabelled = dataclasses.replace(context, refit=Data(X[:900]))
    tuned = FineTune(30).apply(pruned, unlabelled)
    agreement = [
        np.mean(CompactModel(m).predict(X[900:]) == CompactModel(model).predict(X[900:]))
        for m in (pruned, tuned)
    ]
    assert agreement[0] < 0.85
    assert agreement[1] > 0.95
    # The same as asking for it where there are labels.
    asked = FineTune(30, target="original").apply(pruned, context)
    np.testing.assert_array_equal(
        asked.predictor.layers[0].weights, tuned.predictor.layers[0].weights
    )


def test_gradual_pruning_beats_pruning_at_once(digits_mlp):
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:900], y[:900]))
    gradual = GradualPrune(0.88, 40).apply(model, context)
    at_once, _ = run((PruneWeights(0.88), FineTune(40)), model, context)
    assert zeros(gradual) == pytest.approx(0.88, abs=1e-3)
    assert zeros(at_once) == pytest.approx(0.88, abs=1e-3)
    scores = [CompactModel(m).score(X[900:], y[900:]) for m in (at_once, gradual)]
    assert scores[1] > scores[0]
    assert scores[1] > CompactModel(model).score(X[900:], y[900:]) - 0.04


@pytest.mark.parametrize("n_rows", [10, 25, 60])
def test_gradual_pruning_arrives_in_few_steps(digits_mlp, n_rows):
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:n_rows], y[:n_rows]))
    assert zeros(GradualPrune(0.9, 1).apply(model, context)) == pytest.approx(0.9, abs=1e-3)


def test_gradual_pruning_starts_from_the_zeros_there_are(pruned_digits):
    pruned, context = pruned_digits
    further = GradualPrune(0.9, 4).apply(pruned, context)
    assert zeros(further) == pytest.approx(0.9, abs=1e-3)
    unchanged = GradualPrune(0.5, 4).apply(pruned, context)
    assert zeros(unchanged) == pytest.approx(0.8, abs=1e-3)
    for before, after in zip(pruned.predictor.layers, further.predictor.layers, strict=True):
        assert not after.weights[before.weights == 0].any()


# Kinds of targets


def test_binary():
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], np.where(y[50:] == 1, "no", "yes")
    mlp = MLPClassifier((8,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
    model = lift(mlp)
    context = Context(original=model, refit=Data(X, y))
    pruned = PruneWeights(0.7).apply(model, context)
    tuned = FineTune(100, learning_rate=1e-2).apply(pruned, context)
    assert CompactModel(pruned).score(X, y) < 0.8
    assert CompactModel(tuned).score(X, y) > 0.93


def test_several_labels():
    X, y = make_multilabel_classification(600, n_classes=4, random_state=0)
    mlp = quietly(MLPClassifier((30,), max_iter=60, random_state=0), X[:400], y[:400])
    model = lift(mlp)
    context = Context(original=model, refit=Data(X[:400], y[:400]))
    pruned = PruneWeights(0.8).apply(model, context)
    tuned = FineTune(60, learning_rate=5e-3).apply(pruned, context)
    # The share of labels that are right; of rows with all labels right there are few.
    shares = [np.mean(CompactModel(m).predict(X[400:]) == y[400:]) for m in (model, pruned, tuned)]
    assert shares[1] < shares[0] - 0.05
    assert shares[2] > shares[0] - 0.02


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regression(n_outputs):
    """Targets far from one, of different spreads, which one learning rate must suit."""
    X, y = load_diabetes(return_X_y=True)
    y = np.stack([y, 1e-2 * (y + 500 * X[:, 2])], axis=1)[:, :n_outputs].squeeze()
    mlp = MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", max_iter=30, random_state=0)
    pipe = make_pipeline(StandardScaler(), mlp)
    quietly(pipe, X[:350], y[:350])
    model = lift(pipe)
    context = Context(original=model, refit=Data(X[:350], y[:350]))
    reports = []
    pruned = PruneWeights(0.7).apply(model, context)
    tuned = FineTune(60, learning_rate=1e-2, record=reports.append).apply(pruned, context)
    assert min(reports[0].errors) < min(reports[0].errors[0] - 0.1, 0.8)  # of the variance
    scores = [CompactModel(m).score(X[350:], y[350:]) for m in (pruned, tuned)]
    assert scores[1] > max(scores[0] + 0.1, 0.2)


def test_counts():
    sizes = {"loss": "poisson"}
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no Poisson loss")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = rng.poisson(np.exp(X[:, 0]))
    mlp = quietly(
        MLPRegressor(hidden_layer_sizes=(16,), random_state=0, max_iter=40, **sizes), X, y
    )
    model = lift(mlp)
    context = Context(original=model, refit=Data(X, y))
    reports = []
    pruned = PruneWeights(0.6).apply(model, context)
    FineTune(30, record=reports.append).apply(pruned, context)
    assert min(reports[0].errors) < reports[0].errors[0] - 0.02


def test_sample_weights_decide_between_contradicting_rows():
    X = np.repeat(np.random.default_rng(0).normal(size=(60, 2)), 2, axis=0)
    y = np.tile([0, 1], 60)
    mlp = quietly(MLPClassifier((6,), max_iter=5, random_state=0), X, y)
    model = lift(mlp)
    for favoured in (0, 1):
        weight = np.where(y == favoured, 10.0, 0.1)
        context = Context(original=model, refit=Data(X, y, weight))
        tuned = FineTune(60, learning_rate=1e-2).apply(model, context)
        assert (CompactModel(tuned).predict(X) == favoured).all()


def test_targets(digits_mlp):
    model, X, y = digits_mlp
    original = CompactModel(model).predict_proba(X[:50])
    labels = np.eye(10)[y[:50]]
    context = Context(original=model, refit=Data(X[:50], y[:50]))
    np.testing.assert_array_equal(network_targets(model, context, "auto"), labels)
    np.testing.assert_array_equal(network_targets(model, context, "labels"), labels)
    np.testing.assert_array_equal(network_targets(model, context, "original"), original)
    np.testing.assert_allclose(
        network_targets(model, context, "mix"), (original + labels) / 2, rtol=1e-6
    )
    unlabelled = Context(original=model, refit=Data(X[:50]))
    np.testing.assert_array_equal(network_targets(model, unlabelled, "auto"), original)
    for kind in ("labels", "mix"):
        with pytest.raises(SkipPass, match="no labels"):
            network_targets(model, unlabelled, kind)
    with pytest.raises(ValueError, match="target must be one of"):
        network_targets(model, context, "both")


def test_labels_that_the_model_does_not_know_are_left_to_the_original(digits_mlp):
    model, X, y = digits_mlp
    strange = np.where(np.arange(50) % 5 == 0, 77, y[:50])
    aim = network_targets(model, Context(original=model, refit=Data(X[:50], strange)), "auto")
    known = strange != 77
    np.testing.assert_array_equal(aim[known], np.eye(10)[y[:50][known]])
    np.testing.assert_allclose(aim[~known], CompactModel(model).predict_proba(X[:50])[~known], 1e-6)


# Input


def test_sparse_rows_give_what_dense_ones_do(pruned_digits):
    pruned, context = pruned_digits
    held = csr_array(context.refit.X)
    sparse = FineTune(2).apply(
        pruned, dataclasses.replace(context, refit=Data(held, context.refit.y))
    )
    dense = FineTune(2).apply(pruned, context)
    for a, b in zip(sparse.predictor.layers, dense.predictor.layers, strict=True):
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-4, atol=1e-5)


def test_sparse_rows_with_entries_that_occur_twice(digits_mlp):
    model, X, _ = digits_mlp
    whole = csr_array(X[:40])
    twice = csr_array(
        (
            np.repeat(whole.data / 2, 2),
            np.repeat(whole.indices, 2),
            2 * whole.indptr,
        ),
        shape=whole.shape,
    )
    targets = np.eye(10)[np.arange(40) % 10]
    tuned = [
        finetune(model.predictor, check_rows(rows, model.input), targets, epochs=1, sparsity=0.5)[0]
        for rows in (whole, twice)
    ]
    np.testing.assert_allclose(
        tuned[0].layers[0].weights, tuned[1].layers[0].weights, rtol=1e-4, atol=0.1
    )


def test_float32_networks_stay_float32(digits_mlp):
    _, X, y = digits_mlp
    mlp = quietly(MLPClassifier((10,), max_iter=3, random_state=0), X.astype(np.float32), y)
    model = lift(mlp)
    tuned = FineTune(2).apply(model, Context(original=model, refit=Data(X, y)))
    assert {layer.weights.dtype for layer in tuned.predictor.layers} == {np.dtype(np.float32)}


def test_what_is_missing_is_said(pruned_digits, digits_mlp):
    pruned, context = pruned_digits
    model, X, y = digits_mlp
    for refit, message in (
        (None, "no rows"),
        (Data(X[:5], y[:5]), "needs 10 rows"),
        (Data(X[:50], y[:50], np.zeros(50)), "no weight"),
    ):
        for step in (FineTune(1), GradualPrune(0.5, 1)):
            with pytest.raises(SkipPass, match=message):
                step.apply(pruned, dataclasses.replace(context, refit=refit))
    coded = QuantizeWeights("affine", 8).apply(model, context)
    with pytest.raises(SkipPass, match="encoded already"):
        FineTune(1).apply(coded, context)
    with pytest.raises(ValueError, match="targets must be of shape"):
        finetune(model.predictor, X, y, epochs=1)


def test_networks_without_a_loss_are_refused(digits_mlp):
    model, X, _ = digits_mlp
    first, *rest = model.predictor.layers
    network = model.predictor.replace(layers=(first.replace(activation="softmax"), *rest))
    with pytest.raises(SkipPass, match="cannot be trained"):
        finetune(network, X, np.zeros((len(X), 10)), epochs=1)
