"""The entropy coder: both implementations agree, come close to the entropy, and refuse damage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcompress.exceptions import SkcFormatError
from skcompress.format import _rans
from skcompress.format._rans import Counts, Decoder, Encoder

compiled = pytest.mark.skipif(_rans._rans_kernel is None, reason="built without kernels")

CALLS = st.lists(
    st.lists(
        st.integers(1, 5000).flatmap(lambda w: st.tuples(st.just(w), st.integers(0, w - 1))),
        max_size=40,
    ),
    min_size=1,
    max_size=6,
)


def _code(calls, step):
    """Encode, with a lesson after each call."""
    encoder, counts = Encoder(), Counts(5000, step)
    for call in calls:
        width, symbol = (np.array(column, np.int64) for column in zip(*call, strict=True))
        encoder.put(counts, symbol, np.zeros_like(width), width)
        counts.learn(symbol)
    return encoder.finish()


def _decode(calls, step, n_lanes, data):
    decoder, counts, found = Decoder(n_lanes, data), Counts(5000, step), []
    for call in calls:
        width = np.array([w for w, _ in call], np.int64)
        symbols = decoder.take(counts, np.zeros_like(width), width)
        counts.learn(symbols)
        found.append(symbols.tolist())
    decoder.finish()
    return found


@given(CALLS, st.sampled_from([0, 1, 7]))
def test_symbols_come_back(calls, step):
    calls = [call for call in calls if call]
    n_lanes, data = _code(calls, step)
    assert _decode(calls, step, n_lanes, data) == [[s for _, s in call] for call in calls]


@compiled
@given(CALLS, st.sampled_from([0, 3]))
def test_numpy_reference_agrees_bit_for_bit(calls, step):
    calls = [call for call in calls if call]
    fast = _code(calls, step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rans, "_rans_kernel", None)
        slow = _code(calls, step)
        found = _decode(calls, step, *fast)
    assert fast == slow
    assert found == [[s for _, s in call] for call in calls]


def _decode_blocks(calls, step, n_lanes, data):
    """All calls at once; the symbols and the sums that were learned."""
    decoder, counts = Decoder(n_lanes, data), Counts(5000, step)
    width = np.array([w for call in calls for w, _ in call], np.int64)
    ends = np.cumsum([len(call) for call in calls])
    blocks = [slice(end - len(call), end) for end, call in zip(ends, calls, strict=True)]
    symbols = decoder.take_blocks(counts, np.zeros_like(width), width, iter(blocks))
    decoder.finish()
    return symbols.tolist(), counts.table.tolist()


# The largest step fills the counts up, so that they are halved.
@given(CALLS, st.sampled_from([0, 1, 7, 500_000]))
def test_blocks_are_read_at_once_as_one_by_one(calls, step):
    calls = [call for call in calls if call]
    n_lanes, data = _code(calls, step)
    found = _decode_blocks(calls, step, n_lanes, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rans, "_rans_kernel", None)
        assert _decode_blocks(calls, step, n_lanes, data) == found
    assert found[0] == [symbol for call in calls for _, symbol in call]


@pytest.mark.parametrize("kernel", [_rans._rans_kernel, None])
def test_blocks_that_end_too_early(kernel, monkeypatch):
    monkeypatch.setattr(_rans, "_rans_kernel", kernel)
    calls = [[(5000, symbol) for symbol in range(200)] for _ in range(3)]
    n_lanes, data = _code(calls, 1)
    with pytest.raises(SkcFormatError, match="ends too early"):
        _decode_blocks(calls, 1, n_lanes, data[:-40])


def _python_decode(n_lanes, data, widths):
    """The coder's arithmetic in plain Python, as docs/format.md states it."""
    state = [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(n_lanes)]
    words = [int.from_bytes(data[i : i + 4], "little") for i in range(8 * n_lanes, len(data), 4)]
    found, place, lane = [], 0, 0
    for width in widths:
        if width == 1:
            found.append(0)
            continue
        slot = state[lane] % 2**24
        symbol = ((slot + 1) * width - 1) // 2**24
        start, stop = symbol * 2**24 // width, (symbol + 1) * 2**24 // width
        state[lane] = (stop - start) * (state[lane] // 2**24) + slot - start
        if state[lane] < 2**32:
            state[lane] = state[lane] * 2**32 + words[place]
            place += 1
        found.append(symbol)
        lane = (lane + 1) % n_lanes
    assert place == len(words)
    assert set(state) == {2**32}
    return found


def test_plain_python_reads_it():
    rng = np.random.default_rng(0)
    width = rng.integers(1, 3000, 4000)
    symbol = rng.integers(0, width)
    encoder = Encoder()
    encoder.put(Counts(3000, 0), symbol, np.zeros_like(width), width)
    n_lanes, data = encoder.finish()
    assert n_lanes > 1
    assert _python_decode(n_lanes, data, width.tolist()) == symbol.tolist()


def test_within_half_a_percent_of_the_entropy():
    rng = np.random.default_rng(0)
    width = rng.integers(2, 4000, 200_000)
    symbol = rng.integers(0, width)
    encoder = Encoder()
    encoder.put(Counts(4000, 0), symbol, np.zeros_like(width), width)
    _, data = encoder.finish()
    assert len(data) < 1.005 * np.log2(width).sum() / 8


def test_counts_learn_a_skewed_distribution():
    rng = np.random.default_rng(0)
    symbol = np.minimum(rng.geometric(0.3, 100_000) - 1, 29)
    share = np.bincount(symbol) / symbol.size
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum() * symbol.size / 8
    encoder, counts = Encoder(), Counts(30, 8)
    for start in range(0, symbol.size, 1000):
        part = symbol[start : start + 1000]
        encoder.put(counts, part, np.zeros_like(part), np.full_like(part, 30))
        counts.learn(part)
    _, data = encoder.finish()
    assert len(data) < 1.02 * entropy


def test_counts_stay_below_the_limit():
    counts = Counts(3, 1 << 20)
    for _ in range(50):
        counts.learn(np.array([1]))
    low, high = counts.below(np.array([0])), counts.below(np.array([3]))
    assert 3 <= int((high - low)[0]) < 1 << 24


@given(st.binary(max_size=200), st.integers(-1, 300))
def test_damage_is_an_error_or_symbols_in_range(data, n_lanes):
    width = np.arange(1, 60)
    try:
        decoder = Decoder(n_lanes, data)
        found = decoder.take(Counts(60, 0), np.zeros_like(width), width)
    except SkcFormatError:
        return
    assert ((found >= 0) & (found < width)).all()


def test_what_is_left_over_is_an_error():
    width = np.full(100, 50)
    encoder = Encoder()
    encoder.put(Counts(50, 0), width - 1, np.zeros_like(width), width)
    n_lanes, data = encoder.finish()
    decoder = Decoder(n_lanes, data + b"\0\0\0\0")
    decoder.take(Counts(50, 0), np.zeros_like(width), width)
    with pytest.raises(SkcFormatError, match="end where it should"):
        decoder.finish()
