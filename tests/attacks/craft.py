"""Files by hand: the container and sound models to spoil, without the library's own writer.

A model is written as its JSON, with NumPy arrays where arrays stand; `write` puts their bytes into
stream 0. `Array` is an array with a description and bytes of one's own. The checksum is right, as
an attacker would make it.
"""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np

MAGIC = b"\x89SKC\r\n\x1a\n"


@dataclass(frozen=True)
class Array:
    """An array as the file describes it, and the bytes that it takes from stream 0."""

    description: list
    data: bytes = b""


def seal(body, trailer=0):
    """The checksum and the kind of trailer."""
    return body + struct.pack("<IB", zlib.crc32(body), trailer)


def store(text):
    """Deflate in stored blocks, which every zlib writes alike."""
    blocks = [text[start : start + 65535] for start in range(0, len(text), 65535)] or [b""]
    return b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block
        for block in blocks
    )


def deflate(text):
    """Deflate as small as it gets."""
    encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return encoder.compress(text) + encoder.flush()


def pack(text, body=b"", *, version=2, length=None, stored=None, stored_length=None, trailer=0):
    """A file around the JSON of a header; what is not given is right."""
    stored = store(text) if stored is None else stored
    sizes = struct.pack(
        "<II",
        len(stored) if stored_length is None else stored_length,
        len(text) if length is None else length,
    )
    return seal(MAGIC + bytes([version]) + sizes + stored + body, trailer)


def write(model, *, streams=None, more=b"", **container):
    """A file that holds a model; `streams` is another table of streams, `more` more bytes."""
    body = bytearray()
    tree = _place(model, body)
    body += more
    header = {"m": tree, "s": [len(body)] if streams is None else streams}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return pack(text, bytes(body), **container)


def _place(value, body):
    """The JSON of a value; bytes of arrays go to the body in the order of sorted keys."""
    if isinstance(value, dict):
        return {key: _place(value[key], body) for key in sorted(value)}
    if isinstance(value, Array):
        body += value.data
        return value.description
    if isinstance(value, np.ndarray):
        body += value.astype(value.dtype.newbyteorder("<")).tobytes()
        return [value.dtype.str[1:], list(value.shape)]
    if isinstance(value, (list, tuple)):
        return [_place(item, body) for item in value]
    return value


def zeros(dtype, *shape):
    """An array of zeros that takes no byte of the file."""
    return Array([dtype, list(shape), "bits", 0, 0, 0])


def numbers(*values, dtype="f8"):
    """A vector, or a matrix of lists."""
    return np.array(values, dtype)


def texts(*values):
    """An array of texts."""
    encoded = [value.encode("utf-8", "surrogatepass") for value in values]
    width = max(map(len, values), default=0)
    lengths = bytes(len(value) for value in values)
    count = len(values)
    data = b"".join(encoded)
    how = ["text", 0, len(data), ["u1", [count]]]
    return Array([f"U{width}", [count], *how], data + lengths)


# Sound models, one of each kind, that take two columns and give one number, if nothing else is said


def model(predictor, *, head=None, transforms=(), **fields):
    """The whole around a predictor."""
    return {
        "chain": {"predictor": predictor, "transforms": list(transforms)},
        "family": "attack",
        "head": head or {"": "numbers", "n_outputs": 1},
        "input": {"n_features": 2, "sparse": True, "finite": "any"},
        **fields,
    }


def linear(**fields):
    """One output of two columns."""
    return {"": "linear", "coef": numbers([1, 2]), "intercept": numbers(0), **fields}


def kernel(**fields):
    """Three vectors."""
    return {
        "": "kernel",
        "vectors": numbers([0, 1], [1, 0], [1, 1]),
        "coef": numbers([1, -1, 1]),
        "intercept": numbers(0),
        "kernel": "rbf",
        **fields,
    }


def pairs(**fields):
    """Three vectors of three classes, in libsvm's layout."""
    return kernel(
        coef=numbers([1, -1, 1], [1, 1, -1]),
        intercept=numbers(0, 0, 0),
        group_sizes=numbers(1, 1, 1, dtype="u1"),
        **fields,
    )


def layer(n_inputs=2, n_units=1, activation="identity", **fields):
    """A layer of ones."""
    return {
        "activation": activation,
        "bias": np.ones(n_units),
        "weights": np.ones((n_inputs, n_units)),
        **fields,
    }


def network(*layers):
    """A network."""
    return {"": "network", "layers": list(layers)}


def prototypes(**fields):
    """Four rows, of which two are consulted."""
    return {
        "": "prototypes",
        "n_neighbors": 2,
        "targets": numbers([0], [1], [0], [1]),
        "vectors": numbers([0, 1], [1, 0], [1, 1], [0, 0]),
        **fields,
    }


def voters(**fields):
    """The same for two classes."""
    targets = numbers([0], [1], [0], [1], dtype="u1")
    return {**prototypes(targets=targets, n_classes=numbers(2, dtype="u8")), **fields}


def trees(**fields):
    """Two trees of five and three nodes."""
    return {
        "": "trees",
        "feature": numbers(0, 1, 1, dtype="u1"),
        "internal": np.array([1, 1, 0, 0, 0, 1, 0, 0], bool),
        "leaf": numbers(0, 1, 2, 0, 1, dtype="u1"),
        "n_features": 2,
        "n_outputs": 1,
        "threshold": numbers(0.5, 0.25, -1),
        "values": numbers([1], [2], [3]),
        **fields,
    }


def categories(**fields):
    """The same trees, the first split on sets of categories."""
    return trees(
        categories={
            "is_category": np.array([1, 0, 0], bool),
            "known": np.full((1, 8), 2**32 - 1, "u4"),
            "known_row": numbers(0, -1, dtype="i4"),
            "left": np.full((1, 8), 5, "u4"),
            **fields,
        }
    )


def sparse(**fields):
    """Two rows of two columns, an entry each."""
    return {
        "": "sparse",
        "data": numbers(1, 2),
        "indices": numbers(0, 1, dtype="u1"),
        "indptr": numbers(0, 1, 2, dtype="u1"),
        "n_columns": 2,
        **fields,
    }


def affine(codes, **fields):
    """Codes of four bits."""
    return {
        "": "affine",
        "bits": 4,
        "codes": codes,
        "scale": np.ones(1),
        "zero": np.zeros(1),
        **fields,
    }


def codebook(codes, **fields):
    """Codes of two bits and a table of three values."""
    return {"": "codebook", "bits": 2, "codes": codes, "table": numbers(0, 1, 2), **fields}


def fixed_point(codes, **fields):
    """Codes of four bits, in halves."""
    exponent = numbers(-1, dtype="i1")
    return {"": "fixed-point", "bits": 4, "codes": codes, "exponent": exponent, **fields}


def low_rank(left, right):
    """Two factors."""
    return {"": "low-rank", "left": left, "right": right}


def labels(*values):
    """Classes."""
    if all(isinstance(value, str) for value in values):
        return {"values": texts(*values)}
    return {"values": np.array(values)}


def classes(n_classes=2, **fields):
    """The head of a classifier with a score per class, or one of two classes."""
    target = {"values": np.arange(n_classes, dtype="u1")}
    return {"": "class-scores", "link": "sigmoid", "target": target, **fields}


def one_vs_one(n_classes=3, **fields):
    """The head of a support vector classifier."""
    return {"": "one-vs-one", "target": {"values": np.arange(n_classes, dtype="u1")}, **fields}


def shares(*targets):
    """The head of a classifier that averages probabilities."""
    return {"": "shares", "targets": list(targets)}


def rescale(**fields):
    """A scaler of two columns."""
    return {"": "rescale", "kind": "standard", "n_features": 2, **fields}


def impute(**fields):
    """An imputer of two columns."""
    return {"": "impute", "fill": numbers(0, 1), "missing": {"f": "nan"}, **fields}


def project(**fields):
    """A projection of two columns on two."""
    return {"": "project", "components": numbers([1, 1], [1, -1]), **fields}


def text(**fields):
    """A vectorizer of two terms."""
    return {"": "text", "terms": texts("ab", "cd"), **fields}


def of_texts(transform, predictor=None, **fields):
    """A model that takes texts."""
    return model(
        predictor or linear(),
        transforms=[transform],
        input={"n_features": 1, "text": True},
        **fields,
    )
