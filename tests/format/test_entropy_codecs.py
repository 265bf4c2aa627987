"""Codecs that code by entropy: to the bit, near the entropy, read by anyone, safe when damaged."""

import importlib.util
import tracemalloc
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import SkcFormatError
from skcompress.format import _rans
from skcompress.format._arrays import ArrayReader, ArrayWriter
from skcompress.format._binning import Binning
from skcompress.format._choose import Way, choose
from skcompress.format._codecs import CODECS

NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=14)


def plain_reader():
    spec = importlib.util.spec_from_file_location(
        "plain_reader", Path(__file__).parent / "plain_reader.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain_reader()


def written(array, name, *, shares=False):
    """Description, entries and body of an array in a codec."""
    way = Way(shares=shares)
    writer = ArrayWriter(way=way)
    description = writer.place(choose(array, [name], way=way))
    entries, streams = writer.finish()
    return description, entries, b"".join(streams)


def read(description, entries, body, budget=2**30):
    reader = ArrayReader(entries, memoryview(body), budget)
    _, make = reader.add(description)
    reader.finish()
    reader.take_common()
    return make()


def read_plainly(description, entries, body):
    place, streams = 0, []
    for entry in entries:
        count, length = entry if isinstance(entry, list) else (entry, None)
        content = body[place : place + count]
        streams.append(content if length is None else PLAIN.unpack(content, length))
        place += count
    return b"".join(PLAIN.Arrays(streams).elements(*description))


def little(array):
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


@st.composite
def arrays(draw):
    """Any bit patterns, few distinct ones, rows that follow from rows above."""
    dtype = np.dtype(draw(st.sampled_from(NUMBERS)))
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["any", "few", "follow", "sorted"]))
    if kind == "any":
        return draw(hnp.arrays(dtype, shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    few = draw(hnp.arrays(dtype, 6))
    codes = rng.integers(0, 6, shape)
    if kind == "sorted":
        return np.sort(few[codes], axis=0)
    if kind == "follow":
        codes[1:] = np.where(rng.random(codes[1:].shape) < 0.9, codes[:-1], codes[1:])
    return few[codes]


@pytest.mark.parametrize("name", ["counts", "escape", "rising", "scaled"])
@given(data=st.data(), shares=st.booleans())
def test_comes_back_to_the_bit_for_everyone(name, data, shares):
    array = data.draw(arrays())
    if array.nbytes <= 32 or not CODECS[name].suits(array):
        return
    file = written(array, name, shares=shares)
    found = read(*file)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert read_plainly(*file) == little(array)


def test_several_lanes_are_read_plainly():
    weights = np.random.default_rng(0).standard_normal(4000)
    file = written(weights, "counts")
    assert read_plainly(*file) == little(weights)


@given(arrays(), st.booleans())
def test_bytes_are_the_same_without_the_kernel(array, shares):
    if array.nbytes <= 32 or array.size < 2:
        return
    fast = written(array, "counts", shares=shares)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rans, "_rans_kernel", None)
        assert written(array, "counts", shares=shares) == fast
        assert read(*fast).tobytes() == array.tobytes()


@given(
    hnp.arrays(np.uint64, 30, elements=st.integers(0, 2**64 - 1)),
    st.booleans(),
    st.integers(0, 16),
)
def test_bins_hold_their_numbers(numbers, is_log, bits):
    binning = Binning(is_log, bits)
    if not is_log:
        numbers >>= np.uint64(1)
    symbols = binning.symbols(numbers)
    rest = numbers - binning.starts(symbols)
    assert (symbols < binning.most).all()
    assert all(int(r) < 1 << int(w) for r, w in zip(rest, binning.open_bits(symbols), strict=True))


def entropy(symbols):
    share = np.bincount(symbols.reshape(-1)) / symbols.size
    share = share[share > 0]
    return -(share * np.log2(share)).sum() * symbols.size / 8


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_codes_of_weights_come_near_their_entropy(bits):
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(60_000)
    codes = np.clip(weights / 8 * 2**bits + 2 ** (bits - 1), 0, 2**bits - 1).astype(np.uint8)
    _, _, body = written(codes, "counts")
    assert len(body) < 1.02 * entropy(codes)


def test_rows_that_differ_come_near_the_entropy_of_each():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.binomial(40, p, 8000) for p in (0.02, 0.3, 0.5, 0.9)]).astype(np.uint8)
    _, _, body = written(codes, "counts")
    assert len(body) < 1.02 * sum(map(entropy, codes))


def test_rows_above_are_a_context():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, (64, 1500))
    for row in range(3, 64):
        codes[row] = np.where(rng.random(1500) < 0.9, codes[row - 3], codes[row])
    _, _, body = written(codes.astype(np.uint8), "counts")
    assert len(body) < 0.5 * entropy(codes)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_exponents_of_weights_are_learned(dtype):
    weights = np.random.default_rng(0).standard_normal(20_000).astype(dtype)
    _, _, body = written(weights, "counts")
    assert len(body) < len(little(weights)) - 20_000 * 0.6


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_sorted_floats_take_what_their_order_leaves(dtype):
    values = np.sort(np.random.default_rng(0).standard_normal(8000)).astype(dtype)
    _, _, unsorted = written(np.random.default_rng(1).permutation(values), "counts")
    _, _, body = written(values, "rising")
    # Sorting takes log2(n!) bits off.
    saved = 8000 * (np.log2(8000) - np.log2(np.e)) / 8
    assert len(body) < len(unsorted) - 0.94 * saved


def test_leaf_rows_are_sorted_by_their_first_column():
    rng = np.random.default_rng(0)
    rows = rng.random((3000, 3))
    rows = rows[np.argsort(rows[:, 0])]
    file = written(rows, "rising")
    assert len(file[2]) < len(written(rows, "counts")[2]) - 3000
    assert read(*file).tobytes() == rows.tobytes()


def test_decimals_behind_a_scaler_are_whole_numbers():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, 200, 900) / 10, rng.integers(0, 9, 900) / 1.0], axis=1)
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    steps = (mean, scale, None, None)
    writer = ArrayWriter(scalers=[steps])
    array = (rows - mean) / scale
    description = writer.add(array)
    entries, streams = writer.finish()
    assert description[2] == "scaled"
    assert sum(map(len, streams)) < 1.15 * (entropy((rows[:, 0] * 10).astype(int)) + 900 * 0.4)
    body = b"".join(streams)
    assert read(description, entries, body).tobytes() == array.tobytes()
    assert read_plainly(description, entries, body) == little(array)


def test_decimals_with_a_negative_zero_come_back_to_the_bit():
    rows = np.random.default_rng(0).normal(size=(80, 3)).round(1)
    rows[::9, 1:] = -0.0
    rows[:, 0] += 0.0
    file = written(rows, "scaled")
    assert read(*file).tobytes() == rows.tobytes()


def test_columns_that_are_no_decimals_stay_as_they_are():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, 9, 900) / 4, rng.standard_normal(900)], axis=1)
    rows[5, 0] = -0.0
    rows[7, 0] = np.nan
    rows = np.concatenate([rows, np.float32(rng.integers(0, 99, (900, 1)) / 100)], axis=1)
    file = written(rows, "scaled")
    assert read(*file).tobytes() == rows.tobytes()
    assert read_plainly(*file) == little(rows)


def test_equal_arrays_are_stored_once():
    array = np.random.default_rng(0).standard_normal(100)
    writer = ArrayWriter()
    first, second = writer.add(array), writer.add(array.copy())
    entries, streams = writer.finish()
    assert second == ["f8", [100], "same", 0]
    reader = ArrayReader(entries, memoryview(b"".join(streams)), 2**30)
    makes = [reader.add(description)[1] for description in (first, second)]
    reader.finish()
    assert all(make().tobytes() == array.tobytes() for make in makes)


@pytest.mark.parametrize("place", [-1, 1, True, "0", None])
def test_a_reference_to_nothing_is_refused(place):
    with pytest.raises(SkcFormatError, match="no array"):
        ArrayReader([], memoryview(b""), 2**20).add(["f8", [3], "same", place])


def test_a_reference_to_another_shape_is_refused():
    reader = ArrayReader([24], memoryview(bytes(24)), 2**20)
    reader.add(["f8", [3]])
    with pytest.raises(SkcFormatError, match="differs"):
        reader.add(["f8", [1, 3], "same", 0])


@pytest.mark.parametrize("name", ["counts", "escape", "rising", "scaled"])
@given(data=st.data())
def test_damage_is_an_error_or_an_array(name, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 5)))
    array = rng.choice([0.0, 0.5, 10.0], (12, 60))
    array[rng.random(array.shape) < 0.1] = 3.25
    array[:, 0].sort()
    description, entries, body = written(array, name)
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(description, entries, bytes(damaged))
    except SkcFormatError:
        return
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


def test_a_constant_of_a_billion_elements_is_charged():
    description, entries, body = written(np.full(100, 7, np.uint64), "counts")
    description[1] = [2**30]
    with pytest.raises(SkcFormatError, match="max_memory"):
        read(description, entries, body, 2**31)


@pytest.mark.parametrize("n_counts", [-1, 0, 2**22 + 1, 2**60, 1.0])
def test_a_wrong_number_of_counts_is_refused(n_counts):
    description, entries, body = written(np.arange(100, dtype=np.uint8), "counts")
    description[-1] = n_counts
    with pytest.raises(SkcFormatError):
        read(description, entries, body)


@pytest.mark.parametrize("shape", [(300_000,), (40, 6000), (4000, 30)])
def test_memory_stays_within_what_is_charged(shape):
    array = np.random.default_rng(0).integers(0, 50, shape) ** 3
    description, entries, body = written(array, "counts")
    reader = ArrayReader(entries, memoryview(body), 2**40)
    _, make = reader.add(description)
    reader.finish()
    tracemalloc.start()
    make()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < reader._charged
