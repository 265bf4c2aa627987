"""`show_versions`: what a bug report needs."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

from ..runtime import kernels_available

__all__ = ["show_versions"]

_DISTRIBUTIONS = (
    "skcompress",
    "scikit-learn",
    "numpy",
    "scipy",
    "joblib",
    "matplotlib",
    "cryptography",
)


def show_versions() -> None:
    """Print the versions of Python and of the libraries, and whether there are compiled kernels.

    Examples
    --------
    >>> import skcompress as skc
    >>> skc.show_versions()  # doctest: +ELLIPSIS
    python        ...
    """
    rows = [
        ("python", sys.version.split()[0]),
        ("machine", platform.platform()),
        *((name, _version(name)) for name in _DISTRIBUTIONS),
        ("kernels", "compiled" if kernels_available() else "absent (NumPy is used instead)"),
    ]
    for name, value in rows:
        print(f"{name:13} {value}")  # noqa: T201 - printing is what it is for


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
