"""The input specification of a fitted estimator."""

from __future__ import annotations

from typing import Any

from ..ir import InputSpec


def input_spec(estimator: Any, **settings: Any) -> InputSpec:
    """What a fitted estimator takes: its column count and names, and `settings` of InputSpec."""
    names = getattr(estimator, "feature_names_in_", None)
    return InputSpec(
        n_features=int(estimator.n_features_in_),
        names=None if names is None else tuple(str(name) for name in names),
        **settings,
    )
