"""Which of two values of a parameter compresses more, and the ladders that `max_bytes` climbs."""

from __future__ import annotations

from numbers import Integral
from typing import Any

__all__ = ["MLP_LADDER", "SVM_LADDER", "TREE_LADDER", "stronger"]

Ladder = tuple[dict[str, Any], ...]

_BITS = (8, 6, 5, 4, 3, 2)

SVM_LADDER: Ladder = (
    *({"n_bits": bits, "scheme": "codebook", "coef_bits": max(bits, 6)} for bits in _BITS[:-2]),
    *({"n_vectors": share} for share in (0.8, 0.6, 0.4, 0.25, 0.15, 0.1, 0.05)),
    *({"n_bits": bits} for bits in _BITS[-2:]),
    {"n_vectors": 0.02},
)

TREE_LADDER: Ladder = (
    {"share_thresholds": True, "value_bits": 8},
    {"value_bits": 6},
    {"value_bits": 4},
    *({"n_trees": share} for share in (0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02)),
    *({"threshold_bits": bits} for bits in (4, 3, 2)),
)

MLP_LADDER: Ladder = (
    *({"n_bits": bits, "scheme": "codebook"} for bits in _BITS[:-2]),
    *({"sparsity": share} for share in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)),
    *({"n_bits": bits} for bits in _BITS[-2:]),
    {"sparsity": 0.95},
)

_RISING = frozenset(["share_thresholds", "sparsity"])


def stronger(name: str, own: Any, offered: Any) -> Any:
    """Of a parameter's own value and one of a ladder, the one that compresses more."""
    if own is None or isinstance(own, str):
        return offered
    if name in _RISING:
        return max(own, offered)
    # A count and a share cannot be compared without the model.
    if isinstance(own, Integral) and isinstance(offered, float):
        return offered
    return min(own, offered)
