from collections.abc import Sequence
from typing import Any

import numpy as np

class Walk:
    def __init__(
        self,
        nodes: Any,
        offsets: np.ndarray,
        streams: Sequence[tuple[int, int, int, list[tuple[int, int]]]],
        settings: dict[str, int],
    ) -> None: ...
    @property
    def n_variants(self) -> list[int]: ...
    def measure(self, logarithms: np.ndarray) -> tuple[str | None, list[list[int] | None]]: ...
    def write(
        self, variants: Sequence[int]
    ) -> tuple[str | None, np.ndarray, np.ndarray, np.ndarray]: ...
    def read(
        self, variants: Sequence[int], state: np.ndarray, words: np.ndarray, place: int
    ) -> tuple[str | None, int]: ...

def subtree_sizes(internal: np.ndarray, n_trees: int) -> np.ndarray: ...
