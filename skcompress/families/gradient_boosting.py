"""Gradient boosting on depth-limited trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    ClassScores,
    Head,
    Model,
    Numbers,
    TreeEnsemble,
    decode,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import boosting_start, set_boosting_loss, tree_arrays
from .trees import build_trees, finish, in_stages, max_features, tree_ensemble

__all__: list[str] = []

_JUST_BELOW_ZERO = float(np.nextafter(0.0, -1.0))
_OF_EVERY_TREE = (
    "max_depth",
    "max_features",
    "max_leaf_nodes",
    "min_impurity_decrease",
    "min_samples_leaf",
    "min_samples_split",
    "min_weight_fraction_leaf",
    "ccp_alpha",
)
"""Parameters that a boosting model hands on to its trees."""


def _lift(boosting: Any, head: Head) -> Model:
    n_stages, n_outputs = boosting.estimators_.shape
    start = boosting_start(boosting, n_outputs)
    if start is None:
        raise UnsupportedEstimatorError(
            f"{type(boosting).__name__}: the init estimator {boosting.init_!r} cannot be "
            "represented; leave init at its default, or pass init='zero'."
        )
    # The products are what scikit-learn adds, so the sums agree to the last bit.
    trees = tree_ensemble(
        [tree_arrays(tree.tree_) for tree in boosting.estimators_.ravel()],
        lambda value: float(boosting.learning_rate) * value[:, :, 0],
        n_features=int(boosting.n_features_in_),
        n_outputs=n_outputs,
        tree_output=np.tile(np.arange(n_outputs), n_stages).astype(
            smallest_unsigned(n_outputs - 1)
        ),
        base=start,
    )
    return Model(
        # Its trees may take missing values; it takes none.
        input=input_spec(boosting, sparse=True, float32_range=True),
        chain=Chain(transforms=(), predictor=trees),
        head=head,
        family=dotted_name(boosting),
        params=plain_params(boosting),
    )


def _lift_classifier(boosting: Any) -> Model:
    target = labels_of(boosting.classes_)
    if boosting.estimators_.shape[1] > 1:
        return _lift(boosting, ClassScores(target=target, link="softmax"))
    # The second of two classes is predicted from a score of zero on.
    scale = 2.0 if boosting.loss == "exponential" else 1.0
    return _lift(
        boosting,
        ClassScores(target=target, link="sigmoid", cut=_JUST_BELOW_ZERO, scale=scale),
    )


def _lift_regressor(boosting: Any) -> Model:
    return _lift(boosting, Numbers(n_outputs=1))


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        trees, head = in_stages(model), model.head
        boosting = cls(**dict(model.params))
        boosting.n_features_in_ = trees.n_features
        boosting.max_features_ = max_features(boosting.max_features, trees.n_features)
        boosting.n_trees_per_iteration_ = trees.n_outputs
        boosting.n_estimators = boosting.n_estimators_ = trees.n_trees // trees.n_outputs
        if isinstance(head, ClassScores):
            boosting.loss = "exponential" if head.scale == 2.0 else "log_loss"
            boosting.classes_ = head.target.classes.copy()
            boosting.n_classes_ = len(head.target)
        link = set_boosting_loss(boosting)
        boosting.init_ = _init_of(trees, head, link)

        def member() -> Any:
            return DecisionTreeRegressor(
                **{name: getattr(boosting, name) for name in _OF_EVERY_TREE}
            )

        members, lost = build_trees(
            _with_rate(trees, float(boosting.learning_rate)), member, np.ones(1, int), allow_missing
        )
        boosting.estimators_ = np.empty((boosting.n_estimators, trees.n_outputs), object)
        boosting.estimators_.ravel()[:] = members
        curves = ("train_score_", "oob_improvement_", "oob_scores_", "oob_score_")
        lost = (*lost, *(curves if boosting.subsample < 1.0 else curves[:1]))
        return finish(boosting, model, lost)

    return lower


def _with_rate(trees: TreeEnsemble, rate: float) -> TreeEnsemble:
    """The trees with values that give the same steps once they are multiplied by `rate`."""
    notes = trees.notes
    if notes is not None:
        notes = notes.replace(values=_divided(notes.values, rate))
    return trees.replace(values=_divided(decode(trees.values), rate), notes=notes)


def _divided(steps: np.ndarray, rate: float) -> np.ndarray:
    """The numbers whose products with `rate` come closest to the steps; exact if any are."""
    if rate == 0:
        return np.zeros(steps.shape)
    best = steps.astype(np.float64) / rate
    # The quotient of a rounded product may be two places off.
    for direction in (-np.inf, np.inf):
        candidate = steps / rate
        for _ in range(2):
            candidate = np.nextafter(candidate, direction)
            closer = np.abs(candidate * rate - steps) < np.abs(best * rate - steps)
            best = np.where(closer, candidate, best)
    return best


def _init_of(trees: TreeEnsemble, head: Head, link: Any) -> Any:
    """What gives the start of the sums."""
    start = np.zeros(trees.n_outputs) if trees.base is None else trees.base
    if not start.any():
        return "zero"
    row = np.zeros((1, trees.n_features))
    if isinstance(head, Numbers):
        return DummyRegressor(strategy="mean").fit(row, start)
    n_classes = len(head.labels[0])
    prior = _prior_of(start, link)
    if not np.allclose(_scores_of(prior, link), start, rtol=1e-12, atol=1e-12):
        raise UnsupportedEstimatorError(
            "The start of the sums is not that of any class probabilities, from which "
            "scikit-learn's boosting starts."
        )
    init = DummyClassifier(strategy="prior").fit(row.repeat(n_classes, axis=0), range(n_classes))
    init.class_prior_ = prior
    return init


def _scores_of(prior: np.ndarray, link: Any) -> np.ndarray:
    """The scores that a boosting classifier starts from, given class probabilities."""
    scores: np.ndarray = link.link(prior[1:] if prior.size == 2 else prior[np.newaxis]).ravel()
    return scores


def _prior_of(start: np.ndarray, link: Any) -> np.ndarray:
    """Class probabilities that scores come from; of two classes to the bit, if any do."""
    if start.size > 1:
        shifted = np.exp(start - start.max())
        return shifted / shifted.sum()
    second = float(link.inverse(start)[0])
    nearby = [second]
    for direction in (0.0, 1.0):
        candidate = second
        for _ in range(8):
            candidate = float(np.nextafter(candidate, direction))
            nearby.append(candidate)
    scores = link.link(np.array(nearby))
    second = nearby[int(np.abs(scores - start[0]).argmin())]
    return np.array([1.0 - second, second])


def _classifiers() -> Iterable[Any]:
    return (
        GradientBoostingClassifier(n_estimators=4, random_state=0),
        GradientBoostingClassifier(n_estimators=3, init="zero", subsample=0.7, random_state=0),
    )


def _regressors() -> Iterable[Any]:
    return (
        GradientBoostingRegressor(n_estimators=5, random_state=0),
        GradientBoostingRegressor(n_estimators=5, loss="huber", random_state=0),
        GradientBoostingRegressor(n_estimators=5, loss="quantile", init="zero", random_state=0),
    )


for _cls, _lift_one, _examples in (
    (GradientBoostingClassifier, _lift_classifier, _classifiers),
    (GradientBoostingRegressor, _lift_regressor, _regressors),
):
    register(Family(dotted_name(_cls()), _lift_one, _lower(_cls), _examples))
