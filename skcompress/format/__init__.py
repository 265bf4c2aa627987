"""One file per model, without pickle: ``docs/format.md`` is its specification.

Reading goes floor by floor: the container (magic, version, checksum), the header (bounded JSON),
the declared sizes of everything against `max_memory`, and only then streams, arrays and the IR,
whose classes prove themselves sound. Whatever is wrong is an `SkcFormatError`.
"""

from ._persist import dump, dumps, load, loads

__all__ = ["dump", "dumps", "load", "loads"]
