"""How candidates are judged, and what the ledger says about it."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from skcompress.families import lift
from skcompress.passes import (
    Context,
    Data,
    QuantizeLeaves,
    SelectTrees,
    ShareThresholds,
    SkipPass,
    Strongest,
    run,
)
from skcompress.passes._bytes import file_bytes
from skcompress.runtime import CompactModel


@pytest.fixture(scope="module")
def forest():
    X, y = load_digits(return_X_y=True)
    return RandomForestClassifier(20, random_state=0).fit(X[:900], y[:900])


@pytest.fixture(scope="module")
def judge():
    X, y = load_digits(return_X_y=True)
    return Data(X[900:], y[900:])


@dataclasses.dataclass(frozen=True)
class Ruin:
    """A pass that no tolerance allows."""

    exact: ClassVar[bool] = False

    def apply(self, model, context):
        predictor = model.predictor
        return model.with_predictor(predictor.replace(values=np.full(predictor.values.shape, 0.1)))


def test_scores_are_those_of_the_compact_model(forest, judge):
    context = Context(original=lift(forest), held_out=judge, tolerance=0.01)
    assert context.baseline == pytest.approx(forest.score(judge.X, judge.y))


def test_regression_scores_are_r_squared():
    X, y = load_diabetes(return_X_y=True)
    ridge = Ridge().fit(X[:300], y[:300])
    weight = np.linspace(1, 2, len(y) - 300)
    context = Context(original=lift(ridge), held_out=Data(X[300:], y[300:], weight), tolerance=0.01)
    assert context.baseline == pytest.approx(ridge.score(X[300:], y[300:], weight))


def test_without_labels_the_original_is_the_target(forest, judge):
    context = Context(original=lift(forest), held_out=Data(judge.X), tolerance=0.01)
    assert context.baseline == 1.0


def test_a_pass_that_costs_too_much_is_undone(forest, judge):
    original = lift(forest)
    context = Context(original=original, held_out=judge, tolerance=0.01)
    model, ledger = run((Ruin(), QuantizeLeaves(10)), original, context)
    assert [entry.outcome for entry in ledger] == ["reverted", "applied"]
    assert "would have scored" in ledger.entries[0].note
    assert ledger.entries[0].bytes_after == ledger.entries[0].bytes_before
    assert CompactModel(model).score(judge.X, judge.y) > 0.9


def test_without_tolerance_nothing_is_undone(forest, judge):
    original = lift(forest)
    _, ledger = run((Ruin(),), original, Context(original=original, held_out=judge))
    assert ledger.entries[0].outcome == "applied"
    assert ledger.entries[0].score_after < 0.2


def test_the_strongest_acceptable_candidate_is_taken(forest, judge):
    original = lift(forest)
    context = Context(original=original, held_out=judge, tolerance=0.02)
    candidates = tuple((SelectTrees(n),) for n in (1, 2, 4, 8, 12, 16, 20))
    chosen = Strongest(candidates).apply(original, context)
    accepted = [
        n
        for n in (1, 2, 4, 8, 12, 16, 20)
        if context.acceptable(SelectTrees(n).apply(original, context))
    ]
    assert chosen.predictor.n_trees == accepted[0]


def test_a_share_of_the_tolerance_is_stricter(forest, judge):
    original = lift(forest)
    context = Context(original=original, held_out=judge, tolerance=0.04)
    candidates = tuple((SelectTrees(n),) for n in range(2, 20))
    whole = Strongest(candidates).apply(original, context)
    part = Strongest(candidates, share=0.3).apply(original, context)
    assert part.predictor.n_trees > whole.predictor.n_trees


def test_choosing_needs_rows(forest):
    original = lift(forest)
    with pytest.raises(SkipPass, match="held-out"):
        Strongest(((SelectTrees(3),),)).apply(original, Context(original=original, tolerance=0.1))


def test_noise_is_allowed_for(forest, judge):
    """A candidate whose loss is within the tolerance only by luck is not accepted."""
    original = lift(forest)
    context = Context(original=original, held_out=judge, tolerance=0.005)
    candidate = SelectTrees(14).apply(original, context)
    loss = context.baseline - context.score_of(candidate)
    right = CompactModel(original).predict(judge.X) == judge.y
    other = CompactModel(candidate).predict(judge.X) == judge.y
    differences = right.astype(float) - other
    spread = (differences - differences.mean()) ** 2
    # One more row might differ as much as the one that differs most.
    error = np.sqrt(spread.sum() + spread.max()) / len(judge)
    assert context.acceptable(candidate, loss + 1.01 * error)
    assert not context.acceptable(candidate, loss + 0.99 * error)


def test_a_scorer_of_the_user_is_asked(forest, judge):
    original = lift(forest)

    def score(model, X, y, sample_weight):
        return -float(np.mean(-np.log(model.predict_proba(X)[np.arange(len(y)), y] + 1e-3)))

    context = Context(original=original, held_out=judge, tolerance=0.01, score=score)
    assert context.baseline == pytest.approx(score(forest, judge.X, judge.y, None))
    raw = CompactModel(original).raw(judge.X)
    assert context.acceptable_raw(original, raw)
    assert not context.acceptable_raw(original, np.full_like(raw, 0.1))


def test_candidates_must_make_the_file_smaller_where_that_is_asked():
    X, y = load_digits(return_X_y=True)
    tree = lift(DecisionTreeClassifier(random_state=0).fit(X[:900], y[:900]))
    rows = Data(X[:900], y[:900]), Data(X[900:], y[900:])
    context = Context(original=tree, refit=rows[0], held_out=rows[1], tolerance=1.0)
    # Thresholds halfway between whole numbers take fewer bytes than any others.
    moved = Strongest(((ShareThresholds(),),)).apply(tree, context)
    assert file_bytes(moved) > file_bytes(tree)
    kept = Strongest(((ShareThresholds(),),), smaller=True).apply(tree, context)
    assert kept is tree


def test_changed_labels_cost_more_where_the_original_is_mostly_right():
    X, y = load_digits(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(X[:900], y[:900])
    other = lift(DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(X[:900], y[:900]))
    model, rows = lift(tree), X[900:]
    labels = tree.predict(rows)
    noisy = np.where(np.arange(len(labels)) % 2, labels, (labels + 1) % 10)
    sure, unsure = (
        Context(original=model, held_out=Data(rows, each), tolerance=0.01)
        for each in (labels, noisy)
    )
    changed = 1 - sure.agreement(other)
    assert 0.02 < changed < 0.3
    assert sure.expected_loss(other) > 0.9 * changed
    assert unsure.expected_loss(other) < 0.5 * changed
