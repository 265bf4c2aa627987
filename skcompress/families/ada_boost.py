"""AdaBoost of trees: weighted votes, or the weighted median of their predictions."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    ClassScores,
    Head,
    Model,
    TreeEnsemble,
    WeightedMedian,
    decode,
    distinct_rows,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._members import check_trees, member_params, own_params, set_member_classes
from ._registry import Family, dotted_name, register
from ._sklearn_internals import tree_arrays
from .trees import build_trees, finish, tree_ensemble

__all__: list[str] = []

_CLOSE = 1e-9
_MANY_VALUES = (
    "The leaves no longer hold votes of one weight a tree, as AdaBoostClassifier's do: they were "
    "averaged, refitted or rounded. Serve the compact model itself, or compress with "
    "level='lossless' or TreePruner(..., ccp_alpha=...) alone, which keep votes."
)


def _lift(boosting: Any, predictor: TreeEnsemble, head: Head) -> Model:
    return Model(
        input=input_spec(boosting, sparse=True, float32_range=True),
        chain=Chain(transforms=(), predictor=predictor),
        head=head,
        family=dotted_name(boosting),
        params=member_params(boosting),
    )


def _lift_classifier(boosting: Any) -> Model:
    trees, target = check_trees(boosting), labels_of(boosting.classes_)
    n_classes = len(target)
    if any(not np.array_equal(tree.classes_, boosting.classes_) for tree in trees):
        raise UnsupportedEstimatorError("AdaBoostClassifier: its trees know other classes.")
    arrays = [tree_arrays(tree.tree_) for tree in trees]
    sizes = [one["left"].size for one in arrays]
    weight = np.repeat(boosting.estimator_weights_[: len(trees)], sizes)
    predictor = tree_ensemble(
        arrays,
        lambda value: _votes(value[:, 0, :].argmax(axis=1), weight, n_classes),
        n_features=int(boosting.n_features_in_),
        n_outputs=n_classes if n_classes > 2 else 1,
        divisor=float(boosting.estimator_weights_.sum()),
    )
    if n_classes == 2:
        head = ClassScores(target=target, link="sigmoid")
    else:
        head = ClassScores(target=target, link="softmax", scale=1.0 / max(n_classes - 1, 1))
    return _lift(boosting, predictor, head)


def _votes(chosen: np.ndarray, weight: np.ndarray, n_classes: int) -> np.ndarray:
    """What a vote for a class adds to the scores; to the second score less the first of two."""
    if n_classes == 1:
        return np.zeros((chosen.size, 1))
    if n_classes == 2:
        return np.where(chosen == 1, 2.0 * weight, -2.0 * weight)[:, np.newaxis]
    rows = np.repeat((-1 / (n_classes - 1) * weight)[:, np.newaxis], n_classes, axis=1)
    rows[np.arange(chosen.size), chosen] = weight
    return rows


def _lift_regressor(boosting: Any) -> Model:
    trees = check_trees(boosting)
    predictor = tree_ensemble(
        [tree_arrays(tree.tree_) for tree in trees],
        lambda value: value[:, :, 0],
        n_features=int(boosting.n_features_in_),
        n_outputs=len(trees),
        tree_output=np.arange(len(trees)).astype(smallest_unsigned(len(trees) - 1)),
    )
    weights = np.asarray(boosting.estimator_weights_[: len(trees)], np.float64)
    return _lift(boosting, predictor, WeightedMedian(weights=weights))


def _lower_classifier(model: Model, allow_missing: bool) -> Any:
    trees, head = model.predictor, model.head
    if (
        not isinstance(trees, TreeEnsemble)
        or not isinstance(head, ClassScores)
        or trees.tree_output is not None
        or (trees.base is not None and trees.base.any() and len(head.target) != 2)
    ):
        raise UnsupportedEstimatorError("AdaBoostClassifier holds trees that vote for classes.")
    split = _as_two_sided if len(head.target) == 2 else _as_votes
    voting, weights = split(trees, len(head.target))
    params, member = own_params(
        model, functools.partial(DecisionTreeClassifier, max_depth=1), classifier=True
    )
    sizes = np.array([len(head.target)])
    members, lost = build_trees(voting, member, sizes, allow_missing)
    set_member_classes(members, head.target, encoded=False)
    boosting = _with_members(AdaBoostClassifier(**params), members, member(), weights)
    boosting.classes_ = head.target.classes.copy()
    boosting.n_classes_ = len(head.target)
    lack = trees.denominator - boosting.estimator_weights_.sum()
    if abs(lack) > _CLOSE * trees.denominator:
        # Scores are divided by the sum of all weights, also of those that have no tree.
        weights = boosting.estimator_weights_
        if weights.size == len(members):
            boosting.n_estimators += 1
            weights = np.append(weights, 0.0)
        weights[-1] = lack
        boosting.estimator_weights_ = weights
    return finish(
        boosting, model, (*lost, "estimator_errors_", "predict_proba of each of estimators_")
    )


def _as_votes(trees: TreeEnsemble, n_classes: int) -> tuple[TreeEnsemble, np.ndarray]:
    """The trees with a row of zeros and a one in each node, and what the votes weigh."""
    rows = decode(trees.values)[trees.leaf].astype(np.float64)
    tree = trees.tree_of_node[~trees.internal]
    if n_classes == 1:
        weights = np.full(trees.n_trees, trees.denominator / trees.n_trees)
    else:
        weights = np.zeros(trees.n_trees)
        np.maximum.at(weights, tree, rows.max(axis=1))
    expected = _votes(_chosen(rows), weights[tree], n_classes)
    if not np.allclose(rows, expected, rtol=_CLOSE, atol=0):
        raise UnsupportedEstimatorError(_MANY_VALUES)
    table, leaf = distinct_rows(np.eye(n_classes)[_chosen(rows)])
    notes = trees.notes
    if notes is not None:
        notes = notes.replace(values=np.eye(n_classes)[_chosen(notes.values)])
    return trees.replace(
        values=table, leaf=leaf, notes=notes, n_outputs=n_classes, divisor=1.0, base=None
    ), weights


def _as_two_sided(trees: TreeEnsemble, n_classes: int) -> tuple[TreeEnsemble, np.ndarray]:
    """Votes of two classes, and their weights: what trees of two values each come to.

    Half the way between its values is a tree's vote. The middles of all trees, and what the sum
    starts from, are the vote of one more tree, which has a single leaf.
    """
    rows = decode(trees.values)[trees.leaf].astype(np.float64)[:, 0]
    tree = trees.tree_of_node[~trees.internal]
    high, low = np.full(trees.n_trees, -np.inf), np.full(trees.n_trees, np.inf)
    np.maximum.at(high, tree, rows)
    np.minimum.at(low, tree, rows)
    slack = _CLOSE * np.maximum(np.abs(high), np.abs(low))
    one = high - low <= slack
    near_high = high[tree] - rows <= slack[tree]
    if not bool((near_high | (rows - low[tree] <= slack[tree])).all()):
        raise UnsupportedEstimatorError(_MANY_VALUES)
    middle = np.where(one, 0.0, (high + low) / 2)
    weights = np.where(one, np.abs(high), (high - low) / 2) / 2
    votes = np.where(one[tree], rows > 0, near_high).astype(np.int64)
    start = float(middle.sum()) + (0.0 if trees.base is None else float(trees.base[0]))
    internal, notes = trees.internal, trees.notes
    if notes is not None:
        notes = notes.replace(values=np.eye(2)[_chosen(notes.values)])
    if abs(start) > float(slack.sum()):
        internal = np.append(internal, False)
        votes, weights = np.append(votes, int(start > 0)), np.append(weights, abs(start) / 2)
        if notes is not None:
            root = trees.offsets[0]
            notes = notes.replace(
                impurity=np.append(notes.impurity, 0.0),
                weight=np.append(notes.weight, notes.weight[root]),
                n_samples=np.append(notes.n_samples, notes.n_samples[root]),
            )
    table, leaf = distinct_rows(np.eye(n_classes)[votes])
    voting = trees.replace(
        internal=internal,
        values=table,
        leaf=leaf,
        notes=notes,
        n_outputs=n_classes,
        divisor=1.0,
        base=None,
    )
    return voting, weights


def _chosen(rows: np.ndarray) -> np.ndarray:
    """The class that a row votes for."""
    if rows.shape[1] > 1:
        return rows.argmax(axis=1)
    return (rows[:, 0] > 0).astype(np.int64)


def _lower_regressor(model: Model, allow_missing: bool) -> Any:
    trees, head = model.predictor, model.head
    if (
        not isinstance(trees, TreeEnsemble)
        or not isinstance(head, WeightedMedian)
        or trees.denominator != 1
        or trees.tree_output is None
        or not np.array_equal(trees.tree_output, np.arange(trees.n_outputs))
        or (trees.base is not None and trees.base.any())
    ):
        raise UnsupportedEstimatorError(
            "AdaBoostRegressor holds one tree for each number that it takes the median of."
        )
    params, member = own_params(
        model, functools.partial(DecisionTreeRegressor, max_depth=3), classifier=False
    )
    members, lost = build_trees(trees, member, np.ones(1, int), allow_missing)
    boosting = _with_members(AdaBoostRegressor(**params), members, member(), head.weights)
    return finish(boosting, model, (*lost, "estimator_errors_"))


def _with_members(boosting: Any, members: list[Any], base: Any, weights: np.ndarray) -> Any:
    boosting.n_features_in_ = members[0].n_features_in_
    boosting.estimator_ = base
    boosting.estimators_ = members
    # Boosting may have ended early; it may have been given more trees by now, too.
    boosting.n_estimators = max(boosting.n_estimators, len(members))
    boosting.estimator_weights_ = np.zeros(boosting.n_estimators)
    boosting.estimator_weights_[: len(members)] = weights
    return boosting


def _classifiers() -> Iterable[Any]:
    return (
        AdaBoostClassifier(n_estimators=6, random_state=0),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=4, random_state=0),
    )


def _regressors() -> Iterable[Any]:
    return (
        AdaBoostRegressor(n_estimators=5, random_state=0),
        AdaBoostRegressor(ExtraTreeRegressor(max_depth=4), n_estimators=4, random_state=0),
    )


register(
    Family(dotted_name(AdaBoostClassifier()), _lift_classifier, _lower_classifier, _classifiers)
)
register(Family(dotted_name(AdaBoostRegressor()), _lift_regressor, _lower_regressor, _regressors))
