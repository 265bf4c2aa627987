"""Which of several recipes is taken."""

import dataclasses

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPRegressor

import skcompress as skc
from skcompress.ir import LowRank
from skcompress.passes import (
    Cheapest,
    Context,
    Data,
    KeepUnits,
    LowRankLayers,
    PruneWeights,
    QuantizeWeights,
    SkipPass,
    SparseStorage,
    TrainTables,
)
from skcompress.runtime import CompactModel


@pytest.fixture
def judged(digits_mlp):
    model, X, y = digits_mlp
    return model, Context(
        original=model,
        refit=Data(X[:900], y[:900]),
        held_out=Data(X[900:], y[900:]),
        tolerance=0.05,
    )


def n_bytes(model):
    return len(skc.dumps(CompactModel(model)))


EIGHT = (QuantizeWeights("affine", 8),)
UNITS = (KeepUnits(0.8), QuantizeWeights("affine", 8))
SPARSE = (PruneWeights(0.5), SparseStorage(), QuantizeWeights("affine", 4))
RUINED = (PruneWeights(0.99), SparseStorage(), QuantizeWeights("affine", 2))


def test_the_smallest_file_of_those_that_are_accepted(judged):
    model, context = judged
    context = dataclasses.replace(context, tolerance=0.2)
    found = Cheapest((EIGHT, UNITS, SPARSE, RUINED)).apply(model, context)
    sizes = []
    for steps in (EIGHT, UNITS, SPARSE):
        result = model
        for step in steps:
            result = step.apply(result, context)
        assert context.acceptable(result, cautious=False)
        sizes.append(n_bytes(result))
    assert n_bytes(found) == min(sizes)
    assert context.remarks[0].startswith("taken: PruneWeights(sparsity=0.5")


def test_the_fewest_multiplications(judged):
    model, context = judged
    factors = (LowRankLayers(0.25),)
    for alternatives in ((EIGHT, UNITS, SPARSE), (EIGHT, UNITS, SPARSE, factors)):
        context = dataclasses.replace(context, tolerance=0.5)
        found = Cheapest(alternatives, "multiplications").apply(model, context)
        first = found.predictor.layers[0].weights
        if factors in alternatives:
            assert isinstance(first, LowRank)
        else:  # zeros are multiplied, too
            assert first.shape == (64, 32)


def test_what_cannot_be_done_is_passed_over(judged):
    model, context = judged
    coded = QuantizeWeights("affine", 8).apply(model, context)
    impossible = (TrainTables(3, 1),)
    found = Cheapest((impossible, (QuantizeWeights("affine", 6),))).apply(coded, context)
    assert found.predictor.layers[0].weights.bits == 6
    with pytest.raises(SkipPass, match="none of the recipes"):
        Cheapest((impossible, RUINED)).apply(coded, context)
    with pytest.raises(SkipPass, match="no held-out rows"):
        Cheapest((EIGHT,)).apply(model, Context(original=model))


@pytest.mark.parametrize("structure", ["smallest", "fastest"])
def test_the_reducer_chooses_a_structure(structure):
    """Of a network with far more units than its task needs."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 6))
    y = X[:, 0] + np.abs(X[:, 1])
    mlp = MLPRegressor(hidden_layer_sizes=(60,), solver="lbfgs", max_iter=300, random_state=0)
    frozen = FrozenEstimator(mlp.fit(X[:300], y[:300]))
    rows = {"X_val": X[300:450], "y_val": y[300:450]}
    small = skc.MLPReducer(frozen, structure=structure, tolerance=0.05, random_state=0)
    small = small.fit(X[:300], y[:300], **rows)
    whole = skc.MLPReducer(frozen, tolerance=0.05).fit(X[:300], y[:300], **rows)
    sizes = [len(skc.dumps(reducer.model_)) for reducer in (small, whole)]
    assert sizes[0] < 0.8 * sizes[1]
    assert small.score(X[450:], y[450:]) > mlp.score(X[450:], y[450:]) - 0.06
    (line,) = [e for e in small.size_report_.ledger if "fewest" in e.step]
    assert line.note.startswith("taken: strongest of 6")
    if structure == "fastest":
        assert small.model_.ir.predictor.layers[0].weights.shape[1] < 60


def test_a_structure_is_chosen_by_held_out_rows_only(digits_mlp):
    _, X, y = digits_mlp
    frozen = FrozenEstimator(
        MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=5).fit(X, y)
    )
    reducer = skc.MLPReducer(frozen, structure="smallest").fit(X, y)
    (line,) = [e for e in reducer.size_report_.ledger if "fewest" in e.step]
    assert (line.outcome, line.note) == ("skipped", "no held-out rows to choose by")
