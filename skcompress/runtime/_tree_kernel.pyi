import numpy as np

def leaf_rows(
    X: np.ndarray,
    roots: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    target: np.ndarray,
    missing_left: np.ndarray,
    out: np.ndarray,
) -> None: ...
def leaf_rows_with_categories(
    X: np.ndarray,
    roots: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    target: np.ndarray,
    missing_left: np.ndarray,
    category_set: np.ndarray,
    left_sets: np.ndarray,
    known_sets: np.ndarray,
    known_row: np.ndarray,
    out: np.ndarray,
) -> None: ...
def add_rows(leaves: np.ndarray, values: np.ndarray, out: np.ndarray) -> None: ...
def add_to_columns(
    leaves: np.ndarray, values: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> None: ...
