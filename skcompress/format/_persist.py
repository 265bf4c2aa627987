"""`dump`, `dumps`, `load` and `loads`."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any, BinaryIO

from ..exceptions import SkcFormatError
from ..runtime import CompactModel
from ._model import decode_model, encode_model

__all__ = ["DEFAULT_MAX_MEMORY", "dump", "dumps", "load", "loads"]

DEFAULT_MAX_MEMORY = 2 * 2**30
"""Bytes of memory that reading a file may take, unless `max_memory` says otherwise."""

_PIECE = 2**20

Target = str | os.PathLike[str] | BinaryIO


def dumps(model: CompactModel) -> bytes:
    """Write a compact model to bytes.

    The same model gives the same bytes with the same versions of NumPy, zlib and liblzma.
    ``size_report_`` is not written.

    Parameters
    ----------
    model : CompactModel
        What `compress`, or the ``model_`` of a fitted compressor, gave.

    Returns
    -------
    bytes
        The contents of a ``.skc`` file.

    Raises
    ------
    TypeError
        If `model` is not a compact model.

    See Also
    --------
    loads : The way back.
    dump : Write to a file.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> small = skc.compress(LogisticRegression(max_iter=1000).fit(X, y), level="lossless")
    >>> data = skc.dumps(small)
    >>> len(data) < 300
    True
    >>> bool((skc.loads(data).predict(X) == small.predict(X)).all())
    True
    """
    if not isinstance(model, CompactModel):
        raise TypeError(
            f"Only a CompactModel can be written; got {type(model).__name__}. Make one with "
            "skcompress.compress(model), or take the model_ of a fitted compressor."
        )
    return encode_model(model.ir)


def dump(model: CompactModel, path: Target) -> None:
    """Write a compact model to a file.

    A file of that name is replaced in one step, so that a reader finds the old model or the new
    one and never a part of it.

    Parameters
    ----------
    model : CompactModel
        What `compress`, or the ``model_`` of a fitted compressor, gave.
    path : str, path-like or binary file object
        Where to; the usual ending is ``.skc``.

    Raises
    ------
    TypeError
        If `model` is not a compact model.

    See Also
    --------
    load : The way back.
    dumps : Write to bytes.

    Examples
    --------
    >>> import os, tempfile
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> small = skc.compress(DecisionTreeClassifier(random_state=0).fit(X, y), level="lossless")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "iris.skc")
    ...     skc.dump(small, path)
    ...     skc.load(path)
    CompactModel(DecisionTreeClassifier, 4 features, 3 classes)
    """
    data = dumps(model)
    if hasattr(path, "write"):
        path.write(data)
    else:
        _write_file(Path(os.fspath(path)), data)


def loads(data: bytes | bytearray | memoryview, *, max_memory: int | None = None) -> CompactModel:
    """Read a compact model from bytes.

    Nothing in the data is executed or imported, and all of it is checked, so it may come from a
    stranger: what a model predicts is another matter.

    Parameters
    ----------
    data : bytes-like
        What `dumps` gave.
    max_memory : int or None
        Bytes of memory that reading may take; data that declares more is refused before anything
        is allocated. None: 2 GiB.

    Returns
    -------
    CompactModel
        The model; it has no ``size_report_``.

    Raises
    ------
    SkcFormatError
        If the data is damaged, unsound, too large, or of a version that is not known here.

    See Also
    --------
    dumps : The way there.
    load : Read from a file.

    Examples
    --------
    >>> import skcompress as skc
    >>> try:
    ...     skc.loads(b"hello")
    ... except skc.SkcFormatError as error:
    ...     print(error)
    This is not an skcompress file: it does not begin as one.
    """
    limit = _limit(max_memory)
    content = data if isinstance(data, bytes) else bytes(memoryview(data))
    model = decode_model(content, limit)
    try:
        return CompactModel(model)
    except (LookupError, TypeError, ValueError) as error:
        raise SkcFormatError(f"The file holds a model that cannot be served: {error}") from error


def load(path: Target, *, max_memory: int | None = None) -> CompactModel:
    """Read a compact model from a file.

    Nothing in the file is executed or imported, and all of it is checked, so it may come from a
    stranger: what a model predicts is another matter.

    Parameters
    ----------
    path : str, path-like or binary file object
        What `dump` wrote.
    max_memory : int or None
        Bytes of memory that reading may take; a file that declares more is refused before
        anything is allocated. None: 2 GiB.

    Returns
    -------
    CompactModel
        The model; it has no ``size_report_``.

    Raises
    ------
    SkcFormatError
        If the file is damaged, unsound, too large, or of a version that is not known here.

    See Also
    --------
    dump : The way there.
    loads : Read from bytes.

    Examples
    --------
    >>> import io
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> file = io.BytesIO()
    >>> skc.dump(skc.compress(Ridge().fit(X, y), level="lossless"), file)
    >>> position = file.seek(0)
    >>> skc.load(file, max_memory=10_000_000)
    CompactModel(Ridge, 10 features)
    """
    limit = _limit(max_memory)
    if hasattr(path, "read"):
        data = _read(path, limit)
    else:
        with Path(os.fspath(path)).open("rb") as file:
            data = _read(file, limit)
    return loads(data, max_memory=limit)


def _limit(max_memory: Any) -> int:
    if max_memory is None:
        return DEFAULT_MAX_MEMORY
    if type(max_memory) is not int or max_memory < 0:
        raise ValueError(f"max_memory must be a number of bytes or None; got {max_memory!r}.")
    return max_memory


def _read(file: Any, limit: int) -> bytes:
    """All of a file, piece by piece, since a buffered file sets aside all that it is asked for."""
    pieces = []
    length = 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise SkcFormatError(f"The file is longer than max_memory, {limit} bytes.")
    return b"".join(pieces)


def _write_file(path: Path, data: bytes) -> None:
    """Replace a file in one step; what is not a file, such as a pipe, is written to as it is."""
    path = path.resolve()
    mode = 0o666
    if path.exists():
        if not path.is_file():
            path.write_bytes(data)
            return
        mode = stat.S_IMODE(path.stat().st_mode)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            part.chmod(mode)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
