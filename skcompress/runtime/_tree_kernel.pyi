import numpy as np

from ._packed import PackedTrees

class LeafSums:
    def __init__(
        self,
        values: np.ndarray,
        n_outputs: int,
        by_tree: np.ndarray | None,
        by_leaf: np.ndarray | None,
        base: np.ndarray | None,
        divisor: float,
    ) -> None: ...

class TreeWalk:
    def __init__(self, packed: PackedTrees) -> None: ...
    def leaf_rows(self, X: np.ndarray, out: np.ndarray) -> None: ...
    def sum_leaves(self, X: np.ndarray, what: LeafSums, out: np.ndarray) -> None: ...

def add_rows(leaves: np.ndarray, values: np.ndarray, out: np.ndarray) -> None: ...
def add_to_columns(
    leaves: np.ndarray, values: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> None: ...
def add_to_leaves(leaves: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None: ...
def see_values(
    reached: np.ndarray,
    link: np.ndarray,
    feature: np.ndarray,
    rows: np.ndarray,
    largest: np.ndarray,
    smallest: np.ndarray,
) -> None: ...
def add_to_parts(
    part: np.ndarray,
    given: np.ndarray,
    weight: np.ndarray,
    gap: np.ndarray,
    along: np.ndarray,
    sums: np.ndarray,
) -> None: ...
def move_parts(
    part: np.ndarray,
    given: np.ndarray,
    gap: np.ndarray,
    factor: np.ndarray,
    number: np.ndarray,
    power: np.ndarray,
    mass: np.ndarray,
    along: np.ndarray,
    sums: np.ndarray,
    share: float,
    edge: float,
    number_edge: float,
    keep_zeros: bool,
) -> float: ...
