"""Make fitted scikit-learn models many times smaller, and show what that cost.

Names are imported when they are first used, so ``skcompress.load(path).predict(X)`` never pays
for scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimators import (
        MLPReducer,
        ModelCompressor,
        SVMQuantizer,
        TreePruner,
        compress,
        to_sklearn,
    )
    from .exceptions import (
        BudgetError,
        InvalidModelError,
        SignatureError,
        SkcFormatError,
        SkcompressError,
        UnsupportedEstimatorError,
    )
    from .format import dump, dumps, load, loads
    from .ir import Ledger, SizeReport, Sizes
    from .reports import show_versions, size_report
    from .runtime import CompactModel
    from .search import size_scorer, smallest_within

_HOMES = {
    "BudgetError": "exceptions",
    "CompactModel": "runtime",
    "InvalidModelError": "exceptions",
    "Ledger": "ir",
    "MLPReducer": "estimators",
    "ModelCompressor": "estimators",
    "SVMQuantizer": "estimators",
    "SignatureError": "exceptions",
    "SizeReport": "ir",
    "Sizes": "ir",
    "SkcFormatError": "exceptions",
    "SkcompressError": "exceptions",
    "TreePruner": "estimators",
    "UnsupportedEstimatorError": "exceptions",
    "compress": "estimators",
    "dump": "format",
    "dumps": "format",
    "load": "format",
    "loads": "format",
    "show_versions": "reports",
    "size_report": "reports",
    "size_scorer": "search",
    "smallest_within": "search",
    "to_sklearn": "estimators",
}

__all__ = [
    "BudgetError",
    "CompactModel",
    "InvalidModelError",
    "Ledger",
    "MLPReducer",
    "ModelCompressor",
    "SVMQuantizer",
    "SignatureError",
    "SizeReport",
    "Sizes",
    "SkcFormatError",
    "SkcompressError",
    "TreePruner",
    "UnsupportedEstimatorError",
    "compress",
    "dump",
    "dumps",
    "load",
    "loads",
    "show_versions",
    "size_report",
    "size_scorer",
    "smallest_within",
    "to_sklearn",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # It imports a third as much as NumPy does.
        from importlib import metadata

        return metadata.version("skcompress")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'skcompress' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
