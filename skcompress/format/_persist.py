"""`dump`, `dumps`, `load` and `loads`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from ..exceptions import SkcFormatError
from ..runtime import CompactModel
from ._model import decode_model, encode_model
from ._read import contents, limit_of, map_file
from ._trailer import check_signature, sign
from ._verify import trusted

if TYPE_CHECKING:
    from ._keys import SigningKey, TrustedKey
    from ._read import Target
    from ._verify import TrustedKeys

__all__ = ["dump", "dumps", "load", "loads"]

Layout = Literal["coded", "mapped"]


def dumps(model: CompactModel, *, layout: Layout = "coded", key: SigningKey | None = None) -> bytes:
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
    key : Ed25519PrivateKey, HmacKey or None
        Signs the file, with the algorithm that it is a key of. None: no signature.

    Returns
    -------
    bytes
        The contents of a ``.skc`` file.

    Raises
    ------
    TypeError
        If `model` is not a compact model, or `key` not a key that signs.
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
    if key is not None:
        from ._keys import as_signing_key

        key = as_signing_key(key)
    # Reading does without it, unless there are trees.
    from ..runtime.trees import lay_out

    mapped = layout == "mapped"
    data = encode_model(lay_out(model.ir, packed=mapped), mapped=mapped)
    return data if key is None else sign(data, key)


def dump(
    model: CompactModel,
    path: Target,
    *,
    layout: Layout = "coded",
    key: SigningKey | None = None,
) -> None:
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
    key : Ed25519PrivateKey, HmacKey or None
        Signs the file, with the algorithm that it is a key of. None: no signature.

    Raises
    ------
    TypeError
        If `model` is not a compact model, or `key` not a key that signs.
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

    data = dumps(model, layout=layout, key=key)
    if hasattr(path, "write"):
        path.write(data)
    else:
        write_file(os.fspath(path), data)


def loads(
    data: bytes | bytearray | memoryview,
    *,
    max_memory: int | None = None,
    trusted_keys: TrustedKeys | None = None,
) -> CompactModel:
    """Read a compact model from bytes.

    Nothing in the data is executed or imported, and all of it is checked, so it may come from a
    stranger: what a model predicts is another matter.

    Parameters
    ----------
    data : bytes-like
        What `dumps` gave.
    max_memory : int or None
        Bytes of memory that reading, and then a first prediction, may take; data that declares
        more is refused before anything is allocated. None: 2 GiB.
    trusted_keys : Ed25519PublicKey, HmacKey, sequence of them, or None
        One of these keys must have signed the file, which is checked before anything in it is
        parsed. None: signatures are not checked, so that a signed file is read like any other.

    Returns
    -------
    CompactModel
        The model; it has no ``size_report_``.

    Raises
    ------
    SkcFormatError
        If the data is damaged, unsound, too large, or of a version that is not known here.
    SignatureError
        If `trusted_keys` are given and the file is unsigned, signed with another key, or was
        changed since.

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
    limit = limit_of(max_memory)
    keys = trusted(trusted_keys)
    content = data if isinstance(data, bytes) else bytes(memoryview(data))
    return _model(content, limit, keys)


def load(
    path: Target,
    *,
    max_memory: int | None = None,
    mmap: bool = False,
    trusted_keys: TrustedKeys | None = None,
) -> CompactModel:
    """Read a compact model from a file.

    Nothing in the file is executed or imported, and all of it is checked, so it may come from a
    stranger: what a model predicts is another matter.

    Parameters
    ----------
    path : str, path-like or binary file object
        What `dump` wrote.
    max_memory : int or None
        Bytes of memory that reading, and then a first prediction, may take; a file that declares
        more is refused before anything is allocated. None: 2 GiB.
    mmap : bool
        Map the file into memory instead of reading it; it must be in the "mapped" layout. Its
        arrays then take memory once for all processes that do so. Only for files that nobody else
        can write to: a file that is changed or cut off in place while it is mapped changes the
        model, or ends the process. `dump` replaces files instead, which is safe.
    trusted_keys : Ed25519PublicKey, HmacKey, sequence of them, or None
        One of these keys must have signed the file, which is checked before anything in it is
        parsed. None: signatures are not checked, so that a signed file is read like any other.

    Returns
    -------
    CompactModel
        The model; it has no ``size_report_``.

    Raises
    ------
    SkcFormatError
        If the file is damaged, unsound, too large, of a version that is not known here, or cannot
        be mapped.
    SignatureError
        If `trusted_keys` are given and the file is unsigned, signed with another key, or was
        changed since.
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
    limit = limit_of(max_memory)
    keys = trusted(trusted_keys)
    if mmap:
        return _model(map_file(path), limit, keys, views=True)
    return _model(contents(path, limit), limit, keys)


def _model(
    data: bytes | memoryview,
    limit: int,
    keys: tuple[TrustedKey, ...] | None,
    *,
    views: bool = False,
) -> CompactModel:
    if keys is not None:
        check_signature(data, keys)
    model = decode_model(data, limit, views=views)
    try:
        return CompactModel(model)
    except (LookupError, TypeError, ValueError) as error:
        raise SkcFormatError(f"The file holds a model that cannot be served: {error}") from error
