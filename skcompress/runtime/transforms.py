"""Evaluation of scalers, imputers and projections, by scikit-learn's operations in its order."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Impute, Node, Normalize, Project, Rescale, decode
from ._registry import Evaluate, evaluates
from ._rows import CsrRows, Rows
from ._sparse import sparse_matmul

__all__ = ["compile_impute", "compile_normalize", "compile_project", "compile_rescale"]


def _refuse_overflow(values: np.ndarray, what: str) -> None:
    """Raise if finite numbers became infinite: what follows would answer without a word."""
    if math.isfinite(np.vdot(values, values)):
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if values.size == 0 or np.isfinite(values.sum(dtype=np.float64)):
            return
    if np.isinf(values).any():
        raise ValueError(f"X holds values so large that {what} makes them infinite.")


@evaluates(Rescale)
def compile_rescale(rescale: Node) -> Evaluate:
    """Prepare a scaler; float32 rows stay float32."""
    assert isinstance(rescale, Rescale)
    clip = rescale.clip
    steps = [
        (operation, numbers)
        for operation, numbers in (
            (np.subtract, rescale.subtract),
            (np.divide, rescale.divide),
            (np.multiply, rescale.multiply),
            (np.add, rescale.add),
        )
        if numbers is not None
    ]
    with np.errstate(over="ignore"):
        for_float32 = [
            (operation, numbers.astype(np.float32) if rescale.round_first else numbers)
            for operation, numbers in steps
        ]
    centres = rescale.subtract is not None or rescale.add is not None
    reciprocal = None if rescale.divide is None else 1.0 / rescale.divide

    def dense(rows: np.ndarray) -> np.ndarray:
        out = np.array(rows, copy=True)
        with np.errstate(over="ignore", invalid="ignore"):
            for operation, numbers in for_float32 if out.dtype == np.float32 else steps:
                # A float64 number and a float32 row are combined in float64, then rounded.
                operation(out, numbers, out=out, casting="same_kind")
        if clip is not None:
            np.clip(out, clip[0], clip[1], out=out)
        return out

    def sparse(rows: CsrRows) -> CsrRows:
        if centres:
            raise ValueError("Sparse rows cannot be centred: the zeros would not stay zero.")
        data = rows.data.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            if reciprocal is not None:
                data *= reciprocal[rows.indices]
            if rescale.multiply is not None:
                data *= rescale.multiply[rows.indices]
        if clip is not None:
            np.clip(data, clip[0], clip[1], out=data)
        return rows.with_data(data)

    def evaluate(rows: Rows) -> Rows:
        if isinstance(rows, CsrRows):
            scaled = sparse(rows)
            _refuse_overflow(scaled.data, "scaling")
            return scaled
        result = dense(rows)
        _refuse_overflow(result, "scaling")
        return result

    return evaluate


@evaluates(Normalize)
def compile_normalize(normalize: Node) -> Evaluate:
    """Prepare a normalizer."""
    assert isinstance(normalize, Normalize)
    norm = normalize.norm

    def dense(rows: np.ndarray) -> np.ndarray:
        if norm == "l1":
            norms = np.sum(np.abs(rows), axis=1)
        elif norm == "l2":
            norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        else:
            norms = np.max(np.abs(rows), axis=1)
        # scikit-learn leaves rows alone whose norm is next to nothing.
        norms[norms < 10 * np.finfo(norms.dtype).eps] = 1.0
        return rows / norms[:, np.newaxis]

    def evaluate(rows: Rows) -> Rows:
        if isinstance(rows, CsrRows):
            return normalize_sparse(rows, norm)
        with np.errstate(over="ignore"):
            return dense(rows)

    return evaluate


def normalize_sparse(rows: CsrRows, norm: str) -> CsrRows:
    """Divide each sparse row by its norm, summed entry by entry; a row of zeros stays."""
    if norm == "l1":
        norms = rows.row_sums(np.abs(rows.data).astype(np.float64))
    elif norm == "l2":
        # The square is rounded to the rows' dtype, the sum is float64: so does scikit-learn.
        norms = np.sqrt(rows.row_sums(rows.data * rows.data))
    else:
        norms = np.zeros(rows.shape[0], rows.data.dtype)
        np.maximum.at(norms, rows.row_of_entry(), np.abs(rows.data))
    norms[norms == 0] = 1.0
    data = rows.data.copy()
    np.divide(data, norms[rows.row_of_entry()], out=data, casting="same_kind")
    return rows.with_data(data)


@evaluates(Impute)
def compile_impute(impute: Node) -> Evaluate:
    """Prepare an imputer."""
    assert isinstance(impute, Impute)
    kept = ~np.isnan(impute.fill)
    flagged = None if impute.indicators is None else impute.indicators.astype(np.int64)
    new_place = np.cumsum(kept) - 1

    def is_missing(values: np.ndarray) -> np.ndarray:
        return np.isnan(values) if np.isnan(impute.missing) else values == impute.missing

    def dense(rows: np.ndarray) -> np.ndarray:
        missing = is_missing(rows)
        filled = np.where(missing, impute.fill.astype(rows.dtype), rows)
        if not kept.all():
            filled = filled[:, kept]
        return filled if flagged is None else np.hstack([filled, missing[:, flagged]])

    def sparse(rows: CsrRows) -> CsrRows:
        missing = is_missing(rows.data)
        data = np.where(missing, impute.fill.astype(rows.data.dtype)[rows.indices], rows.data)
        stays = kept[rows.indices]
        row = rows.row_of_entry()
        parts = [(row[stays], new_place[rows.indices[stays]], data[stays])]
        if flagged is not None:
            flag = np.full(impute.n_features, -1)
            flag[flagged] = np.arange(flagged.size) + np.count_nonzero(kept)
            shown = missing & (flag[rows.indices] >= 0)
            ones = np.ones(np.count_nonzero(shown), data.dtype)
            parts.append((row[shown], flag[rows.indices[shown]], ones))
        return _assemble(parts, (rows.shape[0], impute.n_outputs))

    def evaluate(rows: Rows) -> Rows:
        return sparse(rows) if isinstance(rows, CsrRows) else dense(rows)

    return evaluate


def _assemble(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], shape: tuple[int, int]
) -> CsrRows:
    """Rows from (row, column, value) triples."""
    row, column, value = (np.concatenate(pieces) for pieces in zip(*parts, strict=True))
    order = np.lexsort((column, row))
    counts = np.bincount(row, minlength=shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return CsrRows(value[order], column[order], indptr, shape)


@evaluates(Project)
def compile_project(project: Node) -> Evaluate:
    """Prepare a projection."""
    assert isinstance(project, Project)
    components = decode(project.components).T

    def evaluate(rows: Rows) -> np.ndarray:
        if isinstance(rows, CsrRows):
            if project.mean is not None:
                raise ValueError("Sparse rows cannot be centred: the zeros would not stay zero.")
            out = sparse_matmul(rows, components)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                centred = rows if project.mean is None else rows - project.mean
                out = centred @ components
        with np.errstate(over="ignore", invalid="ignore"):
            if project.offset is not None:
                out -= project.offset
            if project.divide is not None:
                out /= project.divide
        if not np.isfinite(out).all():
            raise ValueError("X holds values so large that projecting makes them infinite.")
        return out

    return evaluate
