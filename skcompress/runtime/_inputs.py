"""The check that input passes once, at the border."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from ..ir import InputSpec
from ._rows import CsrRows, Rows

__all__ = ["check_rows", "transformed_to_float32"]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_SQUARE_IN_FLOAT32 = 1e76
"""What squares to less than this is a finite float32."""


def check_rows(X: Any, spec: InputSpec, *, to_float32: bool = False) -> Any:
    """Rows that the model can take, as a float array, `CsrRows` or a list of texts.

    Parameters
    ----------
    X : array-like, CSR-like, data frame, or iterable of str
        Input as a user hands it over.
    spec : InputSpec
        What the model takes.
    to_float32 : bool
        Round to float32 here, straight from the dtype that came in, as scikit-learn's trees do.

    Raises
    ------
    ValueError
        If the input is not what the model takes; the message says what was expected.
    TypeError
        If it is sparse and the model takes dense rows only.
    """
    if type(X) is np.ndarray and _is_plain(X, spec, to_float32):
        return X.astype(np.float32, copy=False) if to_float32 else X
    if spec.text:
        return _check_texts(X)
    _check_names(X, spec)
    if hasattr(X, "tocsr"):
        X = X.tocsr()
    if all(hasattr(X, name) for name in ("data", "indices", "indptr", "shape")):
        if not spec.sparse:
            raise TypeError(
                "Sparse data was passed, but dense data is required: this model takes dense rows "
                "only. Use X.toarray() to convert to a dense array."
            )
        sparse = _check_csr(X)
        if to_float32:
            # scikit-learn's trees take missing values in dense rows alone.
            sparse, spec = _narrow(sparse), spec.replace(finite="all")
        _check_values(sparse.data, spec)
        rows: Rows = sparse
    else:
        rows = dense = _check_array(X, to_float32)
        _check_values(dense, spec)
    if rows.shape[1] != spec.n_features:
        raise ValueError(
            f"X has {rows.shape[1]} features, but CompactModel is expecting "
            f"{spec.n_features} features as input."
        )
    return rows


def transformed_to_float32(rows: Any) -> Any:
    """Transformed rows as trees see them, rounded to float32.

    Raises
    ------
    ValueError
        If a value is too large for float32.
    """
    narrow = _narrow(rows)
    # Whether missing values may come in was settled at the border, but for those of sparse rows.
    values, finite = narrow, "allow-nan"
    if isinstance(narrow, CsrRows):
        values, finite = narrow.data, "all"
    _check_values(values, InputSpec(n_features=1, finite=finite, float32_range=True))
    return narrow


def _narrow(rows: Any) -> Any:
    """Rows rounded to float32; what is too large becomes infinite."""
    if isinstance(rows, CsrRows):
        return rows.with_data(_narrow(rows.data))
    with np.errstate(over="ignore"):
        return rows.astype(np.float32, copy=False)


def _is_plain(X: np.ndarray, spec: InputSpec, to_float32: bool) -> bool:
    """Whether an array passes every check; False: it takes them one after the other to tell.

    A row is to cost microseconds. One sum of squares, which is finite only if every value is,
    settles what is in the values.
    """
    if (
        X.ndim != 2
        or X.dtype not in _FLOATS
        or not X.flags.c_contiguous
        or X.shape[1] != spec.n_features
        or not X.size
        or spec.text
    ):
        return False
    squares = float(np.vdot(X, X))
    if to_float32 and X.dtype == np.float64:
        return squares < _SQUARE_IN_FLOAT32
    return math.isfinite(squares)


def _check_texts(X: Any) -> list[str]:
    if isinstance(X, str | bytes):
        raise ValueError("Iterable over raw text documents expected, string object received.")
    texts = list(X)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"Every row must be a text (str); got {type(text).__name__}.")
    return texts


def _check_names(X: Any, spec: InputSpec) -> None:
    columns = getattr(X, "columns", None)
    if spec.names is None or columns is None or callable(columns):
        return
    names = tuple(str(name) for name in columns)
    if names == spec.names:
        return
    unseen = [name for name in names if name not in spec.names]
    missing = [name for name in spec.names if name not in names]
    details = [
        f"unseen in training: {unseen[:5]}" if unseen else "",
        f"missing: {missing[:5]}" if missing else "",
        "in another order than in training" if not unseen and not missing else "",
    ]
    raise ValueError(
        "The feature names should match those that were passed during fit; "
        + "; ".join(detail for detail in details if detail)
        + "."
    )


def _check_csr(X: Any) -> CsrRows:
    shape = tuple(X.shape)
    data, indices, indptr = (np.asarray(getattr(X, name)) for name in ("data", "indices", "indptr"))
    if len(shape) != 2 or indptr.ndim != 1 or indptr.size != shape[0] + 1:
        raise ValueError(f"Sparse input must have two dimensions in CSR layout; got shape {shape}.")
    if shape[0] == 0:
        raise ValueError(_no_rows(shape))
    sound = (
        data.ndim == 1
        and data.shape == indices.shape
        and indptr[0] == 0
        and indptr[-1] <= data.size
        # Differences of numbers out of range could wrap around.
        and bool((indptr[1:] >= indptr[:-1]).all())
        and (indices.size == 0 or (int(indices.min()) >= 0 and int(indices.max()) < shape[1]))
    )
    if not sound:
        raise ValueError("Sparse input is inconsistent: an index or row pointer is out of range.")
    stored = int(indptr[-1])
    return CsrRows(_as_float(data[:stored], X), indices[:stored], indptr.astype(np.int64), shape)


def _check_array(X: Any, to_float32: bool) -> np.ndarray:
    array = np.asarray(X)
    if array.ndim != 2:
        what = "scalar" if array.ndim == 0 else f"{array.ndim}D"
        raise ValueError(
            f"Expected 2D array, got {what} array instead. Reshape your data either using "
            "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it "
            "contains a single sample."
        )
    if array.shape[0] == 0:
        raise ValueError(_no_rows(array.shape))
    if to_float32 and array.dtype.kind in "biuf":
        return cast("np.ndarray", _narrow(array))
    floats = _as_float(array, X)
    return cast("np.ndarray", _narrow(floats)) if to_float32 else floats


def _no_rows(shape: tuple[int, ...]) -> str:
    return f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required."


def _as_float(array: np.ndarray, X: Any) -> np.ndarray:
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported.")
    if array.dtype == np.float32:
        return array
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X must be numeric; {type(X).__name__} of dtype {array.dtype} cannot be converted to "
            f"float: {error}"
        ) from error


def _check_values(values: np.ndarray, spec: InputSpec) -> None:
    # One sum settles almost every case: it is finite only if every value is.
    with np.errstate(over="ignore", invalid="ignore"):
        if spec.finite == "any" or np.isfinite(values.sum(dtype=np.float64)):
            return
    if np.isinf(values).any():
        raise ValueError(
            "Input X contains infinity or a value too large for "
            f"dtype('{'float32' if spec.float32_range else values.dtype}')."
        )
    if spec.finite == "all" and np.isnan(values).any():
        raise ValueError("Input X contains NaN, and this model does not accept missing values.")
