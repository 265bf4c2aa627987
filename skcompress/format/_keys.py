"""Keys that know their algorithm: a public key can never serve as a shared secret."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self, overload

from ..exceptions import SignatureError
from ._key_text import KEY_BYTES, Key

__all__ = [
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "HmacKey",
    "SigningKey",
    "TrustedKey",
    "as_signing_key",
    "as_trusted_keys",
    "generate_key",
]


class Ed25519PublicKey(Key):
    """Checks signatures, and can be given to anyone.

    Parameters
    ----------
    raw : bytes
        32 bytes, as in RFC 8032.

    See Also
    --------
    Ed25519PrivateKey : Makes the signatures that this key checks.

    Examples
    --------
    >>> import skcompress as skc
    >>> public = skc.generate_key().public_key
    >>> skc.Ed25519PublicKey.from_text(public.to_text()) == public
    True
    """

    prefix: ClassVar[str] = "skc-ed25519-public"
    secret: ClassVar[bool] = False
    kind: ClassVar[int] = 1

    @classmethod
    def from_pem(cls, pem: str | bytes) -> Self:
        """Take a key from PEM, such as ``openssl pkey -pubout`` writes.

        Parameters
        ----------
        pem : str or bytes
            The contents of the file.

        Returns
        -------
        Ed25519PublicKey
            The same key.

        Raises
        ------
        ValueError
            If it is not an Ed25519 public key.
        """
        found = _cryptography().serialization.load_pem_public_key(_encoded(pem))
        if not isinstance(found, _cryptography().ed25519.Ed25519PublicKey):
            raise ValueError(f"The PEM holds a key of another kind: {type(found).__name__}.")
        return cls(found.public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        """Eight bytes by which files name the key."""
        return self._id()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise `SignatureError` unless this key's signature is on the message.

        Files are checked by `verify_signature`, and by `load` with ``trusted_keys``.

        Parameters
        ----------
        signature : bytes
            64 bytes.
        message : bytes
            What was signed.

        Raises
        ------
        SignatureError
            If it is another key's signature, another message's, or none.
        """
        public = _cryptography().ed25519.Ed25519PublicKey.from_public_bytes(self.raw)
        try:
            public.verify(signature, message)
        except _cryptography().InvalidSignature:
            raise SignatureError("The signature does not match.") from None


class Ed25519PrivateKey(Key):
    """Signs: whoever has it can sign in your name.

    Parameters
    ----------
    raw : bytes
        32 bytes, as in RFC 8032.

    See Also
    --------
    generate_key : Make a new one.
    Ed25519PublicKey : Checks the signatures.

    Examples
    --------
    >>> import skcompress as skc
    >>> key = skc.generate_key()
    >>> key
    Ed25519PrivateKey(secret)
    >>> skc.Ed25519PrivateKey.from_text(key.to_text()) == key
    True
    """

    prefix: ClassVar[str] = "skc-ed25519-private"
    kind: ClassVar[int] = Ed25519PublicKey.kind

    @classmethod
    def from_pem(cls, pem: str | bytes, password: str | bytes | None = None) -> Self:
        """Take a key from PEM, such as ``openssl genpkey -algorithm ed25519`` writes.

        Parameters
        ----------
        pem : str or bytes
            The contents of the file.
        password : str, bytes or None
            That of an encrypted one.

        Returns
        -------
        Ed25519PrivateKey
            The same key.

        Raises
        ------
        ValueError
            If it is not an Ed25519 private key, or the password is wrong.
        TypeError
            If a password is missing, or given for a key that is not encrypted.
        """
        secret = None if password is None else _encoded(password)
        found = _cryptography().serialization.load_pem_private_key(_encoded(pem), secret)
        if not isinstance(found, _cryptography().ed25519.Ed25519PrivateKey):
            raise ValueError(f"The PEM holds a key of another kind: {type(found).__name__}.")
        return cls(found.private_bytes_raw())

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that checks this one's signatures."""
        private = _cryptography().ed25519.Ed25519PrivateKey.from_private_bytes(self.raw)
        return Ed25519PublicKey(private.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        """That of the public key."""
        return self.public_key.key_id

    def sign(self, message: bytes) -> bytes:
        """Sign a message; files are signed by `dump` with ``key``.

        Parameters
        ----------
        message : bytes
            What is signed.

        Returns
        -------
        bytes
            64 bytes, the same each time.
        """
        private = _cryptography().ed25519.Ed25519PrivateKey.from_private_bytes(self.raw)
        signature: bytes = private.sign(message)
        return signature


class HmacKey(Key):
    """A secret that writer and reader share: whoever can check can also sign.

    Parameters
    ----------
    raw : bytes
        32 random bytes, never a password.

    See Also
    --------
    generate_key : Make a new one.

    Examples
    --------
    >>> import skcompress as skc
    >>> key = skc.generate_key("hmac-sha256")
    >>> key
    HmacKey(secret)
    >>> skc.HmacKey.from_text(key.to_text()) == key
    True
    """

    prefix: ClassVar[str] = "skc-hmac-sha256"
    kind: ClassVar[int] = 2

    @property
    def key_id(self) -> bytes:
        """Eight bytes by which files name the key, and which do not tell it."""
        return self._id()

    def sign(self, message: bytes) -> bytes:
        """Authenticate a message; files are signed by `dump` with ``key``.

        Parameters
        ----------
        message : bytes
            What is authenticated.

        Returns
        -------
        bytes
            The 32 bytes of the authentication code.
        """
        return hmac.digest(self.raw, message, "sha256")

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise `SignatureError` unless this key's code is on the message.

        Files are checked by `verify_signature`, and by `load` with ``trusted_keys``.

        Parameters
        ----------
        signature : bytes
            32 bytes, compared in constant time.
        message : bytes
            What was authenticated.

        Raises
        ------
        SignatureError
            If it is another key's code, another message's, or none.
        """
        if not hmac.compare_digest(signature, self.sign(message)):
            raise SignatureError("The authentication code does not match.")


SigningKey = Ed25519PrivateKey | HmacKey
TrustedKey = Ed25519PublicKey | HmacKey


@overload
def generate_key(algorithm: Literal["ed25519"] = "ed25519") -> Ed25519PrivateKey: ...
@overload
def generate_key(algorithm: Literal["hmac-sha256"]) -> HmacKey: ...
def generate_key(
    algorithm: Literal["ed25519", "hmac-sha256"] = "ed25519",
) -> Ed25519PrivateKey | HmacKey:
    """Make a new key to sign files with.

    Parameters
    ----------
    algorithm : {"ed25519", "hmac-sha256"}
        Ed25519 has a private key that signs and a public one that checks; it needs the extra
        ``sign``. HMAC-SHA256 has one secret for both, and needs nothing.

    Returns
    -------
    Ed25519PrivateKey or HmacKey
        From the random numbers of the operating system.

    Raises
    ------
    ValueError
        If the algorithm is another one.
    ImportError
        If Ed25519 is asked for and the package cryptography is missing.

    See Also
    --------
    dump : Signs a file with the key.
    load : Trusts the files that are signed with given keys alone.

    Examples
    --------
    >>> import skcompress as skc
    >>> key = skc.generate_key()
    >>> key.public_key.to_text().partition(":")[0]
    'skc-ed25519-public'
    """
    makers: dict[str, type[Ed25519PrivateKey | HmacKey]] = {
        "ed25519": Ed25519PrivateKey,
        "hmac-sha256": HmacKey,
    }
    if algorithm not in makers:
        raise ValueError(f"algorithm must be one of {sorted(makers)}; got {algorithm!r}.")
    key = makers[algorithm](os.urandom(KEY_BYTES))
    # A key that cannot sign here is noticed here, not when the first model is finished.
    key.sign(b"")
    return key


def as_signing_key(key: Any) -> SigningKey:
    """What the user gave as `key`, if it can sign."""
    if isinstance(key, SigningKey):
        return key
    hint = {
        Ed25519PublicKey: "A public key checks signatures; the private one makes them.",
        str: "Read the text of one with Ed25519PrivateKey.from_text or HmacKey.from_text.",
    }.get(type(key), "Make one with skcompress.generate_key.")
    raise TypeError(
        f"key must be an Ed25519PrivateKey or an HmacKey; got {type(key).__name__}. {hint}"
    )


def as_trusted_keys(keys: Any) -> tuple[TrustedKey, ...]:
    """What the user gave as `trusted_keys`, if it can check signatures."""
    if isinstance(keys, TrustedKey):
        return (keys,)
    if isinstance(keys, (str, bytes, Key)) or not isinstance(keys, Iterable):
        keys = [keys]
    found = tuple(keys)
    for key in found:
        if not isinstance(key, TrustedKey):
            hint = {
                Ed25519PrivateKey: "Give its public_key.",
                str: "Read the text of one with Ed25519PublicKey.from_text or HmacKey.from_text.",
            }.get(type(key), "Make them with skcompress.generate_key.")
            raise TypeError(
                "trusted_keys must be Ed25519PublicKey and HmacKey objects; got "
                f"{type(key).__name__}. {hint}"
            )
    if not found:
        raise ValueError(
            "trusted_keys is empty, and so would refuse every file. Give at least one key, or "
            "None, which loads files whoever wrote them."
        )
    return found


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _cryptography() -> SimpleNamespace:
    """What is used of the package cryptography, which only Ed25519 needs."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ImportError(
            "Ed25519 keys need the package cryptography; install it with: "
            "pip install 'skcompress[sign]'. HMAC-SHA256 keys need nothing."
        ) from error
    return SimpleNamespace(
        InvalidSignature=InvalidSignature, ed25519=ed25519, serialization=serialization
    )
