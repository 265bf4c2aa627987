"""Vectors that say in feature space what others say: equal ones, and those that others span."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dpstrf

from ..ir import Array, KernelExpansion, Sparse, decode, distinct_rows
from ..runtime.kernel import kernel_matrix
from ._kernels import self_kernel

__all__ = ["Fewer", "first_equal", "numerically_fewer", "polynomial_features", "spanned_exactly"]

Fewer = tuple[np.ndarray, np.ndarray]
"""Places of the vectors that stay, in rising order, and their coefficients."""

_ALLOWED = 1e-12
_ROUNDING = np.finfo(np.float64).eps / 2
_MOST_FEATURES = 2_000
_MOST_VECTORS = 5_000
_SAMPLE = 1_000
_WORTH_IT = 0.5
"""Share of a sample that must be dependent for all vectors to be looked at."""
_MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


def first_equal(vectors: Array) -> np.ndarray:
    """Of each vector, the place of the first one that is equal to it."""
    if isinstance(vectors, Sparse):
        group = _equal_sparse(vectors)
    else:
        group = distinct_rows(np.asarray(decode(vectors)))[1].astype(np.int64)
    first = np.full(int(group.max(initial=-1)) + 1, group.size)
    np.minimum.at(first, group, np.arange(group.size))
    return first[group]


def _equal_sparse(vectors: Sparse) -> np.ndarray:
    """A number for each row, the same for equal rows alone."""
    data = np.ascontiguousarray(decode(vectors.data), np.float64)
    counts = np.diff(vectors.indptr)
    starts = vectors.indptr[:-1]
    # Sums of mixed entries, modulo 2 ** 64.
    mixed = (data.view(np.uint64) + vectors.indices.astype(np.uint64) * _MIXERS[0]) * _MIXERS[1]
    mixed ^= mixed >> np.uint64(29)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed * _MIXERS[0], dtype=np.uint64)])
    keys = sums[vectors.indptr[1:]] - sums[starts]
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    other = first[group]
    same = counts == counts[other]
    # Entry by entry, beside those of the row that has the same sum.
    row = np.repeat(np.arange(counts.size), counts)
    own = np.flatnonzero(same[row])
    row = row[own]
    others = own - starts[row] + starts[other[row]]
    differs = (data[own] != data[others]) | (vectors.indices[own] != vectors.indices[others])
    same[row[differs]] = False
    # What merely has the same sum stands alone.
    return np.where(same, group, first.size + np.arange(counts.size))


def polynomial_features(kernel: KernelExpansion, vectors: np.ndarray) -> np.ndarray | None:
    """Features whose products are the values of a linear or polynomial kernel.

    They are the monomials of the columns (of a constant, too), those of all-zero columns left
    out. None for other kernels, or where they are no fewer than the vectors.
    """
    degree = 1
    if kernel.kernel == "poly" and kernel.gamma >= 0 and kernel.coef0 >= 0:
        degree = kernel.degree
        constant = np.full((len(vectors), 1), math.sqrt(kernel.coef0))
        vectors = np.hstack([math.sqrt(kernel.gamma) * vectors, constant])
    elif kernel.kernel != "linear":
        return None
    base = vectors[:, vectors.any(axis=0)]
    n_features = math.comb(base.shape[1] + degree - 1, degree)
    if not 0 < n_features < min(len(vectors), _MOST_FEATURES):
        return None
    factors = np.array(list(combinations_with_replacement(range(base.shape[1]), degree)), int)
    count, run = np.ones(n_features), np.ones(n_features)
    features = np.ones((len(vectors), n_features))
    with np.errstate(over="ignore", invalid="ignore"):
        for place in range(degree):
            again = factors[:, place] == factors[:, place - 1] if place else np.zeros(1, bool)
            run = np.where(again, run + 1, 1.0)
            count *= (place + 1) / run
            features *= base[:, factors[:, place]]
        features *= np.sqrt(count)
    return features if bool(np.isfinite(features).all()) else None


def spanned_exactly(features: np.ndarray, coef: np.ndarray) -> Fewer | None:
    """As few vectors as there are independent features, by a pivoted QR factorization.

    None where that would move a sum, or let rounding move it, by more than ``1e-12`` of the sum
    of the sizes of its terms, each taken as large as it can be beside an input of length one.
    """
    triangle, order = qr(features.T, mode="r", pivoting=True, check_finite=False)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > 2 * _ROUNDING * len(features) * diagonal[0]).sum())
    if rank in (0, len(features)):
        return None
    weights = solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
    kept, added = _joined(order, rank, coef, weights)
    sizes = np.sqrt(np.square(features).sum(axis=1))
    terms, new_terms = np.abs(coef) @ sizes, np.abs(added) @ sizes[kept]
    gap = np.sqrt(np.square(coef @ features - added @ features[kept]).sum(axis=1))
    rounding = (rank + features.shape[1] + 4) * _ROUNDING * new_terms
    return (kept, added) if bool((gap + rounding <= _ALLOWED * terms).all()) else None


def numerically_fewer(
    kernel: KernelExpansion, vectors: np.ndarray, coef: np.ndarray, tolerance: float
) -> Fewer | None:
    """Without vectors that others span but for rounding: a pivoted Cholesky factorization.

    None where outputs could move by more than `tolerance` of their root mean square at the
    vectors, or few vectors would go.
    """
    definite = kernel.kernel == "rbf" or (
        kernel.kernel == "poly" and kernel.gamma >= 0 and kernel.coef0 >= 0
    )
    if not definite or not 1 < len(vectors) <= _MOST_VECTORS:
        return None
    if len(vectors) > _SAMPLE:
        _, _, rank = _pivoted(kernel, vectors[:: -(-len(vectors) // _SAMPLE)])
        if rank > (1 - _WORTH_IT) * _SAMPLE:
            return None
    factor, order, rank = _pivoted(kernel, vectors)
    if rank in (0, len(vectors)):
        return None
    weights = solve_triangular(factor[:rank, :rank].T, factor[rank:, :rank].T)
    kept, added = _joined(order, rank, coef, weights)
    dropped = order[rank:]
    own = self_kernel(kernel, vectors)[dropped]
    left = np.maximum(own - np.square(factor[rank:, :rank]).sum(axis=1), 32 * _ROUNDING * own)
    matrix = kernel_matrix(kernel, vectors, vectors)
    outputs, moved = coef @ matrix, added @ matrix[kept]
    size = np.sqrt(np.square(outputs).mean(axis=1))
    bound = np.abs(coef[:, dropped]) @ np.sqrt(left)
    gap = np.maximum(bound, np.abs(outputs - moved).max(axis=1))
    return (kept, added) if bool((gap <= tolerance * size).all()) else None


def _pivoted(kernel: KernelExpansion, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The lower factor, the order of the vectors, and how many are independent."""
    factor, order, rank, _ = dpstrf(kernel_matrix(kernel, vectors, vectors), lower=1)
    return factor, order - 1, int(rank)


def _joined(order: np.ndarray, rank: int, coef: np.ndarray, weights: np.ndarray) -> Fewer:
    """The first vectors of an order, with what the others add to their coefficients."""
    added = coef[:, order[:rank]] + coef[:, order[rank:]] @ weights.T
    sorting = np.argsort(order[:rank])
    return order[:rank][sorting], added[:, sorting]
