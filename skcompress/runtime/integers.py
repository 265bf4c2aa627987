"""Linear models in integers alone, for machines that have no floating point."""

from __future__ import annotations

import numpy as np

from ..exceptions import InvalidModelError
from ..ir import FixedPoint, LinearMap

__all__ = ["integer_constants", "integer_scores"]

_LIMIT = 2**62


def integer_constants(linear: LinearMap, input_exponent: int) -> tuple[np.ndarray, np.ndarray]:
    """The constants of a fixed-point linear model as integers, and the exponent of its scores.

    Score `k` of integer rows ``q``, of which each stands for ``q * 2.0 ** input_exponent``, is
    ``(codes[k] @ q + constants[k]) * 2.0 ** exponents[k]``.

    Parameters
    ----------
    linear : LinearMap
        With `FixedPoint` weights that share an exponent in each row.
    input_exponent : int
        Power of two of one unit of input.

    Returns
    -------
    constants, exponents : ndarray of int64, of shape (n_outputs,)
        Rounded to the nearest integers, which moves a score by half a unit at most.
    """
    coef = linear.coef
    if not isinstance(coef, FixedPoint) or not (
        coef.exponent.size == 1 or coef.exponent.shape == (linear.n_outputs, 1)
    ):
        raise InvalidModelError(
            "Integer evaluation needs weights of the scheme 'fixed-point', with an exponent per "
            "row; quantize with scheme='fixed-point'."
        )
    exponents = np.broadcast_to(coef.exponent.astype(np.int64).ravel(), (linear.n_outputs,))
    exponents = exponents + input_exponent
    constants = np.rint(np.ldexp(linear.intercept.astype(np.float64), -exponents))
    if not bool((np.abs(constants) < _LIMIT).all()):
        raise InvalidModelError(
            "A constant does not fit 62 bits in units of the products: take a larger "
            f"input_exponent than {input_exponent}."
        )
    return constants.astype(np.int64), exponents


def integer_scores(linear: LinearMap, rows: np.ndarray, input_exponent: int = 0) -> np.ndarray:
    """Scores of integer rows, from additions and multiplications of integers only.

    What a microcontroller would compute, for comparison; for labels the signs are enough, or,
    where all rows share an exponent, the largest.

    Parameters
    ----------
    linear : LinearMap
        With `FixedPoint` weights that share an exponent in each row.
    rows : ndarray of int, of shape (n_rows, n_features)
        Rows in units of ``2.0 ** input_exponent``.
    input_exponent : int
        Power of two of one unit of input.

    Returns
    -------
    ndarray of int64, of shape (n_rows, n_outputs)
        Scores in units of ``2.0 ** exponents``, as `integer_constants` gives them.

    Examples
    --------
    >>> import numpy as np
    >>> from skcompress.ir import FixedPoint, LinearMap
    >>> weights = FixedPoint(
    ...     codes=np.array([[3, -5]], np.int8), exponent=np.array([[-2]], np.int16), bits=4
    ... )
    >>> linear = LinearMap(coef=weights, intercept=np.array([0.5]))
    >>> integer_scores(linear, np.array([[4, 1]]))  # 4 * 3/4 - 5/4 + 1/2, in quarters
    array([[9]])
    """
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"rows must be integers; got {rows.dtype}. Scale and round them first.")
    constants, _ = integer_constants(linear, input_exponent)
    assert isinstance(linear.coef, FixedPoint)
    codes = linear.coef.codes.astype(np.int64)
    largest = int(np.abs(rows.astype(np.float64)).max(initial=0.0))
    sums = int(np.abs(codes).sum(axis=1).max(initial=0))
    if largest * sums >= _LIMIT:
        raise ValueError(f"rows as large as {largest} could overflow sums in 64 bits.")
    return np.asarray(rows.astype(np.int64) @ codes.T + constants)
