"""The compressors, as scikit-learn estimators, and their one-call form."""

from .calls import compress, to_sklearn
from .mlp import MLPReducer
from .model import ModelCompressor
from .svm import SVMQuantizer
from .trees import TreePruner

__all__ = ["MLPReducer", "ModelCompressor", "SVMQuantizer", "TreePruner", "compress", "to_sklearn"]
