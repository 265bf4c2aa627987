"""Linear classifiers and regressors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
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
from ..ir import Chain, ClassScores, Head, LinearMap, Model, Numbers, decode
from ._input import input_spec
from ._labels import labels_of
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import set_ridge_classes

__all__: list[str] = []


def _lift(linear: Any, head: Head) -> Model:
    coef = linear.coef_
    coef = coef.toarray() if hasattr(coef, "toarray") else np.atleast_2d(coef)
    intercept = np.broadcast_to(np.ravel(linear.intercept_), coef.shape[0])
    return Model(
        input=input_spec(linear, sparse=True),
        chain=Chain(
            transforms=(),
            predictor=LinearMap(coef=coef, intercept=np.array(intercept, dtype=coef.dtype)),
        ),
        head=head,
        family=dotted_name(linear),
        params=plain_params(linear),
    )


def _classifier(link: Callable[[Any], str]) -> Callable[[Any], Model]:
    def lift(linear: Any) -> Model:
        return _lift(linear, ClassScores(target=labels_of(linear.classes_), link=link(linear)))

    return lift


def _logistic_link(linear: Any) -> str:
    if len(linear.classes_) == 2:
        return "sigmoid"
    one_vs_rest = getattr(linear, "multi_class", "auto") == "ovr" or linear.solver == "liblinear"
    return "ovr" if one_vs_rest else "softmax"


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
    if getattr(linear.classes_, "ndim", 1) != 1 or linear.coef_.shape[0] not in (
        1,
        len(linear.classes_),
    ):
        raise UnsupportedEstimatorError("RidgeClassifier: several targets cannot be represented.")
    return _classifier(lambda _: "none")(linear)


def _lift_regressor(linear: Any) -> Model:
    coef = linear.coef_
    several = np.ndim(coef) == 2
    # LinearSVR's coefficients have two dimensions in name only.
    n_outputs = coef.shape[0] if several else 1
    ravel = not several or isinstance(linear, LinearSVR)
    if several and n_outputs == 1 and isinstance(linear, Ridge):
        ravel = False
    return _lift(linear, Numbers(n_outputs=n_outputs, ravel=ravel))


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        predictor = model.predictor
        if not isinstance(predictor, LinearMap):
            raise UnsupportedEstimatorError(f"{cls.__name__} holds a linear map.")
        linear = cls(**dict(model.params))
        coef = decode(predictor.coef).copy()
        intercept = predictor.intercept.astype(coef.dtype)
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
    _classifier(_logistic_link),
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
