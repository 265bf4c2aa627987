"""Quantized and fewer support vectors, and the refit that makes up for them."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM

from skcompress.families import lift
from skcompress.ir import Affine, LinearMap, decode
from skcompress.passes import (
    Context,
    KeepVectors,
    QuantizeCoefficients,
    QuantizeVectors,
    QuantizeWeights,
    RefitDual,
    SkipPass,
)
from skcompress.passes.dual import _conjugate_gradients, _ridge_solve
from skcompress.runtime import CompactModel
from skcompress.runtime._registry import compile_node
from skcompress.runtime.kernel import kernel_matrix

MODELS = {
    "binary": lambda: SVC().fit(*_binary()),
    "multi-class": lambda: SVC(C=10).fit(*load_digits(return_X_y=True)),
    "polynomial": lambda: SVC(kernel="poly", coef0=1.0).fit(*load_digits(return_X_y=True)),
    "sigmoid": lambda: SVC(kernel="sigmoid", gamma=1e-4).fit(*load_iris(return_X_y=True)),
    "regression": lambda: SVR(C=100).fit(*load_diabetes(return_X_y=True)),
    "one class": lambda: OneClassSVM(nu=0.3).fit(load_iris(return_X_y=True)[0]),
}


def _binary():
    X, y = load_digits(return_X_y=True)
    return X, y % 2


def _apply(model, *passes):
    context = Context(original=model)
    for step in passes:
        model = step.apply(model, context)
    return model


def _gap(model, other, X):
    wanted = compile_node(model.predictor)(X)
    return np.sqrt(np.mean((compile_node(other.predictor)(X) - wanted) ** 2))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_refit_comes_closer_to_the_original_function(name):
    model = lift(MODELS[name]())
    X = decode(model.predictor.vectors)
    moved = _apply(model, QuantizeVectors("affine", 3))
    refitted = _apply(model, QuantizeVectors("affine", 3), RefitDual())
    assert _gap(model, refitted, X) < 0.8 * _gap(model, moved, X)


def test_refit_of_unmoved_vectors_changes_nothing():
    model = lift(MODELS["multi-class"]())
    refitted = _apply(model, RefitDual())
    np.testing.assert_allclose(
        decode(refitted.predictor.coef), decode(model.predictor.coef), atol=1e-9
    )


def test_refit_rescues_unscaled_features():
    X, y = load_wine(return_X_y=True)
    svc = SVC(C=1000).fit(X[::2], y[::2])
    model = lift(svc)
    accuracy = CompactModel(model).score(X[1::2], y[1::2])
    small = _apply(model, QuantizeVectors("codebook", 4), RefitDual())
    assert CompactModel(small).score(X[1::2], y[1::2]) >= accuracy - 0.03


def test_conjugate_gradients_solve_what_the_factorization_solves():
    model = lift(MODELS["binary"]())
    kernel = model.predictor
    vectors = decode(kernel.vectors)[:200]
    right = np.random.default_rng(0).normal(size=(200, 2))
    direct = _ridge_solve(kernel_matrix(kernel, vectors, vectors), right, 1.0)
    np.testing.assert_allclose(_conjugate_gradients(kernel, vectors, right, 1.0), direct, atol=1e-5)


def test_coefficients_are_quantized_row_by_row():
    model = lift(MODELS["multi-class"]())
    small = _apply(model, QuantizeCoefficients(12))
    coef = small.predictor.coef
    assert isinstance(coef, Affine)
    assert coef.scale.shape == (9, 1)
    original = decode(model.predictor.coef)
    step = np.abs(original).max(axis=1, keepdims=True) / (2**11 - 1)
    assert (np.abs(coef.decode() - original) <= 0.51 * step).all()
    assert (coef.decode()[original == 0] == 0).all()


@pytest.mark.parametrize(("wanted", "kept"), [(0.5, 0.5), (100, None)])
def test_fewer_vectors(wanted, kept):
    model = lift(MODELS["multi-class"]())
    total = model.predictor.n_vectors
    small = _apply(model, KeepVectors(wanted), RefitDual())
    assert abs(small.predictor.n_vectors - (wanted if kept is None else kept * total)) <= 5
    assert int(small.predictor.group_sizes.sum()) == small.predictor.n_vectors
    assert (small.predictor.group_sizes >= 1).all()
    X, y = load_digits(return_X_y=True)
    assert CompactModel(small).score(X, y) > 0.9


def test_keeping_all_vectors_changes_nothing():
    model = lift(MODELS["binary"]())
    assert _apply(model, KeepVectors(10**6)) is model


def test_linear_weights():
    X, y = load_iris(return_X_y=True)
    model = lift(LinearSVC().fit(X, y))
    assert isinstance(model.predictor, LinearMap)
    small = _apply(model, QuantizeWeights("fixed-point", 8))
    assert CompactModel(small).score(X, y) >= CompactModel(model).score(X, y) - 0.02


@pytest.mark.parametrize(
    "step", [QuantizeVectors("affine", 8), QuantizeCoefficients(8), RefitDual(), KeepVectors(3)]
)
def test_other_models_are_skipped(step):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(SkipPass):
        _apply(lift(LinearSVC().fit(X, y)), step)
