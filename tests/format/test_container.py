import io
import json
import math
import os
import stat
import struct
import zlib

import numpy as np
import pytest

import skcompress as skc
from skcompress import ir
from skcompress.format._container import MAGIC
from skcompress.format._dictionary import DICTIONARY
from skcompress.format._model import decode_model, encode_model
from skcompress.format._schema import fields_of

LIMIT = 2**30


def linear(n_features=4, **changes):
    """A binary linear classifier, as small as a model gets."""
    settings = {
        "input": ir.InputSpec(n_features=n_features, sparse=True),
        "chain": ir.Chain(
            transforms=(),
            predictor=ir.LinearMap(coef=np.ones((1, n_features)), intercept=np.zeros(1)),
        ),
        "head": ir.ClassScores(target=ir.Labels(values=np.array([0, 1])), link="sigmoid"),
        "family": "sklearn.linear_model._logistic.LogisticRegression",
    }
    return ir.Model(**{**settings, **changes})


def forest():
    """Two trees with all optional parts."""
    trees = ir.TreeEnsemble(
        internal=np.array([True, True, False, False, False, False]),
        feature=np.array([0, 2], np.uint8),
        threshold=np.array([0.5, -np.inf]),
        missing_left=np.array([True, False]),
        leaf=np.array([0, 1, 0, 1], np.uint8),
        values=np.array([[0.25, 0.75], [-0.0, 1.0]]),
        n_features=3,
        n_outputs=2,
        average=True,
        notes=ir.TreeNotes(
            impurity=np.zeros(6),
            weight=np.ones(6),
            n_samples=np.ones(6, np.int64),
            values=np.ones((2, 2)),
        ),
    )
    return ir.Model(
        input=ir.InputSpec(n_features=3, names=("a", "\N{SNOWMAN}", "\ud800"), finite="allow-nan"),
        chain=ir.Chain(transforms=(), predictor=trees),
        head=ir.Shares(targets=(ir.Labels(values=np.array(["no", "yes"]), as_object=True),)),
        family="sklearn.ensemble._forest.RandomForestClassifier",
        params=(("max_depth", None), ("ccp_alpha", 0.5), ("n_jobs", 2), ("bootstrap", True)),
    )


def assert_same(actual, expected):
    """Equal to the last bit, types included."""
    assert type(actual) is type(expected)
    if isinstance(expected, ir.Node):
        for (name, one), (_, other) in zip(actual.items(), expected.items(), strict=True):
            assert_same(one, other), name
    elif isinstance(expected, np.ndarray):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        assert actual.tobytes() == expected.tobytes()
    elif isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    else:
        assert repr(actual) == repr(expected)


def scaled(*transforms, n_features, spec):
    return linear(
        input=spec,
        chain=ir.Chain(
            transforms=transforms,
            predictor=ir.LinearMap(coef=np.ones((1, n_features)), intercept=np.zeros(1)),
        ),
    )


def with_predictor(predictor, n_features, head=None, **changes):
    return linear(
        n_features,
        chain=ir.Chain(transforms=(), predictor=predictor),
        head=head or ir.Numbers(n_outputs=1),
        **changes,
    )


def encoded_models():
    codes = np.arange(6, dtype=np.uint8).reshape(2, 3)
    encodings = {
        "affine": ir.Affine(codes=codes, scale=np.full(3, 0.1), zero=np.zeros(3), bits=3),
        "fixed-point": ir.FixedPoint(
            codes=codes.astype(np.int8), exponent=np.array([-3], np.int16), bits=4
        ),
        "codebook": ir.Codebook(codes=codes, table=np.linspace(-1, 1, 8), bits=3),
        "sparse": ir.Sparse.from_dense(np.eye(2, 3)),
        "low-rank": ir.LowRank(left=np.ones((2, 1)), right=np.ones((1, 3), np.float32)),
    }
    for name, vectors in encodings.items():
        kernel = ir.KernelExpansion(
            vectors=vectors, coef=np.ones((1, 2)), intercept=np.zeros(1), kernel="rbf", gamma=0.1
        )
        yield name, with_predictor(kernel, 3)


MODELS = {
    "linear": linear(),
    "forest": forest(),
    "infinite scalars": scaled(
        ir.Impute(fill=np.array([0.0, np.nan, 2.0]), missing=math.nan),
        ir.Rescale(kind="min-max", n_features=2, clip=(-math.inf, math.inf)),
        n_features=2,
        spec=ir.InputSpec(n_features=3, finite="any"),
    ),
    "neighbours": with_predictor(
        ir.Prototypes(
            vectors=np.eye(3), targets=np.zeros((3, 1)), n_neighbors=1, p=math.inf, tree=True
        ),
        3,
    ),
    "network": with_predictor(
        ir.DenseNetwork(
            layers=(
                ir.Layer(weights=np.ones((3, 2), np.float32), bias=np.ones(2), activation="relu"),
                ir.Layer(weights=np.ones((2, 1)), bias=np.ones(1), activation="identity"),
            )
        ),
        3,
    ),
    "text": scaled(
        ir.TextVectorize(terms=np.array(["a", "b\u00e9"]), ngram_range=(1, 2), norm="l2"),
        n_features=2,
        spec=ir.InputSpec(n_features=1, text=True),
    ),
    **dict(encoded_models()),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_comes_back_bit_for_bit(name):
    data = encode_model(MODELS[name])
    assert_same(decode_model(data, LIMIT), MODELS[name])
    assert encode_model(decode_model(data, LIMIT)) == data


def test_int_in_a_float_field_becomes_a_float():
    model = linear(
        head=ir.ClassScores(target=ir.Labels(values=np.array([0, 1])), link="none", cut=1)
    )
    cut = decode_model(encode_model(model), LIMIT).head.cut
    assert type(cut) is float
    assert cut == 1.0


def test_numpy_scalars_are_written_as_numbers():
    model = linear(input=ir.InputSpec(n_features=np.int64(4), sparse=np.bool_(True)))
    spec = decode_model(encode_model(model), LIMIT).input
    assert (type(spec.n_features), type(spec.sparse)) == (int, bool)


def test_a_value_that_its_field_does_not_allow_is_not_written():
    model = linear(params=(("class_weight", {0: 1.0}),))
    with pytest.raises(skc.InvalidModelError, match="params"):
        encode_model(model)


def test_a_small_model_costs_few_bytes():
    assert len(encode_model(linear())) - 5 * 8 < 200


def test_fields_at_their_default_are_left_out():
    data = encode_model(linear())
    text = header_of(data)[0]
    assert "names" not in text
    assert "params" not in text
    assert "decision" not in text


def header_of(data):
    stored, length = struct.unpack_from("<II", data, 9)
    inflate = zlib.decompressobj(-15, zdict=DICTIONARY)
    text = inflate.decompress(data[17 : 17 + stored]).decode()
    assert len(text) == length
    return text, json.loads(text)


def test_layout_is_as_specified():
    data = encode_model(linear())
    assert data[:8] == b"\x89SKC\r\n\x1a\n" == MAGIC
    assert data[8] == 2
    (stored,) = struct.unpack_from("<I", data, 9)
    text, header = header_of(data)
    assert text == json.dumps(header, separators=(",", ":"), sort_keys=True)
    assert set(header) == {"m", "s"}
    sizes = [size if isinstance(size, int) else size[0] for size in header["s"]]
    assert len(data) == 17 + stored + sum(sizes) + 5
    assert struct.unpack_from("<I", data, len(data) - 5)[0] == zlib.crc32(data[:-5])
    assert data[-1] == 0


@pytest.mark.parametrize("tag", sorted(ir.TAGS))
def test_every_ir_class_has_a_place_in_a_file(tag):
    assert fields_of(ir.TAGS[tag]) or tag == "transformed"


def compact(model):
    return skc.CompactModel(model)


def test_same_model_same_bytes():
    assert skc.dumps(compact(linear())) == skc.dumps(compact(linear()))


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_file_round_trip(tmp_path, kind):
    path = kind(tmp_path / "model.skc")
    skc.dump(compact(linear()), path)
    assert_same(skc.load(path).ir, linear())


def test_file_objects_round_trip():
    file = io.BytesIO()
    skc.dump(compact(forest()), file)
    file.seek(0)
    assert_same(skc.load(file).ir, forest())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_round_trip(kind):
    assert_same(skc.loads(kind(skc.dumps(compact(linear())))).ir, linear())


def test_replacing_a_file_keeps_its_mode_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "model.skc"
    path.write_bytes(b"old")
    path.chmod(0o640)
    skc.dump(compact(linear()), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.skc"]


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / "target.skc", tmp_path / "link.skc"
    target.write_bytes(b"old")
    link.symlink_to(target)
    skc.dump(compact(linear()), link)
    assert link.is_symlink()
    assert_same(skc.load(target).ir, linear())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.skc"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        skc.dump(compact(linear()), path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.skc"]


def test_an_estimator_is_refused_with_advice():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(TypeError, match=r"LogisticRegression.*skcompress\.compress"):
        skc.dumps(LogisticRegression())


def test_max_memory_bounds_the_file(tmp_path):
    path = tmp_path / "model.skc"
    skc.dump(compact(linear()), path)
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(skc.SkcFormatError, match="max_memory"):
            skc.load(source, max_memory=20)


@pytest.mark.parametrize("value", [-1, 1.5, "1 GB", True])
def test_bad_max_memory(value):
    with pytest.raises(ValueError, match="max_memory"):
        skc.loads(b"", max_memory=value)
