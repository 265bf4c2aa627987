"""The smallest forest that the held-out rows accept."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeRegressor

from skcompress.families import lift
from skcompress.format import dumps
from skcompress.passes import Context, Data, DropNotes, SkipPass, SmallestForest
from skcompress.passes._settings import AveragedTrees, SummedTrees
from skcompress.passes.leaves import conjugate_gradients, refit_leaves
from skcompress.runtime import CompactModel


def split(load, estimator, tolerance=0.02, labels=True):
    X, y = load(return_X_y=True)
    cut = len(y) // 2
    model = lift(estimator.fit(X[:cut], y[:cut]))
    refit = Data(X[:cut], y[:cut] if labels else None)
    held_out = Data(X[cut:], y[cut:])
    return model, Context(original=model, refit=refit, held_out=held_out, tolerance=tolerance)


def n_bytes(model):
    return len(dumps(CompactModel(DropNotes().apply(model, Context(original=model)))))


FOREST = RandomForestClassifier(20, random_state=0)


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize(
    ("load", "estimator"),
    [
        (load_digits, FOREST),
        (load_diabetes, ExtraTreesRegressor(20, random_state=0)),
        (load_diabetes, DecisionTreeRegressor(random_state=0)),
        (load_diabetes, GradientBoostingRegressor(n_estimators=30, random_state=0)),
        (load_digits, GradientBoostingClassifier(n_estimators=8, random_state=0)),
        (load_breast_cancer, HistGradientBoostingClassifier(max_iter=30)),
    ],
)
def test_it_is_smaller_and_accepted(load, estimator, labels):
    model, context = split(load, estimator, tolerance=0.05, labels=labels)
    before = [array.copy() for _, array in model.arrays()]
    small = SmallestForest().apply(model, context)
    assert n_bytes(small) < n_bytes(model)
    assert small.predictor.n_nodes < model.predictor.n_nodes
    assert context.acceptable(small)
    # Bytes, since NaN differs from itself.
    after = [array.tobytes() for _, array in model.arrays()]
    assert [array.tobytes() for array in before] == after
    again = SmallestForest().apply(model, context)
    assert dumps(CompactModel(again)) == dumps(CompactModel(small))


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_setting_is_judged_by_what_its_model_answers(refit, place):
    model, context = split(load_digits, FOREST)
    forest = AveragedTrees(model, model.predictor, context, 3.0)
    place %= forest.path.size
    raw = forest.raw(7, place, refit=refit)
    built = CompactModel(forest.build(7, place, refit=refit))
    assert built.ir.predictor.n_trees == 7
    np.testing.assert_allclose(built.raw(context.held_out.X), raw, rtol=1e-12, atol=1e-12)


def test_nothing_accepted_means_nothing_done():
    model, context = split(load_digits, FOREST, tolerance=-0.5)
    assert SmallestForest().apply(model, context) is model


def test_what_it_cannot_do_without():
    model, context = split(load_digits, FOREST)
    for lacking, reason in [
        (Context(original=model), "no held-out rows"),
        (Context(original=model, held_out=context.held_out), "no held-out rows"),
    ]:
        with pytest.raises(SkipPass, match=reason):
            SmallestForest().apply(model, lacking)
    bare = model.with_predictor(model.predictor.replace(notes=None))
    with pytest.raises(SkipPass, match="impurities"):
        SmallestForest().apply(bare, context)


@pytest.mark.parametrize("place", [0, 4, -1])
def test_a_setting_of_boosted_trees_is_judged_by_what_its_model_answers(place):
    model, context = split(load_digits, GradientBoostingClassifier(n_estimators=8, random_state=0))
    trees = SummedTrees(model, model.predictor, context, 3.0)
    place %= trees.path.size
    for refit in (False, True):
        raw = trees.raw(80, place, refit=refit)
        built = trees.build(80, place, refit=refit)
        answers = CompactModel(built).raw(context.held_out.X)
        np.testing.assert_allclose(answers, raw, rtol=1e-9, atol=1e-12)
    n_trees = built.predictor.n_trees
    assert n_trees == 1 if place == trees.path.size - 1 else n_trees > 1


def test_boosted_trees_need_rows():
    model, context = split(load_diabetes, GradientBoostingRegressor(n_estimators=3))
    alone = Context(original=model, held_out=context.held_out, tolerance=0.02)
    with pytest.raises(SkipPass, match="how much each tree varies"):
        SmallestForest().apply(model, alone)


def test_without_rows_to_refit_on_trees_are_pruned_only():
    model, context = split(load_digits, FOREST)
    alone = Context(original=model, held_out=context.held_out, tolerance=0.02)
    small = SmallestForest().apply(model, alone)
    assert small.predictor.n_trees == 20
    assert small.predictor.n_nodes < model.predictor.n_nodes


def test_conjugate_gradients_solve_all_sides():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(12, 12))
    matrix, right = half @ half.T + np.eye(12), rng.normal(size=(12, 3))
    right[:, 1] = 0
    found = conjugate_gradients(lambda x: matrix @ x, right, 200)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-2)
    np.testing.assert_array_equal(found[:, 1], 0)


def test_refitted_leaves_solve_the_ridge_problem():
    rng = np.random.default_rng(1)
    reached, targets = rng.integers(0, 9, (60, 4), np.int32), rng.normal(size=(60, 2))
    old, weight = rng.normal(size=(10, 2)), rng.uniform(0.5, 2, 60)
    found = refit_leaves(old, reached, targets, weight, 0.25, 3.0)
    design = np.zeros((60, 10))
    np.add.at(design, (np.arange(60)[:, None], reached), 0.25)
    weighted = design * (weight / weight.mean())[:, None]
    system = weighted.T @ design + 3.0 * 0.25 * np.eye(10)
    expected = old + np.linalg.solve(system, weighted.T @ (targets - design @ old))
    np.testing.assert_allclose(found, expected, atol=1e-2)
    np.testing.assert_array_equal(found[9], old[9])
    # Shares of classes stay shares.
    first = rng.random((70, 1))
    shares = np.hstack([first, 1 - first])
    found = refit_leaves(shares[60:], reached, shares[:60], weight, 0.25, 3.0)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    alone = refit_leaves(shares[60:, :1], reached, shares[:60, :1], weight, 0.25, 3.0)
    np.testing.assert_allclose(found[:, :1], alone, atol=1e-12)
