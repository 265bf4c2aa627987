"""Constructor parameters that a model may carry along for the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["plain_params"]

Plain = bool | int | float | str | None


def plain_params(estimator: Any) -> tuple[tuple[str, Plain], ...]:
    """Parameters that differ from their defaults and are plain finite values."""
    defaults = type(estimator)().get_params(deep=False)
    pairs = []
    for name, value in estimator.get_params(deep=False).items():
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, float) and not np.isfinite(plain):
            continue
        if isinstance(plain, bool | int | float | str | None) and not (
            type(plain) is type(defaults[name]) and plain == defaults[name]
        ):
            pairs.append((name, plain))
    return tuple(pairs)
