"""Level by level by an L1 regression, and a depth for each tree by block descent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from skcompress.families import lift
from skcompress.ir import Model
from skcompress.passes import (
    Cheapest,
    Context,
    Data,
    PruneDepths,
    PruneLevels,
    SelectTrees,
    SkipPass,
    SmallestForest,
)
from skcompress.passes._factors import Factors
from skcompress.passes._settings import settings_of
from skcompress.passes.depths import Descent
from skcompress.passes.forest import size_of
from skcompress.passes.levels import Fit, Parts, Regression
from skcompress.runtime import CompactModel, kernels_available, parts

ESTIMATORS = [
    (load_diabetes, GradientBoostingRegressor(n_estimators=20, random_state=0)),
    (load_digits, GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0)),
    (load_diabetes, RandomForestRegressor(8, random_state=0)),
    (load_digits, RandomForestClassifier(5, random_state=0)),
    (load_diabetes, DecisionTreeRegressor(random_state=0)),
]


def split(load, estimator, tolerance=0.1, weight=None):
    X, y = load(return_X_y=True)
    X, y = X[:800], y[:800]
    cut = len(y) // 2
    model = lift(estimator.fit(X[:cut], y[:cut]))
    refit = Data(X[:cut], y[:cut], None if weight is None else weight[:cut])
    held_out = Data(X[cut:], y[cut:])
    return model, Context(original=model, refit=refit, held_out=held_out, tolerance=tolerance)


@pytest.mark.parametrize("step", [PruneLevels(rounds=1), PruneDepths()], ids=["levels", "depths"])
@pytest.mark.parametrize(("load", "estimator"), ESTIMATORS)
def test_trees_get_smaller_and_are_accepted(load, estimator, step):
    model, context = split(load, estimator)
    before = [array.tobytes() for _, array in model.arrays()]
    small = step.apply(model, context)
    assert small.predictor.n_nodes < model.predictor.n_nodes
    assert context.acceptable(small)
    assert [array.tobytes() for _, array in model.arrays()] == before
    again = step.apply(model, context)
    np.testing.assert_array_equal(again.predictor.leaf, small.predictor.leaf)


@pytest.mark.parametrize("step", [PruneLevels(), PruneDepths()], ids=["levels", "depths"])
def test_what_they_cannot_do_without(step):
    model, context = split(*ESTIMATORS[0])
    with pytest.raises(SkipPass, match="no rows to"):
        step.apply(model, Context(original=model, held_out=context.held_out, tolerance=0.1))
    with pytest.raises(SkipPass, match="no held-out rows"):
        step.apply(model, Context(original=model, refit=context.refit))
    hopeless = Context(
        original=model, refit=context.refit, held_out=context.held_out, tolerance=-0.9
    )
    with pytest.raises(SkipPass, match="is accepted"):
        step.apply(model, hopeless)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_fit_of_a_level_solves_the_penalized_problem(level):
    """No coordinate can be moved to where the penalized error is less."""
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 442)
    model, context = split(*ESTIMATORS[2], weight=weight)
    regression = Regression(settings_of(model, context, 3.0), context.acceptable_raw)
    found = Parts(regression, level)
    strength = 1e-3
    start = Fit(found.mean, (found.power > 0) * 1.0, regression.constant, regression.gap)
    fit = start.copy()
    found.descend(fit, strength, 300, 1e-10)
    share, spread, n_rows = regression.share, regression.spread, regression.weight.size

    def cost(fit):
        gap = start.gap + (start.constant - fit.constant)[:, None]
        moved = found.values(fit) - found.values(start)
        for tree in regression.kept:
            gap = gap - share * moved[regression.ends(tree)]
        penalty = spread**2 * np.abs(fit.factor).sum()
        if level:
            penalty += share * spread * np.abs(fit.number).sum()
        return 0.5 * (regression.weight @ np.square(gap[0, :, 0])) + strength * n_rows * penalty

    least = cost(fit)
    assert least < cost(start)
    rng = np.random.default_rng(1)
    for _ in range(50):
        other = fit.copy()
        place = rng.integers(fit.factor.size)
        other.factor[place] += rng.normal() * 0.05 if found.power[place] > 0 else 0.0
        other.number[place] += rng.normal() * 5.0 if level and found.mass[place] > 0 else 0.0
        assert cost(other) >= least - 1e-6 * abs(least)


def test_no_single_depth_would_be_better():
    model, context = split(*ESTIMATORS[0])
    descent = Descent(settings_of(model, context, 3.0), context)
    whole = np.array([sizes.size - 1 for sizes in descent.sizes])
    price = 0.3 * descent.spread
    depths = descent.descend(whole.copy(), np.ones(whole.size), price)
    assert 0 < depths.sum() < whole.sum()

    def cost(depths):
        given = sum(part[depth] for part, depth in zip(descent.given, depths, strict=True))
        gap = descent.targets[0] - given
        return gap @ gap + price * sum(s[d] for s, d in zip(descent.sizes, depths, strict=True))

    for tree, most in enumerate(whole):
        for depth in range(most + 1):
            other = depths.copy()
            other[tree] = depth
            assert cost(other) >= cost(depths) - 1e-3 * descent.spread * 1e-2


def test_the_smallest_of_several_is_taken():
    model, context = split(*ESTIMATORS[0])
    ways = SmallestForest(), PruneLevels()
    sizes = [size_of(step.apply(model, context)) for step in ways]
    nothing = (SelectTrees(1), PruneLevels())
    chosen = Cheapest(((ways[0],), nothing, (ways[1],)), "rounded bytes").apply(model, context)
    assert isinstance(chosen, Model)
    assert size_of(chosen) == min(sizes)
    assert "PruneLevels" in context.remarks[0] or "smallest forest" in context.remarks[0]
    alone = Context(original=model)
    with pytest.raises(SkipPass, match="no held-out rows"):
        Cheapest(((ways[0],),)).apply(model, alone)


@pytest.mark.skipif(not kernels_available(), reason="built without kernels")
@given(
    st.integers(0, 30),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.1, 3.0]),
    st.integers(0, 1000),
)
def test_parts_move_as_in_numpy(n_rows, n_outputs, n_parts, edge, seed):
    rng = np.random.default_rng(seed)
    part = rng.integers(0, n_parts, n_rows, np.int32)
    given, gap = rng.normal(size=(2, n_rows, n_outputs))
    weight = rng.random(n_rows)
    # Some are zero already, and some parts have no rows.
    factor = rng.normal(size=n_parts) * rng.integers(0, 2, n_parts)
    number = rng.normal(size=(n_parts, n_outputs)) * rng.integers(0, 2, (n_parts, 1))
    mass = np.bincount(part, weight, n_parts).astype(float)
    power, _ = parts.sum_parts(part, given, weight, given, n_parts)

    def found():
        left, fit = gap.copy(), (factor.copy(), number.copy())
        edges = edge, edge / 2
        moved = parts.move_parts(part, given, weight, left, fit, (power, mass), 0.3, edges)
        return [*fit, left, np.array(moved)]

    fast = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_tree_kernel", None)
        for one, other in zip(fast, found(), strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("edge", [0.0, 2.0])
def test_factors_of_whole_trees_are_those_of_parts(edge):
    rng = np.random.default_rng(0)
    given, gap = rng.normal(size=(40, 2, 5)), rng.normal(size=(40, 2))
    weight, share, n_sweeps = rng.uniform(0.5, 2, 40), 0.2, 4
    factor, left = np.array([1.0, 0.0, 1.0, -1.0, 0.5]), gap.copy()
    constant = Factors(given, weight, share).fit(factor, left, edge, n_sweeps, 0.0)
    expected, rest, shift = np.array([1.0, 0.0, 1.0, -1.0, 0.5]), gap.copy(), np.zeros(2)
    for _ in range(n_sweeps):
        for tree in range(5):
            own = share * given[:, :, tree]
            power = np.einsum("i,ik->", weight, own**2)
            pull = np.einsum("i,ik->", weight, own * (rest + expected[tree] * own))
            new = np.sign(pull) * max(abs(pull) - edge, 0) / power
            new = 0.0 if edge == 0 and expected[tree] == 0 else new
            rest -= (new - expected[tree]) * own
            expected[tree] = new
        mean = weight @ rest / weight.sum()
        rest, shift = rest - mean, shift + mean
    for one, other in ((factor, expected), (left, rest), (constant, shift)):
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert (factor == 0).any()


def test_answers_are_those_that_were_judged():
    for load, estimator in ESTIMATORS[:2]:
        model, context = split(load, estimator)
        forest = settings_of(model, context, 3.0)
        regression = Regression(forest, context.acceptable_raw)
        raw = CompactModel(model).raw(context.held_out.X)
        level = Parts(regression, 1)
        same = Fit(level.mean, (level.power > 0) * 1.0, regression.constant, regression.gap)
        np.testing.assert_allclose(regression.raw(level, same), raw, rtol=1e-9, atol=1e-9)
