"""Single decision trees, and what they share with forests."""

from __future__ import annotations

import functools
import math
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
    ClassScores,
    Head,
    Model,
    Numbers,
    Shares,
    TreeEnsemble,
    TreeNotes,
    decode,
    distinct_rows,
    floor_to_float32,
)
from ._input import input_spec
from ._labels import labels_of
from ._layout import breadth_first, columns_of, depth_first
from ._params import plain_params
from ._registry import Family, dotted_name, register
from ._sklearn_internals import build_tree, takes_missing, tree_arrays

__all__ = [
    "build_trees",
    "finish",
    "in_stages",
    "lift_trees",
    "lower_trees",
    "max_features",
    "refuse_to_lose",
    "set_targets",
    "tree_ensemble",
    "tree_head",
]

_LOST_WITHOUT_NOTES = (
    "feature_importances_",
    "tree_.impurity",
    "tree_.n_node_samples",
    "tree_.weighted_n_node_samples",
    "tree_.value of splits",
)
_LOST_WITHOUT_CLIPPING = "predict_proba, which may leave the range from 0 to 1"


def tree_ensemble(
    arrays: Sequence[dict[str, np.ndarray]],
    rows_of: Callable[[np.ndarray], np.ndarray],
    *,
    n_features: int,
    **settings: Any,
) -> TreeEnsemble:
    """The trees of an estimator.

    Parameters
    ----------
    arrays : sequence of dict
        Node arrays of each tree, in the order in which their values are added.
    rows_of : callable
        Makes a row per node of the values of all nodes.
    n_features : int
        Input columns.
    **settings
        Other fields of TreeEnsemble.
    """
    layout = breadth_first([a["left"] for a in arrays], [a["right"] for a in arrays])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([a[name] for a in arrays])

    rows = rows_of(joined("value"))
    values, leaf = distinct_rows(layout.leaves(rows))
    missing = layout.splits(joined("missing_left"))
    return TreeEnsemble(
        internal=layout.internal,
        feature=columns_of(layout.splits(joined("feature")), n_features),
        threshold=floor_to_float32(layout.splits(joined("threshold"))),
        missing_left=missing if bool(missing.any()) else None,
        leaf=leaf,
        values=values,
        n_features=n_features,
        notes=TreeNotes(
            impurity=joined("impurity")[layout.order],
            weight=joined("weight")[layout.order],
            n_samples=joined("n_samples")[layout.order],
            values=layout.splits(rows),
        ),
        **settings,
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
    n_outputs = int(np.sum(getattr(estimator, "n_classes_", estimator.n_outputs_)))
    rows_of = functools.partial(_value_rows, estimator)
    return tree_ensemble(
        [tree_arrays(tree.tree_) for tree in trees],
        rows_of,
        n_features=int(estimator.n_features_in_),
        n_outputs=n_outputs,
        average=average,
    )


def _value_rows(estimator: Any, value: np.ndarray) -> np.ndarray:
    """A row per node over all outputs, without the padding to the largest number of classes."""
    if not hasattr(estimator, "classes_"):
        return value[:, :, 0]
    sizes = np.atleast_1d(estimator.n_classes_)
    if sizes.size == 1:
        return value[:, 0, : sizes[0]]
    return np.concatenate([value[:, k, :size] for k, size in enumerate(sizes)], axis=1)


def tree_head(estimator: Any) -> Head:
    """Class shares, or numbers."""
    if not hasattr(estimator, "classes_"):
        n_outputs = int(estimator.n_outputs_)
        return Numbers(n_outputs=n_outputs, ravel=n_outputs == 1)
    targets = [estimator.classes_] if estimator.n_outputs_ == 1 else estimator.classes_
    return Shares(targets=tuple(labels_of(classes) for classes in targets))


def lower_trees(
    model: Model, make: Callable[[], Any], allow_missing: bool
) -> tuple[list[Any], tuple[str, ...]]:
    """Genuine fitted trees, one for each of the model's, and what they lack.

    Parameters
    ----------
    model : Model
        What they compute.
    make : callable
        Gives an unfitted tree.
    allow_missing : bool
        Build them even if something is lacking.
    """
    trees, head = model.predictor, model.head
    if not isinstance(trees, TreeEnsemble) or trees.tree_output is not None:
        raise UnsupportedEstimatorError(f"{model.family.rpartition('.')[2]} holds plain trees.")
    sizes = _class_counts(head)
    missing: tuple[str, ...] = ()
    if isinstance(head, Shares) and head.clip:
        if trees.n_trees == 1:
            trees = trees.replace(values=_clipped(decode(trees.values), sizes))
        else:
            missing = (_LOST_WITHOUT_CLIPPING,)
    estimators, lost = build_trees(trees, make, sizes, allow_missing, missing)
    for tree in estimators:
        set_targets(tree, head)
    return estimators, lost


def build_trees(
    trees: TreeEnsemble,
    make: Callable[[], Any],
    sizes: np.ndarray,
    allow_missing: bool,
    missing: tuple[str, ...] = (),
) -> tuple[list[Any], tuple[str, ...]]:
    """Trees without targets, one for each of an ensemble's, and what they lack.

    Parameters
    ----------
    trees : TreeEnsemble
        What they compute.
    make : callable
        Gives an unfitted tree.
    sizes : ndarray of int, of shape (n_outputs,)
        Classes of each output, 1 for regression.
    allow_missing : bool
        Build them even if something is lacking.
    missing : tuple of str
        What is lacking for other reasons.
    """
    if trees.categories is not None or not trees.float32_inputs:
        raise UnsupportedEstimatorError(
            "scikit-learn's plain trees split on float32 numbers alone, not on categories."
        )
    if trees.notes is None:
        missing = (*_LOST_WITHOUT_NOTES, *missing)
    refuse_to_lose(trees, missing, allow_missing)
    estimators = []
    for arrays in depth_first(trees):
        tree = make()
        tree.n_features_in_ = trees.n_features
        depth = int(arrays.pop("depth").max())
        arrays["value"] = _padded(arrays["value"], sizes)
        tree.tree_ = build_tree(arrays, trees.n_features, sizes, depth)
        tree.max_features_ = max_features(tree.max_features, trees.n_features)
        tree.n_outputs_ = sizes.size
        estimators.append(tree)
    return estimators, missing


def refuse_to_lose(trees: TreeEnsemble, missing: tuple[str, ...], allow_missing: bool) -> None:
    """Raise if something is missing, unless that is allowed."""
    if not missing or allow_missing:
        return
    why = (
        "The model no longer holds impurities and sample counts: compress with keep_notes=True. "
        if trees.notes is None
        else ""
    )
    raise UnsupportedEstimatorError(
        f"{why}A scikit-learn estimator would have no meaningful {', '.join(missing)}; pass "
        "allow_missing=True to make one nevertheless."
    )


def in_stages(model: Model) -> TreeEnsemble:
    """The trees of a boosting model, if they form stages of one tree per output."""
    trees, head = model.predictor, model.head
    if (
        not (isinstance(head, ClassScores) or (isinstance(head, Numbers) and head.n_outputs == 1))
        or not isinstance(trees, TreeEnsemble)
        or trees.tree_output is None
        or trees.denominator != 1
        or not np.array_equal(trees.tree_output, np.arange(trees.n_trees) % trees.n_outputs)
        or trees.n_trees % trees.n_outputs
    ):
        raise UnsupportedEstimatorError(
            f"{model.family.rpartition('.')[2]} holds stages of one tree per output."
        )
    return trees


def max_features(setting: Any, n_features: int) -> int:
    """How many columns a split looks at, by scikit-learn's rule."""
    if isinstance(setting, str):
        return max(1, int({"sqrt": math.sqrt, "log2": math.log2}[setting](n_features)))
    if setting is None:
        return n_features
    if isinstance(setting, float):
        return max(1, int(setting * n_features)) if setting > 0 else 0
    return int(setting)


def finish(estimator: Any, model: Model, missing: tuple[str, ...]) -> Any:
    """Give an estimator its feature names and the list of what it lacks."""
    if model.input.names is not None:
        estimator.feature_names_in_ = np.array(model.input.names, dtype=object)
    if missing:
        estimator.skcompress_missing_ = missing
    return estimator


def _class_counts(head: Head) -> np.ndarray:
    if isinstance(head, Shares):
        return np.array([len(target) for target in head.targets])
    if isinstance(head, Numbers) and head.link == "identity":
        return np.ones(head.n_outputs, int)
    raise UnsupportedEstimatorError(f"Trees cannot answer as {type(head).__name__} does.")


def _clipped(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Rows with each target's shares cut at zero and divided by their sum."""
    parts = []
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        cut = np.maximum(rows[:, end - size : end], 0.0)
        total = cut.sum(axis=1, keepdims=True)
        parts.append(np.where(total > 0, cut / np.where(total > 0, total, 1.0), 1.0 / size))
    return np.concatenate(parts, axis=1)


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
        (tree,), lost = lower_trees(model, lambda: cls(**dict(model.params)), allow_missing)
        return finish(tree, model, lost)

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
