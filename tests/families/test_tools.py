"""What pruned models come back as works in the tools that people use on trees."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.inspection import permutation_importance
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    export_graphviz,
    export_text,
    plot_tree,
)

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import lift, lower
from skcompress.passes import Context, CutDepth, DropNotes, SelectTrees
from skcompress.runtime import CompactModel

BASE = DecisionTreeClassifier(max_depth=4)
MODELS = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    RandomForestClassifier(9, random_state=0),
    RandomForestRegressor(9, random_state=0),
    ExtraTreesClassifier(9, random_state=0),
    BaggingClassifier(n_estimators=9, random_state=0),
    BaggingRegressor(n_estimators=9, random_state=0),
    AdaBoostClassifier(BASE, n_estimators=9, random_state=0),
    AdaBoostRegressor(n_estimators=9, random_state=0),
    GradientBoostingClassifier(n_estimators=9, random_state=0),
    GradientBoostingRegressor(n_estimators=9, random_state=0),
    HistGradientBoostingClassifier(max_iter=9, random_state=0),
    HistGradientBoostingRegressor(max_iter=9, random_state=0),
    IsolationForest(n_estimators=9, random_state=0),
]


def data(estimator, *, two_classes=False):
    if not hasattr(estimator, "predict_proba"):
        return load_diabetes(return_X_y=True)
    return load_breast_cancer(return_X_y=True) if two_classes else load_iris(return_X_y=True)


def pruned(estimator, X, y):
    """The compact model with fewer and less deep trees, and what it comes back as."""
    model = lift(estimator.fit(X, y))
    context = Context(original=model)
    for step in (SelectTrees(6), CutDepth(2)):
        model = step.apply(model, context)
    return CompactModel(model), lower(model)


def single_trees(estimator):
    """The plain trees of an estimator."""
    trees = getattr(estimator, "estimators_", [estimator])
    return [tree for tree in np.ravel(np.array(trees, object)) if hasattr(tree, "tree_")]


WITH_TREES = [model for model in MODELS if "Hist" not in type(model).__name__]
NAMES = [type(model).__name__ for model in MODELS]


@pytest.mark.parametrize("estimator", WITH_TREES, ids=lambda model: type(model).__name__)
def test_trees_are_printed_and_drawn(estimator):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    pytest.importorskip("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    X, y = data(estimator)
    _, again = pruned(estimator, X, y)
    tree = single_trees(again)[0]
    assert tree.get_depth() <= 2
    # A split has a line above each of its branches, a leaf a single one.
    n_leaves = tree.get_n_leaves()
    assert export_text(tree).count("|---") == 2 * (n_leaves - 1) + n_leaves
    assert "nan" not in export_graphviz(tree)
    drawn = plot_tree(tree, ax=figure.add_subplot())
    shown = [text.get_text() for text in drawn if "samples" in text.get_text()]
    assert len(shown) == tree.tree_.node_count
    assert f"samples = {tree.tree_.n_node_samples[0]}" in shown[0]


@pytest.mark.parametrize(
    "estimator",
    [model for model in WITH_TREES if hasattr(type(model), "feature_importances_")],
    ids=lambda model: type(model).__name__,
)
def test_importances(estimator):
    X, y = data(estimator)
    compact, again = pruned(estimator, X, y)
    importances = again.feature_importances_
    assert importances.shape == (X.shape[1],)
    assert importances.sum() == pytest.approx(1)
    # Columns that no split is left of count nothing, and no others do.
    used = np.isin(np.arange(X.shape[1]), compact.ir.predictor.feature)
    assert (importances[~used] == 0).all()
    assert (importances >= 0).all()
    bare = DropNotes().apply(compact.ir, None)
    with pytest.raises(UnsupportedEstimatorError, match="feature_importances_"):
        lower(bare)
    assert "feature_importances_" in lower(bare, allow_missing=True).skcompress_missing_


@pytest.mark.parametrize("estimator", MODELS[:-1], ids=NAMES[:-1])
def test_permutation_importances(estimator):
    X, y = data(estimator)
    compact, again = pruned(estimator, X, y)
    found = permutation_importance(again, X, y, n_repeats=1, random_state=0).importances
    expected = permutation_importance(compact, X, y, n_repeats=1, random_state=0).importances
    np.testing.assert_allclose(found, expected, atol=1e-12)


EXPLAINED = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    RandomForestClassifier(9, random_state=0),
    RandomForestRegressor(9, random_state=0),
    ExtraTreesClassifier(9, random_state=0),
    GradientBoostingClassifier(n_estimators=9, random_state=0),
    GradientBoostingRegressor(n_estimators=9, random_state=0),
    HistGradientBoostingClassifier(max_iter=9, random_state=0),
    HistGradientBoostingRegressor(max_iter=9, random_state=0),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", EXPLAINED, ids=lambda model: type(model).__name__)
def test_shap_explains_them(estimator):
    shap = pytest.importorskip("shap")
    X, y = data(estimator, two_classes=True)
    compact, again = pruned(estimator, X, y)
    explainer = shap.TreeExplainer(again)
    explained = np.asarray(explainer.shap_values(X[:50]))
    # What is explained, and what is not, make the output.
    total = explained.sum(axis=1) + np.asarray(explainer.expected_value)
    output = compact.raw(X[:50])
    if not isinstance(estimator, GradientBoostingRegressor) and total.ndim == 2:
        assert total.shape == output.shape
    np.testing.assert_allclose(total.reshape(output.shape), output, atol=1e-5)
    assert np.abs(explained).sum() > 0


@pytest.mark.filterwarnings("ignore")
def test_shap_explains_isolation():
    shap = pytest.importorskip("shap")
    X, y = load_diabetes(return_X_y=True)
    _, again = pruned(IsolationForest(n_estimators=9, max_samples=64, random_state=0), X, y)
    explainer = shap.TreeExplainer(again)
    total = explainer.shap_values(X[:50]).sum(axis=1) + explainer.expected_value
    # shap explains the depth of a row, of which the score is a falling function.
    order = np.argsort(again.score_samples(X[:50]), kind="stable")
    assert (np.diff(total[order]) > -1e-6).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", MODELS, ids=NAMES)
def test_onnx_holds_them(estimator):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = data(estimator)
    # Rounded, so that no threshold separates a value from what it is as float32.
    X = np.round(X, 2).astype(np.float32)
    compact, again = pruned(estimator, X, y)
    options = {"target_opset": {"": 18, "ai.onnx.ml": 3}}
    if hasattr(estimator, "predict_proba"):
        options["options"] = {id(again): {"zipmap": False}}
    try:
        skl2onnx.to_onnx(estimator, X[:1], target_opset=options["target_opset"])
    except ValueError as error:
        pytest.skip(f"skl2onnx cannot hold the original either: {str(error)[:40]}")
    onnx = skl2onnx.to_onnx(again, X[:1], **options)
    session = onnxruntime.InferenceSession(
        onnx.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {session.get_inputs()[0].name: X})
    if hasattr(estimator, "predict_proba"):
        assert np.mean(found[0] == compact.predict(X)) > 0.99
        np.testing.assert_allclose(found[1], compact.predict_proba(X), atol=1e-4)
    elif isinstance(estimator, IsolationForest):
        np.testing.assert_allclose(found[1].ravel(), compact.decision_function(X), atol=1e-4)
    else:
        np.testing.assert_allclose(found[0].ravel(), compact.predict(X), rtol=1e-4)
