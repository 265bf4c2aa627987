"""Figures for people: how large a model is, and where its bytes are."""

from .fidelity import assert_not_worse, verify
from .size import disk_bytes, size_report
from .verdict import Flips, VerifyReport
from .versions import show_versions

__all__ = [
    "Flips",
    "VerifyReport",
    "assert_not_worse",
    "disk_bytes",
    "show_versions",
    "size_report",
    "verify",
]
