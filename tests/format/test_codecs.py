import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import InvalidModelError
from skcompress.format._arrays import ArrayReader, ArrayWriter
from skcompress.format._choose import choose
from skcompress.format._codecs import CODECS
from skcompress.format._streams import compress, decompress

NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=12)


@st.composite
def arrays(draw):
    """Arrays of every dtype: any bit pattern, few distinct values, or rising ones."""
    dtype = np.dtype(draw(st.sampled_from(NUMBERS)))
    array = draw(hnp.arrays(dtype, draw(SHAPES)))
    if draw(st.booleans()):
        array = np.concatenate([array.reshape(-1)] * draw(st.integers(1, 40)))
    if draw(st.booleans()):
        array = np.sort(array.reshape(-1))
    return array


@st.composite
def text_arrays(draw):
    """Arrays of any characters, lone surrogates included, wider than they need be."""
    # NumPy drops NULs at the end of a text, so they cannot be there.
    texts = draw(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1))
    width = max(1, *map(len, texts)) + draw(st.integers(0, 3))
    array = np.array(texts, dtype=f"U{width}")
    return array.reshape(draw(st.sampled_from([(-1,), (1, -1), (-1, 1)])))


def through_a_file(write):
    writer = ArrayWriter()
    description = write(writer)
    entries, streams = writer.finish()
    reader = ArrayReader(entries, memoryview(b"".join(streams)), 2**30)
    _, make = reader.add(description)
    reader.finish()
    return make()


def with_codec(name, array):
    """Through the codec `name`, whatever `choose` would have preferred."""
    return through_a_file(lambda writer: writer.place(choose(array, [name])))


def assert_identical(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


@given(arrays() | text_arrays())
def test_any_array_comes_back_bit_for_bit(array):
    assert_identical(through_a_file(lambda writer: writer.add(array)), array)


@pytest.mark.parametrize("name", sorted(CODECS))
@given(data=st.data())
def test_codec_comes_back_bit_for_bit(name, data):
    array = data.draw(text_arrays() if name == "text" else arrays())
    if CODECS[name].suits(array):
        assert_identical(with_codec(name, array), array)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.random.default_rng(0).random(500) < 0.5, "bits"),
        (np.random.default_rng(0).integers(0, 32, 4000).astype(np.uint8), "bits"),
        (np.random.default_rng(0).integers(-8, 8, 4000).astype(np.int64), "bits"),
        (np.random.default_rng(0).choice(np.linspace(0, 1, 16), (900, 8)), "table"),
        (np.cumsum(np.random.default_rng(0).integers(0, 300, 4000)).astype(np.int64), "delta"),
        (np.array(["setosa", "versicolor"]), "text"),
    ],
)
def test_arrays_get_the_codec_made_for_them(array, name):
    assert choose(array).codec == name


def test_columns_that_differ_are_stored_by_column():
    rng = np.random.default_rng(0)
    array = np.stack([rng.integers(0, 2, 3000), 200 + rng.integers(0, 3, 3000)], axis=1)
    assert choose(array.astype(np.uint8)).codec == "columns"


@pytest.mark.parametrize("bits", range(1, 17))
def test_codes_take_their_bits(bits):
    codes = np.random.default_rng(0).integers(0, 2**bits, 20_000)
    codes = codes.astype(np.min_scalar_type(2**bits - 1))
    writer = ArrayWriter()
    writer.add(codes)
    stored = sum(map(len, writer.finish()[1]))
    assert stored <= codes.size * bits / 8 * 1.01 + 16


def test_a_constant_takes_no_bytes():
    writer = ArrayWriter()
    writer.add(np.full(10**6, 7, np.uint16))
    assert sum(map(len, writer.finish()[1])) == 0


@pytest.mark.parametrize(
    "value", [-0.0, np.nan, -np.nan, np.inf, 5e-324, np.frombuffer(b"\1" * 6 + b"\xf8\x7f")[0]]
)
def test_special_numbers_keep_their_bits(value):
    array = np.full(1000, 0.5)
    array[::7] = value
    assert_identical(through_a_file(lambda writer: writer.add(array)), array)


def test_whole_range_of_64_bits():
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        for low in (limits.min, limits.max - 99):
            array = np.asarray(np.arange(100, dtype=np.uint64) + np.uint64(low % 2**64)).astype(
                dtype
            )
            assert_identical(with_codec("bits", array), array)


def test_text_of_width_zero():
    array = np.zeros(3, "U0")
    assert_identical(through_a_file(lambda writer: writer.add(array)), array)


def test_unknown_dtype_is_refused():
    with pytest.raises(InvalidModelError, match="dtype"):
        ArrayWriter().add(np.zeros(2, np.longdouble))


@given(st.binary(max_size=3000), st.integers(1, 60))
def test_streams_come_back(data, repeats):
    data *= repeats
    stored = compress(data)
    assert len(stored) <= len(data)
    assert decompress(stored, len(data)) == data


def test_streams_are_deterministic():
    data = np.random.default_rng(0).standard_normal(50_000).tobytes()
    assert compress(data) == compress(bytes(bytearray(data)))
