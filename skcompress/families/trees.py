"""Single decision trees, and what they share with forests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    Head,
    Model,
    Numbers,
    Shares,
    TreeEnsemble,
    TreeNotes,
    distinct_rows,
    smallest_unsigned,
)
from ._input import input_spec
from ._labels import labels_of
from ._layout import breadth_first, depth_first, floor_to_float32
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import build_tree, takes_missing, tree_arrays

__all__ = ["lift_trees", "lower_trees", "needs_notes", "set_targets", "tree_head"]

_LOST_WITHOUT_NOTES = (
    "feature_importances_",
    "tree_.impurity",
    "tree_.n_node_samples",
    "tree_.weighted_n_node_samples",
    "tree_.value of splits",
)


def lift_trees(estimator: Any, trees: Sequence[Any], *, average: bool) -> TreeEnsemble:
    """The trees of an estimator, with value rows that cover all outputs.

    Parameters
    ----------
    estimator : estimator
        Tells the classes of each output, if there are any.
    trees : sequence of estimator
        Fitted trees, in the order in which their values are added.
    average : bool
        The result is their mean.
    """
    arrays = [tree_arrays(tree.tree_) for tree in trees]
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    rows = _value_rows(estimator, joined("value"))
    values, leaf = distinct_rows(layout.leaves(rows))
    missing = layout.splits(joined("missing_left"))
    return TreeEnsemble(
        internal=layout.internal,
        feature=layout.splits(joined("feature")).astype(
            smallest_unsigned(estimator.n_features_in_ - 1)
        ),
        threshold=floor_to_float32(layout.splits(joined("threshold"))),
        missing_left=missing if bool(missing.any()) else None,
        leaf=leaf,
        values=values,
        n_features=int(estimator.n_features_in_),
        n_outputs=rows.shape[1],
        average=average,
        notes=TreeNotes(
            impurity=joined("impurity")[layout.order],
            weight=joined("weight")[layout.order],
            n_samples=joined("n_samples")[layout.order],
            values=layout.splits(rows),
        ),
    )


def _value_rows(estimator: Any, value: np.ndarray) -> np.ndarray:
    """A row per node over all outputs, without the padding to the largest number of classes."""
    if not hasattr(estimator, "classes_"):
        return value[:, :, 0]
    sizes = np.atleast_1d(estimator.n_classes_)
    return np.concatenate([value[:, k, :size] for k, size in enumerate(sizes)], axis=1)


def tree_head(estimator: Any) -> Head:
    """Class shares, or numbers."""
    if not hasattr(estimator, "classes_"):
        n_outputs = int(estimator.n_outputs_)
        return Numbers(n_outputs=n_outputs, ravel=n_outputs == 1)
    targets = [estimator.classes_] if estimator.n_outputs_ == 1 else estimator.classes_
    return Shares(targets=tuple(labels_of(classes) for classes in targets))


def lower_trees(model: Model, make: Callable[[], Any], allow_missing: bool) -> list[Any]:
    """Genuine fitted trees, one for each of the model's.

    Parameters
    ----------
    model : Model
        What they compute.
    make : callable
        Gives an unfitted tree.
    allow_missing : bool
        Build them without impurities and sample counts.
    """
    trees = model.predictor
    if not isinstance(trees, TreeEnsemble) or trees.categories is not None:
        raise UnsupportedEstimatorError(f"{model.family.rpartition('.')[2]} holds plain trees.")
    needs_notes(trees, allow_missing)
    if isinstance(model.head, Shares) and model.head.clip and not allow_missing:
        raise UnsupportedEstimatorError(
            "The leaves were refitted together, and scikit-learn does not clip what they add up "
            "to: probabilities may be below zero. Pass allow_missing=True to go ahead."
        )
    sizes = _class_counts(model.head)
    estimators = []
    for arrays in depth_first(trees):
        tree = make()
        tree.n_features_in_ = trees.n_features
        set_targets(tree, model.head)
        depth = int(arrays.pop("depth").max())
        arrays["value"] = _padded(arrays["value"], sizes)
        tree.tree_ = build_tree(arrays, trees.n_features, sizes, depth)
        tree.max_features_ = trees.n_features
        _name_features(tree, model)
        _list_missing(tree, trees)
        estimators.append(tree)
    return estimators


def needs_notes(trees: TreeEnsemble, allow_missing: bool) -> None:
    """Raise unless what only training left behind is there, or may be missing."""
    if trees.notes is None and not allow_missing:
        raise UnsupportedEstimatorError(
            "The model no longer holds impurities and sample counts, without which "
            f"{', '.join(_LOST_WITHOUT_NOTES)} mean nothing. Compress with keep_notes=True, or "
            "pass allow_missing=True to go ahead without them."
        )


def _list_missing(estimator: Any, trees: TreeEnsemble) -> None:
    if trees.notes is None:
        estimator.skcompress_missing_ = _LOST_WITHOUT_NOTES


def _name_features(estimator: Any, model: Model) -> None:
    if model.input.names is not None and not model.chain.transforms:
        estimator.feature_names_in_ = np.array(model.input.names, dtype=object)


def finish(estimator: Any, model: Model) -> Any:
    """Give an estimator its feature names and the list of what it lacks."""
    _name_features(estimator, model)
    if isinstance(model.predictor, TreeEnsemble):
        _list_missing(estimator, model.predictor)
    return estimator


def _class_counts(head: Head) -> np.ndarray:
    if isinstance(head, Shares):
        return np.array([len(target) for target in head.targets])
    if isinstance(head, Numbers):
        return np.ones(head.n_outputs, int)
    raise UnsupportedEstimatorError(f"Trees cannot answer as {type(head).__name__} does.")


def _padded(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Rows over all outputs as scikit-learn's (n_nodes, n_outputs, most classes)."""
    value = np.zeros((rows.shape[0], sizes.size, int(sizes.max())))
    ends = np.cumsum(sizes)
    for k, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        value[:, k, :size] = rows[:, end - size : end]
    return value


def set_targets(estimator: Any, head: Head) -> None:
    """Give an estimator its classes and number of outputs."""
    if isinstance(head, Shares):
        classes = [target.classes.copy() for target in head.targets]
        single = len(classes) == 1
        estimator.n_outputs_ = len(classes)
        estimator.classes_ = classes[0] if single else classes
        sizes = np.array([c.size for c in classes])
        estimator.n_classes_ = sizes[0] if single else sizes
    elif isinstance(head, Numbers):
        estimator.n_outputs_ = head.n_outputs


def _lift(tree: Any) -> Model:
    return Model(
        input=input_spec(
            tree,
            finite="allow-nan" if takes_missing(tree) else "all",
            sparse=True,
            float32_range=True,
        ),
        chain=Chain(transforms=(), predictor=lift_trees(tree, [tree], average=False)),
        head=tree_head(tree),
        family=dotted_name(tree),
        params=plain_params(tree),
    )


def _lower(cls: Any) -> Callable[[Model, bool], Any]:
    def lower(model: Model, allow_missing: bool) -> Any:
        (tree,) = lower_trees(model, lambda: cls(**dict(model.params)), allow_missing)
        return tree

    return lower


def _examples(cls: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (
        cls(random_state=0),
        cls(max_leaf_nodes=7, random_state=0),
        cls(max_depth=1, random_state=0),
    )


for _cls in (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
):
    register(Family(dotted_name(_cls()), _lift, _lower(_cls), _examples(_cls)))
