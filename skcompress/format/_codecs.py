"""All codecs, by the names that they have in files; see `_codec` for what a codec is."""

from __future__ import annotations

# Codecs register themselves; of those that take the same, the first is taken.
# isort: off
from . import _plain_codecs, _counts, _escape, _scaled, _rising  # noqa: F401

# isort: on
from ._codec import CODECS, Argument, Codec, InCommon, Later, Make, Part, Reader, Spec

__all__ = ["CODECS", "Argument", "Codec", "InCommon", "Later", "Make", "Part", "Reader", "Spec"]
