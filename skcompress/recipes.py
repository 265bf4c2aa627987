"""From parameters and levels to recipes: tuples of passes."""

from __future__ import annotations

from collections.abc import Callable

from .ir import (
    DenseNetwork,
    KernelExpansion,
    LinearMap,
    Model,
    Node,
    Prototypes,
    Sparse,
    TreeEnsemble,
)
from .passes import (
    CostComplexity,
    FineTune,
    FineTuneReport,
    FirstOf,
    FoldScalers,
    GradualPrune,
    KeepUnits,
    KeepVectors,
    LowRankLayers,
    MergeLeaves,
    MissingToLarger,
    Pass,
    PruneWeights,
    QuantizeCoefficients,
    QuantizeLeaves,
    QuantizeThresholds,
    QuantizeVectors,
    QuantizeWeights,
    ReduceVectors,
    RefineLeaves,
    RefitDecisions,
    RefitDual,
    RemoveDeadUnits,
    RoundLayers,
    SelectTrees,
    ShareThresholds,
    SimplifyScalers,
    SmallestForest,
    SmallestNetwork,
    SmallestRounding,
    SparseStorage,
    Strongest,
    TrainTables,
)

__all__ = [
    "LEVELS",
    "Recipe",
    "level_recipe",
    "mlp_recipe",
    "svm_recipe",
    "tree_recipe",
]

Recipe = tuple[Pass, ...]

_SAFE_AGREEMENT = 0.985
"""Of held-out rows, so that others agree in 98 of 100 cases, too."""

_TRAINED_BITS = 8
"""Larger tables than that of so many bits are not worth training."""

_ROUNDING_SHARE = 0.7
"""Of the tolerance: the roundest weights that the held-out rows accept are lucky ones, too."""

LEVELS = {"lossless": 0.0, "safe": 0.001, "balanced": 0.005, "tiny": 0.02}
"""Level -> score that may be lost on the held-out rows."""


def svm_recipe(
    predictor: Node,
    *,
    n_bits: int | None,
    coef_bits: int | None,
    scheme: str,
    n_vectors: int | float | None,
    refit: bool,
) -> Recipe:
    """What `SVMQuantizer` does to a kernel expansion or a linear map."""
    if isinstance(predictor, LinearMap):
        return (FoldScalers(), *((QuantizeWeights(scheme, n_bits),) if n_bits else ()))
    moved: list[Pass] = []
    sparse = isinstance(predictor, KernelExpansion) and isinstance(predictor.vectors, Sparse)
    if n_vectors is not None and refit and not sparse:
        moved.append(ReduceVectors(n_vectors))
        if n_bits is not None:
            moved += [QuantizeVectors(scheme, n_bits), RefitDecisions()]
    else:
        if n_vectors is not None:
            moved.append(KeepVectors(n_vectors))
        if n_bits is not None:
            moved.append(QuantizeVectors(scheme, n_bits))
        if moved and refit:
            moved.append(RefitDual())
    if coef_bits is not None:
        moved.append(QuantizeCoefficients(coef_bits))
    return tuple(moved)


def tree_recipe(
    *,
    ccp_alpha: float | str,
    n_trees: int | float | None,
    share_thresholds: bool,
    threshold_bits: int | None,
    value_bits: int | None,
    refine: bool,
) -> Recipe:
    """What `TreePruner` does."""
    steps: list[Pass] = []
    if n_trees is not None:
        steps.append(SelectTrees(n_trees))
    if ccp_alpha != 0:
        steps.append(CostComplexity(ccp_alpha))
    if refine:
        steps.append(RefineLeaves())
    if share_thresholds:
        steps.append(ShareThresholds())
    if threshold_bits is not None:
        steps.append(QuantizeThresholds(threshold_bits))
    if value_bits is not None:
        steps += [QuantizeLeaves(value_bits), MergeLeaves()]
    return tuple(steps)


def mlp_recipe(
    *,
    sparsity: float,
    n_units: int | float | tuple[int | float, ...] | None,
    rank: int | float | None,
    n_bits: int | None,
    scheme: str,
    bit_price: float | None,
    finetune_epochs: int,
    target: str,
    record: Callable[[FineTuneReport], None] | None = None,
) -> Recipe:
    """What `MLPReducer` does."""
    steps: list[Pass] = [RemoveDeadUnits()]
    if n_units is not None:
        steps.append(KeepUnits(n_units))
    trained = finetune_epochs > 0
    # Training on wants inputs of like size, and so does rounding with one step for a layer.
    steps.append(SimplifyScalers() if trained or bit_price is not None else FoldScalers())
    if sparsity > 0 and trained:
        steps.append(GradualPrune(sparsity, finetune_epochs, target=target, record=record))
    elif sparsity > 0:
        steps.append(PruneWeights(sparsity))
    elif trained:
        steps.append(FineTune(finetune_epochs, target=target, record=record))
    if sparsity > 0:
        # Weights that became zero can leave units without input or output.
        steps.append(RemoveDeadUnits())
    if rank is not None:
        steps += [*((SparseStorage(),) if sparsity > 0 else ()), LowRankLayers(rank)]
    if bit_price is not None:
        steps += [RoundLayers(bit_price), SparseStorage()]
    elif n_bits is not None and trained and scheme == "codebook" and n_bits <= _TRAINED_BITS:
        tables = TrainTables(n_bits, max(finetune_epochs // 3, 1), target=target)
        steps.append(tables if rank is None else QuantizeWeights(scheme, n_bits))
    else:
        steps += [SparseStorage()] if sparsity > 0 and rank is None else []
        steps += [] if n_bits is None else [QuantizeWeights(scheme, n_bits)]
    return tuple(steps)


def level_recipe(model: Model, level: str) -> Recipe:
    """The recipe that a level names for the family of a model.

    Parameters
    ----------
    model : Model
        The model, as lifted.
    level : {"lossless", "safe", "balanced", "tiny"}
        How much may be lost.

    Returns
    -------
    tuple of Pass
        What needs held-out rows is skipped where there are none.
    """
    predictor = model.predictor
    if predictor is None:
        return ()
    return _LEVEL_RECIPES[type(predictor)](level)


def _tree_level(level: str) -> Recipe:
    if level == "lossless":
        return ()
    # Moved within their gaps, and rounded a little, trees win as often as they lose.
    safe = level == "safe"
    shared = Strongest(
        tuple((MissingToLarger(), ShareThresholds(reach)) for reach in (1.0, 0.5, 0.25)),
        share=0.5,
        cautious=False,
        agreement=_SAFE_AGREEMENT if safe else 0.0,
    )
    leaves = Strongest(
        tuple((QuantizeLeaves(bits),) for bits in (4, 5, 6, 8, 10, 12)),
        cautious=not safe,
        agreement=_SAFE_AGREEMENT if safe else 0.0,
    )
    # `safe` keeps the path of every row, so it cuts nothing.
    rounded = (shared, leaves, MergeLeaves())
    return rounded if safe else (SmallestForest(), *rounded)


def _kernel_level(level: str) -> Recipe:
    if level == "lossless":
        return ()
    vectors = Strongest(
        tuple(
            (QuantizeVectors("codebook" if bits <= 8 else "affine", bits), RefitDual())
            for bits in (2, 3, 4, 5, 6, 8, 10, 12, 16)
        )
    )
    coefficients = Strongest(tuple((QuantizeCoefficients(bits),) for bits in (6, 8, 10, 12, 16)))
    if level != "tiny":
        return (vectors, coefficients)
    fewer = Strongest(
        tuple((KeepVectors(share), RefitDual()) for share in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)),
        share=0.7,
    )
    return (fewer, vectors, coefficients)


def _network_level(level: str) -> Recipe:
    if level == "lossless":
        return (FoldScalers(), RemoveDeadUnits(), SparseStorage())
    shares = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
    sparse = Strongest(tuple((PruneWeights(share),) for share in shares), share=0.5)
    bits = Strongest(
        tuple(
            (QuantizeWeights("codebook" if bits <= 8 else "affine", bits),)
            for bits in (2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
        )
    )
    # Without rows to refit on, sizes of weights must do.
    alternatives: list[Recipe] = [
        (SmallestRounding(_ROUNDING_SHARE),),
        (sparse, RemoveDeadUnits(), SparseStorage(), bits),
    ]
    if level == "tiny":
        alternatives.insert(0, (SmallestNetwork(),))
    rounded = FirstOf(tuple(alternatives))
    return (RemoveDeadUnits(), SimplifyScalers(), rounded, SparseStorage())


def _linear_level(level: str) -> Recipe:
    if level == "lossless":
        return (FoldScalers(), SparseStorage())
    bits = Strongest(
        tuple((QuantizeWeights("affine", bits),) for bits in (3, 4, 5, 6, 7, 8, 10, 12, 16))
    )
    return (FoldScalers(), SparseStorage(), bits)


_LEVEL_RECIPES: dict[type[Node], Callable[[str], Recipe]] = {
    TreeEnsemble: _tree_level,
    KernelExpansion: _kernel_level,
    DenseNetwork: _network_level,
    LinearMap: _linear_level,
    Prototypes: lambda level: (),
}
