"""Kernel machines of libsvm."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Array,
    Chain,
    Head,
    KernelExpansion,
    LinearMap,
    Model,
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

# The parameters that each kernel uses; others keep what the original was made with.
_USED = {
    "linear": (),
    "poly": ("gamma", "coef0", "degree"),
    "rbf": ("gamma",),
    "sigmoid": ("gamma", "coef0"),
}


def _lift(svm: Any, head: Head, group_sizes: np.ndarray | None) -> Model:
    if not isinstance(svm.kernel, str) or svm.kernel not in KERNELS:
        shown = repr(svm.kernel) if isinstance(svm.kernel, str) else "a callable"
        raise UnsupportedEstimatorError(
            f"{type(svm).__name__}: the kernel {shown} cannot be represented; supported are "
            f"{', '.join(KERNELS)}."
        )
    return Model(
        input=input_spec(svm, sparse=svm_is_sparse(svm)),
        chain=Chain(transforms=(), predictor=_predictor(svm, group_sizes)),
        head=head,
        family=dotted_name(svm),
        params=plain_params(svm),
    )


def _predictor(svm: Any, group_sizes: np.ndarray | None) -> KernelExpansion | LinearMap:
    vectors, dual, intercept = svm.support_vectors_, svm.dual_coef_, svm.intercept_
    coef = dual.toarray() if hasattr(dual, "toarray") else dual
    if svm.kernel == "linear" and _is_smaller_collapsed(vectors, coef, intercept):
        return _collapsed(vectors, coef, intercept, group_sizes)
    settings: dict[str, Any] = {name: getattr(svm, name) for name in _USED[svm.kernel]}
    if "gamma" in settings:
        settings["gamma"] = svm_gamma(svm)
    if "coef0" in settings:
        settings["coef0"] = float(svm.coef0)
    if "degree" in settings:
        settings["degree"] = int(svm.degree)
    return KernelExpansion(
        vectors=_held(vectors) if hasattr(vectors, "tocsr") else vectors,
        coef=coef,
        intercept=intercept,
        kernel=svm.kernel,
        group_sizes=group_sizes,
        **settings,
    )


def _held(vectors: Any) -> Sparse:
    rows = csr_array(vectors, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return Sparse(
        data=rows.data.astype(np.float64),
        indices=rows.indices.astype(smallest_unsigned(max(rows.shape[1] - 1, 0))),
        indptr=rows.indptr.astype(np.int64),
        n_columns=int(rows.shape[1]),
    )


def _is_smaller_collapsed(vectors: Any, coef: np.ndarray, intercept: np.ndarray) -> bool:
    """Many pairs of classes over a large vocabulary can outgrow the sparse vectors by far."""
    if not hasattr(vectors, "tocsr"):
        return True
    return bool(intercept.size * vectors.shape[1] <= 4 * (vectors.nnz + coef.size))


def _collapsed(
    vectors: Any, coef: np.ndarray, intercept: np.ndarray, group_sizes: np.ndarray | None
) -> LinearMap:
    """A linear kernel needs no vectors: one row of weights per output says it all."""
    if group_sizes is None:
        weights = coef @ vectors
    else:
        ends = np.cumsum(group_sizes, dtype=np.int64)
        starts = ends - group_sizes
        sums = [
            coef[:, start:end] @ vectors[start:end] for start, end in zip(starts, ends, strict=True)
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
        kernel, head = _as_kernel(model, cls), model.head
        params = dict(model.params)
        platt = None
        if isinstance(head, OneVsOne) and head.platt_a is not None and head.platt_b is not None:
            platt = (head.platt_a.copy(), head.platt_b.copy())
        else:
            params.pop("probability", None)
        params["kernel"] = kernel.kernel
        params |= {name: getattr(kernel, name) for name in _USED[kernel.kernel]}
        svm = cls(**params)
        svm.n_features_in_ = kernel.n_features
        if model.input.names is not None and not model.chain.transforms:
            svm.feature_names_in_ = np.array(model.input.names, dtype=object)
        set_svm(
            svm,
            vectors=_plain(kernel.vectors, sparse=model.input.sparse),
            dual_coef=decode(kernel.coef).astype(np.float64),
            intercept=kernel.intercept.astype(np.float64),
            n_support=_sizes(kernel, head),
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
    predictor, head = model.predictor, model.head
    n_classes = len(head.target) if isinstance(head, OneVsOne) else 0
    if isinstance(predictor, KernelExpansion):
        shared = predictor.group_sizes is None and n_classes > 2
        return _copied(predictor, n_classes) if shared else predictor
    if not isinstance(predictor, LinearMap):
        raise UnsupportedEstimatorError(f"{cls.__name__} holds a kernel expansion.")
    if n_classes > 2:
        return _linear_pairs(predictor, n_classes)
    return KernelExpansion(
        vectors=predictor.coef,
        coef=np.eye(predictor.n_outputs),
        intercept=predictor.intercept,
        kernel="linear",
    )


def _copied(kernel: KernelExpansion, n_classes: int) -> KernelExpansion:
    """Vectors that all classes share, once for each class but the last.

    The copy of class i has the coefficients of its pairs with later classes.
    """
    vectors, pairs = decode(kernel.vectors), decode(kernel.coef)
    n_vectors = len(vectors)
    coef = np.zeros((n_classes - 1, n_classes - 1, n_vectors))
    for place, (i, j) in enumerate(itertools.combinations(range(n_classes), 2)):
        coef[j - 1, i] = pairs[place]
    sizes = np.full(n_classes, n_vectors, np.uint32)
    sizes[-1] = 0
    return kernel.replace(
        vectors=np.tile(vectors, (n_classes - 1, 1)),
        coef=coef.reshape(n_classes - 1, -1),
        group_sizes=sizes,
    )


def _linear_pairs(linear: LinearMap, n_classes: int) -> KernelExpansion:
    """The weights of pair (i, j) as a vector of class i that speaks in that pair alone."""
    pairs = list(itertools.combinations(range(n_classes), 2))
    coef = np.zeros((n_classes - 1, len(pairs)))
    for place, (_, j) in enumerate(pairs):
        coef[j - 1, place] = 1.0
    sizes = np.bincount([i for i, _ in pairs], minlength=n_classes)
    return KernelExpansion(
        vectors=linear.coef,
        coef=coef,
        intercept=linear.intercept,
        kernel="linear",
        group_sizes=sizes.astype(np.uint32),
    )


def _plain(vectors: Array, *, sparse: bool) -> Any:
    """Vectors as scikit-learn holds them: sparse where the model takes sparse rows."""
    if not sparse:
        return np.array(decode(vectors), dtype=np.float64, order="C")
    if isinstance(vectors, Sparse):
        parts = (decode(vectors.data).astype(np.float64), vectors.indices, vectors.indptr)
        return csr_array(parts, shape=(vectors.indptr.size - 1, vectors.n_columns))
    return csr_array(decode(vectors).astype(np.float64))


def _sizes(kernel: KernelExpansion, head: Head) -> np.ndarray:
    """Vectors of each class, as libsvm wants them."""
    if kernel.group_sizes is not None:
        return kernel.group_sizes.astype(np.int64)
    total = kernel.n_vectors
    if isinstance(head, OneVsOne):
        # Which of two classes a vector is counted to changes no prediction.
        return np.array([math.ceil(total / 2), total // 2])
    return np.array([total, 0])


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
