"""The forest codec gives back the same trees, in a size near the entropy, or an error."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_linnerud
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skcompress.exceptions import SkcFormatError
from skcompress.families import lift
from skcompress.format import _forest_walk, _rans
from skcompress.format._forest import (
    bits_by_stream,
    decode_forest,
    encode_forest,
    memory_to_decode,
)
from skcompress.format._packs import PACKS
from skcompress.format._ports import bit_length
from skcompress.ir import Codebook, TreeEnsemble
from skcompress.passes import Context, QuantizeThresholds

MODELS = {
    "forest": lambda: RandomForestClassifier(10, random_state=0).fit(*load_digits(return_X_y=True)),
    "regression": lambda: RandomForestRegressor(10, random_state=0).fit(
        *load_diabetes(return_X_y=True)
    ),
    "extra trees": lambda: ExtraTreesClassifier(5, random_state=0).fit(
        *load_breast_cancer(return_X_y=True)
    ),
    "single tree": lambda: DecisionTreeClassifier(random_state=0).fit(
        *load_breast_cancer(return_X_y=True)
    ),
    "several outputs": lambda: DecisionTreeRegressor(random_state=0).fit(
        *load_linnerud(return_X_y=True)
    ),
    "single leaf": lambda: DecisionTreeClassifier().fit([[0.0], [1.0]], [1, 1]),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=20, random_state=0).fit(
        *load_diabetes(return_X_y=True)
    ),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(
        *load_breast_cancer(return_X_y=True)
    ),
}


def _round_trip(trees):
    data = encode_forest(trees)
    return data, trees.replace(**_decode(data, trees))


def _decode(data, trees):
    n_rows = trees.values.shape[0]
    return decode_forest(data, n_nodes=trees.n_nodes, n_features=trees.n_features, n_rows=n_rows)


def _assert_same(a, b):
    for name in PACKS["forest"].fields:
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_trees_come_back(name):
    trees = lift(MODELS[name]()).predictor
    data, again = _round_trip(trees)
    _assert_same(trees, again)
    assert encode_forest(again) == data


@pytest.mark.parametrize("name", ["forest", "regression", "histogram boosting"])
def test_numpy_reference_gives_the_same_bytes(name, monkeypatch):
    trees = lift(MODELS[name]()).predictor
    fast, _ = _round_trip(trees)
    monkeypatch.setattr(_rans, "_rans_kernel", None)
    monkeypatch.setattr(_forest_walk, "_forest_kernel", None)
    slow, again = _round_trip(trees)
    assert slow == fast
    _assert_same(trees, again)


@given(st.integers(1, 4), st.lists(st.booleans(), max_size=60))
def test_sizes_of_subtrees(n_trees, splits):
    kernel = pytest.importorskip("skcompress.format._forest_kernel")
    internal, left_open = [], n_trees
    for split in [*splits, *[False] * (len(splits) + n_trees)]:
        if left_open:
            internal.append(split)
            left_open += 1 if split else -1
    internal = np.array(internal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_forest_walk, "_forest_kernel", None)
        sizes = _forest_walk._subtree_sizes(internal, n_trees)
    assert sizes[:n_trees].sum() == internal.size
    assert np.array_equal(kernel.subtree_sizes(internal, n_trees), sizes)


def test_thresholds_outside_the_open_interval_are_kept():
    """Moved thresholds may repeat along a path, where no interval is left open."""
    forest = MODELS["extra trees"]()
    model = lift(forest)
    moved = QuantizeThresholds(2).apply(model, Context(original=model)).predictor
    _assert_same(moved, _round_trip(moved)[1])


@pytest.mark.parametrize("value", [np.inf, -np.inf, -0.0, 1e-45, 3.4e38])
def test_odd_thresholds(value):
    trees = TreeEnsemble(
        internal=np.array([True, False, True, False, False]),
        feature=np.array([3, 3], np.uint32),
        threshold=np.array([0.5, value], np.float32),
        leaf=np.array([0, 1, 0], np.uint8),
        values=np.array([[1.0], [-0.0]]),
        n_features=70_000,
        n_outputs=1,
    )
    _assert_same(trees, _round_trip(trees)[1])


@pytest.mark.parametrize("value", [np.inf, -np.inf, 5e-324, 1.7e308, -2.5, 1 / 3])
def test_odd_thresholds_in_float64(value):
    trees = TreeEnsemble(
        internal=np.array([True, False, True, False, False]),
        feature=np.array([0, 1], np.uint8),
        threshold=np.array([value, value]),
        leaf=np.array([0, 1, 0], np.uint8),
        values=np.array([[1.0], [2.0]]),
        n_features=2,
        n_outputs=1,
        float32_inputs=False,
    )
    _assert_same(trees, _round_trip(trees)[1])


@st.composite
def ensembles(draw):
    """Random trees: a random walk of splits and leaves, closed with leaves."""
    n_trees = draw(st.integers(1, 4))
    internal = []
    for _ in range(n_trees):
        open_nodes = 1
        while open_nodes:
            split = open_nodes < 12 and len(internal) < 200 and draw(st.booleans())
            internal.append(split)
            open_nodes += 1 if split else -1
    internal = np.array(internal)
    n_split = int(internal.sum())
    n_features = draw(st.integers(1, 5))
    n_rows = draw(st.sampled_from([1, 3, 300]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_leaves = internal.size - n_split
    return TreeEnsemble(
        internal=internal,
        feature=rng.integers(0, n_features, n_split).astype(np.uint8),
        threshold=rng.choice(rng.normal(size=6), n_split).astype(np.float32),
        missing_left=rng.random(n_split) < 0.5 if draw(st.booleans()) else None,
        leaf=rng.integers(0, n_rows, n_leaves).astype(np.min_scalar_type(n_rows - 1)),
        values=rng.normal(size=(n_rows, 2)),
        n_features=n_features,
        n_outputs=2,
    )


@given(ensembles())
def test_any_trees_come_back(trees):
    _assert_same(trees, _round_trip(trees)[1])


@pytest.mark.parametrize(
    "other",
    [
        {"feature": np.zeros(1, np.uint16)},
        {"leaf": np.array([0, 1], np.uint32)},
        {"threshold": np.array([0.5], np.float16)},
        {"threshold": Codebook(codes=np.zeros(1, np.uint8), table=np.array([0.5, 1.5]), bits=1)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_unusual_dtypes_are_left_to_other_codecs(other):
    stump = TreeEnsemble(
        internal=np.array([True, False, False]),
        feature=np.zeros(1, np.uint8),
        threshold=np.array([0.5]),
        leaf=np.array([0, 1], np.uint8),
        values=np.array([[1.0], [2.0]]),
        n_features=1,
        n_outputs=1,
    )
    assert encode_forest(stump) is not None
    assert encode_forest(stump.replace(**other)) is None


def test_size_is_a_few_bits_a_node():
    trees = lift(MODELS["forest"]()).predictor
    assert 8 * len(encode_forest(trees)) < 12 * trees.n_nodes


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 5))
def test_nearest_split_on_the_same_feature_narrows(seed, n_nodes, n_features):
    rng = np.random.default_rng(seed)
    parent = np.array([-1, *(rng.integers(0, i) for i in range(1, n_nodes))], np.int32)
    feature = rng.integers(0, n_features, n_nodes, np.int32)
    is_right = rng.integers(0, 2, n_nodes, np.uint8)
    rank, first, end = (rng.integers(0, 1000, n_nodes, np.int32) for _ in range(3))
    split = np.arange(n_nodes)
    expected = np.tile([[-1], [1000]], n_nodes)
    for node in split:
        at = node
        while (up := parent[at]) >= 0 and feature[up] != feature[node]:
            at = up
        if up >= 0:
            right = (rank[up] + 1, end[up])
            expected[:, node] = right if is_right[at] else (first[up], rank[up])
    low, high = np.full(n_nodes, -1), np.full(n_nodes, 1000)
    _forest_walk._narrow(feature, rank, parent, is_right, split, first, end, low, high)
    np.testing.assert_array_equal([low, high], expected)


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 2**53), max_size=20))
def test_bit_lengths_are_exact(numbers):
    edges = [2**53 - 1] if all(number < 2**53 for number in numbers) else [2**53, 2**64 - 1, 2**32]
    numbers = [*numbers, *edges]
    found = bit_length(np.array(numbers, np.uint64))
    assert found.tolist() == [number.bit_length() for number in numbers]


@pytest.mark.parametrize("name", ["forest", "regression"])
def test_the_coder_adds_next_to_nothing_to_what_the_model_takes(name):
    trees = lift(MODELS[name]()).predictor
    bits = bits_by_stream(trees)
    assert {"topology", "feature", "rank", "leaf"} <= set(bits)
    assert 0 <= len(encode_forest(trees)) - sum(bits.values()) / 8 < 100


def test_decoding_takes_the_memory_that_it_declares():
    trees = lift(MODELS["regression"]()).predictor
    data = encode_forest(trees)
    tracemalloc.start()
    try:
        _decode(data, trees)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < memory_to_decode(trees.n_nodes)


_SMALL = lift(
    DecisionTreeClassifier(max_leaf_nodes=20, random_state=0).fit(*load_digits(return_X_y=True))
).predictor


@given(st.data())
def test_damage_is_an_error(data):
    section = encode_forest(_SMALL)
    damaged = bytearray(section)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        fields = _decode(bytes(damaged), _SMALL)
    except SkcFormatError:
        return
    assert fields["feature"].max(initial=0) < _SMALL.n_features
    assert fields["leaf"].max() < _SMALL.values.shape[0]
    assert fields["internal"].size == _SMALL.n_nodes


@pytest.mark.parametrize("n_nodes", [1, 30, 10**6])
def test_another_number_of_nodes_is_refused(n_nodes):
    section = encode_forest(_SMALL)
    n_features, n_rows = _SMALL.n_features, _SMALL.values.shape[0]
    with pytest.raises(SkcFormatError):
        decode_forest(section, n_nodes=n_nodes, n_features=n_features, n_rows=n_rows)
