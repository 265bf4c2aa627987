"""One bit a node tells the topology, and nothing unsound can be built."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import InvalidModelError
from skcompress.ir import CategorySplits, OrdinalEncode, TreeEnsemble, TreeNotes


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
        ({"n_features": 0}, "from 1 to"),
        ({"n_features": 2**31}, "from 1 to"),
        ({"missing_left": np.zeros(1, np.uint8)}, "missing-value"),
        ({"internal": np.array([1, 0, 0], np.uint8)}, "booleans"),
        ({"internal": ONE_SPLIT[:, None]}, "vector"),
        ({"leaf": np.array([0, 0])}, "unsigned"),
        ({"values": np.zeros((0, 1))}, "outside the table"),
        ({"values": np.zeros(1)}, "columns"),
        ({"base": np.array([np.nan])}, "finite"),
        ({"tree_output": np.zeros(2, np.uint8)}, "output column"),
        ({"tree_output": np.zeros(1, np.int64)}, "output column"),
        ({"divisor": 0.0}, "divisor"),
        ({"divisor": -1.0}, "divisor"),
        ({"divisor": np.inf}, "divisor"),
        ({"divisor": np.nan}, "divisor"),
        ({"divisor": 2.0, "average": True}, "divisor"),
    ],
)
def test_unsound_fields_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        ensemble(**{"internal": ONE_SPLIT, **changes})


def test_the_denominator():
    assert ensemble(ONE_SPLIT).denominator == 1
    assert ensemble(ONE_SPLIT, divisor=2.5).denominator == 2.5
    two = np.concatenate([ONE_SPLIT, [False]])
    leaf = np.zeros(3, np.uint8)
    assert ensemble(two, leaf=leaf, average=True).denominator == 2


def test_infinite_thresholds_are_sound():
    assert ensemble(ONE_SPLIT, threshold=np.array([np.inf])).n_nodes == 3


def notes(**changes):
    fields = {
        "impurity": np.zeros(3),
        "weight": np.ones(3),
        "n_samples": np.ones(3, np.int64),
        "values": np.zeros((1, 1)),
    }
    return TreeNotes(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"impurity": np.zeros(3, int)}, "float"),
        ({"weight": np.ones(3, int)}, "float"),
        ({"n_samples": np.ones(3)}, "integers"),
        ({"n_samples": np.ones(2, int)}, "length"),
        ({"impurity": np.zeros((3, 1)), "weight": np.ones((3, 1))}, "length"),
        ({"values": np.zeros(1)}, "two dimensions"),
    ],
)
def test_unsound_notes_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        notes(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"values": np.zeros((2, 1))},
        {"values": np.zeros((1, 2))},
        {"impurity": np.zeros(4), "weight": np.ones(4), "n_samples": np.ones(4, int)},
    ],
)
def test_notes_on_other_trees_are_refused(changes):
    assert ensemble(ONE_SPLIT, notes=notes()).notes is not None
    with pytest.raises(InvalidModelError, match="do not match"):
        ensemble(ONE_SPLIT, notes=notes(**changes))


def categories(**changes):
    fields = {
        "is_category": np.array([True]),
        "left": np.zeros((1, 8), np.uint32),
        "known": np.zeros((1, 8), np.uint32),
        "known_row": np.array([0, -1], np.int32),
    }
    return CategorySplits(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_category": np.array([1], np.uint8)}, "is_category"),
        ({"is_category": np.array([False])}, "one category set"),
        ({"left": np.zeros((2, 8), np.uint32)}, "one category set"),
        ({"left": np.zeros((1, 7), np.uint32)}, "uint32"),
        ({"left": np.zeros((1, 8), np.int32)}, "uint32"),
        ({"known": np.zeros((1, 9), np.uint32)}, "uint32"),
        ({"known": np.zeros(8, np.uint32)}, "uint32"),
        ({"known_row": np.array([1, -1], np.int32)}, "outside"),
        ({"known_row": np.array([-2, 0], np.int32)}, "outside"),
        ({"known_row": np.array([0, -1])}, "known_row"),
    ],
)
def test_unsound_categories_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        categories(**changes)


def test_categories_of_other_trees_are_refused():
    assert ensemble(ONE_SPLIT, categories=categories()).categories is not None
    with pytest.raises(InvalidModelError, match="do not match"):
        ensemble(
            ONE_SPLIT,
            categories=categories(is_category=np.ones(2, bool), left=np.zeros((2, 8), np.uint32)),
        )
    with pytest.raises(InvalidModelError, match="do not match"):
        ensemble(ONE_SPLIT, categories=categories(known_row=np.array([0], np.int32)))
    with pytest.raises(InvalidModelError, match="numerical feature"):
        ensemble(ONE_SPLIT, categories=categories(known_row=np.array([-1, 0], np.int32)))


def ordinal(**changes):
    fields = {
        "columns": np.array([2, 0, 1], np.uint8),
        "sizes": np.array([2, 0, 1], np.uint8),
        "categories": np.array([1.0, 2.0, 0.5]),
        "n_features": 3,
    }
    return OrdinalEncode(**{**fields, **changes})


def test_an_ordinal_encoder_tells_its_columns():
    assert ordinal(columns=np.array([1, 1, 0, 2], np.uint8)).n_outputs == 4
    assert ordinal(sizes=np.zeros(0, np.uint8), categories=np.zeros(0)).n_outputs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": np.array([3], np.uint8)}, "below 3"),
        ({"columns": np.array([], np.uint8)}, "a column"),
        ({"columns": np.array([0, 1, 2])}, "unsigned"),
        ({"sizes": np.array([[2], [0], [1]], np.uint8)}, "vector"),
        ({"sizes": np.array([1, 1, 0, 1], np.uint8)}, "more sizes"),
        ({"sizes": np.array([2, 2], np.uint8)}, "as many categories"),
        ({"sizes": np.array([2**63, 2**63, 3], np.uint64)}, "as many categories"),
        ({"sizes": np.array([3], np.uint8)}, "rise"),
        ({"categories": np.array([1.0, 1.0, 2.0])}, "rise"),
        ({"categories": np.array([1, 2, 3])}, "floating point"),
        ({"categories": np.array([1.0, np.inf, 2.0])}, "finite"),
        ({"categories": np.array([1.0, 2.0, np.nan])}, "finite"),
    ],
)
def test_unsound_ordinal_encoders_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        ordinal(**changes)
