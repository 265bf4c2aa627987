"""Bytes that other libraries take for a model."""

from __future__ import annotations

import io
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import joblib
import numpy as np


def joblib_bytes(model: Any, compress: Any = 0) -> int:
    """Length of a joblib dump."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return len(buffer.getvalue())


def slim_trees_bytes(model: Any) -> int:
    """Length of a slim-trees dump with LZMA."""
    from slim_trees import dump_sklearn_compressed

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pkl.lzma")
        dump_sklearn_compressed(model, path)
        return path.stat().st_size


def skops_bytes(model: Any) -> int:
    """Length of a deflated skops dump."""
    import skops.io

    return len(skops.io.dumps(model, compression=ZIP_DEFLATED, compresslevel=9))


def onnx_bytes(model: Any, X: Any) -> int:
    """Length of the ONNX graph with LZMA."""
    from skl2onnx import to_onnx

    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    graph = to_onnx(model, np.asarray(X[:1], np.float32), options=options)
    return len(lzma.compress(graph.SerializeToString(), preset=6))


def attempt(measure: Callable[[], int]) -> int | None:
    """A peer's bytes; None where it does not take the model, which is printed."""
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - a peer may fail in any way; ours may not
        print(f"  {measure.__name__}: {type(error).__name__}: {str(error)[:90]}", flush=True)
        return None
