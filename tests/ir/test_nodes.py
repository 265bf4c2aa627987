"""Nodes are frozen, never share memory that can change, and prove their arrays sound."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skcompress.exceptions import InvalidModelError
from skcompress.ir import (
    TAGS,
    Affine,
    Chain,
    ClassScores,
    Codebook,
    DenseNetwork,
    FixedPoint,
    InputSpec,
    KernelExpansion,
    Labels,
    Layer,
    LinearMap,
    LowRank,
    Model,
    Node,
    Numbers,
    Rescale,
    Sparse,
    register,
)


def test_arrays_are_copied_and_frozen():
    coef = np.ones((1, 2))
    linear = LinearMap(coef=coef, intercept=np.zeros(1))
    coef[:] = 7
    assert linear.coef.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        linear.coef[0, 0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        linear.coef = coef


def test_read_only_arrays_are_shared():
    coef = np.ones((1, 2))
    coef.flags.writeable = False
    assert np.shares_memory(LinearMap(coef=coef, intercept=np.zeros(1)).coef, coef)


def test_pickle_and_replace_check_again():
    linear = LinearMap(coef=np.ones((1, 2)), intercept=np.zeros(1))
    copy = pickle.loads(pickle.dumps(linear))
    np.testing.assert_array_equal(copy.coef, linear.coef)
    with pytest.raises(InvalidModelError):
        linear.replace(intercept=np.zeros(3))


def test_tags_are_unique():
    class Other(Node):
        pass

    with pytest.raises(ValueError, match="taken"):
        register("linear")(Other)
    assert len(set(TAGS.values())) == len(TAGS)


def test_bytes_are_those_of_all_arrays_below():
    layer = Layer(weights=np.ones((3, 2)), bias=np.zeros(2, np.float32), activation="relu")
    network = DenseNetwork(layers=(layer,))
    assert network.nbytes == 3 * 2 * 8 + 2 * 4
    assert [path for path, _ in network.arrays()] == ["layers.0.weights", "layers.0.bias"]


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)),
    st.integers(-30, 30),
)
def test_encoded_arrays_decode_by_their_rule(codes, exponent):
    columns = codes.shape[1]
    scale, zero = np.linspace(0.1, 2, columns), np.linspace(-1, 1, columns)
    affine = Affine(codes=codes, scale=scale, zero=zero, bits=8)
    np.testing.assert_array_equal(affine.decode(), codes * scale + zero)
    signed = (codes.astype(np.int16) - 128).astype(np.int8)
    fixed = FixedPoint(codes=signed, exponent=np.array([exponent], np.int16), bits=8)
    np.testing.assert_array_equal(fixed.decode(), signed * 2.0**exponent)
    table = np.sort(np.random.default_rng(0).normal(size=(columns, 256)))
    book = Codebook(codes=codes, table=table, bits=8)
    expected = np.stack([table[j][codes[:, j]] for j in range(columns)], axis=1)
    np.testing.assert_array_equal(book.decode(), expected)


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 6), st.integers(1, 6)),
        elements=st.sampled_from([0.0, 0.0, 1.5, -2.0]),
    )
)
def test_sparse_arrays_come_back(dense):
    sparse = Sparse.from_dense(dense)
    assert sparse.shape == dense.shape
    np.testing.assert_array_equal(sparse.decode(), dense)


def _sparse(**changes):
    fields = {
        "data": np.ones(3),
        "indices": np.array([0, 2, 1], np.uint8),
        "indptr": np.array([0, 2, 3]),
        "n_columns": 3,
    }
    return Sparse(**{**fields, **changes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _sparse(indices=np.array([0, 3, 1], np.uint8)), "out of range"),
        (lambda: _sparse(indices=np.array([2, 0, 1], np.uint8)), "rise"),
        (lambda: _sparse(indptr=np.array([0, 2, 4])), "row pointers"),
        (lambda: _sparse(indptr=np.array([0, 3, 2])), "row pointers"),
        (lambda: _sparse(data=np.array([1.0, np.nan, 2.0])), "finite"),
        (
            lambda: Affine(
                codes=np.array([4], np.uint8), scale=np.ones(1), zero=np.ones(1), bits=2
            ),
            "bits",
        ),
        (
            lambda: Affine(
                codes=np.array([1], np.uint8), scale=np.full(1, 1e308), zero=np.ones(1), bits=8
            ),
            "overflow",
        ),
        (
            lambda: Affine(
                codes=np.zeros((2, 2), np.uint8), scale=np.ones(3), zero=np.ones(1), bits=8
            ),
            "broadcast",
        ),
        (lambda: FixedPoint(codes=np.array([2], np.int8), exponent=np.array([0]), bits=2), "bits"),
        (
            lambda: FixedPoint(codes=np.array([1], np.int8), exponent=np.array([2000]), bits=2),
            "exponents",
        ),
        (lambda: Codebook(codes=np.array([2], np.uint8), table=np.ones(2), bits=8), "table"),
        (lambda: LowRank(left=np.ones((2, 3)), right=np.ones((2, 2))), "do not fit"),
        (lambda: LinearMap(coef=np.ones((1, 2)), intercept=np.full(1, np.nan)), "finite"),
        (lambda: Layer(weights=np.ones((2, 2)), bias=np.ones(2), activation="swish"), "activation"),
        (
            lambda: KernelExpansion(
                vectors=np.ones((2, 2)), coef=np.ones((1, 3)), intercept=np.ones(1), kernel="rbf"
            ),
            "does not fit",
        ),
        (
            lambda: KernelExpansion(
                vectors=np.ones((2, 2)), coef=np.ones((1, 2)), intercept=np.ones(1), kernel="cosine"
            ),
            "kernel",
        ),
        (
            lambda: KernelExpansion(
                vectors=np.ones((3, 2)),
                coef=np.ones((2, 3)),
                intercept=np.ones(3),
                kernel="rbf",
                group_sizes=np.array([1, 1, 2], np.uint8),
            ),
            "add up",
        ),
        (lambda: Rescale(kind="standard", n_features=2, divide=np.array([1.0, 0.0])), "zero"),
        (lambda: Labels(values=np.array([])), "class label"),
        (lambda: Numbers(n_outputs=2), "vector"),
        (lambda: LinearMap(coef=np.array([["a"]]), intercept=np.ones(1)), "numeric"),
        (lambda: Labels(values=np.array([object()], object)), "dtype"),
    ],
)
def test_unsound_arrays_are_refused(make, message):
    with pytest.raises(InvalidModelError, match=message):
        make()


def _model(**changes):
    fields = {
        "input": InputSpec(n_features=2),
        "chain": Chain(
            transforms=(), predictor=LinearMap(coef=np.ones((1, 2)), intercept=np.ones(1))
        ),
        "head": ClassScores(target=Labels(values=np.array([0, 1])), link="sigmoid"),
        "family": "sklearn.linear_model._logistic.LogisticRegression",
    }
    return Model(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": InputSpec(n_features=3)}, "takes 3 columns"),
        ({"input": InputSpec(n_features=2, text=True)}, "takes text"),
        ({"head": ClassScores(target=Labels(values=np.arange(3)), link="softmax")}, "head takes 3"),
        ({"chain": Chain(transforms=(), predictor=None)}, "transforms"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InvalidModelError, match=message):
        _model(**changes)


def test_a_chain_checks_its_joints():
    with pytest.raises(InvalidModelError, match="gives 3 columns"):
        Chain(
            transforms=(Rescale(kind="standard", n_features=3),),
            predictor=LinearMap(coef=np.ones((1, 2)), intercept=np.ones(1)),
        )


def test_input_names_must_be_as_many_as_columns():
    with pytest.raises(InvalidModelError, match="each of 2 columns"):
        InputSpec(n_features=2, names=("a",))
