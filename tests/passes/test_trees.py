"""Pruning after the fit gives the trees that scikit-learn gives at fit time, and the rest."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
)
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skcompress.families import lift
from skcompress.ir import decode
from skcompress.passes import (
    Context,
    CostComplexity,
    Data,
    DropNotes,
    QuantizeLeaves,
    QuantizeThresholds,
    RefineLeaves,
    SelectTrees,
    SkipPass,
    run,
)
from skcompress.passes.ccp import collapse_alphas, path_alphas
from skcompress.passes.ensemble import keep_trees
from skcompress.runtime import CompactModel


def context(estimator, X=None, y=None, **settings):
    refit = None if X is None else Data(X, y)
    return Context(original=lift(estimator), refit=refit, **settings)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("make", "load"),
    [
        (DecisionTreeClassifier, load_breast_cancer),
        (DecisionTreeClassifier, load_iris),
        (DecisionTreeRegressor, load_diabetes),
        (DecisionTreeRegressor, load_linnerud),
    ],
)
def test_pruning_equals_ccp_alpha_at_fit_time(make, load, seed):
    X, y = load(return_X_y=True)
    full = make(random_state=seed).fit(X, y)
    alphas = full.cost_complexity_pruning_path(X, y).ccp_alphas
    model = lift(full)
    # Between two alphas of the path, where rounding cannot decide.
    for low, high in zip(alphas[1:-1:3], alphas[2::3], strict=False):
        if high - low < 1e-9 * high:
            continue
        alpha = (low + high) / 2
        expected = make(random_state=seed, ccp_alpha=alpha).fit(X, y)
        pruned = CostComplexity(float(alpha)).apply(model, context(full))
        assert pruned.predictor.n_nodes == expected.tree_.node_count
        np.testing.assert_array_equal(CompactModel(pruned).predict(X), expected.predict(X))


def test_pruning_a_forest_equals_pruning_each_of_its_trees():
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(8, random_state=0).fit(X, y)
    expected = RandomForestClassifier(8, random_state=0, ccp_alpha=0.003).fit(X, y)
    pruned = CostComplexity(0.003).apply(lift(forest), context(forest))
    np.testing.assert_array_equal(CompactModel(pruned).predict_proba(X), expected.predict_proba(X))


def test_weights_count_in_pruning():
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.where(y == 1, 5.0, 1.0)
    full = DecisionTreeClassifier(random_state=0).fit(X, y, sample_weight=weight)
    expected = DecisionTreeClassifier(random_state=0, ccp_alpha=0.01)
    expected.fit(X, y, sample_weight=weight)
    pruned = CostComplexity(0.01).apply(lift(full), context(full))
    assert pruned.predictor.n_nodes == expected.tree_.node_count


def test_the_path_ends_at_the_root_and_shrinks_steadily():
    X, y = load_digits(return_X_y=True)
    trees = lift(RandomForestClassifier(5, random_state=0).fit(X, y)).predictor
    alphas = collapse_alphas(trees)
    assert np.isinf(alphas[~trees.internal]).all()
    path = path_alphas(trees, alphas, ratio=0.5)
    assert (np.diff(path) > 0).all()
    model = lift(RandomForestClassifier(5, random_state=0).fit(X, y))
    sizes = [
        CostComplexity(float(alpha)).apply(model, context_of(model)).predictor.n_nodes
        for alpha in path
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 5


def context_of(model):
    return Context(original=model)


def test_auto_keeps_the_score_and_drops_nodes():
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X[:900], y[:900])
    judge = Data(X[900:1400], y[900:1400])
    ctx = context(forest, held_out=judge, tolerance=0.02)
    pruned = CostComplexity("auto").apply(ctx.original, ctx)
    assert pruned.predictor.n_nodes < 0.8 * ctx.original.predictor.n_nodes
    assert ctx.score_of(pruned) >= ctx.baseline - 0.02


def test_auto_agrees_with_scoring_every_pruned_model():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(10, random_state=0).fit(X[:300], y[:300])
    ctx = context(forest, held_out=Data(X[300:], y[300:]), tolerance=0.05)
    chosen = CostComplexity("auto").apply(ctx.original, ctx)
    trees = ctx.original.predictor
    accepted = [
        model
        for alpha in path_alphas(trees, collapse_alphas(trees))
        if ctx.acceptable(model := CostComplexity(float(alpha)).apply(ctx.original, ctx))
    ]
    assert chosen.predictor.n_nodes == accepted[-1].predictor.n_nodes


def test_auto_without_rows_is_skipped_and_said():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    model, ledger = run((CostComplexity("auto"),), lift(tree), context(tree))
    assert [entry.outcome for entry in ledger] == ["skipped"]
    assert "held-out" in ledger.entries[0].note
    assert model.predictor.n_nodes == tree.tree_.node_count


def test_boosting_is_not_pruned_by_impurity():
    X, y = load_diabetes(return_X_y=True)
    boosted = GradientBoostingRegressor(n_estimators=3, random_state=0).fit(X, y)
    with pytest.raises(SkipPass):
        CostComplexity(0.1).apply(lift(boosted), context(boosted))


def test_notes_are_needed_and_dropped():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    bare = DropNotes().apply(lift(tree), context(tree))
    assert bare.predictor.notes is None
    assert bare.params == ()
    with pytest.raises(SkipPass, match="impurities"):
        CostComplexity(0.1).apply(bare, context(tree))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounded_shares_add_up_to_one(bits):
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(5, max_depth=5, random_state=0).fit(X, y)
    rounded = QuantizeLeaves(bits).apply(lift(forest), context(forest))
    values = decode(rounded.predictor.values)
    np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-12)
    gap = CompactModel(rounded).predict_proba(X) - forest.predict_proba(X)
    assert np.abs(gap).max() <= 1.0 / (2**bits - 1)


def test_rounded_values_fit_their_table():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(5, random_state=0).fit(X, y)
    rounded = QuantizeLeaves(4).apply(lift(forest), context(forest))
    assert decode(rounded.predictor.values).shape == (16, 1)
    assert CompactModel(rounded).score(X, y) > 0.8


def test_thresholds_fit_their_tables():
    X, y = load_diabetes(return_X_y=True)
    forest = ExtraTreesRegressor(5, random_state=0).fit(X, y)
    trees = QuantizeThresholds(3).apply(lift(forest), context(forest)).predictor
    pairs = np.stack([trees.feature, decode(trees.threshold)], axis=1)
    features, counts = np.unique(np.unique(pairs, axis=0)[:, 0], return_counts=True)
    assert features.size > 1
    assert counts.max() <= 8


def test_selected_trees_keep_their_order():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(12, random_state=0).fit(X[:300], y[:300])
    ctx = context(forest, X[300:], y[300:])
    chosen = SelectTrees(4).apply(ctx.original, ctx)
    assert chosen.predictor.n_trees == 4
    by_first = keep_trees(ctx.original.predictor, np.arange(4))
    gaps = {
        name: np.mean(
            (CompactModel(ctx.original.with_predictor(trees)).predict(X[300:]) - y[300:]) ** 2
        )
        for name, trees in (("greedy", chosen.predictor), ("first", by_first))
    }
    assert gaps["greedy"] < gaps["first"]


def test_greedy_selection_takes_the_best_single_tree_first():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(12, random_state=0).fit(X[:300], y[:300])
    ctx = context(forest, X[300:], y[300:])
    only = CompactModel(SelectTrees(1).apply(ctx.original, ctx)).predict(X[300:])
    errors = [np.mean((tree.predict(X[300:]) - y[300:]) ** 2) for tree in forest.estimators_]
    np.testing.assert_allclose(np.mean((only - y[300:]) ** 2), min(errors))


def test_without_rows_the_first_trees_stay():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(6, random_state=0).fit(X, y)
    chosen = SelectTrees(0.5).apply(lift(forest), context(forest))
    expected = np.mean([tree.predict_proba(X) for tree in forest.estimators_[:3]], axis=0)
    np.testing.assert_allclose(CompactModel(chosen).predict_proba(X), expected)


def test_boosting_keeps_its_first_stages():
    X, y = load_diabetes(return_X_y=True)
    boosted = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y)
    chosen = SelectTrees(7).apply(lift(boosted), context(boosted, X, y))
    expected = list(boosted.staged_predict(X))[6]
    np.testing.assert_array_equal(CompactModel(chosen).predict(X), expected)


def test_refined_leaves_fit_the_refit_rows_better():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(10, max_leaf_nodes=8, random_state=0).fit(X, y)
    ctx = context(forest, X, y)
    refined = CompactModel(RefineLeaves(ridge=0.1).apply(ctx.original, ctx))
    assert refined.score(X, y) > forest.score(X, y) + 0.01


def test_refining_to_the_original_needs_no_labels():
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    ctx = context(forest, X)
    pruned = CostComplexity(0.004).apply(ctx.original, ctx)
    refined = RefineLeaves(ridge=0.1).apply(pruned, ctx)
    target = forest.predict_proba(X)
    before = np.abs(CompactModel(pruned).predict_proba(X) - target).mean()
    after = np.abs(CompactModel(refined).predict_proba(X) - target).mean()
    assert after < 0.8 * before
    np.testing.assert_allclose(CompactModel(refined).predict_proba(X).sum(axis=1), 1.0)


def test_refining_without_rows_is_skipped():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(3, random_state=0).fit(X, y)
    with pytest.raises(SkipPass, match="rows"):
        RefineLeaves().apply(lift(forest), context(forest))
