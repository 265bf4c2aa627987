"""Figures for people: how large a model is, and where its bytes are."""

from .size import disk_bytes, size_report
from .versions import show_versions

__all__ = ["disk_bytes", "show_versions", "size_report"]
