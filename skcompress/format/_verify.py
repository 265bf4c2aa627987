"""`verify_signature`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._read import contents, limit_of
from ._trailer import check_signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._keys import TrustedKey
    from ._read import Target

    TrustedKeys = TrustedKey | Iterable[TrustedKey]

__all__ = ["trusted", "verify_signature"]


def verify_signature(
    file: Target | bytes | bytearray | memoryview,
    trusted_keys: TrustedKeys,
    *,
    max_memory: int | None = None,
) -> TrustedKey:
    """Tell which of the keys signed a file, without loading it.

    To load a file that must be signed, give ``trusted_keys`` to `load`: between two readings a
    file can change.

    Parameters
    ----------
    file : str, path-like, binary file object or bytes-like
        What `dump` wrote, or what `dumps` gave.
    trusted_keys : Ed25519PublicKey, HmacKey, or sequence of them
        The keys that may have signed it.
    max_memory : int or None
        Bytes that a file may have. None: 2 GiB.

    Returns
    -------
    Ed25519PublicKey or HmacKey
        The key that signed it.

    Raises
    ------
    SignatureError
        If the file is unsigned, signed with another key, or was changed since.
    SkcFormatError
        If the file is longer than `max_memory`.

    See Also
    --------
    load : Checks and loads a file with ``trusted_keys``.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> small = skc.compress(LogisticRegression(max_iter=1000).fit(X, y), level="lossless")
    >>> key = skc.generate_key()
    >>> data = skc.dumps(small, key=key)
    >>> skc.verify_signature(data, [key.public_key]) == key.public_key
    True
    >>> try:
    ...     skc.verify_signature(skc.dumps(small), [key.public_key])
    ... except skc.SignatureError as error:
    ...     print(error)
    The file is not signed, so that none of trusted_keys vouches for it.
    """
    limit = limit_of(max_memory)
    keys = trusted(trusted_keys)
    if keys is None:
        raise TypeError("trusted_keys must be keys; None checks nothing.")
    if isinstance(file, (bytes, bytearray, memoryview)):
        data = file if isinstance(file, bytes) else bytes(memoryview(file))
        return check_signature(data, keys)
    return check_signature(contents(file, limit), keys)


def trusted(keys: Any) -> tuple[TrustedKey, ...] | None:
    """What the user gave as `trusted_keys`, if it can check signatures."""
    if keys is None:
        return None
    # Whoever has a key has paid for this import; others do without.
    from ._keys import as_trusted_keys

    return as_trusted_keys(keys)
