"""Small arrays in common: whatever their order, all come back, in fewer bytes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import SkcFormatError
from skcompress.format import _arrays
from skcompress.format._arrays import ArrayReader, ArrayWriter
from skcompress.format._choose import Way, choose
from skcompress.format._common import CommonReader, CommonWriter
from skcompress.format._model import _encode, decode_model, encode_model
from skcompress.ir import (
    Chain,
    Codebook,
    DenseNetwork,
    InputSpec,
    Layer,
    Model,
    Numbers,
    Sparse,
)

SHARES = Way(shares=True)


def small_network(n_layers=3, seed=0):
    """Sparse layers with tables."""
    rng = np.random.default_rng(seed)
    layers = []
    for _ in range(n_layers):
        stays = rng.random((24, 24)) < np.outer(rng.random(24), rng.random(24))
        sparse = Sparse.from_dense(stays * 1.0)
        codes = rng.binomial(7, 0.4, sparse.indices.size).astype(np.uint8)
        table = Codebook(codes=codes, table=rng.normal(size=8).astype(np.float32), bits=3)
        layers.append(
            Layer(weights=sparse.replace(data=table), bias=np.zeros(24), activation="relu")
        )
    layers[-1] = layers[-1].replace(activation="identity")
    return Model(
        input=InputSpec(n_features=24),
        chain=Chain(transforms=(), predictor=DenseNetwork(layers=tuple(layers))),
        head=Numbers(n_outputs=24, ravel=False),
        family="test",
    )


def assert_equal(found, model):
    for (path, one), (other_path, other) in zip(found.arrays(), model.arrays(), strict=True):
        assert path == other_path
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def test_a_small_network_takes_fewer_bytes():
    model = small_network()
    together, apart = _encode(model, Way(shares=True, tiny=8)), _encode(model, Way())
    assert (together[8], apart[8]) == (4, 3)
    assert len(together) < 0.95 * len(apart)
    assert encode_model(model) == together
    for data in (together, apart):
        assert_equal(decode_model(data, 2**28), model)


def test_what_gains_nothing_stays_apart():
    rng = np.random.default_rng(0)
    layer = Layer(weights=rng.normal(size=(24, 24)), bias=np.zeros(24), activation="identity")
    model = small_network().with_predictor(DenseNetwork(layers=(layer,)))
    together, apart = _encode(model, Way(shares=True, tiny=8)), _encode(model, Way())
    assert len(encode_model(model)) <= min(len(together), len(apart))


def test_equal_arrays_are_taken_once_and_in_any_order():
    rng = np.random.default_rng(0)
    arrays = [rng.binomial(9, 0.3, n).astype(np.uint8) for n in (300, 90, 500)]
    arrays += [arrays[0], np.sort(rng.normal(size=50)), arrays[1]]
    writer = ArrayWriter(way=SHARES)
    described = [writer.add(array) for array in arrays]
    assert [d[2:] for d in described if d[2] == "same"] == [["same", 0], ["same", 1]]
    entries, streams = writer.finish()
    reader = ArrayReader(entries, memoryview(b"".join(streams)), 2**28)
    makers = [reader.add(description)[1] for description in described]
    reader.finish()
    reader.take_common()
    for make, array in reversed([*zip(makers, arrays, strict=True)]):
        np.testing.assert_array_equal(make(), array)


def test_what_would_learn_too_many_counts_stays_apart(monkeypatch):
    monkeypatch.setattr(_arrays, "MOST_COUNTS", 12)
    rng = np.random.default_rng(0)
    arrays = [rng.binomial(9, 0.3, n).astype(np.uint8) for n in (300, 290, 280)]
    writer = ArrayWriter(way=SHARES)
    drafts = [choose(array, ["counts"], way=SHARES) for array in arrays]
    described = [writer.place(draft)[2:] for draft in drafts]
    assert [len(arguments) for arguments in described] == [1, 4, 4]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30))
def test_numbers_of_heads_come_back(numbers):
    writer = CommonWriter()
    writer.head(*numbers)
    reader = CommonReader(writer.finish())
    assert reader.head(len(numbers)) == numbers
    reader.finish()


@pytest.mark.parametrize("n", [250, 1000, 4000])
def test_few_codes_come_within_a_hundredth_of_a_code_that_learns(n):
    """Krichevsky and Trofimov's, whose counts learn from every symbol, and a head."""
    codes = np.random.default_rng(n).binomial(7, 0.35, n).astype(np.uint8)
    writer = ArrayWriter(way=SHARES)
    writer.add(codes)
    counts = np.bincount(codes)
    bits = math.lgamma(n + counts.size / 2) - math.lgamma(counts.size / 2)
    bits -= sum(math.lgamma(c + 0.5) - math.lgamma(0.5) for c in counts)
    head_and_state = 20
    assert len(writer.finish()[1][-1]) < 1.01 * bits / math.log(2) / 8 + head_and_state


def test_counts_are_those_that_are_declared():
    writer = CommonWriter()
    writer.claim(5)
    for claimed, error in ((6, "more counts"), (4, "fewer counts")):
        reader = CommonReader(writer.finish())
        with pytest.raises(SkcFormatError, match=error):
            (reader.claim(claimed), reader.finish())
