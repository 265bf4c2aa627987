"""Kernel ridge regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.kernel_ridge import KernelRidge

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, KernelExpansion, Model, Numbers, decode
from ._input import input_spec
from ._params import plain_params
from ._registry import Family, dotted_name, register

__all__: list[str] = []

_KERNELS = {
    "linear": "linear",
    "poly": "poly",
    "polynomial": "poly",
    "rbf": "rbf",
    "sigmoid": "sigmoid",
}


def _lift(ridge: Any) -> Model:
    if not isinstance(ridge.kernel, str) or ridge.kernel not in _KERNELS:
        shown = repr(ridge.kernel) if isinstance(ridge.kernel, str) else "a callable"
        raise UnsupportedEstimatorError(
            f"KernelRidge: the kernel {shown} cannot be represented; supported are "
            f"{', '.join(_KERNELS)}."
        )
    if ridge.kernel_params:
        raise UnsupportedEstimatorError("KernelRidge: kernel_params cannot be represented.")
    if issparse(ridge.X_fit_):
        raise UnsupportedEstimatorError(
            "KernelRidge: stored sparse rows cannot be represented; fit on dense rows."
        )
    if not float(ridge.degree).is_integer() or ridge.degree < 0:
        raise UnsupportedEstimatorError(
            f"KernelRidge: degree must be a whole number of 0 or more; got {ridge.degree}."
        )
    dual = np.asarray(ridge.dual_coef_, np.float64)
    coef = dual.reshape(len(dual), -1).T
    return Model(
        input=input_spec(ridge),
        chain=Chain(
            transforms=(),
            predictor=KernelExpansion(
                vectors=np.asarray(ridge.X_fit_, np.float64),
                coef=coef,
                intercept=np.zeros(coef.shape[0]),
                kernel=_KERNELS[ridge.kernel],
                gamma=1.0 / ridge.n_features_in_ if ridge.gamma is None else float(ridge.gamma),
                coef0=float(ridge.coef0),
                degree=int(ridge.degree),
            ),
        ),
        head=Numbers(n_outputs=coef.shape[0], ravel=dual.ndim == 1),
        family=dotted_name(ridge),
        params=plain_params(ridge),
    )


def _lower(model: Model, allow_missing: bool) -> Any:
    kernel, head = model.predictor, model.head
    assert isinstance(head, Numbers)
    if not isinstance(kernel, KernelExpansion) or bool(np.any(kernel.intercept)):
        raise UnsupportedEstimatorError("KernelRidge holds no constant, as this model has.")
    settings = {
        "kernel": kernel.kernel,
        "gamma": kernel.gamma,
        "coef0": kernel.coef0,
        "degree": kernel.degree,
    }
    ridge = KernelRidge(**(dict(model.params) | settings))
    dual = decode(kernel.coef).astype(np.float64).T
    ridge.X_fit_ = np.array(decode(kernel.vectors), dtype=np.float64)
    ridge.dual_coef_ = dual[:, 0] if head.ravel else dual
    ridge.n_features_in_ = kernel.n_features
    if model.input.names is not None and not model.chain.transforms:
        ridge.feature_names_in_ = np.array(model.input.names, dtype=object)
    return ridge


def _examples() -> tuple[KernelRidge, ...]:
    return (
        KernelRidge(kernel="rbf", gamma=0.1),
        KernelRidge(kernel="polynomial", degree=2),
        KernelRidge(),
    )


register(Family(dotted_name(KernelRidge()), _lift, _lower, _examples))
