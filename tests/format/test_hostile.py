"""Files that lie. The outcome is a model or `SkcFormatError`, and memory stays within bounds."""

import copy
import json
import lzma
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skcompress as skc
from skcompress import ir
from skcompress.format._dictionary import DICTIONARY
from skcompress.format._model import encode_model
from skcompress.format._streams import decompress

LIMIT = 2**26


def linear():
    return ir.Model(
        input=ir.InputSpec(n_features=2, names=("a", "b")),
        chain=ir.Chain(
            transforms=(ir.Rescale(kind="standard", n_features=2, clip=(-1.0, 1.0)),),
            predictor=ir.LinearMap(coef=np.array([[1.0, 2.0]]), intercept=np.zeros(1)),
        ),
        head=ir.ClassScores(target=ir.Labels(values=np.array(["n", "yes"])), link="none"),
        family="f",
    )


def forest(n_trees=300):
    """Large enough that arrays get streams and codecs of their own."""
    rng = np.random.default_rng(0)
    trees = ir.TreeEnsemble(
        internal=np.tile([True, True, False, False, False], n_trees),
        feature=rng.integers(0, 9, 2 * n_trees).astype(np.uint16),
        threshold=rng.choice(rng.standard_normal(40), 2 * n_trees),
        leaf=rng.integers(0, 300, 3 * n_trees).astype(np.uint16),
        values=np.sort(rng.standard_normal(300)).reshape(300, 1),
        n_features=9,
        n_outputs=1,
    )
    return ir.Model(
        input=ir.InputSpec(n_features=9),
        chain=ir.Chain(transforms=(), predictor=trees),
        head=ir.Numbers(n_outputs=1),
        family="f",
    )


def vectors():
    codes = np.random.default_rng(0).integers(0, 16, (300, 8)).astype(np.uint8)
    return ir.Model(
        input=ir.InputSpec(n_features=8),
        chain=ir.Chain(
            transforms=(),
            predictor=ir.KernelExpansion(
                vectors=ir.Affine(codes=codes, scale=np.ones(8), zero=np.zeros(8), bits=4),
                coef=ir.LowRank(left=np.ones((1, 1)), right=np.ones((1, 300))),
                intercept=np.zeros(1),
                kernel="rbf",
            ),
        ),
        head=ir.Numbers(n_outputs=1),
        family="f",
    )


FILES = {make.__name__: encode_model(make()) for make in (linear, forest, vectors)}


def seal(body):
    """A checksum that is right, as an attacker would give it."""
    return body + struct.pack("<IB", zlib.crc32(body), 0)


def take_apart(data):
    stored, _ = struct.unpack_from("<II", data, 9)
    inflate = zlib.decompressobj(-15, zdict=DICTIONARY)
    return json.loads(inflate.decompress(data[17 : 17 + stored])), data[17 + stored : -5]


def put_together(header, body, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARY)
    stored = deflate.compress(text) + deflate.flush()
    lengths = struct.pack("<II", len(stored), len(text) if length is None else length)
    return seal(data_start() + lengths + stored + body)


def data_start():
    return FILES["linear"][:9]


def outcome(data, limit=LIMIT):
    """A model or `SkcFormatError`; anything else is raised and fails the test."""
    try:
        return skc.loads(data, max_memory=limit).ir
    except skc.SkcFormatError as error:
        return error


def refuse(data, match, limit=LIMIT):
    with pytest.raises(skc.SkcFormatError, match=match):
        skc.loads(data, max_memory=limit)


def forge(name, path, value):
    """A file whose header has another value at a path; None of a key removes it."""
    header, body = take_apart(FILES[name])
    place = header
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return put_together(header, body)


PREDICTOR = ("m", "chain", "predictor")


def test_forging_without_a_change_changes_nothing():
    header, body = take_apart(FILES["forest"])
    assert isinstance(outcome(put_together(header, body)), ir.Model)


@pytest.mark.parametrize("name", FILES)
def test_cut_off_anywhere(name):
    data = FILES[name]
    for length in range(len(data)):
        assert isinstance(outcome(data[:length]), skc.SkcFormatError)


@pytest.mark.parametrize("name", FILES)
def test_any_changed_bit_is_noticed(name):
    data = bytearray(FILES[name])
    for place in range(len(data)):
        for bit in (1, 16, 128):
            data[place] ^= bit
            assert isinstance(outcome(data), skc.SkcFormatError)
            data[place] ^= bit


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_with_the_right_checksum(name):
    body = bytearray(FILES[name][:-5])
    for place in range(len(body)):
        old = body[place]
        for new in {old ^ 1, old ^ 128, 0, 255}:
            body[place] = new
            assert isinstance(outcome(seal(bytes(body))), (ir.Model, skc.SkcFormatError))
        body[place] = old


@given(data=st.data())
def test_bytes_put_in_and_taken_out_with_the_right_checksum(data):
    body = FILES[data.draw(st.sampled_from(sorted(FILES)))][:-5]
    place = data.draw(st.integers(9, len(body)))
    gone = data.draw(st.integers(0, 8))
    body = body[:place] + data.draw(st.binary(max_size=8)) + body[place + gone :]
    assert isinstance(outcome(seal(body)), (ir.Model, skc.SkcFormatError))


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 1e308, -0.0, 0.5])
    | st.sampled_from(["", "f", "nan", "raw", "bits", "trees", "U3", "f8", "rbf", "x" * 50]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["", "f", "codes", "m"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def places(value, path=()):
    """The path of every value in a JSON document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from places(inner, (*path, key))


@given(data=st.data())
def test_any_changed_value_of_the_header(data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    header, body = take_apart(FILES[name])
    header = copy.deepcopy(header)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(header) if path] or [("x",)]))
        place = header
        for key in path[:-1]:
            place = place[key]
        if data.draw(st.booleans()) or isinstance(place, list) or path[-1] not in place:
            place[path[-1]] = data.draw(JUNK)
        else:
            del place[path[-1]]
    assert isinstance(outcome(put_together(header, body)), (ir.Model, skc.SkcFormatError))


def test_not_a_file_of_ours():
    for data in (b"", b"PK\3\4", b"\x80\4\x95" + b"x" * 50, b"\x89PNG\r\n\x1a\n"):
        refuse(data, "does not begin")


def test_line_ends_translated_in_transfer():
    refuse(FILES["linear"].replace(b"\r\n", b"\n"), "transfer")
    refuse(b"\x09" + FILES["linear"][1:], "transfer")


def test_newer_version():
    data = bytearray(FILES["linear"][:-5])
    data[8] = 250
    refuse(seal(bytes(data)), "version 250.*Update")


def test_unknown_trailer():
    refuse(FILES["linear"][:-1] + b"\7", "trailer is of kind 7")


def test_something_after_the_streams():
    refuse(seal(FILES["linear"][:-5] + b"x"), "the file has")


def test_something_after_the_end():
    assert isinstance(outcome(FILES["linear"] + b"x"), skc.SkcFormatError)


def header_text(name="linear"):
    return json.dumps(take_apart(FILES[name])[0])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[]", "JSON object"),
        ("7", "JSON object"),
        ("{", "not JSON"),
        ("\xff", "not JSON"),
        ('{"m":{},"s":[]} x', "not JSON"),
        ("{}", "keys"),
        ('{"m":{},"s":[0],"x":1}', "keys"),
        ('{"m":{},"s":{}}', "must be a list"),
        ('{"m":[],"s":[0]}', "model"),
        ('{"m":null,"s":[0]}', "wrong kind"),
        ('{"m":{"":"chain"},"s":[0]}', "not known here"),
        ('{"m":{"":["model"]},"s":[0]}', "not known here"),
        ('{"m":NaN,"s":[0]}', "not JSON"),
        ('{"m":-Infinity,"s":[0]}', "not JSON"),
        ('{"m":' + "9" * 5000 + ',"s":[0]}', "out of range"),
        ('{"s":[0],"s":[0],"m":{}}', "twice"),
        ('{"m":{"family":"a","family":"b"},"s":[0]}', "twice"),
        ("[" * 100_000, "deeper"),
        ('{"a":' * 100_000, "deeper"),
        ('{"\\\\":' * 100, "deeper"),
    ],
)
def test_bad_json(text, match):
    refuse(put_together(text.encode("latin-1"), b""), match)


def test_brackets_in_text_are_not_depth():
    names = ['"[{\\' * 1000, "]"]
    data = forge("linear", ("m", "input", "names"), names)
    assert list(outcome(data).input.names) == names


def test_header_that_lies_about_its_length():
    header, body = take_apart(FILES["linear"])
    length = len(json.dumps(header))
    for lie in (0, length - 1, length + 1, 2**20):
        refuse(put_together(header, body, lie), "length")
    refuse(put_together(header, body, 2**32 - 1), "declares")
    stored = FILES["linear"][:9] + struct.pack("<II", 2**32 - 1, 10) + FILES["linear"][17:-5]
    refuse(seal(stored), "beyond the end")


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (("s", 0), -1, "sizes"),
        (("s", 0), 2**63, "sizes"),
        (("s", 0), True, "sizes"),
        (("s", 0), 1.5, "sizes"),
        (("s", 0), [5, 5], "sizes"),
        (("s", 0), [9, 5], "sizes"),
        (("s", 0), [1, 2, 3], "sizes"),
        (("s", 0), 7, "streams declare"),
        (("s", 0), 10**6, "streams declare"),
        ((*PREDICTOR, "coef"), ["f8", [1, 3]], "exactly the bytes"),
        ((*PREDICTOR, "coef"), ["f8", [1, 1]], "exactly the bytes"),
        ((*PREDICTOR, "coef"), ["f8"], "described"),
        ((*PREDICTOR, "coef"), [], "described"),
        ((*PREDICTOR, "coef"), ["O", [1, 2]], "dtype"),
        ((*PREDICTOR, "coef"), [">f8", [1, 2]], "dtype"),
        ((*PREDICTOR, "coef"), ["f16", [1, 2]], "dtype"),
        ((*PREDICTOR, "coef"), ["V16", [1]], "dtype"),
        ((*PREDICTOR, "coef"), [8, [1]], "dtype"),
        ((*PREDICTOR, "coef"), ["U00001", [1]], "dtype"),
        ((*PREDICTOR, "coef"), ["U9999999999", [0]], "dtype"),
        ((*PREDICTOR, "coef"), ["f8", [-1, 2]], "shape"),
        ((*PREDICTOR, "coef"), ["f8", [True, 2]], "shape"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2.0]], "shape"),
        ((*PREDICTOR, "coef"), ["f8", [2**50, 0]], "shape"),
        ((*PREDICTOR, "coef"), ["f8", [1] * 9], "shape"),
        ((*PREDICTOR, "coef"), ["f8", 2], "shape"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "pickle", 0], "codec"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], ["raw"], 0], "codec"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "raw"], "arguments"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "raw", 1], "no stream"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "raw", -1], "no stream"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "raw", "0"], "no stream"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "bits", 0, 4, 0], "whole numbers"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "text", 0, 4, ["u1", [2]]], "only text|Only text"),
        ((*PREDICTOR, "coef"), ["u1", [2], "planes", 0, 0], "arguments"),
        ((*PREDICTOR, "coef"), ["u1", [2], "bits", 0, 33, 0], r"in \[0, 32\]"),
        ((*PREDICTOR, "coef"), ["u1", [2], "bits", 0, 4, 256], r"in \[0, 255\]"),
        ((*PREDICTOR, "coef"), ["i1", [2], "bits", 0, 4, -129], "lowest value"),
        ((*PREDICTOR, "coef"), ["f8", [2], "delta", ["u4", [2]]], "differences"),
        ((*PREDICTOR, "coef"), ["f8", [2], "delta", ["u8", [3]]], "differences"),
        ((*PREDICTOR, "coef"), ["f8", [2], "table", ["f4", [2]], ["u1", [2]]], "table"),
        ((*PREDICTOR, "coef"), ["f8", [2], "table", ["f8", [2]], ["i1", [2]]], "indices"),
        ((*PREDICTOR, "coef"), ["f8", [2], "table", ["f8", [2]], ["u1", [3]]], "indices"),
        ((*PREDICTOR, "coef"), ["f8", [2], "columns", ["f8", [2]]], "transposed"),
        ((*PREDICTOR, "coef"), ["f8", [1, 2], "columns", ["f8", [1, 2]]], "transposed"),
        ((*PREDICTOR, "coef"), 3, "wrong kind"),
        ((*PREDICTOR, "coef"), None, "wrong kind"),
        ((*PREDICTOR, "coef"), {"": "labels", "values": ["u1", [1]]}, "not known here"),
        ((*PREDICTOR, "coef"), {"codes": ["u1", [1]]}, "tell its kind"),
        ((*PREDICTOR, "intercept"), {"": "affine"}, "wrong kind"),
        ((*PREDICTOR, "price"), 1, "unknown field"),
        ((*PREDICTOR, "__class__"), 1, "unknown field"),
        ((*PREDICTOR, ""), "os.system", "not known here"),
        (PREDICTOR, {"": "linear"}, "lacks coef, intercept"),
        (("m", "chain", "transforms", 0, "kind"), "odd", "sound model"),
        (("m", "input", "n_features"), 3, "sound model"),
        (("m", "input", "n_features"), 2.0, "wrong kind"),
        (("m", "input", "n_features"), True, "wrong kind"),
        (("m", "input", "n_features"), 2**63, "out of range"),
        (("m", "input", "names"), ["a", 1], "wrong kind"),
        (("m", "input", "names"), ["a"], "sound model"),
        (("m", "family"), 1, "wrong kind"),
        (("m", "params"), [["a"]], "items"),
        (("m", "params"), [["a", []]], "items"),
        (("m", "head", "cut"), {"f": "inf"}, "sound model"),
        (("m", "head", "cut"), {"f": "Infinity"}, "unknown number"),
        (("m", "head", "cut"), {"f": ["inf"]}, "unknown number"),
        (("m", "head", "cut"), "inf", "wrong kind"),
        (("m", "chain", "transforms", 0, "clip"), [1], "items"),
        (("m", "chain", "transforms", 0, "clip"), [1.0, "x"], "wrong kind"),
        (("m", "chain", "transforms"), {}, "wrong kind"),
    ],
)
def test_bad_value(path, value, match):
    refuse(forge("linear", path, value), match)


def test_numbers_that_overflow():
    header, body = take_apart(FILES["linear"])
    header["m"]["head"]["cut"] = "@"
    text = json.dumps(header).replace('"@"', "1e999")
    refuse(put_together(text.encode(), body), "out of range")


def with_intercept(description, data):
    """The linear model with other intercepts."""
    header, body = take_apart(FILES["linear"])
    (entry,) = header["s"]
    content = decompress(body, entry if isinstance(entry, int) else entry[1])
    # The coefficients come before the intercepts, the labels after them.
    content = content[:16] + data + content[24:]
    header["m"]["chain"]["predictor"]["intercept"] = description
    header["s"] = [len(content)]
    return put_together(header, content)


@pytest.mark.parametrize(
    ("description", "data", "match"),
    [
        (["b1", [1]], b"\2", "boolean"),
        (["b1", [1], "bits", 0, 2, 0], b"\2", "out of range"),
        (["b1", [1], "bits", 0, 1, 1], b"\1", "out of range"),
        (["u1", [1], "bits", 0, 8, 1], b"\xff", "out of range"),
        (["u1", [1], "bits", 0, 1, 0], b"\2", "padding"),
        (["f8", [1], "table", ["f8", [1]], ["u1", [1]]], b"\0" * 8 + b"\1", "exceeds"),
        (["f8", [1], "table", ["f8", [0]], ["u1", [1]]], b"\0", "exceeds"),
        (["f8", [1]], np.array([np.nan]).tobytes(), "finite"),
        (["U1", [1], "text", 0, 1, ["u1", [1]]], b"\xff\1", "UTF-8"),
        (["U1", [1], "text", 0, 2, ["u1", [1]]], b"ab\2", "longer"),
        (["U2", [1], "text", 0, 2, ["u1", [1]]], b"ab\1", "add up"),
        (["U2", [1], "text", 0, 1, ["u1", [1]]], b"a\2", "add up"),
        (["U2", [1], "text", 0, 1, ["u1", [2]]], b"a\1\1", "lengths"),
        (["U1", [1]], b"a\0\0\0", "raw"),
    ],
)
def test_bad_bytes(description, data, match):
    refuse(with_intercept(description, data), match)


def test_index_out_of_range_in_a_forest():
    header, body = take_apart(FILES["forest"])
    header["m"]["chain"]["predictor"]["n_features"] = 3
    header["m"]["input"]["n_features"] = 3
    refuse(put_together(header, body), "feature")


def test_lzma_stream_that_goes_on_or_ends_early():
    def pack(data):
        settings = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
        return lzma.compress(data, format=lzma.FORMAT_RAW, filters=settings)

    header, _ = take_apart(FILES["linear"])
    predictor = header["m"]["chain"]["predictor"]
    predictor["coef"] = ["u1", [1, 2000]]
    predictor["intercept"] = ["f8", [0]]
    del header["m"]["head"]["target"]["values"][2:]
    header["m"]["head"]["target"]["values"] = ["u1", [1]]
    for count in (1999, 2000, 2002, 5000):
        stream = pack(bytes(count))
        header["s"] = [[len(stream), 2001]]
        refuse(put_together(header, stream), "length")
    stream = pack(bytes(2001))
    header["s"] = [[len(stream) + 1, 2001]]
    refuse(put_together(header, stream + b"\0"), "length")
    header["s"] = [[len(stream) - 1, 2001]]
    refuse(put_together(header, stream[:-1]), "length")
    header["s"] = [[len(stream), 2001]]
    refuse(put_together(header, stream[:4] + bytes(len(stream) - 4)), "damaged|length")


def peak_of(data, limit):
    tracemalloc.start()
    result = outcome(data, limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak


BOMBS = [
    ["f8", [2**40]],
    ["f8", [2**40], "table", ["f8", [1]], ["u1", [2**40], "bits", 0, 0, 0]],
    ["u1", [2**47], "bits", 0, 0, 0],
    ["b1", [2**47], "bits", 0, 0, 1],
    ["i8", [2**40], "bits", 0, 0, -5],
    ["f8", [2**24, 2**24], "columns", ["f8", [2**24, 2**24], "planes", 0]],
    ["U400000000", [10], "text", 0, 0, ["u1", [10], "bits", 0, 0, 0]],
    ["U1", [2**40], "text", 0, 0, ["u1", [2**40], "bits", 0, 0, 0]],
    ["U0", [2**40], "text", 0, 0, ["u1", [2**40], "bits", 0, 0, 0]],
    ["f8", [2**40], "delta", ["u8", [2**40], "bits", 0, 0, 0]],
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"{bomb[0]}-{bomb[2:3]}")
def test_bombs_are_refused_before_anything_is_allocated(bomb):
    data = forge("linear", (*PREDICTOR, "coef"), bomb)
    result, peak = peak_of(data, LIMIT)
    assert isinstance(result, skc.SkcFormatError)
    assert peak < 2**20


def test_bomb_behind_lzma_is_refused_before_it_is_unpacked():
    zeros = 2**27
    data = encode_model(
        ir.Model(
            input=ir.InputSpec(n_features=zeros // 8),
            chain=ir.Chain(
                transforms=(),
                predictor=ir.LinearMap(
                    coef=np.tile(np.array([0.0, 1.0]), (1, zeros // 16)), intercept=np.zeros(1)
                ),
            ),
            head=ir.Numbers(n_outputs=1),
            family="f",
        )
    )
    assert len(data) < 2**16
    result, peak = peak_of(data, zeros)
    assert "max_memory" in str(result)
    assert peak < 2**20
    assert isinstance(outcome(data, 2**33), ir.Model)


@pytest.mark.parametrize(
    "factor",
    [
        {
            "": "sparse",
            "data": ["f8", [0]],
            "indices": ["u1", [0]],
            "indptr": ["u1", [2], "bits", 0, 0, 0],
            "n_columns": 2**40,
        },
        {
            "": "low-rank",
            "left": ["f8", [2**17, 0]],
            "right": ["f8", [0, 2**17]],
        },
    ],
)
def test_bomb_in_a_low_rank_factor_is_refused(factor):
    """Such an array is small, what it stands for is not."""
    data = forge("vectors", (*PREDICTOR, "coef", "right"), factor)
    result, peak = peak_of(data, LIMIT)
    assert isinstance(result, skc.SkcFormatError)
    assert peak < 2**22


def test_header_bomb_is_refused():
    text = b'{"m":' + b"[" + b"0," * 2**23 + b"0]" + b',"s":[0]}'
    result, peak = peak_of(put_together(text, b""), 2**24)
    assert re.search("allows", str(result))
    assert peak < 2**20


def models_of_many_elements(count):
    numbers = {"input": ir.InputSpec(n_features=9), "head": ir.Numbers(n_outputs=1), "family": "f"}
    yield "stumps", forest(count // 5)
    yield (
        "codes",
        ir.Model(
            chain=ir.Chain(
                transforms=(),
                predictor=ir.KernelExpansion(
                    vectors=np.ones((count // 9, 9), np.float32),
                    coef=ir.LowRank(
                        left=ir.Affine(
                            codes=np.ones((1, 1), np.uint8),
                            scale=np.ones(1),
                            zero=np.zeros(1),
                            bits=1,
                        ),
                        right=ir.Affine(
                            codes=np.ones((1, count // 9), np.uint8),
                            scale=np.ones(1),
                            zero=np.zeros(1),
                            bits=1,
                        ),
                    ),
                    intercept=np.zeros(1),
                    kernel="rbf",
                ),
            ),
            **numbers,
        ),
    )
    terms = np.array([f"{place:x}" for place in range(count // 8)])
    yield (
        "terms",
        ir.Model(
            input=ir.InputSpec(n_features=1, text=True),
            chain=ir.Chain(
                transforms=(ir.TextVectorize(terms=terms),),
                predictor=ir.LinearMap(coef=np.ones((1, terms.size)), intercept=np.zeros(1)),
            ),
            head=ir.Numbers(n_outputs=1),
            family="f",
        ),
    )
    sparse = ir.Sparse(
        data=np.ones(count // 4),
        indices=np.zeros(count // 4, np.uint32),
        indptr=np.arange(count // 4 + 1),
        n_columns=9,
    )
    yield (
        "sparse",
        ir.Model(
            chain=ir.Chain(
                transforms=(),
                predictor=ir.Prototypes(
                    vectors=sparse, targets=np.zeros((count // 4, 1)), n_neighbors=1
                ),
            ),
            **numbers,
        ),
    )


@pytest.mark.parametrize("name", ["stumps", "codes", "terms", "sparse"])
def test_memory_stays_within_what_is_declared(name):
    """The smallest max_memory that a file passes bounds what reading it takes."""
    data = encode_model(dict(models_of_many_elements(400_000))[name])
    low, high = 0, 2**30
    while high - low > 2**16:
        middle = (low + high) // 2
        if isinstance(outcome(data, middle), ir.Model):
            high = middle
        else:
            low = middle
    result, peak = peak_of(data, high)
    assert isinstance(result, ir.Model)
    assert peak <= high
