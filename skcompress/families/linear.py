"""Linear classifiers and regressors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    ClassScores,
    Head,
    LinearMap,
    Model,
    Numbers,
    Sparse,
    decode,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import ridge_has_several_targets, set_ridge_classes

__all__: list[str] = []


def _lift(linear: Any, head: Head) -> Model:
    coef = linear.coef_
    weights = _held(coef) if hasattr(coef, "tocsr") else np.atleast_2d(coef)
    n_outputs = weights.shape[0]
    # A plain number, where no intercept was fitted, leaves the precision as it is.
    dtype = coef.dtype if type(linear.intercept_) in (int, float) else None
    intercept = np.broadcast_to(np.ravel(np.asarray(linear.intercept_, dtype)), n_outputs)
    return Model(
        input=input_spec(linear, sparse=True),
        chain=Chain(
            transforms=(), predictor=LinearMap(coef=weights, intercept=np.array(intercept))
        ),
        head=head,
        family=dotted_name(linear),
        params=plain_params(linear),
    )


def _held(coef: Any) -> Sparse:
    """Weights after `sparsify`."""
    # Those of a regressor are a vector in some versions, in a matrix that SciPy cannot reshape.
    shape = (1, coef.shape[0]) if coef.ndim == 1 else coef.shape
    rows = csr_array((coef.data, coef.indices, coef.indptr), shape=shape, copy=True)
    rows.sum_duplicates()
    return Sparse(
        data=rows.data,
        indices=rows.indices.astype(smallest_unsigned(max(rows.shape[1] - 1, 0))),
        indptr=rows.indptr.astype(np.int64),
        n_columns=int(rows.shape[1]),
    )


def _classifier(link: Callable[[Any], str]) -> Callable[[Any], Model]:
    def lift(linear: Any) -> Model:
        return _lift(linear, ClassScores(target=labels_of(linear.classes_), link=link(linear)))

    return lift


def _lift_logistic(linear: Any) -> Model:
    target = labels_of(linear.classes_)
    # What scikit-learn 1.6 and 1.7 still take; later versions have no such parameter.
    asked = getattr(linear, "multi_class", "auto")
    if len(target) == 2:
        # The softmax of a score and its negative is the logistic function of twice the score.
        scale = 2.0 if asked == "multinomial" else 1.0
        return _lift(linear, ClassScores(target=target, link="sigmoid", scale=scale))
    one_vs_rest = asked == "ovr" or (asked != "multinomial" and linear.solver == "liblinear")
    return _lift(linear, ClassScores(target=target, link="ovr" if one_vs_rest else "softmax"))


def _sgd_link(linear: Any) -> str:
    if linear.loss == "modified_huber":
        raise UnsupportedEstimatorError(
            "SGDClassifier: the probabilities of loss='modified_huber' cannot be represented; use "
            "loss='log_loss', or one without probabilities."
        )
    if linear.loss != "log_loss":
        return "none"
    return "sigmoid" if len(linear.classes_) == 2 else "ovr"


def _lift_ridge_classifier(linear: Any) -> Model:
    if ridge_has_several_targets(linear):
        raise UnsupportedEstimatorError(
            "RidgeClassifier: several labels a row cannot be represented; fit one model per label."
        )
    return _classifier(lambda _: "none")(linear)


def _lift_regressor(linear: Any) -> Model:
    coef = linear.coef_
    # These two ravel what they predict, whatever the shape of their coefficients.
    single = coef.ndim == 1 or isinstance(linear, LinearSVR | SGDRegressor)
    return _lift(linear, Numbers(n_outputs=1 if single else coef.shape[0], ravel=single))


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        predictor = model.predictor
        if not isinstance(predictor, LinearMap):
            raise UnsupportedEstimatorError(f"{cls.__name__} holds a linear map.")
        linear = cls(**dict(model.params))
        coef, intercept = decode(predictor.coef).copy(), predictor.intercept.copy()
        head = model.head
        if isinstance(head, ClassScores):
            classes = head.target.classes.copy()
            if cls is RidgeClassifier:
                set_ridge_classes(linear, classes)
            else:
                linear.classes_ = classes
        elif isinstance(head, Numbers) and head.ravel:
            coef = coef[0]
            intercept = intercept if cls is SGDRegressor or cls is LinearSVR else intercept[0]
        linear.coef_, linear.intercept_ = coef, intercept
        linear.n_features_in_ = predictor.n_features
        if model.input.names is not None and not model.chain.transforms:
            linear.feature_names_in_ = np.array(model.input.names, dtype=object)
        return linear

    return lower


def _examples(*estimators: Callable[[], Any]) -> Callable[[], Iterable[Any]]:
    return lambda: tuple(make() for make in estimators)


def _add(cls: Any, lift: Callable[[Any], Model], *examples: Callable[[], Any]) -> None:
    register(Family(dotted_name(cls()), lift, _lower(cls), _examples(*(examples or (cls,)))))


_add(LinearSVC, _classifier(lambda _: "none"), lambda: LinearSVC(random_state=0))
_add(LinearSVR, _lift_regressor, lambda: LinearSVR(random_state=0))
_add(
    LogisticRegression,
    _lift_logistic,
    lambda: LogisticRegression(max_iter=1000),
    lambda: LogisticRegression(fit_intercept=False, max_iter=1000),
)
_add(RidgeClassifier, _lift_ridge_classifier)
_add(
    SGDClassifier,
    _classifier(_sgd_link),
    lambda: SGDClassifier(random_state=0),
    lambda: SGDClassifier(loss="log_loss", random_state=0),
)
_add(Perceptron, _classifier(lambda _: "none"), lambda: Perceptron(random_state=0))
_add(LinearRegression, _lift_regressor)
_add(Ridge, _lift_regressor, Ridge, lambda: Ridge(fit_intercept=False))
_add(Lasso, _lift_regressor)
_add(ElasticNet, _lift_regressor)
_add(SGDRegressor, _lift_regressor, lambda: SGDRegressor(random_state=0))
