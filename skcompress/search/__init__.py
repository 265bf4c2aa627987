"""Searches for the smallest model that is good enough."""

from .scorers import size_scorer, smallest_within

__all__ = ["size_scorer", "smallest_within"]
