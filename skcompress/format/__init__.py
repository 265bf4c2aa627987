"""One file per model, without pickle: ``docs/format.md`` is its specification.

Reading goes floor by floor: the signature, if keys are given to check it, the container (magic,
version, checksum), the header (bounded JSON), the declared sizes of everything against
`max_memory`, and only then streams, arrays and the IR, whose classes prove themselves sound.
Whatever is wrong is an `SkcFormatError`, or a `SignatureError`.
"""

from ._persist import dump, dumps, load, loads
from ._verify import verify_signature

__all__ = ["dump", "dumps", "load", "loads", "verify_signature"]
