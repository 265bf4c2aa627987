"""One bit a node tells the topology, and nothing unsound can be built."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import InvalidModelError
from skcompress.ir import TreeEnsemble


@st.composite
def topologies(draw):
    """Breadth-first split bits of a few random trees, and the sizes of the trees."""
    bits, sizes = [], []
    for _ in range(draw(st.integers(1, 4))):
        own, open_nodes = [], 1
        while open_nodes:
            split = open_nodes + len(own) < 20 and draw(st.booleans())
            own.append(split)
            open_nodes += 1 if split else -1
        bits += own
        sizes.append(len(own))
    return np.array(bits), sizes


def ensemble(internal, **changes):
    n_split = int(internal.sum())
    fields = {
        "internal": internal,
        "feature": np.zeros(n_split, np.uint8),
        "threshold": np.zeros(n_split),
        "leaf": np.zeros(internal.size - n_split, np.uint8),
        "values": np.zeros((1, 1)),
        "n_features": 2,
        "n_outputs": 1,
    }
    return TreeEnsemble(**{**fields, **changes})


@given(topologies())
def test_children_are_where_a_queue_puts_them(topology):
    internal, sizes = topology
    trees = ensemble(internal)
    assert trees.n_trees == len(sizes)
    assert trees.offsets.tolist() == np.concatenate([[0], np.cumsum(sizes)]).tolist()
    expected, start = [], 0
    for size in sizes:
        next_child = start + 1
        for node in range(start, start + size):
            if internal[node]:
                expected.append(next_child)
                next_child += 2
        start += size
    assert trees.left_child().tolist() == expected


@given(topologies())
def test_parents_stand_before_their_children(topology):
    trees = ensemble(topology[0])
    parent = trees.parent()
    roots = trees.offsets[:-1]
    assert (parent[roots] == -1).all()
    others = np.setdiff1d(np.arange(trees.n_nodes), roots)
    assert (parent[others] < others).all()
    assert (trees.tree_of_node[parent[others]] == trees.tree_of_node[others]).all()
    assert (np.bincount(parent[others], minlength=trees.n_nodes)[trees.internal] == 2).all()


@pytest.mark.parametrize("bits", [[True], [True, False], [False, True, False], []])
def test_incomplete_trees_are_refused(bits):
    internal = np.array(bits, bool)
    with pytest.raises(InvalidModelError):
        ensemble(internal)


ONE_SPLIT = np.array([True, False, False])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature": np.array([2], np.uint8)}, "feature 2 of 2"),
        ({"feature": np.array([0], np.int64)}, "unsigned"),
        ({"feature": np.zeros(2, np.uint8)}, "each of 1 splits"),
        ({"threshold": np.array([np.nan])}, "NaN"),
        ({"threshold": np.array([1])}, "floating-point"),
        ({"threshold": np.zeros(3)}, "each of 1 splits"),
        ({"leaf": np.array([0, 1], np.uint8)}, "outside the table"),
        ({"leaf": np.zeros(1, np.uint8)}, "each of 2 leaves"),
        ({"values": np.array([[np.inf]])}, "finite"),
        ({"values": np.zeros((1, 2))}, "1 columns"),
        ({"missing_left": np.zeros(2, bool)}, "missing-value"),
        ({"tree_output": np.array([1], np.uint8)}, "output column"),
        ({"base": np.zeros(2)}, "one entry per output"),
        ({"n_outputs": 0}, "output"),
    ],
)
def test_unsound_fields_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        ensemble(ONE_SPLIT, **changes)


def test_infinite_thresholds_are_sound():
    assert ensemble(ONE_SPLIT, threshold=np.array([np.inf])).n_nodes == 3
