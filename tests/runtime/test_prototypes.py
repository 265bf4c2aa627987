"""Nearest stored rows against a plain search; ties are compared with scikit-learn elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skcompress.exceptions import InvalidModelError
from skcompress.ir import Affine, Prototypes
from skcompress.runtime import _neighbor_search, arrays_kept
from skcompress.runtime import prototypes as prototypes_module
from skcompress.runtime._neighbor_search import BallTree, KdTree, first_met
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

needs_kernel = pytest.mark.skipif(
    _neighbor_search._neighbor_kernel is None, reason="built without it"
)


@pytest.fixture(
    autouse=True, scope="module", params=[pytest.param("compiled", marks=needs_kernel), "numpy"]
)
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(_neighbor_search, "_neighbor_kernel", None)
        yield request.param


def csr(X):
    rows = sparse.csr_array(X)
    return CsrRows(rows.data, rows.indices, rows.indptr.astype(np.int64), X.shape)


def reference(node, X, vectors):
    """Vote shares or means, one query at a time, in extended precision."""
    results = []
    for x in X.astype(np.longdouble):
        gap = np.abs(vectors.astype(np.longdouble) - x)
        if math.isinf(node.p):
            distance = gap.max(axis=1)
        else:
            distance = (gap**node.p).sum(axis=1) ** (1 / np.longdouble(node.p))
        nearest = np.argsort(distance)[: node.n_neighbors]
        weights = np.ones(len(nearest), np.longdouble)
        if node.weights == "distance":
            hits = distance[nearest] == 0
            weights = hits.astype(np.longdouble) if hits.any() else 1 / distance[nearest]
        targets = node.targets[nearest].astype(np.longdouble)
        if node.n_classes is None:
            row = weights @ targets / weights.sum()
        else:
            row = np.concatenate(
                [
                    [weights[column == c].sum() / weights.sum() for c in range(int(n))]
                    for column, n in zip(targets.T, node.n_classes, strict=True)
                ]
            )
        results.append(row)
    return np.array(results)


def assert_close(node, X, vectors):
    wanted = reference(node, X, vectors)
    for rows in (X, csr(X)):
        np.testing.assert_allclose(
            compile_node(node)(rows), wanted.astype(float), rtol=1e-11, atol=1e-12
        )


@given(
    seed=st.integers(0, 10**6),
    n_rows=st.integers(1, 60),
    n_features=st.integers(1, 20),
    p=st.sampled_from([1.0, 1.5, 2.0, 3.0, math.inf]),
    weights=st.sampled_from(["uniform", "distance"]),
    tree=st.booleans(),
    classes=st.booleans(),
    offset=st.sampled_from([0.0, 1e5]),
    data=st.data(),
)
@settings(max_examples=100)
def test_any_settings(seed, n_rows, n_features, p, weights, tree, classes, offset, data):
    rng = np.random.default_rng(seed)
    # Without a tree distances are rounded as scikit-learn rounds them: coarsely when close.
    offset, n_close = (offset, 2) if tree else (0.0, 0)
    vectors = rng.normal(size=(n_rows, n_features)) + offset
    if classes:
        targets = np.stack([rng.integers(0, n, n_rows) for n in (3, 2)], axis=1).astype(np.uint8)
    else:
        targets = rng.normal(size=(n_rows, 2))
    node = Prototypes(
        vectors=vectors,
        targets=targets,
        n_neighbors=data.draw(st.integers(1, n_rows)),
        weights=weights,
        p=p,
        n_classes=np.array([3, 2], np.uint8) if classes else None,
        leaf_size=data.draw(st.integers(1, 40)),
        tree=tree,
    )
    X = np.concatenate([rng.normal(size=(8, n_features)) + offset, vectors[:n_close] * (1 + 1e-9)])
    assert_close(node, X, vectors)


@pytest.mark.parametrize("tree", [False, True])
def test_a_stored_row_answers_for_itself(tree):
    rng = np.random.default_rng(0)
    vectors, targets = rng.integers(0, 1000, (50, 3)) / 8, rng.normal(size=(50, 1))
    node = Prototypes(
        vectors=vectors, targets=targets, n_neighbors=4, weights="distance", tree=tree
    )
    assert (compile_node(node)(vectors) == targets).all()


def test_encoded_rows():
    rng = np.random.default_rng(0)
    vectors = Affine(
        codes=rng.permutation(200).reshape(50, 4).astype(np.uint8),
        scale=np.ones((1, 4)) * 0.37,
        zero=np.zeros((1, 4)),
        bits=8,
    )
    node = Prototypes(vectors=vectors, targets=rng.normal(size=(50, 1)), n_neighbors=3, tree=True)
    assert_close(node, rng.uniform(0, 80, size=(20, 4)), vectors.decode())


def test_blocks_of_rows(monkeypatch):
    rng = np.random.default_rng(0)
    vectors, X = rng.normal(size=(40, 3)), rng.normal(size=(33, 3))
    node = Prototypes(vectors=vectors, targets=rng.normal(size=(40, 1)), n_neighbors=3, tree=True)
    whole = compile_node(node)(X)
    monkeypatch.setattr(prototypes_module, "_BLOCK_BYTES", 40 * 8 * 10)
    assert (compile_node(node)(X) == whole).all()


def tree_order(vectors, n_nodes):
    """Rows as the leaves of a tree hold them: split at the median of the widest column."""
    order = np.arange(len(vectors))
    levels = [(0, len(vectors))]
    while 2 * len(levels) <= n_nodes:
        halves = []
        for start, stop in levels:
            part = order[start:stop]
            column = np.ptp(vectors[part], axis=0).argmax()
            order[start:stop] = part[np.argsort(vectors[part, column], kind="stable")]
            middle = start + (stop - start) // 2
            halves += [(start, middle), (middle, stop)]
        levels = halves
    return vectors[order]


@needs_kernel
@given(
    seed=st.integers(0, 10**6),
    n_rows=st.integers(1, 200),
    n_features=st.integers(1, 6),
    n_values=st.sampled_from([2, 5, 1000]),
    step=st.sampled_from([1.0, 0.1, 1e-160, 1e150]),
    p=st.sampled_from([1.0, 1.5, 2.0, math.inf]),
    leaf_size=st.integers(1, 12),
    ball=st.booleans(),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_the_compiled_search_keeps_the_same_rows(
    seed, n_rows, n_features, n_values, step, p, leaf_size, ball, data
):
    # On a grid most distances are shared by several rows.
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, n_values, (n_rows, n_features)) * step
    n_neighbors = data.draw(st.integers(1, n_rows))
    node = Prototypes(
        vectors=vectors,
        targets=np.zeros((n_rows, 1)),
        n_neighbors=n_neighbors,
        p=p,
        leaf_size=leaf_size,
        tree=True,
    )
    vectors = tree_order(vectors, node.n_nodes)
    X = rng.integers(0, n_values, (6, n_features)) * step + rng.choice([0.0, step / 2])
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore", under="ignore"):
        if ball:
            levels = [(0, n_rows)]
            centers = []
            while len(centers) < node.n_nodes:
                centers += [
                    vectors[start : max(stop, start + 1)].mean(axis=0) for start, stop in levels
                ]
                levels = [
                    half
                    for start, stop in levels
                    for half in [
                        (start, start + (stop - start) // 2),
                        (start + (stop - start) // 2, stop),
                    ]
                ]
            tree = BallTree(vectors, node.n_nodes, p, np.array(centers))
        else:
            tree = KdTree(vectors, node.n_nodes, p)
        compiled = tree.compiled()
        if compiled is None:
            pytest.skip("there is nothing to compare")
        reduced, place = np.empty((6, n_neighbors)), np.empty((6, n_neighbors), np.int64)
        compiled.search(X, reduced, place)
        patch.setattr(_neighbor_search, "_neighbor_kernel", None)
        zeros = np.zeros(n_rows, np.int64)
        for query, own, found in zip(X, reduced, place, strict=True):
            every = _neighbor_search.pair_distances(
                query[np.newaxis], vectors, zeros, np.arange(n_rows), p
            )
            if np.isinf(every).any():
                continue
            assert found.tolist() == tree.search(query, every, n_neighbors).tolist()
            assert (own == every[found]).all()


@needs_kernel
def test_rows_are_not_copied(way):
    if way == "numpy":
        pytest.skip("of the compiled search")
    rng = np.random.default_rng(0)
    node = Prototypes(
        vectors=rng.normal(size=(500, 4)), targets=np.zeros((500, 1)), n_neighbors=3, tree=True
    )
    kept = arrays_kept(node)
    assert any(np.shares_memory(array, node.vectors) for array in kept)
    assert sum(array.nbytes for array in kept) < 2 * node.vectors.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_precision_of_means_is_that_of_the_targets(dtype):
    targets = np.array([[1], [2], [4]], dtype)
    node = Prototypes(vectors=np.eye(3), targets=targets, n_neighbors=2, tree=True)
    result = compile_node(node)(np.array([[1.0, 0.9, 0.0]]))
    assert result.tolist() == [[1.5]]
    assert result.dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_rows_met_first_are_kept():
    # The third and fourth are as near as the largest kept; the last drives out the root.
    assert first_met(np.array([2.0, 3.0, 3.0, 3.0]), 2).tolist() == [0, 1]
    assert first_met(np.array([3.0, 3.0, 3.0, 1.0]), 2).tolist() == [3, 0]


def test_unsound_trees_are_refused():
    rows = {"vectors": np.eye(3), "targets": np.ones((3, 1)), "n_neighbors": 1}
    with pytest.raises(InvalidModelError, match="a ball tree is a tree"):
        Prototypes(**rows, centers=np.zeros((1, 3)))
    with pytest.raises(InvalidModelError, match=r"centers must be float64 of shape \(1, 3\)"):
        Prototypes(**rows, tree=True, centers=np.zeros((2, 3)))
    with pytest.raises(InvalidModelError, match="got float32"):
        Prototypes(**rows, tree=True, centers=np.zeros((1, 3), np.float32))
    with pytest.raises(InvalidModelError, match="centers must be finite"):
        Prototypes(**rows, tree=True, centers=np.full((1, 3), np.nan))


@pytest.mark.parametrize("tree", [True, False])
def test_distances_beyond_all_numbers(tree):
    stored = np.full((4, 2), 1e200)
    node = Prototypes(vectors=stored, targets=np.ones((4, 1)), n_neighbors=2, tree=tree)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"distances.*overflow"):
        compile_node(node)(np.full((1, 2), np.inf))


def test_powers_beyond_all_numbers():
    node = Prototypes(
        vectors=np.array([[0.0], [1e300], [0.5]]), targets=np.eye(3), n_neighbors=3, p=50.0
    )
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compile_node(node)(np.array([[0.4]])), 1 / 3)
