import numpy as np

PANEL_WIDTH: int
NARROW_BELOW: int

class Expansion:
    def __init__(
        self,
        kernel: str,
        gamma: float,
        coef0: float,
        degree: int,
        coef: np.ndarray,
        ends: np.ndarray,
        pairs: bool,
        intercept: np.ndarray,
        n_features: int,
        *,
        vectors: np.ndarray | None = None,
        codes: np.ndarray | None = None,
        table: np.ndarray | None = None,
        scale: np.ndarray | None = None,
        zero: np.ndarray | None = None,
    ) -> None: ...
    @property
    def arrays(self) -> tuple[np.ndarray, ...]: ...
    @property
    def sums_width(self) -> int: ...
    def __call__(self, rows: np.ndarray, out: np.ndarray) -> None: ...
    def decode(self, start: int, out: np.ndarray) -> None: ...
    def add_products(
        self,
        values: np.ndarray,
        start: int,
        n: int,
        own: np.ndarray,
        lengths: np.ndarray,
        sums: np.ndarray,
    ) -> None: ...
    def finish(self, sums: np.ndarray, out: np.ndarray) -> None: ...

def exponential(x: np.ndarray, out: np.ndarray) -> None: ...
