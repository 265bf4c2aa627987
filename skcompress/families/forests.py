"""Random forests and extra-trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ..ir import Chain, Model
from ._input import input_spec
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import takes_missing
from .trees import finish, lift_trees, lower_trees, set_targets, tree_head

__all__: list[str] = []


def _lift(forest: Any) -> Model:
    return Model(
        input=input_spec(
            forest,
            finite="allow-nan" if takes_missing(forest.estimators_[0]) else "all",
            sparse=True,
            float32_range=True,
        ),
        chain=Chain(transforms=(), predictor=lift_trees(forest, forest.estimators_, average=True)),
        head=tree_head(forest),
        family=dotted_name(forest),
        params=plain_params(forest),
    )


def _lower(forest_class: Any, tree_class: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        forest = forest_class(**dict(model.params))

        def member() -> Any:
            return tree_class(**{name: getattr(forest, name) for name in forest.estimator_params})

        trees, lost = lower_trees(model, member, allow_missing)
        forest.n_estimators = len(trees)
        forest.estimator_ = tree_class()
        forest.estimators_ = trees
        forest.n_features_in_ = trees[0].n_features_in_
        set_targets(forest, model.head)
        for tree in trees:
            _as_member(tree)
        return finish(forest, model, (*lost, *_lost_with_training_rows(forest)))

    return lower


def _lost_with_training_rows(forest: Any) -> tuple[str, ...]:
    """What only the rows that each tree was fitted on would tell."""
    if not forest.oob_score:
        return ("estimators_samples_",)
    prediction = "oob_decision_function_" if hasattr(forest, "classes_") else "oob_prediction_"
    return ("estimators_samples_", "oob_score_", prediction)


def _as_member(tree: Any) -> None:
    """A forest's trees know class indices, not labels."""
    if hasattr(tree, "classes_"):
        single = tree.n_outputs_ == 1
        sizes = [tree.n_classes_] if single else tree.n_classes_
        indices = [np.arange(size, dtype=np.float64) for size in sizes]
        tree.classes_ = indices[0] if single else indices


def _examples(cls: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (
        cls(4, random_state=0),
        cls(3, max_leaf_nodes=7, bootstrap=True, random_state=0),
    )


for _forest, _tree in (
    (RandomForestClassifier, DecisionTreeClassifier),
    (RandomForestRegressor, DecisionTreeRegressor),
    (ExtraTreesClassifier, ExtraTreeClassifier),
    (ExtraTreesRegressor, ExtraTreeRegressor),
):
    register(Family(dotted_name(_forest()), _lift, _lower(_forest, _tree), _examples(_forest)))
