"""All codecs, by the names that they have in files; see `_codec` for what a codec is."""

from __future__ import annotations

from . import _counts, _escape, _plain_codecs, _rising, _scaled  # noqa: F401, they register codecs
from ._codec import CODECS, Argument, Codec, Later, Make, Part, Reader, Spec

__all__ = ["CODECS", "Argument", "Codec", "Later", "Make", "Part", "Reader", "Spec"]
