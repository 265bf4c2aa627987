"""Rows that nearest neighbours can do without go."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import decode
from skcompress.passes import Condense, Context, Data, SkipPass, run
from skcompress.passes._condensing import order_of_use, smoothed_targets
from skcompress.recipes import level_recipe

SETTINGS = [
    {"n_neighbors": 5},
    {"n_neighbors": 3, "weights": "distance"},
    {"n_neighbors": 5, "p": 1, "algorithm": "ball_tree", "leaf_size": 7},
    {"n_neighbors": 4, "algorithm": "brute"},
]


def moons():
    """Rows, labels and numbers: 600 to store, 400 to judge by, 500 for the test."""
    X, y = make_moons(1500, noise=0.3, random_state=0)
    smooth = np.sin(2 * X[:, 0]) + X[:, 1] + 0.05 * np.random.default_rng(0).normal(size=1500)
    return X, y, smooth


def context_of(model, X, y, tolerance=0.02):
    return Context(original=model, held_out=Data(X[600:1000], y[600:1000]), tolerance=tolerance)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_few_rows_answer_nearly_as_well(settings, kind):
    X, labels, numbers = moons()
    cls, y = (KNeighborsClassifier, labels) if kind == "labels" else (KNeighborsRegressor, numbers)
    neighbors = cls(**settings).fit(X[:600], y[:600])
    before = neighbors.predict(X)
    small = skc.compress(neighbors, X_val=X[600:1000], y_val=y[600:1000], level="tiny")
    stored = small.ir.predictor
    assert settings["n_neighbors"] <= stored.n_rows < 0.5 * 600
    assert len(skc.dumps(small)) < 0.6 * len(skc.dumps(skc.compress(neighbors, level="lossless")))
    assert small.score(X[1000:], y[1000:]) >= neighbors.score(X[1000:], y[1000:]) - 0.04
    assert stored.n_neighbors == settings["n_neighbors"]
    # The stored rows are rows that were there.
    assert {tuple(row) for row in decode(stored.vectors)} <= {tuple(row) for row in X[:600]}
    np.testing.assert_array_equal(neighbors.predict(X), before)
    again = skc.compress(neighbors, X_val=X[600:1000], y_val=y[600:1000], level="tiny")
    assert skc.dumps(again) == skc.dumps(small)
    predicted = small.predict(X)
    np.testing.assert_array_equal(skc.loads(skc.dumps(small)).predict(X), predicted)
    np.testing.assert_allclose(skc.to_sklearn(small).predict(X), predicted, rtol=1e-12)


def test_the_ledger_says_what_is_left():
    X, y, _ = moons()
    model = lift(KNeighborsClassifier().fit(X[:600], y[:600]))
    small, ledger = run(level_recipe(model, "tiny"), model, context_of(model, X, y))
    (line,) = ledger.entries
    assert line.outcome == "applied"
    assert line.note.startswith(f"{small.predictor.n_rows} of 600 rows, targets")
    assert line.bytes_after < line.bytes_before
    assert level_recipe(model, "safe") == level_recipe(model, "lossless") == ()


def test_several_targets():
    X, labels, numbers = moons()
    for cls, y in (
        (KNeighborsClassifier, np.stack([labels, X[:, 0] > 0.5], axis=1)),
        (KNeighborsRegressor, np.stack([numbers, X[:, 0]], axis=1)),
    ):
        model = lift(make_pipeline(StandardScaler(), cls()).fit(X[:600], y[:600]))
        context = context_of(model, X, y, tolerance=0.05)
        small = Condense().apply(model, context)
        assert small.predictor.n_rows <= 100
        assert small.predictor.targets.shape == (small.predictor.n_rows, 2)
        assert context.score_of(small) >= context.baseline - 0.05


def test_of_very_many_rows_some_are_drawn(monkeypatch):
    X, y, _ = moons()
    model = lift(KNeighborsClassifier(algorithm="ball_tree").fit(X[:600], y[:600]))
    monkeypatch.setattr("skcompress.passes.condense._MOST_ROWS", 200)
    contexts = [dataclasses.replace(context_of(model, X, y), random_state=s) for s in (0, 0, 1)]
    few = [Condense().apply(model, context).predictor for context in contexts]
    assert max(stored.n_rows for stored in few) <= 100
    np.testing.assert_array_equal(few[0].vectors, few[1].vectors)
    assert not np.array_equal(few[0].vectors, few[2].vectors)


def test_labels_that_neighbours_deny_are_not_believed():
    X = np.arange(20.0)[:, np.newaxis]
    y = np.repeat([0, 1], 10)
    y[4] = 1
    model = lift(KNeighborsClassifier(3, algorithm="brute").fit(X, y))
    np.testing.assert_array_equal(smoothed_targets(model.predictor)[:, 0], np.repeat([0, 1], 10))
    model = lift(KNeighborsRegressor(2, algorithm="brute").fit(X, X[:, 0]))
    np.testing.assert_array_equal(smoothed_targets(model.predictor)[1:-1, 0], X[1:-1, 0])


def test_the_order_ends_when_all_rows_are_answered_right():
    X = np.concatenate([np.arange(50.0), 1000 + np.arange(50.0)])[:, np.newaxis]
    model = lift(KNeighborsClassifier(1).fit(X, np.repeat(["a", "b"], 50)))
    order = order_of_use(model.predictor, 80)
    # The middles of both classes say all.
    assert sorted(decode(model.predictor.vectors)[order, 0] // 1000) == [0, 1]
    X, y, _ = moons()
    stored = lift(KNeighborsClassifier(5).fit(X[:600], y[:600])).predictor
    order = order_of_use(stored, 400)
    assert np.unique(order).size == order.size < 400


def test_what_cannot_be_condensed():
    X, y, numbers = moons()
    few = lift(KNeighborsClassifier(5).fit(X[:6], y[:6]))
    model = lift(KNeighborsClassifier(5).fit(X[:600], y[:600]))
    ridge = lift(Ridge().fit(X, numbers))
    for of, context, reason in (
        (model, Context(original=model), "no held-out rows"),
        (few, context_of(few, X, y), "6 rows are too few"),
        (ridge, context_of(ridge, X, numbers), "no stored rows"),
    ):
        with pytest.raises(SkipPass, match=reason):
            Condense().apply(of, context)
    context = context_of(model, X, y, tolerance=-0.5)
    assert Condense().apply(model, context) is model
    assert context.remarks == ["no smaller number of rows was accepted"]
