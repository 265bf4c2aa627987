from collections.abc import Sequence
from typing import Any

import numpy as np

class Network:
    single: bool
    wide: bool
    n_outputs: int
    def __init__(
        self, single: bool, wide: bool, layers: Sequence[tuple[Any, np.ndarray, str]]
    ) -> None: ...
    @property
    def arrays(self) -> tuple[np.ndarray, ...]: ...
    def from_double(self, rows: np.ndarray, out: np.ndarray, *, summed: bool = False) -> None: ...
    def from_float(self, rows: np.ndarray, out: np.ndarray, *, summed: bool = False) -> None: ...
    @property
    def takes_sparse(self) -> bool: ...
    def from_sparse(
        self, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, out: np.ndarray
    ) -> None: ...
