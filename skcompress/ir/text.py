"""`TextVectorize`: texts to weighed counts of terms."""

from __future__ import annotations

import numpy as np

from ._node import register, require
from .arrays import check_finite
from .transforms import Transform

__all__ = ["TOKEN_PATTERNS", "TextVectorize"]

TOKEN_PATTERNS = (r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"\b\w\w+\b", r"\b\w+\b", r"\w+", r"\S+")
"""Patterns that run in linear time: a file from a stranger must not bring one that does not."""


@register("text")
class TextVectorize(Transform):
    """Count, and weigh, the terms of a vocabulary in each text.

    Parameters
    ----------
    terms : ndarray of str, of shape (n_terms,)
        The vocabulary in column order.
    idf : ndarray of float, of shape (n_terms,), or None
        Inverse document frequencies; None: counts are not weighed.
    analyzer : {"word", "char", "char_wb"}
        What a term is made of.
    ngram_range : tuple of two ints
        Shortest and longest n-gram.
    token_pattern : str
        One of `TOKEN_PATTERNS`, for words.
    lowercase : bool
        Lowercase the text first.
    strip_accents : {"ascii", "unicode"} or None
        How accents are removed.
    stop_words : ndarray of str, or None
        Words left out before n-grams are formed.
    binary, sublinear_tf : bool
        Count a term once; replace a count by one plus its logarithm.
    norm : {"l1", "l2"} or None
        Norm that rows are divided by.
    float32 : bool
        The result is float32 rather than float64.
    """

    terms: np.ndarray
    idf: np.ndarray | None = None
    analyzer: str = "word"
    ngram_range: tuple[int, int] = (1, 1)
    token_pattern: str = TOKEN_PATTERNS[0]
    lowercase: bool = True
    strip_accents: str | None = None
    stop_words: np.ndarray | None = None
    binary: bool = False
    sublinear_tf: bool = False
    norm: str | None = None
    float32: bool = False

    def check(self) -> None:
        require(self.terms.dtype.kind == "U" and self.terms.ndim == 1, "terms must be text.")
        require(np.unique(self.terms).size == self.terms.size, "a term occurs twice.")
        if self.idf is not None:
            check_finite("idf", self.idf)
            require(self.idf.shape == self.terms.shape, "there must be one idf for each term.")
        require(
            self.analyzer in ("word", "char", "char_wb"), f"unknown analyzer {self.analyzer!r}."
        )
        require(
            1 <= self.ngram_range[0] <= self.ngram_range[1] <= 64,
            f"ngram_range must satisfy 1 <= low <= high <= 64; got {self.ngram_range}.",
        )
        require(
            self.token_pattern in TOKEN_PATTERNS,
            f"token_pattern must be one of {TOKEN_PATTERNS}; got {self.token_pattern!r}.",
        )
        require(
            self.strip_accents in (None, "ascii", "unicode"),
            f"unknown strip_accents {self.strip_accents!r}.",
        )
        require(self.norm in (None, "l1", "l2"), f"unknown norm {self.norm!r}.")
        if self.stop_words is not None:
            require(
                self.stop_words.dtype.kind == "U" and self.stop_words.ndim == 1,
                "stop words must be text.",
            )

    @property
    def n_features(self) -> int:  # type: ignore[override]
        """One text a row."""
        return 1

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Columns of the result."""
        return int(self.terms.size)
