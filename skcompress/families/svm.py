"""Kernel machines of libsvm."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Array,
    Chain,
    Head,
    KernelExpansion,
    LinearMap,
    Model,
    Node,
    Numbers,
    OneVsOne,
    Outlier,
    Sparse,
    decode,
    smallest_unsigned,
)
from ..ir.kernel import KERNELS
from ._input import input_spec
from ._labels import labels_of
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import (
    set_svm,
    svm_gamma,
    svm_group_sizes,
    svm_is_sparse,
    svm_platt,
)

__all__: list[str] = []

_KERNEL_PARAMETERS = ("kernel", "gamma", "coef0", "degree")


def _lift(svm: Any, head: Head, group_sizes: np.ndarray | None) -> Model:
    if not isinstance(svm.kernel, str) or svm.kernel not in KERNELS:
        shown = svm.kernel if isinstance(svm.kernel, str) else "a callable"
        raise UnsupportedEstimatorError(
            f"{type(svm).__name__}: the kernel {shown!r} cannot be represented; supported are "
            f"{', '.join(KERNELS)}."
        )
    vectors = svm.support_vectors_
    dual = svm.dual_coef_
    coef = dual.toarray() if issparse(dual) else dual
    predictor: Node
    if svm.kernel == "linear":
        predictor = _collapsed(vectors, coef, svm.intercept_, group_sizes)
    else:
        predictor = KernelExpansion(
            vectors=_held(vectors),
            coef=coef,
            intercept=svm.intercept_,
            kernel=svm.kernel,
            gamma=svm_gamma(svm),
            coef0=float(svm.coef0),
            degree=int(svm.degree),
            group_sizes=group_sizes,
        )
    return Model(
        input=input_spec(svm, sparse=svm_is_sparse(svm)),
        chain=Chain(transforms=(), predictor=predictor),
        head=head,
        family=dotted_name(svm),
        params=plain_params(svm),
    )


def _held(vectors: Any) -> Array:
    if not issparse(vectors):
        return vectors
    rows = csr_array(vectors, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return Sparse(
        data=rows.data.astype(np.float64),
        indices=rows.indices.astype(smallest_unsigned(max(rows.shape[1] - 1, 0))),
        indptr=rows.indptr.astype(np.int64),
        n_columns=int(rows.shape[1]),
    )


def _collapsed(
    vectors: Any, coef: np.ndarray, intercept: np.ndarray, group_sizes: np.ndarray | None
) -> LinearMap:
    """A linear kernel needs no vectors: one row of weights per output says it all."""
    if group_sizes is None:
        weights = coef @ vectors
    else:
        ends = np.cumsum(group_sizes)
        sums = [
            coef[:, end - size : end] @ vectors[end - size : end]
            for end, size in zip(ends, group_sizes, strict=True)
        ]
        pairs = itertools.combinations(range(group_sizes.size), 2)
        weights = np.stack([sums[i][j - 1] + sums[j][i] for i, j in pairs])
    return LinearMap(coef=np.asarray(weights), intercept=intercept)


def _lift_classifier(svm: Any) -> Model:
    target = labels_of(svm.classes_)
    platt = svm_platt(svm)
    head = OneVsOne(
        target=target,
        decision_shape=svm.decision_function_shape,
        break_ties=bool(svm.break_ties),
        platt_a=None if platt is None else platt[0],
        platt_b=None if platt is None else platt[1],
    )
    sizes = svm_group_sizes(svm)
    groups = None if len(target) == 2 else sizes.astype(smallest_unsigned(int(sizes.max())))
    return _lift(svm, head, groups)


def _lift_regressor(svm: Any) -> Model:
    return _lift(svm, Numbers(n_outputs=1), None)


def _lift_outlier(svm: Any) -> Model:
    return _lift(svm, Outlier(offset=float(np.ravel(svm.offset_)[0])), None)


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        kernel = _as_kernel(model, cls)
        params = {n: v for n, v in model.params if n not in _KERNEL_PARAMETERS}
        head = model.head
        platt = None
        if isinstance(head, OneVsOne) and head.platt_a is not None and head.platt_b is not None:
            platt = (head.platt_a.copy(), head.platt_b.copy())
        elif "probability" in params:
            del params["probability"]
        svm = cls(
            **params,
            kernel=kernel.kernel,
            gamma=kernel.gamma,
            coef0=kernel.coef0,
            degree=kernel.degree,
        )
        svm.n_features_in_ = kernel.n_features
        if model.input.names is not None and not model.chain.transforms:
            svm.feature_names_in_ = np.array(model.input.names, dtype=object)
        vectors, coef, sizes = _grouped(kernel, head)
        set_svm(
            svm,
            vectors=vectors,
            dual_coef=coef,
            intercept=kernel.intercept.astype(np.float64),
            n_support=sizes,
            gamma=kernel.gamma,
            platt=platt,
            flip=isinstance(head, OneVsOne) and len(head.target) == 2,
        )
        if isinstance(head, OneVsOne):
            svm.classes_ = head.target.classes.copy()
            svm.class_weight_ = np.ones(len(head.target))
        elif isinstance(head, Outlier):
            svm.offset_ = np.array([head.offset])
        return svm

    return lower


def _as_kernel(model: Model, cls: Any) -> KernelExpansion:
    """The kernel expansion; a linear map becomes one over as many vectors as it has rows."""
    predictor = model.predictor
    if isinstance(predictor, KernelExpansion):
        return predictor
    if not isinstance(predictor, LinearMap):
        raise UnsupportedEstimatorError(f"{cls.__name__} holds a kernel expansion.")
    if isinstance(model.head, OneVsOne) and len(model.head.target) > 2:
        return _linear_pairs(predictor, len(model.head.target))
    return KernelExpansion(
        vectors=decode(predictor.coef),
        coef=np.eye(predictor.n_outputs),
        intercept=predictor.intercept,
        kernel="linear",
    )


def _linear_pairs(linear: LinearMap, n_classes: int) -> KernelExpansion:
    """The weights of pair (i, j) as a vector of class i that speaks in that pair alone."""
    pairs = list(itertools.combinations(range(n_classes), 2))
    coef = np.zeros((n_classes - 1, len(pairs)))
    for place, (_, j) in enumerate(pairs):
        coef[j - 1, place] = 1.0
    sizes = np.bincount([i for i, _ in pairs], minlength=n_classes)
    return KernelExpansion(
        vectors=decode(linear.coef),
        coef=coef,
        intercept=linear.intercept,
        kernel="linear",
        group_sizes=sizes.astype(np.uint32),
    )


def _grouped(kernel: KernelExpansion, head: Head) -> tuple[Any, np.ndarray, np.ndarray]:
    """Vectors, coefficients and vectors per class, as libsvm wants them."""
    vectors = decode(kernel.vectors).astype(np.float64)
    coef = decode(kernel.coef).astype(np.float64)
    held: Any = csr_array(vectors) if isinstance(kernel.vectors, Sparse) else vectors
    if kernel.group_sizes is not None:
        return held, coef, kernel.group_sizes.astype(np.int64)
    total = vectors.shape[0]
    if isinstance(head, OneVsOne) and len(head.target) > 2:
        raise UnsupportedEstimatorError(
            "scikit-learn's SVC holds vectors grouped by class; this model shares them."
        )
    if isinstance(head, OneVsOne):
        # Which of two classes a vector is counted to changes no prediction.
        return held, coef, np.array([math.ceil(total / 2), total // 2])
    return held, coef, np.array([total, 0])


def _classifiers(cls: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (
        cls(),
        cls(kernel="poly", degree=2, coef0=1.0, decision_function_shape="ovo"),
        cls(kernel="sigmoid", gamma=0.01),
        cls(kernel="linear"),
        cls(break_ties=True),
    )


def _others(cls: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (
        cls(),
        cls(kernel="poly", degree=3),
        cls(kernel="sigmoid", gamma=0.01),
        cls(kernel="linear"),
    )


for _cls in (SVC, NuSVC):
    register(Family(dotted_name(_cls()), _lift_classifier, _lower(_cls), _classifiers(_cls)))
for _cls in (SVR, NuSVR):
    register(Family(dotted_name(_cls()), _lift_regressor, _lower(_cls), _others(_cls)))
register(
    Family(dotted_name(OneClassSVM()), _lift_outlier, _lower(OneClassSVM), _others(OneClassSVM))
)
