"""Says at once which of scikit-learn's internals a new release has moved."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
)
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skcompress.families import _sklearn_internals as internals

# ---------------------------------------------------------------- transformers, text and networks


def test_standard_scaler_rounds_first():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)).astype(np.float32)
    scaler = StandardScaler().fit(rng.normal(size=(9, 3)))
    dtype = np.float32 if internals.standard_scaler_rounds_first() else np.float64
    expected = rows.copy()
    expected -= scaler.mean_.astype(dtype)
    expected /= scaler.scale_.astype(dtype)
    assert (scaler.transform(rows) == expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_imputer_fill_dtype(dtype):
    train = np.array([[0.1, 1], [0.2, 2], [0.5, 4]], dtype)
    imputer = SimpleImputer(strategy="constant", fill_value=0.3).fit(train)
    filled = imputer.transform(np.array([[np.nan, np.nan]], dtype))
    rounded = np.array(0.3).astype(internals.imputer_fill_dtype(imputer)).astype(dtype)
    assert (filled == rounded).all()


def test_set_fitted_imputer():
    imputer = SimpleImputer(add_indicator=True)
    imputer.statistics_ = np.array([1.0, 2.0])
    imputer.n_features_in_ = 2
    internals.set_fitted_imputer(imputer, np.array([1], np.uint8))
    assert imputer.transform([[np.nan, np.nan]]).tolist() == [[1.0, 2.0, 1.0]]


def test_tfidf_inside_a_vectorizer():
    vectorizer = TfidfVectorizer().fit(["a cat", "the cat", "the dog"])
    assert isinstance(internals.tfidf_of(vectorizer), TfidfTransformer)
    assert (internals.tfidf_of(vectorizer).idf_ == vectorizer.idf_).all()
    other = TfidfVectorizer(vocabulary=vectorizer.vocabulary_)
    internals.set_tfidf(other, internals.tfidf_of(vectorizer))
    other.vocabulary_ = vectorizer.vocabulary_
    assert (other.transform(["the cat"]) != vectorizer.transform(["the cat"])).nnz == 0


@pytest.mark.parametrize(
    "labels", [np.array([0, 1] * 5), np.array(list("abcab") * 2), np.eye(10, 3, dtype=int)]
)
def test_label_binarizer_of_a_network(labels):
    X = np.random.default_rng(0).normal(size=(10, 2))
    mlp = MLPClassifier((2,), max_iter=2, random_state=0).fit(X, labels)
    assert not internals.mlp_wants_sparse_labels(mlp)
    fitted = mlp._label_binarizer
    assert isinstance(fitted, LabelBinarizer)
    internals.set_label_binarizer(mlp, multilabel=labels.ndim == 2)
    assert mlp._label_binarizer is not fitted
    assert mlp._label_binarizer.y_type_ == fitted.y_type_
    assert (mlp._label_binarizer.classes_ == fitted.classes_).all()


# ---------------------------------------------------------------- support vector machines

SVMS = {
    "two classes": lambda X, y: SVC().fit(X, y % 2),
    "three classes": lambda X, y: NuSVC(nu=0.2).fit(X, y),
    "regression": lambda X, y: SVR().fit(X, y),
    "outliers": lambda X, y: OneClassSVM().fit(X),
}


@pytest.mark.parametrize("kind", SVMS)
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_libsvm_attributes(kind, make):
    X, y = load_iris(return_X_y=True)
    svm = SVMS[kind](make(X), y)
    assert internals.svm_gamma(svm) == pytest.approx(1 / (4 * X.var()))
    assert internals.svm_is_sparse(svm) == (make is csr_array)
    assert internals.svm_platt(svm) is None
    if kind.endswith("classes"):
        assert (internals.svm_group_sizes(svm) == svm.n_support_).all()
        assert internals.svm_group_sizes(svm).sum() == svm.support_vectors_.shape[0]


@pytest.mark.filterwarnings("ignore:The `probability` parameter was deprecated:FutureWarning")
def test_platt_parameters_are_read_without_a_warning():
    X, y = load_iris(return_X_y=True)
    svm = SVC(probability=True, random_state=0).fit(X, y)
    a, b = internals.svm_platt(svm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert (a == svm.probA_).all()
        assert (b == svm.probB_).all()


@pytest.mark.parametrize("kind", SVMS)
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_set_svm(kind, make):
    X, y = load_iris(return_X_y=True)
    fitted = SVMS[kind](make(X), y)
    other = clone(fitted)
    dual = fitted.dual_coef_
    sizes = {"regression": [dual.shape[1], 0], "outliers": [dual.shape[1], 0]}
    internals.set_svm(
        other,
        vectors=fitted.support_vectors_,
        dual_coef=dual.toarray() if issparse(dual) else dual,
        intercept=fitted.intercept_,
        n_support=np.array(sizes.get(kind, fitted.n_support_)),
        gamma=internals.svm_gamma(fitted),
        platt=None,
        flip=kind == "two classes",
    )
    if hasattr(fitted, "classes_"):
        other.classes_ = fitted.classes_
    assert (other.predict(make(X)) == fitted.predict(make(X))).all()
    # All that a fit leaves behind but for what is set above or is of no use to predict.
    rest = {"classes_", "class_weight_", "offset_", "n_features_in_"}
    assert set(vars(fitted)) - set(vars(other)) <= rest


def test_sparse_dual_coefficients_store_their_zeros():
    stored = internals._stored_throughout(np.array([[0.0, 1.0], [2.0, 0.0]]))
    assert stored.nnz == 4
    assert (stored.toarray() == [[0.0, 1.0], [2.0, 0.0]]).all()
    assert internals._stored_throughout(np.empty((1, 0))).shape == (1, 0)


# ---------------------------------------------------------------- linear models


def test_classes_of_a_ridge_classifier():
    X, y = load_iris(return_X_y=True)
    fitted = RidgeClassifier().fit(X, y)
    assert not internals.ridge_has_several_targets(fitted)
    assert internals.ridge_has_several_targets(RidgeClassifier().fit(X, np.eye(3, dtype=int)[y]))
    other = RidgeClassifier()
    other.coef_, other.intercept_ = fitted.coef_, fitted.intercept_
    internals.set_ridge_classes(other, fitted.classes_)
    assert (other.classes_ == fitted.classes_).all()
    assert (other.predict(X) == fitted.predict(X)).all()


# ---------------------------------------------------------------- nearest neighbours


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_neighbor_data(algorithm):
    X, y = load_iris(return_X_y=True)
    fitted = KNeighborsClassifier(algorithm=algorithm, leaf_size=10).fit(X, y)
    vectors, targets = internals.neighbor_data(fitted)
    assert (vectors == X).all()
    assert (targets == y).all()
    tree = internals.neighbor_tree(fitted)
    if algorithm == "brute":
        assert tree is None
        return
    order, centers = tree
    assert (np.sort(order) == np.arange(150)).all()
    # 150 rows at 10 a leaf make four levels: each node halves the range of its parent.
    halves = [X[order[:75]], X[order[75:]]]
    if algorithm == "kd_tree":
        assert centers is None
        split = [k for k in range(4) if halves[0][:, k].max() <= halves[1][:, k].min()]
        assert split
    else:
        assert centers.shape == (15, 4)
        np.testing.assert_allclose(centers[:3], [h.mean(axis=0) for h in (X, *halves)], rtol=1e-13)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_set_tree_order(algorithm):
    X, y = load_iris(return_X_y=True)
    fitted = KNeighborsClassifier(algorithm=algorithm, leaf_size=10).fit(X, y)
    order, centers = internals.neighbor_tree(fitted)
    again = clone(fitted).fit(X[order], y[order])
    internals.set_tree_order(again, centers)
    *_, nodes, bounds = again._tree.get_arrays()
    *_, wanted_nodes, wanted_bounds = fitted._tree.get_arrays()
    assert (internals.neighbor_tree(again)[0] == np.arange(150)).all()
    assert (np.asarray(bounds) == np.asarray(wanted_bounds)).all()
    assert (np.asarray(nodes) == np.asarray(wanted_nodes)).all()
    assert (again.predict(X + 0.1) == fitted.predict(X + 0.1)).all()


# ---------------------------------------------------------------- trees


def test_tree_arrays():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y).tree_
    arrays = internals.tree_arrays(tree)
    np.testing.assert_array_equal(arrays["left"], tree.children_left)
    np.testing.assert_array_equal(arrays["right"], tree.children_right)
    np.testing.assert_array_equal(arrays["feature"], tree.feature)
    np.testing.assert_array_equal(arrays["threshold"], tree.threshold)
    np.testing.assert_array_equal(arrays["impurity"], tree.impurity)
    np.testing.assert_array_equal(arrays["n_samples"], tree.n_node_samples)
    np.testing.assert_array_equal(arrays["weight"], tree.weighted_n_node_samples)
    np.testing.assert_array_equal(arrays["value"], tree.value)
    # Fractions of each class, not counts.
    np.testing.assert_allclose(tree.value.sum(axis=2), 1.0)


def test_build_tree():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y).tree_
    again = internals.build_tree(internals.tree_arrays(tree), 4, np.array([3]), tree.max_depth)
    rows = X.astype(np.float32)
    np.testing.assert_array_equal(again.predict(rows), tree.predict(rows))
    np.testing.assert_array_equal(again.apply(rows), tree.apply(rows))
    assert again.max_depth == tree.max_depth


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
def test_takes_missing(criterion):
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeRegressor(criterion=criterion, random_state=0).fit(X, y)
    X[0, 0] = np.nan
    if internals.takes_missing(tree):
        assert np.isfinite(tree.predict(X)).all()
    else:
        with pytest.raises(ValueError, match="NaN"):
            tree.predict(X)


def test_isolation():
    X, _ = load_iris(return_X_y=True)
    forest = IsolationForest(n_estimators=3, max_samples=20, max_features=2, random_state=0).fit(X)
    assert internals.isolation_rows(forest) == 20
    depths = np.zeros(len(X))
    for place, (tree, columns) in enumerate(
        zip(forest.estimators_, forest.estimators_features_, strict=True)
    ):
        depths += internals.isolation_depths(forest, place)[tree.apply(X[:, columns])]
    usual = 3 * internals.isolation_path_length(20)
    np.testing.assert_array_equal(forest.score_samples(X), -(2 ** -(depths / usual)))
    # Of 20 rows: 2 H(19) - 2 * 19 / 20, where H(n) is about log(n) + Euler's constant.
    expected = 2 * (np.log(19) + np.euler_gamma) - 38 / 20
    assert internals.isolation_path_length(20) == pytest.approx(expected)
    assert internals.isolation_path_length(2) == 1
    assert internals.isolation_path_length(1) == 0


def test_set_isolation_and_bagging():
    X, _ = load_iris(return_X_y=True)
    forest = IsolationForest(n_estimators=3, random_state=0).fit(X)
    other = clone(forest)
    other.n_features_in_, other.offset_ = 4, forest.offset_
    internals.set_bagging(other, forest.estimators_, forest.estimator_)
    internals.set_isolation(other, [internals.isolation_depths(forest, k) for k in range(3)], 150)
    np.testing.assert_array_equal(other.score_samples(X), forest.score_samples(X))
    # All that a fit leaves behind but for what is of no use to predict.
    rest = {"max_samples_", "_n_samples", "_seeds", "_sample_weight"}
    assert set(vars(forest)) - set(vars(other)) <= rest


def test_boosting_start():
    X, y = load_iris(return_X_y=True)
    boosting = GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, y)
    start = internals.boosting_start(boosting, 1)
    steps = sum(0.1 * tree.predict(X) for tree in boosting.estimators_.ravel())
    np.testing.assert_allclose(start + steps, boosting.predict(X))
    X[0, 0] = np.nan
    # If this ever passes, boosting takes missing values as its trees do.
    with pytest.raises(ValueError, match="NaN"):
        boosting.predict(X)
    for init in (DummyClassifier(strategy="stratified"), DecisionTreeClassifier()):
        other = GradientBoostingClassifier(n_estimators=2, init=init).fit(X[1:], y[1:])
        assert internals.boosting_start(other, 3) is None


def test_set_boosting_loss():
    X, y = load_iris(return_X_y=True)
    fitted = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    other = clone(fitted)
    other.n_classes_ = 3
    link = internals.set_boosting_loss(other)
    assert type(other._loss) is type(fitted._loss)
    np.testing.assert_allclose(
        link.link(np.array([[0.2, 0.3, 0.5]])), fitted._loss.link.link(np.array([[0.2, 0.3, 0.5]]))
    )


def test_histogram_boosting():
    X, y = load_iris(return_X_y=True)
    boosting = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, y)
    trees = internals.histogram_trees(boosting)
    assert [column for column, _ in trees] == [0, 1, 2, 0, 1, 2]
    for _, arrays in trees:
        splits = arrays["left"] >= 0
        assert (arrays["left"][splits] > np.flatnonzero(splits)).all()
        assert np.isfinite(arrays["value"][~splits]).all()
        assert not arrays["on_category"].any()
    assert internals.histogram_start(boosting).shape == (3,)
    assert internals.histogram_categories(boosting) is None


def test_histogram_boosting_on_categories():
    X, y = load_iris(return_X_y=True)
    X[:, 2] = np.round(X[:, 2])
    X[::9, 2] = np.nan
    boosting = HistGradientBoostingClassifier(max_iter=2, categorical_features=[2]).fit(X, y)
    columns, categories, known, known_row = internals.histogram_categories(boosting)
    assert columns.tolist() == [2, 0, 1, 3]
    assert [values.tolist() for values in categories] == [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]
    assert known.tolist() == [[0b1111111] + [0] * 7]
    assert known_row.tolist() == [0, -1, -1, -1]
    splits = 0
    for _, arrays in internals.histogram_trees(boosting):
        chosen = arrays["on_category"]
        splits += chosen.sum()
        assert (arrays["feature"][chosen] == 0).all()
        # Some of the known categories go left, not all and none besides.
        assert (arrays["category_set"][chosen, 0] > 0).all()
        assert (arrays["category_set"][chosen, 0] < 0b1111111).all()
        assert not arrays["category_set"][chosen, 1:].any()
        assert not arrays["category_set"][~chosen].any()
    assert splits


@pytest.mark.parametrize("categorical", [None, [2]])
def test_set_histogram(categorical):
    X, y = load_iris(return_X_y=True)
    X[:, 2] = np.round(X[:, 2])
    fitted = HistGradientBoostingClassifier(max_iter=2, categorical_features=categorical).fit(X, y)
    other = clone(fitted)
    other.n_features_in_, other.classes_ = 4, fitted.classes_
    sets, stages = np.zeros((0, 8), np.uint32), []
    for column, arrays in internals.histogram_trees(fitted):
        chosen = arrays["on_category"]
        category = np.where(chosen, sets.shape[0] + np.cumsum(chosen) - 1, -1)
        sets = np.concatenate([sets, arrays["category_set"][chosen]])
        nodes = {**arrays, "value": arrays["value"][:, np.newaxis], "category": category}
        nodes["depth"] = np.zeros(chosen.size)
        if column == 0:
            stages.append([])
        stages[-1].append(nodes)
    columns, tables, known = np.zeros(0, int), [], sets[:0]
    if categorical:
        columns, tables, known, _ = internals.histogram_categories(fitted)
        columns = columns[:1]
    internals.set_histogram_categories(other, columns, tables, known, None)
    internals.set_histogram(other, stages, internals.histogram_start(fitted), sets)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert internals.histogram_shrinkage(fitted) == 0.1
    # All that a fit leaves behind but for what is of no use to predict.
    rest = {
        "_feature_subsample_rng",
        "_in_fit",
        "_label_encoder",
        "_random_seed",
        "_scorer",
        "_use_validation_data",
        "class_weight_",
        "do_early_stopping_",
        "train_score_",
        "validation_score_",
    }
    assert set(vars(fitted)) - set(vars(other)) <= rest


@pytest.mark.parametrize("normalize_y", [False, True])
def test_process_scale(normalize_y):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.normal(5.0, 3.0, size=20)
    process = GaussianProcessRegressor(alpha=0.1, optimizer=None, normalize_y=normalize_y)
    process.fit(X, y)
    spread, mean = internals.process_scale(process)
    expected = spread * (process.kernel_(X, process.X_train_) @ process.alpha_) + mean
    np.testing.assert_allclose(process.predict(X), expected)
