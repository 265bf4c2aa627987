"""Scalers are folded where that is exact, and left where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from skcompress.families import lift, lower
from skcompress.ir import (
    Affine,
    Chain,
    DenseNetwork,
    Impute,
    InputSpec,
    KernelExpansion,
    Layer,
    LinearMap,
    Model,
    Numbers,
    Project,
    Rescale,
    TreeEnsemble,
)
from skcompress.passes._base import SkipPass
from skcompress.passes.fold import FoldScalers
from skcompress.runtime._registry import compile_node
from skcompress.runtime._rows import CsrRows

X, y = make_classification(80, 6, n_informative=5, n_classes=3, n_redundant=0, random_state=0)


def fold(model):
    return FoldScalers().apply(model, None)


def evaluate(model, rows):
    for node in (*model.chain.transforms, model.predictor):
        rows = compile_node(node)(rows)
    return rows


def model_of(predictor, *transforms):
    return Model(
        input=InputSpec(n_features=(*transforms, predictor)[0].n_features),
        chain=Chain(transforms=transforms, predictor=predictor),
        head=Numbers(n_outputs=predictor.n_outputs, ravel=False),
        family="test",
    )


def linear(seed=0, n_features=4, n_outputs=3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return LinearMap(
        coef=rng.normal(size=(n_outputs, n_features)).astype(dtype),
        intercept=rng.normal(size=n_outputs).astype(dtype),
    )


def standard(mean, scale):
    mean, scale = np.asarray(mean, float), np.asarray(scale, float)
    return Rescale(kind="standard", n_features=len(mean), subtract=mean, divide=scale)


@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(),),
        (MinMaxScaler(),),
        (MaxAbsScaler(), RobustScaler()),
        (StandardScaler(with_mean=False), StandardScaler(with_std=False), MinMaxScaler((-1, 2))),
    ],
    ids=str,
)
def test_scalers_vanish_into_a_network(steps):
    pipeline = make_pipeline(*steps, MLPClassifier((8,), max_iter=20, random_state=0)).fit(X, y)
    model = lift(pipeline)
    folded = fold(model)
    assert folded.chain.transforms == ()
    assert folded.nbytes < model.nbytes
    assert folded.input.n_features == 6
    np.testing.assert_allclose(evaluate(folded, X), pipeline.predict_proba(X), rtol=1e-11)
    back = lower(folded)
    assert isinstance(back, MLPClassifier)
    assert (back.predict(X) == pipeline.predict(X)).all()


def test_only_trailing_scalers_vanish():
    pipeline = make_pipeline(
        StandardScaler(),
        SimpleImputer(),
        RobustScaler(),
        MinMaxScaler(),
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=10, random_state=0),
    ).fit(X, y)
    folded = fold(lift(pipeline))
    assert [type(step) for step in folded.chain.transforms] == [Rescale, Impute]
    np.testing.assert_allclose(evaluate(folded, X)[:, 0], pipeline.predict(X), rtol=1e-11)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_features=st.integers(1, 12),
    ratio=st.floats(0, 1e6),
    log_scale=st.floats(-8, 8),
)
def test_what_is_folded_stays_within_the_bound(seed, n_features, ratio, log_scale):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** (log_scale + rng.normal(size=n_features))
    mean = ratio * scale * rng.normal(size=n_features)
    predictor = linear(seed, n_features)
    model = model_of(predictor, standard(mean, scale))
    # Rows at least one unit of scale from the centre, which is what the bound is stated for.
    z = rng.choice([-1.0, 1.0], (50, n_features)) * (1 + rng.exponential(size=(50, n_features)))
    rows = mean + z * scale
    try:
        folded = fold(model)
    except SkipPass:
        assert np.abs(mean / scale).max() > 10
        return
    terms = np.abs(predictor.intercept) + np.abs((rows - mean) / scale) @ np.abs(predictor.coef.T)
    assert (np.abs(evaluate(folded, rows) - evaluate(model, rows)) <= 1e-12 * terms).all()


def test_cancellation_keeps_the_scaler():
    model = model_of(linear(n_features=2), standard([1e9, 0.0], [1.0, 1.0]))
    with pytest.raises(SkipPass, match="exactly"):
        fold(model)
    rows = np.array([[1e9 + 1.5, 2.0]])
    fused = model.predictor.coef @ rows[0] + (
        model.predictor.intercept - model.predictor.coef @ [1e9, 0.0]
    )
    assert np.abs(fused - evaluate(model, rows)[0]).max() > 1e-10
    # Where the far column has no weight it does not matter.
    predictor = model.predictor.replace(coef=model.predictor.coef * [0.0, 1.0])
    assert fold(model.with_predictor(predictor)).chain.transforms == ()


@pytest.mark.parametrize(
    "transform",
    [
        Rescale(kind="min-max", n_features=4, multiply=np.ones(4), add=np.ones(4), clip=(0.0, 1.0)),
        lift(Normalizer().fit(X[:, :4])).chain.transforms[0],
        standard([1.0] * 4, [1e-308] * 4).replace(multiply=np.full(4, 1e10)),
    ],
    ids=lambda node: type(node).__name__,
)
def test_what_is_not_affine_or_not_finite_stays(transform):
    with pytest.raises(SkipPass):
        fold(model_of(linear(), transform))


@pytest.mark.parametrize(
    "predictor",
    [
        linear(dtype=np.float32),
        linear().replace(
            coef=Affine(
                codes=np.zeros((3, 4), np.uint8), scale=np.ones(1), zero=np.zeros(1), bits=8
            )
        ),
        DenseNetwork(
            layers=(
                Layer(
                    weights=np.ones((4, 2), np.float32),
                    bias=np.ones(2, np.float32),
                    activation="relu",
                ),
            )
        ),
        KernelExpansion(
            vectors=np.ones((2, 4)), coef=np.ones((1, 2)), intercept=np.zeros(1), kernel="rbf"
        ),
        TreeEnsemble(
            internal=np.array([True, False, False]),
            feature=np.array([1], np.uint8),
            threshold=np.array([0.5]),
            leaf=np.array([0, 1], np.uint8),
            values=np.array([[0.0], [1.0]]),
            n_features=4,
            n_outputs=1,
        ),
    ],
    ids=lambda node: type(node).__name__,
)
def test_other_predictors_are_left_alone(predictor):
    with pytest.raises(SkipPass, match="plain float64"):
        fold(model_of(predictor, standard([0.0] * 4, [2.0] * 4)))


def test_nothing_to_fold():
    with pytest.raises(SkipPass):
        fold(model_of(linear()))


def test_the_model_is_left_as_it_is():
    model = model_of(linear(), standard([1.0] * 4, [2.0] * 4))
    before = {name: array.copy() for name, array in model.arrays()}
    fold(model)
    assert all((array == before[name]).all() for name, array in model.arrays())


def test_sparse_rows_after_folding():
    rows = sparse.random_array((30, 4), density=0.5, rng=0, format="csr")
    model = model_of(linear_network(), lift(MaxAbsScaler().fit(rows)).chain.transforms[0])
    taken = CsrRows(rows.data, rows.indices, rows.indptr, rows.shape)
    np.testing.assert_allclose(evaluate(fold(model), taken), evaluate(model, taken), rtol=1e-12)


def linear_network():
    rng = np.random.default_rng(0)
    layer = Layer(weights=rng.normal(size=(4, 2)), bias=rng.normal(size=2), activation="tanh")
    return DenseNetwork(layers=(layer,))


@pytest.mark.parametrize("n_units", [2, 40])
@pytest.mark.parametrize("whiten", [False, True])
def test_projections_are_folded_where_that_is_smaller(n_units, whiten):
    pipeline = make_pipeline(
        StandardScaler(),
        PCA(4, whiten=whiten),
        MLPClassifier((n_units,), max_iter=10, random_state=0),
    ).fit(X, y)
    model = lift(pipeline)
    if n_units == 2:
        folded = fold(model)
        assert folded.chain.transforms == ()
        assert folded.nbytes < model.nbytes
        np.testing.assert_allclose(evaluate(folded, X), pipeline.predict_proba(X), rtol=1e-10)
    else:
        with pytest.raises(SkipPass):
            fold(model)


def test_a_projection_that_centres_first():
    rng = np.random.default_rng(0)
    project = Project(components=rng.normal(size=(4, 5)), mean=rng.normal(size=5))
    model = model_of(linear(n_outputs=1), project)
    rows = rng.normal(size=(20, 5))
    folded = fold(model)
    assert folded.chain.transforms == ()
    np.testing.assert_allclose(evaluate(folded, rows), evaluate(model, rows), atol=1e-12)


@pytest.mark.parametrize("grouped", [False, True])
def test_linear_kernels(grouped):
    rng = np.random.default_rng(0)
    extra = {"group_sizes": np.array([2, 1, 4], np.uint8)} if grouped else {}
    kernel = KernelExpansion(
        vectors=rng.normal(size=(7, 4)),
        coef=rng.normal(size=(2, 7)),
        intercept=rng.normal(size=3 if grouped else 2),
        kernel="linear",
        **extra,
    )
    model = model_of(kernel, standard([1.0, 2.0, 0.0, -3.0], [1.0, 0.5, 2.0, 1.5]))
    folded = fold(model)
    assert folded.chain.transforms == ()
    rows = rng.normal(size=(20, 4))
    np.testing.assert_allclose(evaluate(folded, rows), evaluate(model, rows), atol=1e-11)
    far = model_of(kernel, standard([1e9] * 4, [1.0] * 4))
    with pytest.raises(SkipPass):
        fold(far)
