"""`dump`, `dumps`, `load` and `loads`."""

from __future__ import annotations

import io
import mmap as memory_map
import os
from typing import Any, BinaryIO, Literal

from ..exceptions import SkcFormatError
from ..runtime import CompactModel
from ._model import decode_model, encode_model

__all__ = ["DEFAULT_MAX_MEMORY", "dump", "dumps", "load", "loads"]

DEFAULT_MAX_MEMORY = 2 * 2**30
"""Bytes of memory that reading a file may take, unless `max_memory` says otherwise."""

_PIECE = 2**20

Layout = Literal["coded", "mapped"]

Target = str | os.PathLike[str] | BinaryIO


def dumps(model: CompactModel, *, layout: Layout = "coded") -> bytes:
    """Write a compact model to bytes.

    The same model gives the same bytes with the same versions of NumPy, zlib and liblzma.
    ``size_report_`` is not written.

    Parameters
    ----------
    model : CompactModel
        What `compress`, or the ``model_`` of a fitted compressor, gave.
    layout : {"coded", "mapped"}
        "coded" gives the smallest file. "mapped" stores arrays as they are in memory, for
        ``load(path, mmap=True)``: a larger file, which processes share and which needs no
        decoding.

    Returns
    -------
    bytes
        The contents of a ``.skc`` file.

    Raises
    ------
    TypeError
        If `model` is not a compact model.
    ValueError
        If `layout` is neither of the two.

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
    if layout not in ("coded", "mapped"):
        raise ValueError(f"layout must be 'coded' or 'mapped'; got {layout!r}.")
    return encode_model(model.ir, mapped=layout == "mapped")


def dump(model: CompactModel, path: Target, *, layout: Layout = "coded") -> None:
    """Write a compact model to a file.

    A file of that name is replaced in one step, so that a reader finds the old model or the new
    one and never a part of it.

    Parameters
    ----------
    model : CompactModel
        What `compress`, or the ``model_`` of a fitted compressor, gave.
    path : str, path-like or binary file object
        Where to; the usual ending is ``.skc``.
    layout : {"coded", "mapped"}
        "coded" gives the smallest file. "mapped" stores arrays as they are in memory, for
        ``load(path, mmap=True)``: a larger file, which processes share and which needs no
        decoding.

    Raises
    ------
    TypeError
        If `model` is not a compact model.
    ValueError
        If `layout` is neither of the two.

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
    # Reading does without pathlib, which takes a while to import.
    from ._write import write_file

    data = dumps(model, layout=layout)
    if hasattr(path, "write"):
        path.write(data)
    else:
        write_file(os.fspath(path), data)


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
    return _model(content, limit)


def load(path: Target, *, max_memory: int | None = None, mmap: bool = False) -> CompactModel:
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
    mmap : bool
        Map the file into memory instead of reading it; it must be in the "mapped" layout. Its
        arrays then take memory once for all processes that do so. Only for files that nobody else
        can write to: a file that is changed or cut off in place while it is mapped changes the
        model, or ends the process. `dump` replaces files instead, which is safe.

    Returns
    -------
    CompactModel
        The model; it has no ``size_report_``.

    Raises
    ------
    SkcFormatError
        If the file is damaged, unsound, too large, of a version that is not known here, or cannot
        be mapped.
    TypeError
        If an open file is to be mapped.

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

    Processes that map a file share its memory:

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ridge.skc")
    ...     skc.dump(skc.load(io.BytesIO(file.getvalue())), path, layout="mapped")
    ...     skc.load(path, mmap=True)
    CompactModel(Ridge, 10 features)
    """
    limit = _limit(max_memory)
    if mmap:
        return _model(_map(path), limit, views=True)
    if hasattr(path, "read"):
        data = _read(path, limit)
    else:
        with io.FileIO(os.fspath(path)) as file:
            data = _read(file, limit)
    return loads(data, max_memory=limit)


def _model(data: bytes | memoryview, limit: int, *, views: bool = False) -> CompactModel:
    model = decode_model(data, limit, views=views)
    try:
        return CompactModel(model)
    except (LookupError, TypeError, ValueError) as error:
        raise SkcFormatError(f"The file holds a model that cannot be served: {error}") from error


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


def _map(path: Target) -> memoryview:
    """A read-only view of a file."""
    if hasattr(path, "read"):
        raise TypeError("mmap=True needs the path of a file, not an open file.")
    with io.FileIO(os.fspath(path)) as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")
        # The map outlives the descriptor, and lasts as long as any array that looks into it.
        return memoryview(memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_READ))
