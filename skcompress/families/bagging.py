"""Bagging of trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ..exceptions import UnsupportedEstimatorError
from ..ir import Chain, Model, Numbers, Shares
from ._input import input_spec
from ._labels import labels_of
from ._members import check_trees, member_arrays, member_params, own_params, set_member_classes
from ._registry import Family, dotted_name, register
from ._sklearn_internals import set_bagging, takes_missing
from .trees import finish, lower_trees, tree_ensemble

__all__: list[str] = []


def _lift(bagging: Any) -> Model:
    trees = check_trees(bagging)
    if len(trees) != bagging.n_estimators:
        raise UnsupportedEstimatorError(
            f"{type(bagging).__name__} was fitted with {len(trees)} estimators, but n_estimators "
            f"is {bagging.n_estimators} now, so that its predictions mean nothing: fit it again."
        )
    arrays = member_arrays(bagging, trees)
    head: Shares | Numbers
    if hasattr(bagging, "classes_"):
        head = Shares(targets=(labels_of(bagging.classes_),))
        for one, tree in zip(arrays, trees, strict=True):
            one["value"] = _over_all_classes(one["value"], tree, head.width)
    else:
        n_outputs = int(trees[0].n_outputs_)
        head = Numbers(n_outputs=n_outputs, ravel=n_outputs == 1)
    predictor = tree_ensemble(
        arrays,
        lambda value: value.reshape(value.shape[0], -1),
        n_features=int(bagging.n_features_in_),
        n_outputs=head.width,
        average=True,
    )
    finite = "allow-nan" if takes_missing(trees[0]) else "all"
    return Model(
        input=input_spec(bagging, finite=finite, sparse=True, float32_range=True),
        chain=Chain(transforms=(), predictor=predictor),
        head=head,
        family=dotted_name(bagging),
        params=member_params(bagging),
    )


def _over_all_classes(value: np.ndarray, tree: Any, n_classes: int) -> np.ndarray:
    """Shares of all classes: the rows of a tree may have lacked some."""
    if tree.n_classes_ == n_classes:
        return value
    spread = np.zeros((value.shape[0], 1, n_classes))
    spread[:, :, tree.classes_.astype(np.int64)] = value
    return spread


def _lower(cls: Any, tree_class: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        head = model.head
        params, member = own_params(model, tree_class, classifier=isinstance(head, Shares))
        trees, lost = lower_trees(model, member, allow_missing)
        bagging = cls(**params)
        bagging.n_estimators = len(trees)
        bagging.n_features_in_ = trees[0].n_features_in_
        set_bagging(bagging, trees, member())
        if isinstance(head, Shares):
            bagging.classes_ = head.targets[0].classes.copy()
            bagging.n_classes_ = len(head.targets[0])
            set_member_classes(trees, head.targets[0], encoded=True)
        return finish(bagging, model, (*lost, *_lost_with_training_rows(bagging)))

    return lower


def _lost_with_training_rows(bagging: Any) -> tuple[str, ...]:
    """What only the rows that each tree was fitted on would tell."""
    if not bagging.oob_score:
        return ("estimators_samples_",)
    prediction = "oob_decision_function_" if hasattr(bagging, "classes_") else "oob_prediction_"
    return ("estimators_samples_", "oob_score_", prediction)


def _classifiers() -> Iterable[Any]:
    tree = ExtraTreeClassifier(max_leaf_nodes=9)
    return (
        BaggingClassifier(n_estimators=4, random_state=0),
        BaggingClassifier(tree, 3, max_features=2, bootstrap_features=True, random_state=0),
    )


def _regressors() -> Iterable[Any]:
    tree = ExtraTreeRegressor(max_depth=3)
    return (
        BaggingRegressor(DecisionTreeRegressor(max_depth=4), 4, random_state=0),
        BaggingRegressor(tree, 3, max_features=0.5, bootstrap=False, random_state=0),
    )


for _cls, _tree, _examples in (
    (BaggingClassifier, DecisionTreeClassifier, _classifiers),
    (BaggingRegressor, DecisionTreeRegressor, _regressors),
):
    register(Family(dotted_name(_cls()), _lift, _lower(_cls, _tree), _examples))
