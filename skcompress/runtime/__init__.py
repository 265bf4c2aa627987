"""Predictions from the compact form, with NumPy alone."""

# Importing a module registers how its IR classes are evaluated.
from . import kernel as kernel
from . import linear as linear
from . import network as network
from . import prototypes as prototypes
from . import text as text
from . import transforms as transforms
from ._registry import arrays_kept
from .compact import CompactModel
from .trees import kernels_available

__all__ = ["CompactModel", "arrays_kept", "kernels_available"]
