"""The packed form is taken only if it is the very trees that it stands beside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)

from skcompress.exceptions import InvalidModelError
from skcompress.families import lift
from skcompress.ir import CategorySplits, TreeEnsemble
from skcompress.runtime import CompactModel
from skcompress.runtime.trees import lay_out, pack

CASES = {
    "classes": (RandomForestClassifier(5, random_state=0), load_digits),
    "numbers": (RandomForestRegressor(5, random_state=0), load_diabetes),
    "boosting": (GradientBoostingRegressor(n_estimators=9, random_state=0), load_diabetes),
    "histograms": (HistGradientBoostingClassifier(max_iter=5), load_breast_cancer),
}


def trees_of(name):
    estimator, load = CASES[name]
    return lift(estimator.fit(*load(return_X_y=True))).predictor


@pytest.fixture(scope="module", params=[(n, r) for n in CASES for r in (True, False)], ids=str)
def packed(request):
    name, ranked = request.param
    trees = trees_of(name)
    return trees.replace(packed=pack(trees, ranked=ranked))


def test_it_is_kept_and_dropped_with_any_change(packed):
    assert packed.packed is not None
    assert packed.replace(notes=None).packed is None


def test_every_changed_node_is_found(packed):
    form = packed.packed
    rng = np.random.default_rng(0)
    used = np.delete(np.arange(packed.n_nodes + packed.n_trees), form.roots - 1)
    for place in rng.choice(used, 60):
        for bit in rng.choice(8 * form.node_bytes, 4, replace=False):
            nodes = form.nodes.copy()
            flat = nodes.view(np.uint8)
            # Nothing follows the fields of a split that is not ranked but its mark.
            at = int(place) * form.node_bytes + int(bit) // 8
            flat[at] ^= 1 << (int(bit) % 8)
            leaf = nodes.view(f"u{form.node_bytes}")[place] >> (8 * form.node_bytes - 1)
            unused = not leaf and not form.ranked and form.column_bits + form.step_bits <= bit
            if unused and bit < 8 * form.node_bytes - 1:
                continue
            with pytest.raises(InvalidModelError):
                packed.replace(packed=form.replace(nodes=nodes))


@pytest.mark.parametrize("name", ["roots", "feature", "missing_left", "table", "start", "stop"])
def test_every_changed_table_is_found(packed, name):
    form = packed.packed
    if name in ("start", "stop") and not form.ranked:
        pytest.skip("not used")
    array = getattr(form, name).copy()
    # Where a column ends only matters if a rank is beyond.
    step = -1 - array[0] if name == "stop" else 1
    array[0] = ~array[0] if array.dtype == bool else array[0] + step
    with pytest.raises(InvalidModelError):
        packed.replace(packed=form.replace(**{name: array}))


@pytest.mark.parametrize(
    "change",
    [
        {"node_bytes": 3},
        {"node_bytes": 8},
        {"column_bits": 0},
        {"step_bits": 64},
        {"ranked": "other"},
        {"n_features": 1},
        {"nodes": "shorter"},
        {"table": "wider"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_changed_number_is_found(packed, change):
    form = packed.packed
    change = {
        name: {
            "other": not form.ranked,
            "shorter": form.nodes[:-1],
            "wider": form.table.astype("f8" if form.table.itemsize == 4 else "f4"),
        }.get(value, value)
        for name, value in change.items()
    }
    with pytest.raises(InvalidModelError):
        packed.replace(packed=form.replace(**change))


def test_splits_on_categories_are_compared():
    sets = np.zeros((2, 8), np.uint32)
    sets[:, 0] = 0b0101, 0b1111
    trees = TreeEnsemble(
        internal=np.array([True, True, False, False, False]),
        feature=np.array([1, 0], np.uint8),
        threshold=np.array([0.5, 0.0]),
        missing_left=np.array([True, False]),
        leaf=np.array([2, 0, 1], np.uint8),
        values=np.array([[-1.5], [0.25], [3.0]]),
        n_features=2,
        n_outputs=1,
        float32_inputs=False,
        categories=CategorySplits(
            is_category=np.array([False, True]),
            left=sets[:1],
            known=sets[1:],
            known_row=np.array([0, -1], np.int32),
        ),
    )
    form = pack(trees)
    assert trees.replace(packed=form).packed is form
    for name in ("left", "known"):
        with pytest.raises(InvalidModelError, match="category sets"):
            trees.replace(packed=form.replace(**{name: getattr(form, name) ^ np.uint32(1)}))


@given(st.integers(0, 2**32 - 1))
def test_a_packed_form_of_other_trees_is_refused(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    one, other = (
        lift(RandomForestClassifier(2, random_state=k).fit(X, y)).predictor for k in (0, 1)
    )
    with pytest.raises(InvalidModelError):
        one.replace(packed=pack(other))


def test_predictions_are_the_same_with_it():
    estimator, load = CASES["classes"]
    X, y = load(return_X_y=True)
    model = lift(estimator.fit(X, y))
    laid_out = lay_out(model, packed=True)
    assert lay_out(laid_out, packed=True) is laid_out
    assert lay_out(laid_out, packed=False).predictor.packed is None
    np.testing.assert_array_equal(
        CompactModel(model).predict_proba(X), CompactModel(laid_out).predict_proba(X)
    )
