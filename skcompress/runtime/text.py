"""Evaluation of `TextVectorize`: texts to sparse rows of weighed counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..ir import Node, TextVectorize
from ._registry import Evaluate, evaluates
from ._rows import CsrRows
from .transforms import normalize_sparse

__all__ = ["compile_text"]

_SPACES = re.compile(r"\s\s+")

_Split = Callable[[str], Iterable[str]]


@evaluates(TextVectorize)
def compile_text(text: Node) -> Evaluate:
    """Prepare a vectorizer."""
    assert isinstance(text, TextVectorize)
    column_of = {term: column for column, term in enumerate(text.terms.tolist())}
    clean = _cleaner(text)
    split = _SPLITTERS[text.analyzer](text)
    dtype = np.float32 if text.float32 else np.float64

    def columns(document: str) -> list[int]:
        found = (column_of.get(term) for term in split(clean(document)))
        return [column for column in found if column is not None]

    def evaluate(rows: list[str]) -> CsrRows:
        per_row = [columns(document) for document in rows]
        counts = _count(per_row, len(column_of), dtype)
        return _weigh(text, counts)

    return evaluate  # type: ignore[return-value]


def _count(per_row: list[list[int]], n_terms: int, dtype: type) -> CsrRows:
    """How often each column occurs in each row, columns rising."""
    lengths = [len(found) for found in per_row]
    row = np.repeat(np.arange(len(per_row), dtype=np.int64), lengths)
    column = np.fromiter(
        (place for found in per_row for place in found), np.int64, count=sum(lengths)
    )
    cells, counts = np.unique(row * n_terms + column, return_counts=True)
    row, column = np.divmod(cells, n_terms)
    stored = np.bincount(row, minlength=len(per_row))
    indptr = np.concatenate([[0], np.cumsum(stored)])
    return CsrRows(counts.astype(dtype), column, indptr, (len(per_row), n_terms))


def _weigh(text: TextVectorize, counts: CsrRows) -> CsrRows:
    """From counts to weights, in the order of scikit-learn's `TfidfTransformer`."""
    data = np.ones_like(counts.data) if text.binary else counts.data.copy()
    if text.sublinear_tf:
        np.log(data, out=data)
        data += 1.0
    if text.idf is not None:
        data *= text.idf[counts.indices]
    weighed = counts.with_data(data)
    return weighed if text.norm is None else normalize_sparse(weighed, text.norm)


def _cleaner(text: TextVectorize) -> Callable[[str], str]:
    strip = {None: None, "ascii": _to_ascii, "unicode": _without_accents}[text.strip_accents]

    def clean(document: str) -> str:
        if text.lowercase:
            document = document.lower()
        return document if strip is None else strip(document)

    return clean


def _to_ascii(document: str) -> str:
    return unicodedata.normalize("NFKD", document).encode("ascii", "ignore").decode("ascii")


def _without_accents(document: str) -> str:
    if document.isascii():
        return document
    normal = unicodedata.normalize("NFKD", document)
    return "".join(sign for sign in normal if not unicodedata.combining(sign))


def _words(text: TextVectorize) -> _Split:
    """Word n-grams, joined by single spaces, after stop words are left out."""
    find = re.compile(text.token_pattern).findall
    stop = frozenset(() if text.stop_words is None else text.stop_words.tolist())
    low, high = text.ngram_range

    def split(document: str) -> Iterator[str]:
        words: list[str] = find(document)
        if stop:
            words = [word for word in words if word not in stop]
        for size in range(low, min(high, len(words)) + 1):
            if size == 1:
                yield from words
            else:
                yield from map(" ".join, zip(*(words[i:] for i in range(size)), strict=False))

    return split


def _characters(text: TextVectorize) -> _Split:
    """Character n-grams, over the boundaries of words."""
    low, high = text.ngram_range

    def split(document: str) -> Iterator[str]:
        document = _SPACES.sub(" ", document)
        for size in range(low, min(high, len(document)) + 1):
            for start in range(len(document) - size + 1):
                yield document[start : start + size]

    return split


def _characters_in_words(text: TextVectorize) -> _Split:
    """Character n-grams of each word with a space at both ends."""
    low, high = text.ngram_range

    def split(document: str) -> Iterator[str]:
        for word in document.split():
            padded = f" {word} "
            for size in range(low, high + 1):
                yield padded[:size]
                for start in range(1, len(padded) - size + 1):
                    yield padded[start : start + size]
                if size >= len(padded):  # a word shorter than the n-gram counts once
                    break

    return split


_SPLITTERS: dict[str, Callable[[TextVectorize], _Split]] = {
    "char": _characters,
    "char_wb": _characters_in_words,
    "word": _words,
}
