"""Cuts by depth and by errors, and splits that decide nothing."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skcompress.families import lift
from skcompress.ir import TreeEnsemble
from skcompress.passes import (
    Context,
    CutDepth,
    Data,
    MergeLeaves,
    QuantizeLeaves,
    ReducedError,
    SkipPass,
)
from skcompress.passes._trees import collapse
from skcompress.runtime import CompactModel


@pytest.mark.parametrize("depth", [0, 1, 4, 60])
def test_cutting_at_a_depth_is_what_max_depth_does(depth):
    """Trees grow depth first without regard to the limit, so the splits above it are the same."""
    X, y = load_breast_cancer(return_X_y=True)
    model = lift(DecisionTreeClassifier(random_state=0).fit(X, y))
    cut = CutDepth(depth).apply(model, Context(original=model))
    levels = cut.predictor.levels()
    assert len(levels) == min(depth + 1, len(model.predictor.levels()))
    if depth:
        # All features are looked at in the order that the seed gives, which the limit changes.
        stump = DecisionTreeClassifier(random_state=0, max_depth=depth).fit(X, y)
        same = CompactModel(cut).predict(X) == stump.predict(X)
        assert same.mean() > 0.97


def brute_force(trees, X, targets):
    """Reduced-error pruning node by node: the best error that each subtree can have."""
    internal = {place: k for k, place in enumerate(np.flatnonzero(trees.internal))}
    leaves = {place: k for k, place in enumerate(np.flatnonzero(~trees.internal))}
    left = dict(zip(internal, trees.left_child(), strict=True))
    cut = np.zeros(trees.n_nodes, bool)

    def best(node, rows):
        value = (
            trees.values[trees.leaf[leaves[node]]]
            if node in leaves
            else trees.notes.values[internal[node]]
        )
        own = np.square(targets[rows] - value).sum()
        if node in leaves:
            return own
        k = internal[node]
        goes = X[rows, trees.feature[k]].astype(np.float32) <= trees.threshold[k]
        below = best(left[node], rows[goes]) + best(left[node] + 1, rows[~goes])
        if own <= below + 1e-9:
            cut[node] = True
            return own
        return below

    for root in trees.offsets[:-1]:
        best(root, np.arange(len(X)))
    return cut


@pytest.mark.parametrize(
    ("load", "estimator"),
    [
        (load_diabetes, DecisionTreeRegressor(random_state=0)),
        (load_diabetes, RandomForestRegressor(3, random_state=0)),
        (load_digits, RandomForestClassifier(3, random_state=0)),
    ],
)
def test_reduced_errors_are_those_of_brute_force(load, estimator):
    X, y = load(return_X_y=True)
    cut = len(y) // 2
    model = lift(estimator.fit(X[:cut], y[:cut]))
    context = Context(original=model, held_out=Data(X[cut:], y[cut:]))
    pruned = ReducedError().apply(model, context).predictor
    targets = y[cut:, None] * 1.0
    if load is load_digits:
        targets = (y[cut:, None] == estimator.classes_) * 1.0
    expected = collapse(model.predictor, brute_force(model.predictor, X[cut:], targets))
    np.testing.assert_array_equal(pruned.internal, expected.internal)
    np.testing.assert_array_equal(pruned.values[pruned.leaf], expected.values[expected.leaf])
    assert pruned.n_nodes < 0.8 * model.predictor.n_nodes


def test_a_single_tree_gets_better_on_rows_that_pruned_it():
    X, y = load_diabetes(return_X_y=True)
    model = lift(DecisionTreeRegressor(random_state=0).fit(X[:200], y[:200]))
    context = Context(original=model, held_out=Data(X[200:], y[200:]))
    assert context.score_of(ReducedError().apply(model, context)) > context.baseline + 0.3


def test_what_they_cannot_do_without():
    model = lift(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(SkipPass, match="held-out"):
        ReducedError().apply(model, Context(original=model))
    bare = model.with_predictor(model.predictor.replace(notes=None))
    for step in (ReducedError(), CutDepth(0)):
        with pytest.raises(SkipPass, match="values of their splits"):
            step.apply(bare, Context(original=bare))


def test_leaves_that_became_equal_are_merged_and_nothing_changes():
    X, y = load_breast_cancer(return_X_y=True)
    model = lift(RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, y))
    rounded = QuantizeLeaves(2).apply(model, Context(original=model))
    merged = MergeLeaves().apply(rounded, Context(original=model))
    assert merged.predictor.n_nodes < rounded.predictor.n_nodes
    one, other = CompactModel(rounded).predict_proba(X), CompactModel(merged).predict_proba(X)
    np.testing.assert_array_equal(one, other)
    assert MergeLeaves().apply(merged, Context(original=model)) is merged


def test_a_tree_of_equal_leaves_becomes_one_leaf():
    trees = TreeEnsemble(
        internal=np.array([True, True, False, False, False]),
        feature=np.zeros(2, np.uint8),
        threshold=np.array([1.0, 0.5], np.float32),
        leaf=np.array([1, 1, 1], np.uint8),
        values=np.array([[2.0], [3.0]]),
        n_features=1,
        n_outputs=1,
    )
    model = lift(DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])).with_predictor(trees)
    merged = MergeLeaves().apply(model, Context(original=model)).predictor
    assert merged.internal.tolist() == [False]
    assert merged.leaf.tolist() == [1]
