"""`docs/format.md` says what the code does: fields, types and defaults of every node."""

import json
import re
import zlib
from pathlib import Path

import pytest

from skcompress import ir
from skcompress.format._codecs import CODECS
from skcompress.format._dictionary import DICTIONARY
from skcompress.format._schema import MISSING, fields_of

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "format.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (.*?) \|$", TEXT, flags=re.MULTILINE))
NAMES = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}


def declared(accepts):
    """A declared type in the words of the specification."""
    words = [
        *(["array"] if accepts.array else []),
        *([accepts.node.tag or accepts.node.__name__] if accepts.node else []),
        *([f"[{declared(accepts.every)}, ...]"] if accepts.every else []),
        *([f"[{', '.join(map(declared, accepts.each))}]"] if accepts.each else []),
        *(name for scalar, name in NAMES.items() if scalar in accepts.scalars),
    ]
    return " or ".join(words)


def described(tag):
    """The fields of a class in the words of the specification."""
    return "; ".join(
        f"{name}: {declared(field.accepts)}"
        + ("" if field.default is MISSING else f" = `{json.dumps(field.default)}`")
        for name, field in fields_of(ir.TAGS[tag]).items()
    )


@pytest.mark.parametrize("tag", ir.TAGS)
def test_node_is_described(tag):
    assert ROWS[tag] == described(tag)


def test_nothing_else_is_described():
    assert set(ROWS) == set(ir.TAGS)


def test_codecs_are_described():
    described = re.findall(r"^`(\w+)`.*\n: ", TEXT, flags=re.MULTILINE)
    assert described == list(CODECS)


def test_dictionary_is_the_published_one():
    published = (DOCS / "format_dictionary.txt").read_bytes()
    assert published == DICTIONARY
    assert f"this file of {len(DICTIONARY)} bytes" in TEXT
    assert f"`{zlib.crc32(DICTIONARY):08X}`" in TEXT
