"""Spaces of settings: what is tried for each family, and which of two settings is stronger."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone

from ..estimators import ModelCompressor
from ..estimators._specialists import SETTINGS
from ..ir import DenseNetwork, KernelExpansion, LinearMap, Model, TreeEnsemble
from ..recipes import LEVELS

__all__ = [
    "Group",
    "default_space",
    "groups_of",
    "listed",
    "may_judge",
]

Params = dict[str, Any]

_SHARES = (None, 0.5, 0.25, 0.1, 0.05)
_ALPHAS = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
"""Relative to the impurity of the root."""

_FALLING = frozenset(
    [
        "coef_bits",
        "n_bits",
        "n_trees",
        "n_units",
        "n_vectors",
        "rank",
        "threshold_bits",
        "value_bits",
    ]
)
"""Parameters that compress more the smaller they are; None compresses nothing."""

_RISING = frozenset(["ccp_alpha", "sparsity", "tolerance"])
"""Parameters that compress more the larger they are."""

_VARIED = ("level", "tolerance", *SETTINGS)
"""Parameters of `ModelCompressor` that make different models of the same one."""


def may_judge(template: ModelCompressor, space: Sequence[Params]) -> bool:
    """Whether some candidate needs held-out rows, which must not be fitted on."""
    template = clone(template)
    return any(
        template.set_params(**dict(zip(grid, values, strict=True)))._judges()  # noqa: SLF001
        for grid in space
        for values in itertools.product(*grid.values())
    )


def default_space(model: Model) -> list[Params]:
    """Settings worth trying on a model.

    Parameters
    ----------
    model : Model
        As lifted from a fitted estimator.

    Returns
    -------
    list of dict
        Parameter -> values, as a grid search takes it.
    """
    predictor = model.predictor
    if isinstance(predictor, KernelExpansion):
        return [
            {
                "n_bits": [12, 8, 6, 5, 4, 3, 2],
                "scheme": ["affine", "codebook"],
                "n_vectors": [None, 0.8, 0.6, 0.4, 0.25, 0.15],
                "coef_bits": [16, 10, 7],
            }
        ]
    if isinstance(predictor, LinearMap):
        return [{"n_bits": [16, 12, 10, 8, 7, 6, 5, 4, 3, 2], "scheme": ["affine", "codebook"]}]
    if isinstance(predictor, DenseNetwork):
        return [
            {
                "n_bits": [10, 8, 7, 6, 5, 4, 3, 2],
                "scheme": ["affine", "codebook"],
                "sparsity": [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9],
            }
        ]
    if isinstance(predictor, TreeEnsemble):
        return [_tree_space(predictor)]
    return [{"level": ["lossless"]}]


def _tree_space(trees: TreeEnsemble) -> Params:
    bits = {"share_thresholds": [True], "value_bits": [12, 8, 6, 4]}
    prunable = trees.notes is not None and trees.tree_output is None
    if not prunable:
        return {"ccp_alpha": [0.0], "threshold_bits": [None, 8, 6, 4], "n_trees": _few(), **bits}
    assert trees.notes is not None
    impurity = float(np.mean(trees.notes.impurity[trees.offsets[:-1]]))
    if not np.isfinite(impurity):
        return {"ccp_alpha": [0.0], "threshold_bits": [None, 8, 6, 4], "n_trees": _few(), **bits}
    alphas = [alpha * impurity for alpha in _ALPHAS]
    if trees.n_trees == 1:
        return {"ccp_alpha": alphas, "threshold_bits": [None, 8, 6, 4], **bits}
    return {"ccp_alpha": alphas, "n_trees": list(_SHARES), **bits}


def _few() -> list[Any]:
    return [None, 0.8, 0.6, 0.4, 0.2]


def listed(space: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]) -> list[Any]:
    """A space as a list of dictionaries of lists; what is wrong with it is said."""
    grids = [space] if isinstance(space, Mapping) else list(space)
    for grid in grids:
        if not hasattr(grid, "items") or not grid:
            raise ValueError(
                "space must be a dictionary of parameter -> values, or a list of dictionaries; "
                f"got {grid!r}."
            )
        unknown = [name for name in grid if name not in _VARIED]
        if unknown:
            raise ValueError(
                f"space names {unknown[0]!r}, which is none of the parameters of ModelCompressor "
                f"that a search varies: {', '.join(_VARIED)}."
            )
        if "level" in grid and set(grid) & set(SETTINGS):
            raise ValueError(
                "Settings take the place of a level: put 'level' and the settings "
                f"{', '.join(sorted(set(grid) & set(SETTINGS)))} into two dictionaries of a list."
            )
        for name, values in grid.items():
            if isinstance(values, str) or not hasattr(values, "__len__") or len(values) == 0:
                raise ValueError(
                    f"space[{name!r}] must be a list of values, at least one; got {values!r}."
                )
    if not grids:
        raise ValueError("space must name at least one parameter; got an empty list.")
    return [{name: list(values) for name, values in grid.items()} for grid in grids]


@dataclasses.dataclass(frozen=True)
class Group:
    """Settings that differ only in parameters of which it is known what is stronger.

    Attributes
    ----------
    params : list of dict
        The settings.
    ranks : ndarray of int, of shape (n_settings, n_ordered)
        How strong each is in each ordered parameter, 0 the gentlest.
    """

    params: list[Params]
    ranks: np.ndarray


def groups_of(space: Sequence[Params]) -> list[Group]:
    """Divide a space by the parameters without an order.

    Parameters
    ----------
    space : sequence of dict
        As `listed` gives it.

    Returns
    -------
    list of Group
        All settings, in groups; together the whole grid.
    """
    groups = []
    for grid in space:
        ordered = {name: order for name, values in grid.items() if (order := _order(name, values))}
        others = {name: values for name, values in grid.items() if name not in ordered}
        for choice in itertools.product(*others.values()):
            fixed = dict(zip(others, choice, strict=True))
            settings = list(itertools.product(*ordered.values()))
            ranks = list(itertools.product(*(range(len(order)) for order in ordered.values())))
            chosen = (fixed | dict(zip(ordered, setting, strict=True)) for setting in settings)
            groups.append(
                Group(
                    params=[{name: params[name] for name in grid} for params in chosen],
                    ranks=np.array(ranks, dtype=np.int64).reshape(len(settings), len(ordered)),
                )
            )
    return groups


def _order(name: str, values: Sequence[Any]) -> list[Any] | None:
    """The values from the gentlest to the strongest; None where that is not known."""
    if name == "level" and all(value in LEVELS for value in values):
        return sorted(values, key=list(LEVELS).index)
    numbers = [value for value in values if value is not None]
    comparable = all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in numbers)
    # A share and a count cannot be compared without the model.
    comparable &= len({isinstance(value, int | np.integer) for value in numbers}) <= 1 or (
        name in _RISING
    )
    if not comparable or name not in _FALLING | _RISING:
        return None
    gentlest = [None] * (len(numbers) < len(values))
    if name in _RISING:
        return gentlest + sorted(numbers)
    return gentlest + sorted(numbers, reverse=True)
