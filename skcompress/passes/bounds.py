"""How far the outputs of a kernel machine can move when its numbers do."""

from __future__ import annotations

import numpy as np

from ..ir import KernelExpansion, decode

__all__ = ["moved_coefficients_bound", "moved_vectors_bound"]


def moved_vectors_bound(before: KernelExpansion, after: KernelExpansion) -> float | None:
    """A bound, for every input, on how far moved vectors move the outputs of an rbf machine.

    The kernel's slope is at most ``sqrt(2 gamma / e)``, wherever the input is; so no output
    moves by more than the sum of the coefficients' sizes times the ways that vectors went times
    this slope.

    Parameters
    ----------
    before, after : KernelExpansion
        With the same coefficients.

    Returns
    -------
    float or None
        None for kernels whose slope has no bound.

    Examples
    --------
    >>> import numpy as np
    >>> from skcompress.ir import KernelExpansion
    >>> one = KernelExpansion(
    ...     vectors=np.zeros((1, 1)), coef=np.ones((1, 1)), intercept=np.zeros(1), kernel="rbf"
    ... )
    >>> bound = moved_vectors_bound(one, one.replace(vectors=np.full((1, 1), 0.1)))
    >>> round(bound, 4)
    0.0858
    """
    if before.kernel != "rbf":
        return None
    way = np.linalg.norm(decode(before.vectors) - decode(after.vectors), axis=1)
    slope = float(np.sqrt(2.0 * before.gamma / np.e))
    sums = np.abs(decode(before.coef)) @ way
    # In the one-vs-one layout an output adds up rows of two classes.
    return slope * float(sums.max()) * (1 if before.group_sizes is None else 2)


def moved_coefficients_bound(before: KernelExpansion, after: KernelExpansion) -> float | None:
    """The same for coefficients and constants that moved; rbf kernel values are at most one."""
    if before.kernel != "rbf" or before.group_sizes is not None:
        return None
    gaps = np.abs(decode(before.coef) - decode(after.coef)).sum(axis=1)
    return float((gaps + np.abs(before.intercept - after.intercept)).max())
