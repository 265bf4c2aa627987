"""Perceptrons go into the IR, predict to the last bit in NumPy, and come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import all_families, lift, lower
from skcompress.ir import ClassScores, DenseNetwork, Layer, MultiLabel, Numbers, TreeEnsemble
from skcompress.runtime import CompactModel, _layers

ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]
HAS_POISSON = "loss" in MLPRegressor().get_params()


@pytest.fixture(autouse=True, scope="module", params=["as built", "numpy"])
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(_layers, "_network_kernel", None)
        yield request.param


def assert_close(result, expected, *, exact=True):
    if result.dtype.kind != "f" or (exact and _layers._network_kernel is None):
        assert (result == expected).all()
    else:
        single = result.dtype == np.float32
        np.testing.assert_allclose(
            result, expected, rtol=1e-4 if single else 1e-9, atol=1e-6 if single else 1e-13
        )


def classes(n_classes=3, n_rows=60, seed=0):
    return make_classification(
        n_rows, 6, n_informative=4, n_classes=n_classes, random_state=seed, n_clusters_per_class=1
    )


def assert_same_answers(mlp, X, *, exact=True):
    small = CompactModel(lift(mlp))
    for method in ("predict", "predict_proba"):
        if hasattr(mlp, method):
            result, expected = getattr(small, method)(X), getattr(mlp, method)(X)
            assert result.dtype == expected.dtype
            assert result.shape == expected.shape
            assert_close(result, expected, exact=exact)


def fit(cls, X, y, **params):
    return cls(**{"hidden_layer_sizes": (7, 5), "max_iter": 15, "random_state": 0} | params).fit(
        X, y
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "sgd"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers(n_classes, activation, solver, dtype):
    X, y = classes(n_classes)
    X = X.astype(dtype)
    mlp = fit(MLPClassifier, X, y, activation=activation, solver=solver)
    # The exponential of NumPy and that of SciPy's expit differ in the last bit.
    exact = n_classes > 2 and activation != "logistic"
    for rows in (X, X.astype(np.float32), X.astype(np.float64), sparse.csr_array(X)):
        assert_same_answers(mlp, rows, exact=exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regressors(activation, n_targets, dtype):
    X, y = make_regression(50, 5, n_targets=n_targets, random_state=0)
    X = X.astype(dtype)
    mlp = fit(MLPRegressor, X, y / 100, activation=activation)
    for rows in (X, X.astype(np.float32), sparse.csr_array(X)):
        assert_same_answers(mlp, rows, exact=activation != "logistic")


@pytest.mark.skipif(not HAS_POISSON, reason="came with 1.7")
def test_poisson_loss():
    X, y = make_regression(50, 5, random_state=0)
    mlp = fit(MLPRegressor, X, np.exp(y / 200), loss="poisson")
    model = lift(mlp)
    assert model.predictor.layers[-1].activation == "exp"
    assert_close(CompactModel(model).predict(X), mlp.predict(X))
    assert (lower(model).predict(X) == mlp.predict(X)).all()
    assert lower(model).loss == "poisson"


def test_multilabel():
    X, y = make_multilabel_classification(60, 5, n_classes=4, random_state=0)
    mlp = fit(MLPClassifier, X, y)
    model = lift(mlp)
    assert isinstance(model.head, MultiLabel)
    assert_same_answers(mlp, X, exact=False)
    back = lower(model)
    assert (back.predict(X) == mlp.predict(X)).all()
    assert back.score(X, y) == mlp.score(X, y)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes", "maybe"]),
        np.array(["no", "yes", "maybe"], dtype=object),
        np.array(["no", "yes"], dtype=object),
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([2.0, 5.0, 7.0]),
        np.array([4]),
    ],
    ids=str,
)
def test_labels_keep_their_kind(labels):
    X, y = classes(max(len(labels), 2))
    mlp = fit(MLPClassifier, X, labels[y % len(labels)])
    model = lift(mlp)
    small = CompactModel(model)
    assert isinstance(model.head, ClassScores)
    predicted = small.predict(X)
    assert predicted.dtype == mlp.predict(X).dtype
    assert (predicted == mlp.predict(X)).all()
    back = lower(model)
    assert back.classes_.dtype == mlp.classes_.dtype
    assert (back.predict(X) == mlp.predict(X)).all()
    assert (back.predict_proba(X) == mlp.predict_proba(X)).all()


def test_classes_declared_by_partial_fit():
    X, y = classes(2)
    mlp = MLPClassifier((4,), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    assert_same_answers(mlp, X)


def test_no_hidden_layer():
    X, y = classes(3)
    mlp = fit(MLPClassifier, X, y, hidden_layer_sizes=())
    assert_same_answers(mlp, X)
    assert lower(lift(mlp)).hidden_layer_sizes == ()


@pytest.mark.parametrize(
    "mlp",
    [
        pytest.param(e, id=str(e))
        for f in all_families()
        if "neural" in f.name
        for e in f.examples()
    ],
)
def test_there_and_back(mlp):
    X, y = classes(3)
    fitted = mlp.fit(X, y)
    before = fitted.coefs_[0].copy()
    back = lower(lift(fitted))
    check_is_fitted(back)
    assert type(back) is type(fitted)
    assert (back.predict(X) == fitted.predict(X)).all()
    assert back.score(X, y) == fitted.score(X, y)
    params, wanted = back.get_params(), fitted.get_params()
    assert params == wanted | {"hidden_layer_sizes": tuple(wanted["hidden_layer_sizes"])}
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_iter_", "t_", "loss_"):
        assert getattr(back, name) == getattr(fitted, name)
    assert not hasattr(back, "loss_curve_")
    back.coefs_[0][:] = 0
    assert (fitted.coefs_[0] == before).all()


def test_widths_follow_the_layers():
    X, y = classes(3)
    model = lift(fit(MLPClassifier, X, y))
    first, second, last = model.predictor.layers
    kept = np.array([0, 2, 3])
    layers = (
        first.replace(weights=first.weights[:, kept], bias=first.bias[kept]),
        second.replace(weights=second.weights[kept]),
        last,
    )
    back = lower(model.with_predictor(DenseNetwork(layers=layers)))
    assert back.hidden_layer_sizes == (3, 5)
    assert back.predict_proba(X).shape == (60, 3)


def test_names_come_back():
    pandas = pytest.importorskip("pandas")
    X, y = classes(3)
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    mlp = fit(MLPClassifier, frame, y)
    back = lower(lift(mlp))
    assert back.feature_names_in_.tolist() == list("abcdef")
    assert (back.predict(frame) == mlp.predict(frame)).all()


def test_only_plain_parameters_are_kept():
    X, y = classes(2)
    state = np.random.RandomState(0)
    mlp = fit(MLPClassifier, X, y, random_state=state, n_iter_no_change=np.inf, alpha=np.float64(2))
    params = dict(lift(mlp).params)
    assert params["alpha"] == 2.0
    assert type(params["alpha"]) is float
    assert not {"random_state", "n_iter_no_change", "hidden_layer_sizes", "beta_1"} & set(params)


def test_what_a_perceptron_cannot_hold_is_refused():
    X, y = classes(3)
    model = lift(fit(MLPClassifier, X, y))
    first, second, last = model.predictor.layers
    mixed = DenseNetwork(layers=(first, second.replace(activation="tanh"), last))
    with pytest.raises(UnsupportedEstimatorError, match="one activation"):
        lower(model.with_predictor(mixed))
    with pytest.raises(UnsupportedEstimatorError, match="cannot answer as Numbers"):
        lower(model.replace(head=Numbers(n_outputs=3, ravel=False)))
    stump = TreeEnsemble(
        internal=np.array([False]),
        feature=np.array([], np.uint8),
        threshold=np.array([], np.float64),
        leaf=np.array([0], np.uint8),
        values=np.zeros((1, 3)),
        n_features=6,
        n_outputs=3,
    )
    with pytest.raises(UnsupportedEstimatorError, match="dense network"):
        lower(model.with_predictor(stump))


def test_unfitted():
    with pytest.raises(NotFittedError):
        lift(MLPClassifier())


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    activation=st.sampled_from(["identity", "relu", "tanh"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    n_rows=st.integers(1, 30),
)
def test_any_shape(seed, widths, activation, dtype, n_rows):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(20, 4)).astype(dtype), rng.normal(size=(20, 2))
    mlp = fit(MLPRegressor, X, y, hidden_layer_sizes=widths, activation=activation, max_iter=2)
    assert_same_answers(mlp, rng.normal(size=(n_rows, 4)).astype(dtype))


def test_layers_share_nothing_with_the_user_s_model():
    X, y = classes(3)
    mlp = fit(MLPClassifier, X, y)
    layer = lift(mlp).predictor.layers[0]
    assert isinstance(layer, Layer)
    assert not np.shares_memory(layer.weights, mlp.coefs_[0])
