"""Where sparse matrices have entries: the same comes back, in few bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skcompress.exceptions import SkcFormatError
from skcompress.format import _rans
from skcompress.format._choose import PLAIN_WAY
from skcompress.format._common import CommonWriter
from skcompress.format._container import unpack
from skcompress.format._counts import put_counts
from skcompress.format._model import _encode, decode_model
from skcompress.format._packs import PACKS
from skcompress.format._pattern import decode_pattern, encode_pattern, pattern_bits, put_pattern
from skcompress.ir import Chain, DenseNetwork, InputSpec, Layer, Model, Numbers, Sparse


def crowded(n_rows, n_columns, seed=0):
    """Entries that crowd in few rows and few columns."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.gamma(0.3, size=n_rows), rng.gamma(0.5, size=n_columns)
    return rng.random((n_rows, n_columns)) < np.minimum(0.1 * np.outer(rows, columns), 1)


def model_of(matrix):
    layer = Layer(
        weights=Sparse.from_dense(matrix),
        bias=np.zeros(matrix.shape[1]),
        activation="identity",
    )
    return Model(
        input=InputSpec(n_features=matrix.shape[0]),
        chain=Chain(transforms=(), predictor=DenseNetwork(layers=(layer,))),
        head=Numbers(n_outputs=matrix.shape[1], ravel=False),
        family="test",
    )


def weights_of(model):
    return model.predictor.layers[0].weights


def assert_comes_back(stays):
    sparse = Sparse.from_dense(stays.astype(float))
    data = encode_pattern(sparse.indices, sparse.indptr, sparse.n_columns)
    indices, indptr = decode_pattern(memoryview(data), *sparse.shape, sparse.indices.size)
    for found, expected in ((indices, sparse.indices), (indptr, sparse.indptr)):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    return data


@given(hnp.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_any_pattern_comes_back(stays):
    assert_comes_back(stays)


@pytest.mark.parametrize("shape", [(784, 300), (300, 700), (1, 500), (500, 1), (3, 70_000)])
def test_large_patterns_come_back(shape):
    assert_comes_back(crowded(*shape))


def test_numpy_gives_the_same_bytes(monkeypatch):
    stays = crowded(300, 100)
    with_kernel = assert_comes_back(stays)
    monkeypatch.setattr(_rans, "_rans_kernel", None)
    assert assert_comes_back(stays) == with_kernel


def test_bits_are_close_to_those_of_the_classes():
    """Within a hundredth of what knowing each class's share of entries would take."""
    stays = crowded(784, 300, seed=1)
    rows, columns = (np.rint(np.log2(1 + stays.sum(axis=a))).astype(int) for a in (1, 0))
    live = stays[np.ix_(rows > 0, columns > 0)]
    context = rows[rows > 0][:, None] + columns[columns > 0]
    total = np.bincount(context.ravel()).astype(float)
    hits = np.bincount(context.ravel(), live.ravel())
    share = np.clip(hits / np.maximum(total, 1), 1e-12, 1 - 1e-12)
    ideal = -(hits * np.log2(share) + (total - hits) * np.log2(1 - share)).sum()
    for classes in (rows, columns):
        p = np.bincount(classes) / classes.size
        ideal -= classes.size * (p[p > 0] * np.log2(p[p > 0])).sum()
    assert 8 * len(assert_comes_back(stays)) < 1.02 * ideal + 400


def test_files_say_that_they_need_version_3_and_are_smaller(monkeypatch):
    rng = np.random.default_rng(0)
    matrix = np.where(crowded(784, 300), rng.normal(size=(784, 300)).round(1), 0.0)
    model = model_of(matrix)
    data = _encode(model, PLAIN_WAY)
    assert data[8] == 3
    np.testing.assert_array_equal(weights_of(decode_model(data, 2**30)).decode(), matrix)
    monkeypatch.delitem(PACKS, "pattern")
    old = _encode(model, PLAIN_WAY)
    assert old[8] == 2
    assert len(data) < 0.95 * len(old)


def test_other_dtypes_are_written_as_before():
    model = model_of(crowded(50, 40).astype(float))
    layer = model.predictor.layers[0]
    sparse = layer.weights
    for odd in (
        sparse.replace(indices=sparse.indices.astype(np.uint32)),
        sparse.replace(indptr=sparse.indptr.astype(np.int32)),
    ):
        network = DenseNetwork(layers=(layer.replace(weights=odd),))
        written = _encode(model.with_predictor(network), PLAIN_WAY)
        found = weights_of(decode_model(written, 2**30))
        assert found.indices.dtype == odd.indices.dtype
        assert found.indptr.dtype == odd.indptr.dtype
        assert written[8] == 2


def test_header_tells_the_shape():
    header, _ = unpack(_encode(model_of(crowded(200, 80).astype(float)), PLAIN_WAY), 2**30)
    weights = header["m"]["chain"]["predictor"]["layers"][0]["weights"]
    assert weights["*"][0] == "pattern"
    assert weights["*"][3:5] == [200, 80]
    assert not {"indices", "indptr", "n_columns"} & set(weights)


@pytest.mark.parametrize("place", range(6))
def test_changed_heads_are_refused(place):
    sparse = Sparse.from_dense(crowded(60, 40).astype(float))
    data = bytearray(encode_pattern(sparse.indices, sparse.indptr, 40))
    for value in (0, 1, 2, 3, 9, 100):
        if data[place] == value:
            continue
        changed = bytes([*data[:place], value, *data[place + 1 :]])
        with pytest.raises(SkcFormatError):
            decode_pattern(memoryview(changed), 60, 40, sparse.indices.size)


def test_symbols_take_what_they_cost_to_learn():
    """All but the head of a section, and the last state of the coder."""
    rng = np.random.default_rng(0)
    share = np.outer(rng.random(300), rng.random(120)) ** 2
    stays = rng.random(share.shape) < share
    counts = stays.sum(axis=1)
    indices = np.nonzero(stays)[1].astype(np.uint8)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    section = encode_pattern(indices, indptr, 120)
    alone = pattern_bits(indices, indptr, 120)
    assert 0 <= 8 * len(section) - alone < 8 * 20
    common = CommonWriter()
    put_pattern(indices, indptr, 120, common)
    assert common.bits < alone + 8 * 8
    before = common.bits
    codes = rng.binomial(7, 0.3, indices.size).astype(np.uint8)
    put_counts(codes, common)
    share = np.bincount(codes) / codes.size
    entropy = -codes.size * float((share * np.log2(np.maximum(share, 1e-9))).sum())
    assert entropy < common.bits - before < 1.01 * entropy + 100
