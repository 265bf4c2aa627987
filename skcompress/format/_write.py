"""Files that are replaced in one step."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

__all__ = ["write_file"]


def write_file(name: str | bytes, data: bytes) -> None:
    """Replace a file in one step; what is not a file, such as a pipe, is written to as it is."""
    path = Path(os.fsdecode(name)).resolve()
    mode = 0o666
    if path.exists():
        if not path.is_file():
            path.write_bytes(data)
            return
        mode = stat.S_IMODE(path.stat().st_mode)
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
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
