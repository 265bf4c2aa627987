"""What a model computes: frozen dataclasses of NumPy arrays.

Building any of these objects proves that it is sound: every index in range, sizes agree, numbers
finite. So nothing that is read from a file can make the runtime read out of bounds.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._node import TAGS, Node, register, require
from .arrays import (
    Affine,
    Array,
    Codebook,
    Encoded,
    FixedPoint,
    LowRank,
    Sparse,
    decode,
    distinct_rows,
    entries_of_rows,
    floor_to_float32,
    rising_bits,
    shape_of,
    smallest_unsigned,
)
from .head import (
    ClassScores,
    Head,
    Labels,
    MultiLabel,
    Numbers,
    OneVsOne,
    Outlier,
    Shares,
    Transformed,
    WeightedMedian,
)
from .kernel import KernelExpansion
from .linear import LinearMap
from .model import Chain, InputSpec, Model
from .network import DenseNetwork, Layer
from .ordinal import OrdinalEncode
from .packed import PackedTrees
from .prototypes import Prototypes
from .text import TextVectorize
from .transforms import Impute, Normalize, Project, Rescale, Transform
from .trees import CategorySplits, TreeEnsemble, TreeNotes

if TYPE_CHECKING:
    from .report import Ledger, LedgerEntry, SizePart, SizeReport, Sizes

__all__ = [
    "TAGS",
    "Affine",
    "Array",
    "CategorySplits",
    "Chain",
    "ClassScores",
    "Codebook",
    "DenseNetwork",
    "Encoded",
    "FixedPoint",
    "Head",
    "Impute",
    "InputSpec",
    "KernelExpansion",
    "Labels",
    "Layer",
    "Ledger",
    "LedgerEntry",
    "LinearMap",
    "LowRank",
    "Model",
    "MultiLabel",
    "Node",
    "Normalize",
    "Numbers",
    "OneVsOne",
    "OrdinalEncode",
    "Outlier",
    "PackedTrees",
    "Project",
    "Prototypes",
    "Rescale",
    "Shares",
    "SizePart",
    "SizeReport",
    "Sizes",
    "Sparse",
    "TextVectorize",
    "Transform",
    "Transformed",
    "TreeEnsemble",
    "TreeNotes",
    "WeightedMedian",
    "decode",
    "distinct_rows",
    "entries_of_rows",
    "floor_to_float32",
    "register",
    "require",
    "rising_bits",
    "shape_of",
    "smallest_unsigned",
]

_REPORTS = frozenset({"Ledger", "LedgerEntry", "SizePart", "SizeReport", "Sizes"})


def __getattr__(name: str) -> Any:
    # A process that serves models needs no reports, so it does not wait for them.
    if name not in _REPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(".report", __name__), name)
    globals()[name] = value
    return value
