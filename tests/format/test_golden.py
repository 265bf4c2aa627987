"""Files written once and never again still load, and predict what they predicted."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import skcompress as skc
from skcompress import ir
from skcompress.families import all_families, all_transforms
from skcompress.format._codecs import CODECS
from skcompress.format._packs import PACKS
from skcompress.runtime._layers import is_rounded

HERE = Path(__file__).parent


def beside(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_golden, plain_reader = beside("make_golden"), beside("plain_reader")
FILES = sorted((HERE / "golden").glob("*/*.skc"))
NEWEST = [path for path in FILES if path.parent.name == "v2"]


def name_of(path):
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_golden_file_predicts_what_it_did(path):
    expected = np.load(path.with_suffix(".npz"))
    model = skc.load(path)
    found = make_golden.answers(model, expected["X"])
    # Sums of products may come in another order on another machine, and rounded networks sum
    # float32 numbers.
    network = model.ir.predictor
    single = isinstance(network, ir.DenseNetwork) and is_rounded(network)
    rtol, atol = (1e-5, 1e-5) if single else (1e-9, 1e-12)
    assert set(found) == set(expected.files) - {"X", "digest"}
    for name, values in found.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, expected[name], rtol=rtol, atol=atol)
        else:
            np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_golden_file_holds_the_same_arrays(path):
    expected = np.load(path.with_suffix(".npz"))
    assert make_golden.digest(skc.load(path).ir) == str(expected["digest"])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_plain_python_reads_the_same_arrays(path):
    _, found = plain_reader.read(path.read_bytes())
    expected = dict(skc.load(path).ir.arrays("model."))
    assert set(found) == set(expected)
    for name, (dtype, shape, content) in found.items():
        array = expected[name]
        assert (dtype, tuple(shape)) == (array.dtype.str[1:], array.shape)
        assert content == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_every_family_has_a_golden_file():
    names = {path.stem.rpartition("-")[0] for path in NEWEST}
    families = (*all_families(), *all_transforms())
    assert {family.name.rpartition(".")[2] for family in families} <= names


def test_every_ir_class_stands_in_a_golden_file():
    found = set()
    for path in NEWEST:
        nodes = [skc.load(path).ir]
        while nodes:
            node = nodes.pop()
            found.add(node.tag)
            nodes += [child for _, child in node.children()]
    assert found == set(ir.TAGS)


def test_every_codec_and_pack_stands_in_a_golden_file():
    texts = [json.dumps(plain_reader.read(path.read_bytes())[0]) for path in FILES]
    for name in (*CODECS, *PACKS):
        if name != "raw":
            assert any(f'"{name}"' in text for text in texts), name


@pytest.mark.parametrize("name", make_golden.KEYS)
def test_golden_signatures_are_those_of_their_keys(name):
    key = make_golden.KEYS[name]
    path = HERE / "golden" / "v2" / f"{name}.skc"
    trusted = getattr(key, "public_key", key)
    assert skc.verify_signature(path, [trusted]) == trusted


def test_golden_mapped_files_are_mapped():
    paths = [path for path in FILES if path.stem.startswith("mapped-")]
    assert paths
    for path in paths:
        expected = np.load(path.with_suffix(".npz"))
        found = make_golden.answers(skc.load(path, mmap=True), expected["X"])
        np.testing.assert_array_equal(found["predict.0"], expected["predict.0"])


def test_golden_files_are_not_written_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_golden, "FOLDER", tmp_path)
    monkeypatch.setattr(make_golden, "examples", lambda: iter(()))
    make_golden.main()
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "encoded-affine.skc").write_bytes(b"old")
    make_golden.main()
    assert (tmp_path / "encoded-affine.skc").read_bytes() == b"old"
    assert "exists and stays" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == set(first)
