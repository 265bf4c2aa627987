"""Searches for the smallest model that is good enough."""

from .compression_search import CompressionSearchCV
from .scorers import size_scorer, smallest_within

__all__ = ["CompressionSearchCV", "size_scorer", "smallest_within"]
