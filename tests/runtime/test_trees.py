"""The compiled walk and its NumPy reference agree bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.ir import CategorySplits, TreeEnsemble
from skcompress.runtime import kernels_available
from skcompress.runtime import trees as runtime
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows
from skcompress.runtime.trees import leaf_rows, leaf_rows_numpy, pack

compiled = pytest.mark.skipif(not kernels_available(), reason="built without kernels")


@st.composite
def ensembles(draw):
    """Random trees, thresholds that inputs often equal, some splits on categories."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    internal, n_trees = [], draw(st.integers(1, 4))
    for _ in range(n_trees):
        open_nodes = 1
        while open_nodes:
            split = bool(rng.random() < 0.6) and len(internal) < 120
            internal.append(split)
            open_nodes += 1 if split else -1
    internal = np.array(internal)
    n_split, n_features = int(internal.sum()), 4
    feature = rng.integers(0, n_features, n_split).astype(np.uint8)
    categories = None
    if draw(st.booleans()):
        on_category = feature == 3
        categories = CategorySplits(
            is_category=on_category,
            left=rng.integers(0, 2**32, (int(on_category.sum()), 8), dtype=np.uint32),
            known=rng.integers(0, 2**32, (1, 8), dtype=np.uint32),
            known_row=np.array([-1, -1, -1, 0], np.int32),
        )
    by_column = draw(st.booleans())
    n_outputs = draw(st.integers(1, 3))
    return TreeEnsemble(
        internal=internal,
        feature=feature,
        threshold=rng.choice([-np.inf, -1.0, 0.0, 0.1, 2.0, np.inf], n_split),
        missing_left=rng.random(n_split) < 0.5 if draw(st.booleans()) else None,
        leaf=rng.integers(0, 5, internal.size - n_split).astype(np.uint8),
        values=_values(rng, 1 if by_column else n_outputs),
        n_features=n_features,
        n_outputs=n_outputs,
        tree_output=rng.integers(0, n_outputs, n_trees).astype(np.uint8) if by_column else None,
        base=rng.choice([0.0, -0.0, 0.3], n_outputs) if draw(st.booleans()) else None,
        average=draw(st.booleans()),
        float32_inputs=draw(st.booleans()),
        categories=categories,
    )


def _values(rng, width):
    """Leaf rows, at times with one entry each that is not zero."""
    values = rng.normal(size=(5, width))
    if rng.random() < 0.5:
        values[np.arange(width) != rng.integers(0, width, (5, 1))] = rng.choice([0.0, -0.0])
    return values


def rows(seed, n_rows=23):
    rng = np.random.default_rng(seed)
    X = rng.choice([-np.inf, -1.0, 0.0, 0.1, 2.0, np.nan, 1e300, -3.0], (n_rows, 4))
    X[:, 3] = rng.choice([np.nan, -1.0, 0.0, 5.0, 255.0, 256.0, 37.0], n_rows)
    return X


RANKED = st.sampled_from([None, True, False])
# Leaves that report large numbers need nodes of more than four bytes.
SPREAD = st.sampled_from([1, 7, 2**12, 2**28])


@compiled
@given(ensembles(), st.integers(0, 1000), st.integers(0, 70), RANKED, SPREAD)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_kernel_equals_its_reference(trees, seed, n_rows, ranked, spread):
    X = rows(seed, n_rows)
    packed = pack(trees, trees.leaf.astype(np.int64) * spread, ranked=ranked)
    np.testing.assert_array_equal(leaf_rows(packed, X), leaf_rows_numpy(packed, X))


@compiled
@given(ensembles(), st.integers(0, 1000), st.sampled_from([np.float32, np.float64]))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_sums_equal_those_of_numpy(trees, seed, dtype):
    X = rows(seed).astype(dtype)
    fast = compile_node(trees)(X)
    leaves = leaf_rows(pack(trees), X)
    assert fast.tobytes() == runtime.sum_leaves(trees, trees.values, leaves).tobytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_tree_kernel", None)
        assert fast.tobytes() == compile_node(trees)(X).tobytes()
        assert fast.tobytes() == runtime.sum_leaves(trees, trees.values, leaves).tobytes()


@given(ensembles(), st.integers(0, 1000), RANKED, SPREAD)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_reference_equals_a_walk_by_hand(trees, seed, ranked, spread):
    X = rows(seed, 5)
    own = X.astype(np.float32).astype(np.float64) if trees.float32_inputs else X
    leaf = trees.leaf.astype(np.int64) * spread
    left = dict(zip(np.flatnonzero(trees.internal), trees.left_child(), strict=True))
    split_of = {node: place for place, node in enumerate(np.flatnonzero(trees.internal))}
    leaf_of = {node: place for place, node in enumerate(np.flatnonzero(~trees.internal))}
    found = leaf_rows_numpy(pack(trees, leaf, ranked=ranked), X)
    for i, row in enumerate(own):
        for t, node in enumerate(trees.offsets[:-1]):
            while node in left:
                node = left[node] + (not _goes_left(trees, split_of[node], row))
            assert found[i, t] == leaf[leaf_of[node]]


def _goes_left(trees, split, row):
    value = row[trees.feature[split]]
    missing = trees.missing_left is not None and bool(trees.missing_left[split])
    if np.isnan(value):
        return missing
    categories = trees.categories
    if categories is None or not categories.is_category[split]:
        return value <= trees.threshold[split]
    if not 0 <= value < 256:
        return missing
    word, bit = int(value) >> 5, int(value) & 31
    chosen = categories.left[int(categories.is_category[:split].sum())]
    if chosen[word] >> bit & 1:
        return True
    return False if categories.known[0][word] >> bit & 1 else missing


def test_sparse_rows_are_taken():
    trees = TreeEnsemble(
        internal=np.array([True, False, False]),
        feature=np.array([1], np.uint8),
        threshold=np.array([0.5]),
        leaf=np.array([0, 1], np.uint8),
        values=np.array([[1.0], [2.0]]),
        n_features=3,
        n_outputs=1,
    )
    sparse = CsrRows(np.array([1.0]), np.array([1]), np.array([0, 0, 1]), (2, 3))
    assert compile_node(trees)(sparse).ravel().tolist() == [1.0, 2.0]


@compiled
@given(ensembles(), st.integers(0, 1000), st.sampled_from([np.float32, np.float64]))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_what_nodes_see_and_leaves_add_up_is_what_numpy_finds(trees, seed, dtype):
    X = rows(seed).astype(dtype)
    leaves = np.flatnonzero(~trees.internal).astype(np.int32)
    reached = leaves[leaf_rows(pack(trees, np.arange(leaves.size)), X)]
    values = np.random.default_rng(seed).normal(size=(trees.n_nodes, 2))

    def found():
        edges = np.full(trees.n_nodes, -np.inf, dtype), np.full(trees.n_nodes, np.inf, dtype)
        runtime.see_values(trees, X, reached, *edges)
        sums = runtime.add_leaves(values, reached)
        return [*edges, sums, runtime.add_to_leaves(sums, reached, trees.n_nodes)]

    fast = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_tree_kernel", None)
        for one, other in zip(fast, found(), strict=True):
            assert one.tobytes() == other.tobytes()
    parent, is_right = trees.parent(), trees.right_nodes()
    assert (fast[0][~trees.internal] == -np.inf).all()
    for node in np.flatnonzero(parent >= 0)[:5]:
        passing = [
            X[i, trees.feature[np.count_nonzero(trees.internal[: parent[node]])]]
            for i in range(len(X))
            if any(_is_below(parent, at, node) for at in reached[i])
        ]
        side, better = (fast[1], np.nanmin) if is_right[node] else (fast[0], np.nanmax)
        if np.isfinite(side[parent[node]]):
            assert side[parent[node]] == better(passing)


def _is_below(parent, node, above):
    while node >= 0 and node != above:
        node = parent[node]
    return node == above
