"""The one place that touches what is private to scikit-learn, by feature detection.

Each function reads or writes one internal; a canary test per function in
``tests/families/test_canaries.py`` says at once what a new scikit-learn release moved.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import _fit_context as fit_context
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.ensemble._iforest import _average_path_length
from sklearn.impute import MissingIndicator
from sklearn.metrics import DistanceMetric
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.tree._tree import NODE_DTYPE, Tree
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._missing import is_scalar_nan
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled

# ---------------------------------------------------------------- the contract of an estimator

# Private by name only: extensions of scikit-learn are written with them.
__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "fit_context",
    "routing_enabled",
    "safe_indexing",
    "validate_params",
]


# ---------------------------------------------------------------- transformers, text and networks


@functools.cache
def standard_scaler_rounds_first() -> bool:
    """Whether `StandardScaler` rounds mean and scale to float32 before it scales float32 rows.

    It does from scikit-learn 1.8 on; before, it computed in float64 and rounded the result.
    """
    scaler = StandardScaler().fit([[0.0], [0.2]])
    # The mean as a float32 number: nothing is left of it only if the mean was rounded as well.
    return bool(scaler.transform(scaler.mean_.astype(np.float32).reshape(1, 1))[0, 0] == 0)


def imputer_fill_dtype(imputer: Any) -> np.dtype:
    """The dtype that `SimpleImputer` rounds its statistics to; float64 where it does not."""
    dtype = np.dtype(getattr(imputer, "_fill_dtype", np.float64))
    return dtype if dtype.kind in "iuf" else np.dtype(np.float64)


def set_fitted_imputer(imputer: Any, indicators: np.ndarray | None) -> None:
    """Give a `SimpleImputer` with statistics the rest of what its `transform` reads."""
    imputer._fit_dtype = np.dtype(np.float64)
    imputer._fill_dtype = np.dtype(np.float64)
    imputer.indicator_ = None
    if indicators is not None:
        flags = MissingIndicator(missing_values=imputer.missing_values, error_on_new=False)
        flags.features_ = indicators.astype(np.int64)
        flags.n_features_in_ = imputer.statistics_.size
        flags._n_features = imputer.statistics_.size
        flags._precomputed = True
        imputer.indicator_ = flags


def tfidf_of(vectorizer: Any) -> Any:
    """The `TfidfTransformer` inside a fitted `TfidfVectorizer`."""
    return vectorizer._tfidf


def set_tfidf(vectorizer: Any, transformer: Any) -> None:
    """Put a fitted `TfidfTransformer` into a `TfidfVectorizer`."""
    vectorizer._tfidf = transformer


def mlp_wants_sparse_labels(mlp: Any) -> bool:
    """Whether an `MLPClassifier` was fitted on a sparse label matrix."""
    return bool(mlp._label_binarizer.sparse_input_)


def set_label_binarizer(mlp: Any, *, multilabel: bool) -> None:
    """Give an `MLPClassifier` with classes the binarizer that turns its output into labels."""
    seen = np.eye(len(mlp.classes_), dtype=int) if multilabel else mlp.classes_
    mlp._label_binarizer = LabelBinarizer().fit(seen)


# ---------------------------------------------------------------- trees


def tree_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The node arrays of a fitted ``tree_``, in scikit-learn's own order."""
    nodes = tree.__getstate__()["nodes"]
    return {
        "left": nodes["left_child"],
        "right": nodes["right_child"],
        "feature": nodes["feature"],
        "threshold": nodes["threshold"],
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "impurity": nodes["impurity"],
        "n_samples": nodes["n_node_samples"],
        "weight": nodes["weighted_n_node_samples"],
        "value": tree.value,
    }


def build_tree(
    arrays: dict[str, np.ndarray], n_features: int, n_classes: np.ndarray, max_depth: int
) -> Any:
    """A genuine ``tree_`` with these node arrays.

    Parameters
    ----------
    arrays : dict
        As `tree_arrays` gives them.
    n_features : int
        Input columns.
    n_classes : ndarray of int, of shape (n_outputs,)
        Classes of each output, 1 for regression.
    max_depth : int
        Depth of the deepest leaf.
    """
    tree = Tree(n_features, n_classes.astype(np.intp), n_classes.size)
    nodes = np.zeros(arrays["left"].size, dtype=NODE_DTYPE)
    for name, field in (
        ("left", "left_child"),
        ("right", "right_child"),
        ("feature", "feature"),
        ("threshold", "threshold"),
        ("impurity", "impurity"),
        ("n_samples", "n_node_samples"),
        ("weight", "weighted_n_node_samples"),
        ("missing_left", "missing_go_to_left"),
    ):
        nodes[field] = arrays[name]
    state = {
        "max_depth": max_depth,
        "node_count": nodes.size,
        "nodes": nodes,
        "values": np.ascontiguousarray(arrays["value"], np.float64),
    }
    tree.__setstate__(state)
    return tree


def takes_missing(tree_estimator: Any) -> bool:
    """Whether a fitted tree lets NaN into `predict`."""
    return bool(tree_estimator._support_missing_values(np.zeros((1, 1))))


def set_bagging(bagging: Any, trees: list[Any], base: Any) -> None:
    """Give a bagging ensemble its members, which see all columns, and what they are copies of."""
    bagging.estimator_ = base
    bagging.estimators_ = trees
    bagging.estimators_features_ = [np.arange(bagging.n_features_in_) for _ in trees]
    bagging._max_features = bagging.n_features_in_


def isolation_depths(forest: Any, place: int) -> np.ndarray:
    """What each node of a tree adds to the depth of a row, as `IsolationForest` works it out."""
    depth: np.ndarray = (
        forest._decision_path_lengths[place] + forest._average_path_length_per_tree[place] - 1.0
    )
    return depth


def isolation_path_length(n_rows: int) -> float:
    """The usual length of a way through an isolation tree grown on so many rows."""
    return float(_average_path_length([n_rows])[0])


def isolation_rows(forest: Any) -> int:
    """How many rows each tree of an `IsolationForest` was grown on."""
    return int(forest._max_samples)


def set_isolation(forest: Any, depths: list[np.ndarray], n_rows: int) -> None:
    """Give an `IsolationForest` what its nodes add to a depth, and the rows of each tree."""
    forest._average_path_length_per_tree = tuple(depths)
    forest._decision_path_lengths = tuple(np.ones(depth.size) for depth in depths)
    forest._max_samples = n_rows


def boosting_start(boosting: Any, n_outputs: int) -> np.ndarray | None:
    """What the sum of a `GradientBoosting` model starts from; None if `init` gives no constant."""
    init = boosting.init_
    if isinstance(init, str):
        return np.zeros(n_outputs)
    # "stratified" draws at random.
    if type(init) not in (DummyClassifier, DummyRegressor) or init.strategy == "stratified":
        return None
    row = np.zeros((1, boosting.n_features_in_), np.float32)
    start: np.ndarray = boosting._raw_predict_init(row)[0]
    return start


def set_boosting_loss(boosting: Any) -> Any:
    """Give a `GradientBoosting` model the loss of its parameters, and return its link."""
    boosting._loss = boosting._get_loss(sample_weight=None)
    return boosting._loss.link


def histogram_trees(boosting: Any) -> list[tuple[int, dict[str, np.ndarray]]]:
    """Output column and node arrays of each tree of a histogram gradient boosting model."""
    trees = []
    for stage in boosting._predictors:
        for column, predictor in enumerate(stage):
            nodes = predictor.nodes
            trees.append(
                (
                    column,
                    {
                        "left": np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64)),
                        "right": np.where(nodes["is_leaf"], -1, nodes["right"].astype(np.int64)),
                        "feature": nodes["feature_idx"],
                        "threshold": nodes["num_threshold"],
                        "missing_left": nodes["missing_go_to_left"].astype(bool),
                        "value": nodes["value"],
                        "n_samples": nodes["count"],
                        "on_category": nodes["is_categorical"].astype(bool),
                        "category_set": _category_sets(predictor),
                    },
                )
            )
    return trees


def _category_sets(predictor: Any) -> np.ndarray:
    """The 256-bit set of categories that go left at each node; empty where there is none."""
    nodes, sets = predictor.nodes, np.asarray(predictor.raw_left_cat_bitsets)
    spread = np.zeros((nodes.size, 8), np.uint32)
    chosen = nodes["is_categorical"].astype(bool)
    spread[chosen] = sets[nodes["bitset_idx"][chosen]]
    return spread


def histogram_start(boosting: Any) -> np.ndarray:
    """What the sum of a histogram gradient boosting model starts from."""
    return np.asarray(boosting._baseline_prediction, dtype=np.float64).ravel()


def histogram_categories(
    boosting: Any,
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray] | None:
    """How a histogram gradient boosting model sees categories; None if it sees none.

    Returns
    -------
    columns : ndarray of int
        Input column of each column that the trees see; those of categories come first.
    categories : list of ndarray
        Categories in the order of their codes, column by column, without the missing one.
    known : ndarray of uint32, of shape (n_categorical_features, 8)
        Codes seen in training, as 256-bit sets.
    known_row : ndarray of int32, of shape (n_features,)
        Row in `known` of each column that the trees see, -1 for numbers.
    """
    if boosting._preprocessor is None:
        return None
    encoder = boosting._preprocessor.named_transformers_["encoder"]
    chosen = np.asarray(boosting.is_categorical_)
    columns = np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)])
    known, row = boosting._bin_mapper.make_known_categories_bitsets()
    known_row = np.where(boosting._is_categorical_remapped, row, -1).astype(np.int32)
    categories = [
        # A missing value was put last, if there was one.
        values[:-1] if values.size and is_scalar_nan(values[-1]) else values
        for values in encoder.categories_
    ]
    return columns, categories, np.asarray(known, np.uint32), known_row


def histogram_shrinkage(boosting: Any) -> float:
    """What the value of a split is multiplied by to be that of a leaf, which is so already."""
    return float(boosting.learning_rate)


def set_histogram(
    boosting: Any,
    stages: list[list[dict[str, np.ndarray]]],
    start: np.ndarray,
    category_sets: np.ndarray,
) -> None:
    """Give a histogram gradient boosting model its trees, and the loss of its parameters.

    Parameters
    ----------
    boosting : estimator
        With its classes, if there are any.
    stages : list of list of dict
        Node arrays of each tree of each stage, in scikit-learn's order; ``category`` is a row of
        `category_sets`, -1 where a number is compared.
    start : ndarray of shape (n_outputs,)
        What the sums start from.
    category_sets : ndarray of uint32, of shape (n_sets, 8)
        Sets of categories that go left.
    """
    boosting._predictors = [
        [_histogram_tree(arrays, category_sets) for arrays in stage] for stage in stages
    ]
    boosting._baseline_prediction = start.reshape(1, -1)
    boosting.n_trees_per_iteration_ = start.size
    boosting._loss = boosting._get_loss(sample_weight=None)


def _histogram_tree(arrays: dict[str, np.ndarray], category_sets: np.ndarray) -> Any:
    split, chosen = arrays["left"] >= 0, arrays["category"] >= 0
    nodes = np.zeros(split.size, PREDICTOR_RECORD_DTYPE)
    for name, field in (
        ("left", "left"),
        ("right", "right"),
        ("feature", "feature_idx"),
        ("threshold", "num_threshold"),
        ("missing_left", "missing_go_to_left"),
    ):
        nodes[field][split] = arrays[name][split]
    nodes["value"], nodes["count"] = arrays["value"][:, 0], arrays["n_samples"]
    nodes["depth"], nodes["gain"] = arrays["depth"], np.where(split, np.nan, -1.0)
    nodes["is_leaf"], nodes["is_categorical"] = ~split, chosen
    nodes["bitset_idx"][chosen] = np.arange(np.count_nonzero(chosen))
    sets = np.ascontiguousarray(category_sets[arrays["category"][chosen]])
    return TreePredictor(nodes, np.zeros_like(sets), sets)


def set_histogram_categories(
    boosting: Any,
    columns: np.ndarray,
    categories: list[np.ndarray],
    known: np.ndarray,
    names: np.ndarray | None,
) -> None:
    """Give a histogram gradient boosting model what it sees its columns through.

    Parameters
    ----------
    boosting : estimator
        With its number of columns.
    columns : ndarray of int
        Columns of categories.
    categories : list of ndarray
        Categories of each of them.
    known : ndarray of uint32, of shape (n_columns_of_categories, 8)
        Codes seen in training, as sets.
    names : ndarray or None
        Names of all columns.
    """
    n_features, n_seen = boosting.n_features_in_, columns.size
    boosting._n_features = n_features
    mapper = _BinMapper()
    mapper.is_categorical_ = np.arange(n_features) < n_seen
    bits = np.unpackbits(known.astype("<u4").view(np.uint8), axis=1, bitorder="little")
    mapper.bin_thresholds_ = [np.flatnonzero(row).astype(np.float64) for row in bits]
    boosting._bin_mapper = mapper
    if not n_seen:
        boosting.is_categorical_ = boosting._is_categorical_remapped = None
        boosting._preprocessor = None
        return
    boosting.categorical_features = columns.tolist()
    # Rows that show each category once; the missing one is no category, yet may be seen.
    rows = np.zeros((max(table.size for table in categories) + 1, n_features))
    rows[:, columns] = np.nan
    for column, table in zip(columns, categories, strict=True):
        rows[: table.size, column] = table
    boosting._preprocess_X(rows, reset=True)
    if names is not None:
        boosting._preprocessor.feature_names_in_ = names
        encoder = boosting._preprocessor.named_transformers_["encoder"]
        encoder.feature_names_in_ = names[columns]


# ---------------------------------------------------------------- support vector machines


def svm_gamma(svm: Any) -> float:
    """The number behind ``gamma="scale"`` or ``"auto"``."""
    return float(svm._gamma)


def svm_is_sparse(svm: Any) -> bool:
    """Whether an SVM was fitted on sparse rows."""
    return bool(svm._sparse)


def svm_group_sizes(svm: Any) -> np.ndarray:
    """Support vectors of each class, for a classifier."""
    return np.asarray(svm._n_support)


def svm_platt(svm: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Platt's A and B per class pair; None where the model gives no probabilities."""
    a, b = np.asarray(svm._probA, np.float64), np.asarray(svm._probB, np.float64)
    return (a, b) if a.size else None


def process_scale(process: Any) -> tuple[np.ndarray, np.ndarray]:
    """What a Gaussian process multiplies and adds to its mean, for each target."""
    return np.atleast_1d(process._y_train_std), np.atleast_1d(process._y_train_mean)


def set_svm(
    svm: Any,
    *,
    vectors: Any,
    dual_coef: np.ndarray,
    intercept: np.ndarray,
    n_support: np.ndarray,
    gamma: float,
    platt: tuple[np.ndarray, np.ndarray] | None,
    flip: bool,
) -> None:
    """Give an unfitted libsvm estimator all that its predict methods read.

    Parameters
    ----------
    svm : estimator
        SVC, NuSVC, SVR, NuSVR or OneClassSVM.
    vectors : ndarray or csr_array of shape (n_vectors, n_features)
        Support vectors.
    dual_coef, intercept : ndarray
        As the public attributes show them.
    n_support : ndarray of int
        Vectors of each class; of length 2 for others, as libsvm has it.
    gamma : float
        Resolved kernel parameter.
    platt : tuple of ndarray, or None
        A and B per class pair.
    flip : bool
        Two classes: libsvm's own numbers have the other sign.
    """
    sparse = issparse(vectors)
    dual = _stored_throughout(dual_coef) if sparse else np.ascontiguousarray(dual_coef)
    svm.support_vectors_ = _with_int32(csr_matrix(vectors)) if sparse else vectors
    svm.dual_coef_ = dual
    svm.intercept_ = intercept
    svm._dual_coef_ = -dual if flip else dual.copy()
    svm._intercept_ = -intercept if flip else intercept.copy()
    svm.support_ = np.arange(vectors.shape[0], dtype=np.int32)
    svm._n_support = n_support.astype(np.int32)
    svm._probA, svm._probB = platt if platt is not None else (np.empty(0), np.empty(0))
    svm._effective_probability = platt is not None
    svm._gamma = gamma
    svm._sparse = sparse
    svm._num_iter = np.zeros(max(n_support.size - 1, 1), np.int32)
    svm.n_iter_ = svm._num_iter
    svm.fit_status_ = 0
    svm.shape_fit_ = vectors.shape


def _with_int32(rows: Any) -> Any:
    """The same CSR matrix with the index type that libsvm's wrapper takes."""
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def _stored_throughout(dense: np.ndarray) -> Any:
    """A CSR matrix that stores zeros too: libsvm reads its data as if it were dense."""
    n_rows, n_columns = dense.shape
    return csr_matrix(
        (
            np.array(dense, np.float64).ravel(),
            np.tile(np.arange(n_columns, dtype=np.int32), n_rows),
            np.arange(n_rows + 1, dtype=np.int32) * n_columns,
        ),
        shape=dense.shape,
    )


# ---------------------------------------------------------------- linear models


def ridge_has_several_targets(ridge: Any) -> bool:
    """Whether a `RidgeClassifier` was fitted on several labels a row."""
    return bool(ridge._label_binarizer.y_type_.startswith("multilabel"))


def set_ridge_classes(ridge: Any, classes: np.ndarray) -> None:
    """Give a `RidgeClassifier` its classes, which it keeps in a binarizer, too."""
    ridge._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1).fit(classes)
    # A read-only view of the binarizer's until 1.8.
    if not hasattr(type(ridge), "classes_"):
        ridge.classes_ = classes


# ---------------------------------------------------------------- nearest neighbours


def neighbor_data(neighbors: Any) -> tuple[Any, np.ndarray]:
    """Stored rows, possibly sparse, and targets."""
    return neighbors._fit_X, np.asarray(neighbors._y)


def neighbor_tree(neighbors: Any) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Order of the rows in the tree, and the centers of a ball tree; None if there is no tree."""
    if neighbors._tree is None:
        return None
    _, order, _, bounds = neighbors._tree.get_arrays()
    centers = np.asarray(bounds)[0] if neighbors._fit_method == "ball_tree" else None
    return np.asarray(order), centers


def set_tree_order(neighbors: Any, centers: np.ndarray | None) -> None:
    """Have the tree of a fitted model hold its rows in the order in which they were given.

    Rows that stand in the order of a tree's leaves fall into the same nodes when the tree is
    built anew, but not into the same order within a leaf.

    Parameters
    ----------
    neighbors : estimator
        Fitted on rows in the order of the leaves.
    centers : ndarray of shape (n_nodes, n_features), or None
        Centers of a ball tree's nodes.
    """
    rows, order, nodes, bounds = (np.asarray(part) for part in neighbors._tree.get_arrays())
    order[:] = np.arange(order.size)
    if centers is None:
        return
    bounds[0] = centers
    name, order_of_power = neighbors.effective_metric_, neighbors.effective_metric_params_ or {}
    distance = DistanceMetric.get_metric(name, **order_of_power)
    for node, center in zip(nodes, centers, strict=True):
        part = rows[node["idx_start"] : node["idx_end"]]
        if part.size:
            node["radius"] = distance.pairwise(part, center[np.newaxis]).max()
