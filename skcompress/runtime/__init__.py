"""Predictions from the compact form, with NumPy alone."""

from typing import TYPE_CHECKING, Any

from ._memory import memory_to_predict
from ._registry import arrays_kept
from .compact import CompactModel

if TYPE_CHECKING:
    from .trees import kernels_available

__all__ = ["CompactModel", "arrays_kept", "kernels_available", "memory_to_predict"]


def __getattr__(name: str) -> Any:
    if name == "kernels_available":
        from .trees import kernels_available

        return kernels_available
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
