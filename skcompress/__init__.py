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
    from .format import dump, dumps, load, loads, verify_signature
    from .format._keys import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, generate_key
    from .ir import Ledger, SizeReport, Sizes
    from .reports import (
        VerifyReport,
        assert_not_worse,
        show_versions,
        size_report,
        verify,
    )
    from .runtime import CompactModel
    from .search import (
        CompressionSearchCV,
        Diagnosis,
        SensitivityReport,
        diagnose,
        sensitivity_report,
        size_scorer,
        smallest_within,
        write_report,
    )

_HOMES = {
    "BudgetError": "exceptions",
    "CompactModel": "runtime",
    "CompressionSearchCV": "search",
    "Diagnosis": "search",
    "Ed25519PrivateKey": "format._keys",
    "Ed25519PublicKey": "format._keys",
    "HmacKey": "format._keys",
    "InvalidModelError": "exceptions",
    "Ledger": "ir",
    "MLPReducer": "estimators",
    "ModelCompressor": "estimators",
    "SVMQuantizer": "estimators",
    "SensitivityReport": "search",
    "SignatureError": "exceptions",
    "SizeReport": "ir",
    "Sizes": "ir",
    "SkcFormatError": "exceptions",
    "SkcompressError": "exceptions",
    "TreePruner": "estimators",
    "UnsupportedEstimatorError": "exceptions",
    "VerifyReport": "reports",
    "assert_not_worse": "reports",
    "compress": "estimators",
    "diagnose": "search",
    "dump": "format",
    "dumps": "format",
    "generate_key": "format._keys",
    "load": "format",
    "loads": "format",
    "sensitivity_report": "search",
    "show_versions": "reports",
    "size_report": "reports",
    "size_scorer": "search",
    "smallest_within": "search",
    "to_sklearn": "estimators",
    "verify": "reports",
    "verify_signature": "format",
    "write_report": "search",
}

__all__ = [
    "BudgetError",
    "CompactModel",
    "CompressionSearchCV",
    "Diagnosis",
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "HmacKey",
    "InvalidModelError",
    "Ledger",
    "MLPReducer",
    "ModelCompressor",
    "SVMQuantizer",
    "SensitivityReport",
    "SignatureError",
    "SizeReport",
    "Sizes",
    "SkcFormatError",
    "SkcompressError",
    "TreePruner",
    "UnsupportedEstimatorError",
    "VerifyReport",
    "assert_not_worse",
    "compress",
    "diagnose",
    "dump",
    "dumps",
    "generate_key",
    "load",
    "loads",
    "sensitivity_report",
    "show_versions",
    "size_report",
    "size_scorer",
    "smallest_within",
    "to_sklearn",
    "verify",
    "verify_signature",
    "write_report",
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
