"""The command ``skcompress``.

Exit codes: 0 for success; 1 where what was asked is not so (a model that is worse, a signature
that does not match, a budget that cannot be met); 2 for wrong usage and unreadable input.
"""

from ._main import main

__all__ = ["main"]
