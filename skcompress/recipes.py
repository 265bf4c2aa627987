"""From parameters and levels to recipes: tuples of passes."""

from __future__ import annotations

from collections.abc import Callable

from .ir import (
    ClassScores,
    DenseNetwork,
    KernelExpansion,
    LinearMap,
    Model,
    Node,
    Numbers,
    Prototypes,
    Sparse,
    TreeEnsemble,
)
from .passes import (
    Cheapest,
    Condense,
    CostComplexity,
    DropDependent,
    DropMissing,
    DropTerms,
    EqualizeLayers,
    FineTune,
    FineTuneReport,
    FirstOf,
    FoldScalers,
    GradualPrune,
    KeepMoments,
    KeepUnits,
    KeepVectors,
    LowRankLayers,
    MergeLeaves,
    MissingToLarger,
    Pass,
    PruneDepths,
    PruneLevels,
    PruneLinear,
    PruneWeights,
    QuantizeCoefficients,
    QuantizeLeaves,
    QuantizeThresholds,
    QuantizeVectors,
    QuantizeWeights,
    ReduceVectors,
    ReductionPoint,
    RefineLeaves,
    RefitDecisions,
    RefitDual,
    RefitLinear,
    RefitPlatt,
    RemoveDeadUnits,
    RoundCoefficients,
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
    "gentler_recipes",
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

_KEPT_SHARES = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
"""Of units, ranks and weights, from the fewest on."""

_STRUCTURE_SHARE = 0.5
"""Part of the tolerance that fewer of them may use up; rounding takes the rest."""

_ROUNDING_SHARE = 0.8
"""Of the tolerance: the roundest weights that the held-out rows accept are lucky ones, too."""

_LEVELS_SHARE = 0.6
"""Of the tolerance: level by level, the held-out rows are asked more often than elsewhere."""

LEVELS = {"lossless": 0.0, "safe": 0.001, "balanced": 0.005, "tiny": 0.02}
"""Level -> score that may be lost on the held-out rows."""


def svm_recipe(
    predictor: Node,
    *,
    n_bits: int | str | None,
    coef_bits: int | str | None,
    scheme: str,
    n_vectors: int | float | str | None,
    refit: bool,
    record: Callable[[tuple[ReductionPoint, ...]], None] | None = None,
) -> Recipe:
    """What `SVMQuantizer` does to a kernel expansion or a linear map."""
    if isinstance(predictor, LinearMap):
        return _linear_quantizer(scheme, n_bits)
    assert isinstance(predictor, KernelExpansion)
    # Vectors placed freely would not stay sparse.
    reduces = n_vectors is not None and refit and not isinstance(predictor.vectors, Sparse)
    steps: list[Pass] = [] if reduces else [DropDependent()]
    if n_vectors is not None and reduces:
        steps.append(ReduceVectors(n_vectors, share=_REDUCING, record=record))
    elif isinstance(n_vectors, str):
        steps.append(_fewer_kept())
    elif n_vectors is not None:
        steps.append(KeepVectors(n_vectors))
    refits: Recipe = (RefitDecisions() if reduces else RefitDual(),) if refit else ()
    if isinstance(n_bits, str):
        steps.append(_rounded_vectors(scheme, refits, _REDUCING_AND_ROUNDING))
    elif n_bits is not None:
        steps += [QuantizeVectors(scheme, n_bits, allot=reduces), *refits]
    elif n_vectors is not None and not reduces:
        steps += refits
    if isinstance(coef_bits, str):
        steps.append(_rounded_coefficients(reduces=reduces))
    elif coef_bits is not None:
        steps.append(RoundCoefficients(coef_bits) if reduces else QuantizeCoefficients(coef_bits))
    if reduces:
        steps.append(RefitPlatt())
    return tuple(steps)


_REDUCING = 0.5
"""Part of the tolerance that fewer vectors may use up, on rows that did the choosing."""
_REDUCING_AND_ROUNDING = 0.65
"""The same after their rounding."""
_SAFE_MOVE = 1e-3
"""Of the outputs' root mean square, by which `safe` lets them move for fewer vectors."""
_ALL_ROUNDED = 0.8
"""The same after that of the coefficients; what is left is for rows that were never looked at."""

_GENTLE = 4
"""Candidates of 8 bits and more: where they change no held-out row, few rows will do."""


_FEWER_WEIGHTS = Strongest(
    tuple(
        (PruneLinear(share), FirstOf(((DropTerms(),), ())), RefitLinear())
        for share in (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
    ),
    share=0.5,
    cautious=False,
    expected=True,
    imitate=True,
)

_ALIKE_INPUTS = FirstOf(((SimplifyScalers(),), (FoldScalers(),)))
"""One step for a whole row of weights wants columns of like size."""


def _linear_quantizer(scheme: str, n_bits: int | str | None) -> Recipe:
    if n_bits is None:
        return (FoldScalers(),)
    if isinstance(n_bits, str):
        return (_ALIKE_INPUTS, *_fewer_weights_and_bits(scheme))
    return (_ALIKE_INPUTS, QuantizeWeights(scheme, n_bits))


def _fewer_weights_and_bits(scheme: str) -> Recipe:
    """Fewer weights where that makes the smaller file, then fewest bits."""
    # Judged as those that are left were: more cautiously, no number of bits might be accepted.
    bits = Strongest(
        _linear_bits(scheme), cautious=False, expected=True, gentle=_GENTLE, imitate=True
    )
    stored = SparseStorage()
    # What is stored sparsely without held-out rows, too, comes last.
    return (Cheapest(((_FEWER_WEIGHTS, stored, bits), (stored, bits))), stored)


def _linear_bits(scheme: str) -> tuple[Recipe, ...]:
    """Weights of a linear map in few bits, then in more."""
    return tuple((QuantizeWeights(scheme, bits),) for bits in (3, 4, 5, 6, 7, 8, 10, 12, 16))


def _fewer_kept() -> Strongest:
    return Strongest(
        tuple((KeepVectors(share), RefitDual()) for share in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)),
        share=0.7,
        imitate=True,
    )


def _rounded_vectors(scheme: str, refits: Recipe, share: float) -> Strongest:
    allot = any(isinstance(step, RefitDecisions) for step in refits)
    return Strongest(
        tuple(
            (QuantizeVectors(scheme, bits, allot=allot), *refits)
            for bits in (2, 3, 4, 5, 6, 8, 10, 12, 16)
        ),
        share=share,
        cautious=False if allot else 1.0,
        expected=allot,
        gentle=_GENTLE,
        imitate=True,
    )


def _rounded_coefficients(*, reduces: bool) -> Strongest:
    if reduces:
        few = (4, 5, 6, 7, 8, 10, 12, 16)
        rounded = tuple((RoundCoefficients(b),) for b in few)
        return Strongest(
            rounded,
            share=_ALL_ROUNDED,
            cautious=False,
            expected=True,
            gentle=_GENTLE,
            imitate=True,
        )
    bits = (6, 8, 10, 12, 16)
    return Strongest(tuple((QuantizeCoefficients(b),) for b in bits), imitate=True)


def tree_recipe(
    *,
    method: str,
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
    if method == "levels":
        steps.append(PruneLevels(share=1.0))
    elif method == "depths":
        steps.append(PruneDepths(share=1.0))
    elif ccp_alpha != 0:
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


Units = int | float | tuple[int | float, ...] | None


def mlp_recipe(
    *,
    structure: str | None,
    sparsity: float,
    n_units: Units,
    rank: int | float | None,
    n_bits: int | None,
    scheme: str,
    bit_price: float | None,
    equalize: bool,
    bias_correction: bool,
    rescale: bool,
    finetune_epochs: int,
    target: str,
    record: Callable[[FineTuneReport], None] | None = None,
    record_tables: Callable[[FineTuneReport], None] | None = None,
) -> Recipe:
    """What `MLPReducer` does."""
    trained = finetune_epochs > 0

    def corrected(step: Pass) -> Pass:
        kept = KeepMoments(step, means=bias_correction, spreads=rescale)
        return kept if bias_correction or rescale else step

    def pruned(sparsity: float) -> Recipe:
        """Fewer weights, trained on where it is asked for."""
        if sparsity == 0:
            return (FineTune(finetune_epochs, target=target, record=record),) if trained else ()
        gradual = GradualPrune(sparsity, finetune_epochs, target=target, record=record)
        # Weights that became zero can leave units without input or output.
        return (gradual if trained else corrected(PruneWeights(sparsity)), RemoveDeadUnits())

    def rounded(*, factors: bool, sparse: bool) -> Recipe:
        """Fewer bits; factors take no part in training, nor in rounding at a price."""
        if bit_price is not None and not factors:
            return (RoundLayers(bit_price), SparseStorage())
        if trained and scheme == "codebook" and (n_bits or 16) <= _TRAINED_BITS and not factors:
            assert n_bits is not None
            epochs = max(finetune_epochs // 3, 1)
            return (TrainTables(n_bits, epochs, target=target, record=record_tables),)
        stored = (SparseStorage(),) if sparse and not factors else ()
        return (*stored, *(() if n_bits is None else (corrected(QuantizeWeights(scheme, n_bits)),)))

    # Inputs of like size have weights that may share a step, be compared by size, or be trained.
    as_is = n_bits is None and bit_price is None and not trained and sparsity == 0
    scalers = FoldScalers() if as_is and structure is None else SimplifyScalers()
    first: Recipe = (RemoveDeadUnits(), scalers, *((EqualizeLayers(),) if equalize else ()))
    if structure is not None:
        return (*first, _structured(structure, pruned, rounded))
    if n_units is not None:
        first = (*first[:1], KeepUnits(n_units), *first[1:])
    factored: Recipe = ()
    if rank is not None:
        factored = (*((SparseStorage(),) if sparsity > 0 else ()), LowRankLayers(rank))
    last = rounded(factors=rank is not None, sparse=sparsity > 0)
    return (*first, *pruned(sparsity), *factored, *last)


def _structured(
    structure: str, pruned: Callable[[float], Recipe], rounded: Callable[..., Recipe]
) -> Pass:
    """All weights, fewer units, factors or fewer weights, whichever is cheapest once rounded."""
    units, factors, weights = (
        Strongest(tuple(candidates), share=_STRUCTURE_SHARE)
        for candidates in (
            [(KeepUnits(share), *pruned(0.0)) for share in _KEPT_SHARES],
            [(LowRankLayers(share),) for share in _KEPT_SHARES],
            [pruned(round(1.0 - share, 2)) for share in _KEPT_SHARES],
        )
    )
    alternatives = (
        (*pruned(0.0), *rounded(factors=False, sparse=False)),
        (units, *rounded(factors=False, sparse=False)),
        (*pruned(0.0), factors, *rounded(factors=True, sparse=False)),
        (weights, *rounded(factors=False, sparse=True)),
    )
    return Cheapest(alternatives, "bytes" if structure == "smallest" else "multiplications")


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
    if isinstance(predictor, KernelExpansion):
        return _kernel_level(predictor, level)
    if isinstance(predictor, TreeEnsemble):
        summed = isinstance(model.head, Numbers | ClassScores) and not predictor.average
        sums = predictor.n_outputs if summed and predictor.n_trees > 1 else 0
        return _tree_level(level, sums=sums)
    return _LEVEL_RECIPES[type(predictor)](level)


def gentler_recipes(model: Model, level: str) -> tuple[Recipe, ...]:
    """Recipes that may give a smaller file than that of a level, though they do less.

    Parameters
    ----------
    model : Model
        The model, as lifted.
    level : {"lossless", "safe", "balanced", "tiny"}
        The level that they compete with.

    Returns
    -------
    tuple of tuple of Pass
        For networks, whose levels differ in the tolerance alone, that of `lossless`; for others
        that of `safe` too.
    """
    if level == "lossless":
        return ()
    other = level != "safe" and isinstance(
        model.predictor, KernelExpansion | LinearMap | TreeEnsemble
    )
    names = ("lossless", "safe") if other else ("lossless",)
    return tuple(level_recipe(model, name) for name in names)


def _tree_level(level: str, *, sums: int) -> Recipe:
    if level == "lossless":
        return (DropMissing(),)
    # Moved within their gaps, and rounded a little, trees win as often as they lose.
    safe = level == "safe"
    shared = Strongest(
        tuple((ShareThresholds(reach),) for reach in (1.0, 0.5, 0.25)),
        before=(MissingToLarger(),),
        share=0.5 if safe else 0.9,
        cautious=False,
        agreement=_SAFE_AGREEMENT if safe else 0.0,
        smaller=True,
    )
    leaves = Strongest(
        tuple((QuantizeLeaves(bits),) for bits in (4, 5, 6, 8, 10, 12)),
        cautious=not safe,
        agreement=_SAFE_AGREEMENT if safe else 0.0,
        smaller=True,
    )
    # `safe` keeps the path of every row, so it cuts nothing.
    rounded = (shared, leaves, MergeLeaves())
    if safe:
        return (DropMissing(), *rounded)
    # Two points leave room enough to be sure.
    smallest: Pass = SmallestForest(cautious=2.0) if level == "tiny" else SmallestForest()
    if sums and level == "tiny":
        # Of averaged trees it hardly ever finds a smaller file; of boosted ones it mostly does.
        # Trees of many classes are many: a second round takes as long again for a tenth less.
        levels = PruneLevels(share=_LEVELS_SHARE, rounds=2 if sums == 1 else 1)
        alternatives = ((smallest,), (levels,))
        smallest = Cheapest(alternatives, "rounded bytes")
    return (DropMissing(), smallest, *rounded)


def _kernel_level(predictor: Node, level: str) -> Recipe:
    assert isinstance(predictor, KernelExpansion)
    if level == "lossless":
        return (DropDependent(),)
    fewer: Recipe = ()
    reduces = level != "safe" and not isinstance(predictor.vectors, Sparse)
    if reduces:
        fewer = (ReduceVectors("auto", share=_REDUCING),)
    elif level == "tiny":
        fewer = (_fewer_kept(),)
    refits = (RefitDecisions() if reduces else RefitDual(),)
    share = _REDUCING_AND_ROUNDING if fewer else 1.0
    dependent = DropDependent(_SAFE_MOVE if level == "safe" else 0.0)
    return (
        *(() if reduces else (dependent,)),
        *fewer,
        _rounded_vectors("auto", refits, share),
        _rounded_coefficients(reduces=reduces),
        *((RefitPlatt(),) if reduces else ()),
    )


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
        return (FoldScalers(), DropTerms(only_exact=True), SparseStorage())
    if level != "safe":
        return (_ALIKE_INPUTS, *_fewer_weights_and_bits("affine"))
    rounded = (SparseStorage(), Strongest(_linear_bits("affine")))
    scaled = ((FoldScalers(), *rounded), (SimplifyScalers(), *rounded), rounded)
    return (Cheapest(scaled), FoldScalers(), SparseStorage())


_LEVEL_RECIPES: dict[type[Node], Callable[[str], Recipe]] = {
    DenseNetwork: _network_level,
    LinearMap: _linear_level,
    Prototypes: lambda level: (Condense(),) if level in ("balanced", "tiny") else (),
}
