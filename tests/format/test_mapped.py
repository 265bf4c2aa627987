"""The mapped layout: arrays that are views of the file."""

import importlib.util
import json
import mmap
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import skcompress as skc
from skcompress.exceptions import SkcFormatError
from skcompress.format._header import pack_header, unpack_header

HERE = Path(__file__).parent
GOLDEN = sorted((HERE / "golden" / "v1").glob("*.skc"))


def beside(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_golden, plain_reader = beside("make_golden"), beside("plain_reader")
HEAD = struct.Struct("<8sBII")


def arrays(model):
    """All arrays, without the form in which mapped trees are laid out."""
    found = model.ir.arrays("model.")
    return {name: array for name, array in found if ".packed." not in name}


def assert_same_arrays(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def split(data):
    """The header of a file, and its streams with their padding."""
    _, _, stored, length = HEAD.unpack_from(data)
    start = HEAD.size + stored
    return unpack_header(data[HEAD.size : start], length), data[start:-5]


def join(header, body, *, shift=0):
    """A file with a right checksum; the body is padded anew by `shift` bytes less or more."""
    stored, length = pack_header(header)
    data = HEAD.pack(b"\x89SKC\r\n\x1a\n", 2, len(stored), length) + stored
    end = len(data)
    pieces, place = [], 0
    for entry in header["s"]:
        size = entry if type(entry) is int else entry[0]
        pad = (-end + shift) % 64 if "a" in header else 0
        pieces += [bytes(pad), body[place : place + size]]
        place += size
        end += pad + size
    data += b"".join(pieces)
    return data + struct.pack("<IB", zlib.crc32(data), 0)


def unpadded(data):
    """The header of a mapped file, and the bytes of all streams without padding."""
    header, _ = split(data)
    end = HEAD.size + HEAD.unpack_from(data)[2]
    pieces = []
    for size in header["s"]:
        end += -end % 64
        pieces.append(data[end : end + size])
        end += size
    return header, b"".join(pieces)


@pytest.fixture
def small():
    return skc.load(next(path for path in GOLDEN if "RandomForestClassifier" in path.stem))


@pytest.fixture
def path(tmp_path, small):
    path = tmp_path / "model.skc"
    skc.dump(small, path, layout="mapped")
    return path


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_every_family_comes_back(golden, tmp_path):
    model = skc.load(golden)
    X = np.load(golden.with_suffix(".npz"))["X"]
    path = tmp_path / "mapped.skc"
    skc.dump(model, path, layout="mapped")
    expected = make_golden.answers(model, X)
    for mapped in (False, True):
        found = skc.load(path, mmap=mapped)
        assert_same_arrays(arrays(found), arrays(model))
        for name, values in make_golden.answers(found, X).items():
            np.testing.assert_array_equal(values, expected[name])
        assert skc.dumps(found) == skc.dumps(model)
    _, plain = plain_reader.read(path.read_bytes())
    assert {name: content for name, (_, _, content) in plain.items()} == {
        name: array.tobytes() for name, array in found.ir.arrays("model.")
    }


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_arrays_are_aligned_views_of_the_map(golden, tmp_path):
    path = tmp_path / "mapped.skc"
    skc.dump(skc.load(golden), path, layout="mapped")
    for array in arrays(skc.load(path, mmap=True)).values():
        assert not array.flags.writeable
        if array.dtype.kind == "U":
            continue
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        assert array.ctypes.data % 64 == 0
        assert isinstance(origin(array), mmap.mmap)


def origin(array):
    """What holds the memory of an array."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_bytes_are_deterministic_and_match_the_file(small, path):
    assert skc.dumps(small, layout="mapped") == path.read_bytes()
    assert skc.dumps(skc.load(path, mmap=True), layout="mapped") == path.read_bytes()


def test_loads_reads_the_mapped_layout(small, path):
    assert_same_arrays(arrays(skc.loads(path.read_bytes())), arrays(small))


def test_layout_is_checked(small):
    with pytest.raises(ValueError, match="'coded' or 'mapped'"):
        skc.dumps(small, layout="raw")


def test_coded_file_is_not_mapped(small, tmp_path):
    path = tmp_path / "coded.skc"
    skc.dump(small, path)
    with pytest.raises(SkcFormatError, match='layout="mapped"'):
        skc.load(path, mmap=True)


def test_open_file_is_not_mapped(path):
    with path.open("rb") as file, pytest.raises(TypeError, match="path"):
        skc.load(file, mmap=True)


def test_replaced_file_leaves_the_old_model(path, small):
    mapped = skc.load(path, mmap=True)
    other = skc.load(next(p for p in GOLDEN if "Ridge" in p.stem))
    skc.dump(other, path, layout="mapped")
    assert_same_arrays(arrays(mapped), arrays(small))
    assert_same_arrays(arrays(skc.load(path, mmap=True)), arrays(other))


@pytest.mark.parametrize("mapped", [False, True])
def test_cut_off_file_is_refused(path, mapped):
    data = path.read_bytes()
    for length in (0, 1, 16, 17, 64, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(SkcFormatError):
            skc.load(path, mmap=mapped)


@pytest.mark.parametrize("mapped", [False, True])
def test_damage_is_found(path, mapped):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SkcFormatError, match="checksum"):
        skc.load(path, mmap=mapped)


def hostile(data):
    header, body = unpadded(data)
    sizes = header["s"]
    assert join(header, body) == data
    yield "padding is not zero", _with_padding(data)
    yield "streams at wrong places", join(header, body, shift=8)
    yield "no padding", join({**header, "s": sizes}, body, shift=63)
    for alignment in (0, 1, -64, 32, 4096, 64.0, True, "64", None, [64]):
        yield f"alignment {alignment!r}", join({**header, "a": alignment}, body)
    for entry in (-1, 2**61, 2**80, 1.0, None, True, [8, 16]):
        entries = [*sizes[:-1], entry]
        stored, length = pack_header({**header, "s": entries})
        content = HEAD.pack(b"\x89SKC\r\n\x1a\n", 2, len(stored), length) + stored + body
        yield f"entry {entry!r}", content + struct.pack("<IB", zlib.crc32(content), 0)
    for entries in (None, 5, "s", {}, [], sizes[:-1], [*sizes, 64]):
        stored, length = pack_header({**header, "s": entries})
        content = HEAD.pack(b"\x89SKC\r\n\x1a\n", 2, len(stored), length) + stored + body
        yield f"table {str(entries)[:9]}", content + struct.pack("<IB", zlib.crc32(content), 0)


def _with_padding(data):
    """The same with one byte of padding set."""
    header, _ = split(data)
    end = HEAD.size + HEAD.unpack_from(data)[2]
    changed = bytearray(data)
    for size in header["s"]:
        if -end % 64:
            changed[end] = 1
            break
        end += size
    changed[-5:-1] = struct.pack("<I", zlib.crc32(changed[:-5]))
    return bytes(changed)


@pytest.mark.parametrize("mapped", [False, True])
def test_hostile_files_are_refused(path, mapped):
    for name, data in hostile(path.read_bytes()):
        path.write_bytes(data)
        try:
            skc.load(path, mmap=mapped)
        except SkcFormatError:
            continue
        pytest.fail(f"{name}: was read")


@pytest.mark.parametrize("mapped", [False, True])
def test_mapped_arrays_are_proven_sound(path, small, mapped):
    header, body = unpadded(path.read_bytes())
    text = json.dumps(header["m"])
    assert '"feature"' in text
    stream = header["m"]["chain"]["predictor"]["feature"][3]
    start = sum(header["s"][:stream])
    forged = body[:start] + b"\xff" * header["s"][stream] + body[start + header["s"][stream] :]
    path.write_bytes(join(header, forged))
    with pytest.raises(SkcFormatError, match="feature"):
        skc.load(path, mmap=mapped)


def test_copies_count_against_max_memory(path):
    length = path.stat().st_size
    with pytest.raises(SkcFormatError, match="max_memory"):
        skc.load(path, max_memory=length)


PRIVATE = """
import sys, numpy as np, skcompress as skc
def private():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(l.split()[1]) for l in file if l.startswith("Private_")) * 1024
warm = skc.load(sys.argv[1], mmap=True)
rows = np.zeros((1, warm.n_features_in_))
before = private()
model = skc.load(sys.argv[1], mmap=True)
print(private() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_map_is_not_private(tmp_path):
    from skcompress import ir

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20000, 50))
    linear = ir.LinearMap(coef=vectors, intercept=np.zeros(20000))
    model = skc.CompactModel(
        ir.Model(
            input=ir.InputSpec(n_features=50),
            chain=ir.Chain(transforms=(), predictor=linear),
            head=ir.Numbers(n_outputs=20000, ravel=False),
            family="sklearn.linear_model.LinearRegression",
        )
    )
    path = tmp_path / "large.skc"
    skc.dump(model, path, layout="mapped")
    command = [sys.executable, "-c", PRIVATE, path]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(found.stdout) < vectors.nbytes / 4
