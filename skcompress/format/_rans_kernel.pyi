import numpy as np

def take(
    state: np.ndarray,
    words: np.ndarray,
    place: int,
    low: np.ndarray,
    high: np.ndarray,
    below: np.ndarray,
    out: np.ndarray,
) -> int: ...
def take_blocks(
    state: np.ndarray,
    words: np.ndarray,
    place: int,
    low: np.ndarray,
    high: np.ndarray,
    ends: np.ndarray,
    counts: np.ndarray,
    below: np.ndarray,
    step: int,
    limit: int,
    out: np.ndarray,
) -> int: ...
def put(
    state: np.ndarray,
    start: np.ndarray,
    size: np.ndarray,
    ends: np.ndarray,
    words: np.ndarray,
) -> int: ...
