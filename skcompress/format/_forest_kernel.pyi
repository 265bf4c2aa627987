import numpy as np

def narrow(
    feature: np.ndarray,
    rank: np.ndarray,
    parent: np.ndarray,
    is_right: np.ndarray,
    split: np.ndarray,
    first: np.ndarray,
    end: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None: ...
