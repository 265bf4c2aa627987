"""The compressors, as scikit-learn estimators, and their one-call form."""

from .mlp import MLPReducer
from .model import ModelCompressor, compress, to_sklearn
from .svm import SVMQuantizer
from .trees import TreePruner

__all__ = ["MLPReducer", "ModelCompressor", "SVMQuantizer", "TreePruner", "compress", "to_sklearn"]
