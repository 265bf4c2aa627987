"""What keys of every kind have: their bytes, a text form, and files that hold it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import hashlib
import os
from pathlib import Path
from typing import ClassVar, Self

from ._trailer import KEY_ID_BYTES

__all__ = ["KEY_BYTES", "Key"]

KEY_BYTES = 32
_MAX_TEXT = 1024


@dataclasses.dataclass(frozen=True, repr=False)
class Key:
    """The bytes of a key, and its text form ``name:base64``."""

    raw: bytes

    prefix: ClassVar[str]
    secret: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if type(self.raw) is not bytes or len(self.raw) != KEY_BYTES:
            raise ValueError(
                f"{type(self).__name__} takes {KEY_BYTES} bytes. Make a key with "
                "skcompress.generate_key, or read one with from_text or from_file."
            )
        if not any(self.raw):
            # Anyone can sign for it: everyone knows this secret, and the point is of small order.
            raise ValueError("The bytes of the key are all zero: it was never filled in.")

    def to_text(self) -> str:
        """One line of text that says what kind of key it is.

        Returns
        -------
        str
            Keep that of a private or shared key as you keep a password.
        """
        return f"{self.prefix}:{base64.b64encode(self.raw).decode()}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key behind `to_text`.

        Parameters
        ----------
        text : str
            The line; white space around it is ignored.

        Returns
        -------
        key
            Of this class.

        Raises
        ------
        ValueError
            If the text is not a key of this kind.
        """
        prefix, _, encoded = text.strip().partition(":")
        if prefix != cls.prefix:
            # Whatever else it is may be a secret, and messages end up in logs.
            kinds = [kind.prefix for kind in Key.__subclasses__()]
            found = prefix if prefix in kinds else "something else"
            hint = " PEM is read by from_pem." if prefix.startswith("-----BEGIN") else ""
            raise ValueError(f"Expected a text that begins with {cls.prefix}:, got {found}.{hint}")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise ValueError(f"The text of the key is damaged: {error}.") from None
        return cls(raw)

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the text to a new file; one that is there is never replaced.

        Parameters
        ----------
        path : str or path-like
            That of a private or shared key can be read by its owner alone (mode 0600), where the
            system knows such modes.

        Raises
        ------
        FileExistsError
            If there is something at `path` already.
        """
        try:
            mode = 0o600 if self.secret else 0o666
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            message = "A key is not written over what is there; choose another name"
            raise FileExistsError(errno.EEXIST, message, os.fspath(path)) from None
        try:
            with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
                file.write(self.to_text() + "\n")
        except BaseException:
            with contextlib.suppress(OSError):
                Path(path).unlink()
            raise

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `to_file` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        key
            Of this class.

        Raises
        ------
        ValueError
            If the file does not hold a key of this kind.
        """
        with Path(path).open("rb") as file:
            return cls.from_text(file.read(_MAX_TEXT).decode("ascii", "replace"))

    def _id(self) -> bytes:
        return hashlib.sha256(self.to_text().encode()).digest()[:KEY_ID_BYTES]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'secret' if self.secret else self.to_text()})"
