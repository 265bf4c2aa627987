"""What the attributes of fitted estimators are called in a size report.

An attribute that is not listed is reported under its own name, so a new release of scikit-learn,
or an estimator of somebody else's, loses nothing but a friendly name.
"""

from __future__ import annotations

from ._meter import Part

__all__ = [
    "BY_CLASS",
    "BY_FIELD",
    "BY_NAME",
    "FIELDS_FOR_TRAINING",
    "INSIDE",
    "LAID_OUT",
    "NODE_STATISTICS",
    "OBJECTS",
    "PARAMETERS",
    "SCALARS",
]

PARAMETERS: Part = ("parameters", False)
OBJECTS: Part = ("Python objects around the parts", True)
SCALARS: Part = ("single numbers and names", True)
LAID_OUT: Part = ("laid out for prediction", True)
NODE_STATISTICS: Part = ("statistics of tree nodes", False)

INSIDE = frozenset(
    [
        "_predictors",
        "_tfidf",
        "base_estimator_",
        "best_estimator_",
        "calibrated_classifiers_",
        "estimator",
        "estimator_",
        "estimators",
        "estimators_",
        "final_estimator",
        "final_estimator_",
        "init_",
        "named_estimators_",
        "regressor_",
        "steps",
        "transformer_list",
        "transformers",
        "transformers_",
        "tree_",
    ]
)
"""Attributes that hold other estimators, whose own attributes name the parts."""

_OPTIMIZER = ("optimizer state", False)
_CURVES = ("training curves", False)
_RANDOM = ("random state", False)
_DUAL = ("dual coefficients", True)
_WEIGHTS = ("weights left from training", False)
_VECTORS = ("stored rows", True)
_CLASSES = ("classes", True)
_SCALES = ("scales and offsets", True)

BY_NAME: dict[str, Part] = {
    # support vector machines
    "support_vectors_": ("support vectors", True),
    "dual_coef_": _DUAL,
    "_dual_coef_": _DUAL,
    "support_": ("support indices", True),
    "_n_support": ("support indices", True),
    "_intercept_": ("intercepts", True),
    "_probA": ("Platt coefficients", True),
    "_probB": ("Platt coefficients", True),
    # linear models
    "coef_": ("coefficients", True),
    "intercept_": ("intercepts", True),
    # networks
    "coefs_": ("layer weights", True),
    "intercepts_": ("biases", True),
    "_optimizer": _OPTIMIZER,
    "_coef_grads": _OPTIMIZER,
    "_intercept_grads": _OPTIMIZER,
    "_best_coefs": ("weights of the best epoch", False),
    "_best_intercepts": ("weights of the best epoch", False),
    "loss_curve_": _CURVES,
    "validation_scores_": _CURVES,
    # trees
    "_bin_mapper": ("bin thresholds", False),
    "binned_left_cat_bitsets": ("category sets for training", False),
    "raw_left_cat_bitsets": ("category sets", True),
    "nodes": ("tree nodes", True),
    "_estimators_samples": ("bootstrap samples", False),
    "_seeds": _RANDOM,
    "estimators_features_": ("features of each member", True),
    "estimators_samples_": ("bootstrap samples", False),
    "oob_decision_function_": ("out-of-bag predictions", False),
    "oob_prediction_": ("out-of-bag predictions", False),
    "oob_improvement_": _CURVES,
    "oob_scores_": _CURVES,
    "train_score_": _CURVES,
    "validation_score_": _CURVES,
    # neighbours
    "_fit_X": _VECTORS,
    "_y": ("targets of the stored rows", True),
    "_tree": ("search tree", True),
    # text
    "vocabulary_": ("vocabulary", True),
    "idf_": ("inverse document frequencies", True),
    "_idf_diag": ("inverse document frequencies", True),
    # scalers and projections
    "mean_": _SCALES,
    "scale_": _SCALES,
    "min_": _SCALES,
    "center_": _SCALES,
    "max_abs_": ("statistics of the columns", False),
    "var_": ("statistics of the columns", False),
    "data_min_": ("statistics of the columns", False),
    "data_max_": ("statistics of the columns", False),
    "data_range_": ("statistics of the columns", False),
    "n_samples_seen_": ("statistics of the columns", False),
    "statistics_": ("fill values", True),
    "components_": ("components", True),
    "explained_variance_": ("components", True),
    "explained_variance_ratio_": ("variance ratios", False),
    "singular_values_": ("variance ratios", False),
    # all
    "classes_": _CLASSES,
    "_label_binarizer": _CLASSES,
    "_label_encoder": _CLASSES,
    "feature_names_in_": ("feature names", True),
    "_loss": ("loss", True),
    "_sample_weight": _WEIGHTS,
    "class_weight_": _WEIGHTS,
    "sample_weight_": _WEIGHTS,
    "_random_state": _RANDOM,
    "_rng": _RANDOM,
    "_feature_subsample_rng": _RANDOM,
    "random_state_": _RANDOM,
    "n_iter_": _CURVES,
    "_num_iter": _CURVES,
    "cv_results_": ("search results", False),
}
"""Name of an attribute -> its part, whatever the class."""

BY_CLASS: dict[tuple[str, str], Part] = {
    ("sklearn.preprocessing._data.MaxAbsScaler", "scale_"): _SCALES,
    ("sklearn.tree._tree.Tree", "values"): ("leaf values", True),
    ("sklearn.gaussian_process._gpr.GaussianProcessRegressor", "X_train_"): _VECTORS,
    ("sklearn.kernel_ridge.KernelRidge", "X_fit_"): _VECTORS,
    ("sklearn.kernel_ridge.KernelRidge", "dual_coef_"): _DUAL,
}
"""(Dotted name of a class, name of an attribute) -> its part, where the name alone misleads."""

FIELDS_FOR_TRAINING = frozenset(
    [
        "bin_threshold",
        "count",
        "depth",
        "gain",
        "impurity",
        "n_node_samples",
        "weighted_n_node_samples",
    ]
)
"""Fields of tree nodes that prediction does not read."""

BY_FIELD: dict[tuple[str, str], Part] = {
    ("trees", "internal"): ("tree topology", True),
    ("trees", "feature"): ("features of splits", True),
    ("trees", "threshold"): ("thresholds", True),
    ("trees", "missing_left"): ("directions of missing values", True),
    ("trees", "leaf"): ("leaf indices", True),
    ("trees", "values"): ("leaf values", True),
    ("trees", "categories"): ("category sets", True),
    ("trees", "notes"): NODE_STATISTICS,
    ("kernel", "vectors"): ("support vectors", True),
    ("kernel", "coef"): _DUAL,
    ("kernel", "intercept"): ("intercepts", True),
    ("linear", "coef"): ("coefficients", True),
    ("linear", "intercept"): ("intercepts", True),
    ("layer", "weights"): ("layer weights", True),
    ("layer", "bias"): ("biases", True),
    ("prototypes", "vectors"): _VECTORS,
    ("prototypes", "targets"): ("targets of the stored rows", True),
    ("text", "terms"): ("vocabulary", True),
    ("text", "idf"): ("inverse document frequencies", True),
    ("text", "stop_words"): ("stop words", True),
    ("project", "components"): ("components", True),
    ("rescale", "subtract"): _SCALES,
    ("rescale", "divide"): _SCALES,
    ("rescale", "multiply"): _SCALES,
    ("rescale", "add"): _SCALES,
    ("impute", "fill"): ("fill values", True),
    ("ordinal", "categories"): ("categories of inputs", True),
    ("weighted-median", "weights"): ("weights of trees", True),
    ("one-vs-one", "platt_a"): ("Platt coefficients", True),
    ("one-vs-one", "platt_b"): ("Platt coefficients", True),
    ("labels", "values"): _CLASSES,
    ("input", "names"): ("feature names", True),
}
"""(Tag of an IR class, field) -> its part."""
