"""Real files, changed: the outcome is a model that can be served, or `SkcFormatError`."""

import random
import warnings

import mutate
import pytest
import serve
from hypothesis import given, settings
from hypothesis import strategies as st

import skcompress as skc
from skcompress import ir

SEEDS = {path.stem: path.read_bytes() for path in mutate.GOLDEN}
NAMES = sorted(SEEDS)
BRIEF = ("DecisionTreeClassifier-0", "Ridge-0", "encoded-codebook", "encoded-sparse")


def judge(data):
    """Serve what loads, and fail on any error but those that are documented."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serve.judge(serve.served(skc, data))


@pytest.mark.parametrize("name", NAMES)
def test_parts_put_together_are_the_same_model(name):
    parts = mutate.take_apart(SEEDS[name])
    again = skc.loads(mutate.put_together(parts)).ir
    first = skc.loads(SEEDS[name]).ir
    for (_, one), (_, other) in zip(again.arrays(), first.arrays(), strict=True):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("name", BRIEF)
def test_cut_off_anywhere(name):
    for length in range(len(SEEDS[name])):
        with pytest.raises(skc.SkcFormatError):
            skc.loads(SEEDS[name][:length])


@pytest.mark.parametrize("name", BRIEF)
def test_any_changed_bit_is_noticed(name):
    data = bytearray(SEEDS[name])
    for place in range(len(data)):
        for bit in (1, 16, 128):
            data[place] ^= bit
            with pytest.raises(skc.SkcFormatError):
                skc.loads(data)
            data[place] ^= bit


@pytest.mark.parametrize("name", BRIEF)
def test_any_changed_byte_with_the_right_checksum(name):
    data = bytearray(SEEDS[name])
    for place in range(len(data) - 5):
        old = data[place]
        for new in {old ^ 1, old ^ 128, 0, 255}:
            data[place] = new
            judge(mutate.seal(bytes(data)))
        data[place] = old


@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**63))
@settings(max_examples=300)
def test_changed_files(name, seed):
    rng = random.Random(seed)
    judge(mutate.mutate(SEEDS[name], rng, list(SEEDS.values())))


@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**63), mapped=st.booleans())
@settings(max_examples=300)
def test_changed_files_of_this_version(name, seed, mapped):
    rng = random.Random(seed)
    data = skc.dumps(skc.loads(SEEDS[name]), layout="mapped" if mapped else "coded")
    judge(mutate.mutate(data, rng, list(SEEDS.values())))


def test_many_changes_get_past_the_container():
    """They would be of little use if a length or the checksum gave them away."""
    rng, outcomes = random.Random(0), []
    for _ in range(300):
        data = mutate.mutate(SEEDS[rng.choice(NAMES)], rng)
        try:
            outcomes.append(isinstance(skc.loads(data).ir, ir.Model))
        except skc.SkcFormatError as error:
            outcomes.append("sound model" in str(error))
    assert sum(outcomes) > 75
