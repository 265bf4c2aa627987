"""From a model to a smaller one: each pass is a frozen dataclass with the one verb ``apply``."""

from ._base import Pass, SkipPass, run
from ._beginnings import Beginnings
from ._bytes import file_bytes
from ._context import Context, Data, Score
from ._reduction import ReductionPoint
from ._targets import TARGETS
from .ccp import CostComplexity
from .choose import Cheapest, FirstOf, Strongest
from .condense import Condense
from .cuts import CutDepth, MergeLeaves, ReducedError
from .dependent import DropDependent
from .depths import PruneDepths
from .dual import RefitDual
from .ensemble import SelectTrees
from .equalize import EqualizeLayers
from .finetune import FineTuneReport
from .fold import FoldScalers
from .forest import SmallestForest
from .leaves import QuantizeLeaves, QuantizeThresholds, RefineLeaves
from .levels import PruneLevels
from .lowrank import LowRankLayers
from .missing import DropMissing, MissingToLarger
from .moments import KeepMoments
from .notes import DropNotes
from .parameters import QuantizeCoefficients, QuantizeVectors, QuantizeWeights
from .platt import RefitPlatt
from .prune_linear import DropTerms, PruneLinear, RefitLinear
from .quantize import SCHEMES, quantize
from .ranked import run_ranked
from .reduced_set import ReduceVectors, RefitDecisions, RoundCoefficients
from .scalers import SimplifyScalers
from .second_order import RoundLayers, SmallestRounding
from .share import ShareThresholds
from .smallest_network import SmallestNetwork
from .sparsify import PruneWeights
from .storage import SparseStorage
from .train_tables import TrainTables
from .tuning import FineTune, GradualPrune
from .units import KeepUnits, RemoveDeadUnits
from .vectors import KeepVectors

__all__ = [
    "SCHEMES",
    "TARGETS",
    "Beginnings",
    "Cheapest",
    "Condense",
    "Context",
    "CostComplexity",
    "CutDepth",
    "Data",
    "DropDependent",
    "DropMissing",
    "DropNotes",
    "DropTerms",
    "EqualizeLayers",
    "FineTune",
    "FineTuneReport",
    "FirstOf",
    "FoldScalers",
    "GradualPrune",
    "KeepMoments",
    "KeepUnits",
    "KeepVectors",
    "LowRankLayers",
    "MergeLeaves",
    "MissingToLarger",
    "Pass",
    "PruneDepths",
    "PruneLevels",
    "PruneLinear",
    "PruneWeights",
    "QuantizeCoefficients",
    "QuantizeLeaves",
    "QuantizeThresholds",
    "QuantizeVectors",
    "QuantizeWeights",
    "ReduceVectors",
    "ReducedError",
    "ReductionPoint",
    "RefineLeaves",
    "RefitDecisions",
    "RefitDual",
    "RefitLinear",
    "RefitPlatt",
    "RemoveDeadUnits",
    "RoundCoefficients",
    "RoundLayers",
    "Score",
    "SelectTrees",
    "ShareThresholds",
    "SimplifyScalers",
    "SkipPass",
    "SmallestForest",
    "SmallestNetwork",
    "SmallestRounding",
    "SparseStorage",
    "Strongest",
    "TrainTables",
    "file_bytes",
    "quantize",
    "run",
    "run_ranked",
]
