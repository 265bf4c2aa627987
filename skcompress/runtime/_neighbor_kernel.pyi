import numpy as np

class TreeSearch:
    def __init__(
        self,
        vectors: np.ndarray,
        ranges: np.ndarray,
        p: float,
        *,
        low: np.ndarray | None = None,
        high: np.ndarray | None = None,
        center: np.ndarray | None = None,
        radius: np.ndarray | None = None,
    ) -> None: ...
    def search(self, X: np.ndarray, values: np.ndarray, rows: np.ndarray) -> None: ...

def first_met(reduced: np.ndarray, values: np.ndarray, rows: np.ndarray) -> None: ...
