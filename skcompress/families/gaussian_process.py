"""Gaussian processes: the mean, which is a kernel expansion."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Product,
    Sum,
    WhiteKernel,
)

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, KernelExpansion, Model, Numbers, Rescale
from ._input import input_spec
from ._registry import Family, dotted_name, register
from ._sklearn_internals import process_scale

__all__: list[str] = []


def _parts(kernel: Any) -> tuple[float, Any]:
    """A factor and the kernel of rows that it multiplies; noise is on the diagonal alone."""
    if type(kernel) is Sum:
        own = [part for part in (kernel.k1, kernel.k2) if type(part) is not WhiteKernel]
        if len(own) == 1:
            return _parts(own[0])
    elif type(kernel) is Product:
        for factor, other in ((kernel.k1, kernel.k2), (kernel.k2, kernel.k1)):
            if type(factor) is ConstantKernel:
                inner, rest = _parts(other)
                return float(factor.constant_value) * inner, rest
    elif type(kernel) in (RBF, DotProduct):
        return 1.0, kernel
    raise UnsupportedEstimatorError(
        f"GaussianProcessRegressor: the kernel {kernel} cannot be represented; supported are RBF "
        "and DotProduct, times constants, plus WhiteKernel."
    )


def _lift(process: Any) -> Model:
    factor, kernel = _parts(process.kernel_)
    spread, mean = process_scale(process)
    alpha = np.asarray(process.alpha_, np.float64)
    coef = alpha.reshape(len(alpha), -1).T * (factor * spread)[:, None]
    rows = np.asarray(process.X_train_, np.float64)
    transforms: tuple[Rescale, ...] = ()
    settings: dict[str, Any]
    if type(kernel) is DotProduct:
        settings = {"kernel": "poly", "degree": 1, "coef0": float(kernel.sigma_0) ** 2}
    elif np.ndim(kernel.length_scale) == 0 or np.size(kernel.length_scale) == 1:
        settings = {"kernel": "rbf", "gamma": 0.5 / float(np.ravel(kernel.length_scale)[0]) ** 2}
    else:
        scale = np.asarray(kernel.length_scale, np.float64)
        transforms = (Rescale(kind="max-abs", n_features=rows.shape[1], divide=scale),)
        rows = rows / scale
        settings = {"kernel": "rbf", "gamma": 0.5}
    return Model(
        input=input_spec(process),
        chain=Chain(
            transforms=transforms,
            predictor=KernelExpansion(
                vectors=rows,
                coef=coef,
                intercept=np.broadcast_to(mean, coef.shape[:1]).astype(np.float64),
                **settings,
            ),
        ),
        head=Numbers(n_outputs=coef.shape[0], ravel=alpha.ndim == 1),
        family=dotted_name(process),
    )


def _examples() -> tuple[GaussianProcessRegressor, ...]:
    fixed = {"alpha": 0.1, "optimizer": None}
    return (
        GaussianProcessRegressor(2.0 * RBF(2.0), normalize_y=True, **fixed),
        GaussianProcessRegressor(RBF([1.0, 2.0, 3.0, 4.0, 5.0]) + WhiteKernel(0.1), **fixed),
        GaussianProcessRegressor(DotProduct(0.5), **fixed),
    )


register(Family(dotted_name(GaussianProcessRegressor()), _lift, None, _examples, inside=(Rescale,)))
