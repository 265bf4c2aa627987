"""Kernel ridge regression and the means of Gaussian processes."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge

import skcompress as skc
from skcompress.families import lift
from skcompress.passes import Context, Data, ReduceVectors
from skcompress.runtime import CompactModel

X, Y = load_diabetes(return_X_y=True)
X = X / X.std(axis=0)
BOTH = np.stack([Y, np.cos(Y)], axis=1)


@pytest.mark.parametrize("y", [Y, BOTH], ids=["one", "two"])
@pytest.mark.parametrize(
    "estimator",
    [
        KernelRidge(kernel="rbf", gamma=0.05),
        KernelRidge(kernel="rbf"),
        KernelRidge(kernel="poly", degree=2, coef0=0.5),
        KernelRidge(kernel="sigmoid", gamma=0.01),
        KernelRidge(),
        GaussianProcessRegressor(2.0 * RBF(3.0), alpha=0.1, normalize_y=True, optimizer=None),
        GaussianProcessRegressor(
            WhiteKernel(0.5) + RBF(np.arange(1.0, 11.0)), alpha=0.1, optimizer=None
        ),
    ],
    ids=str,
)
def test_same_predictions(estimator, y):
    estimator.fit(X, y)
    small = CompactModel(lift(estimator))
    np.testing.assert_allclose(small.predict(X), estimator.predict(X), rtol=1e-9, atol=1e-9)
    loaded = skc.loads(skc.dumps(small))
    np.testing.assert_array_equal(loaded.predict(X), small.predict(X))


def test_back():
    ridge = KernelRidge(kernel="rbf", gamma=0.05).fit(X, Y)
    back = skc.to_sklearn(CompactModel(lift(ridge)))
    assert isinstance(back, KernelRidge)
    np.testing.assert_allclose(back.predict(X), ridge.predict(X))


def test_fewer_vectors():
    process = GaussianProcessRegressor(RBF(3.0), alpha=1.0, optimizer=None, normalize_y=True)
    model = lift(process.fit(X, Y))
    small = ReduceVectors(40).apply(model, Context(original=model, refit=Data(X)))
    expected = process.predict(X)
    assert np.mean((CompactModel(small).predict(X) - expected) ** 2) < 0.02 * expected.var()
    ridge = lift(KernelRidge(kernel="rbf", gamma=0.05).fit(X, Y))
    reduced = CompactModel(ReduceVectors(40).apply(ridge, Context(original=ridge, refit=Data(X))))
    with pytest.raises(skc.UnsupportedEstimatorError, match="constant"):
        skc.to_sklearn(reduced)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KernelRidge(kernel="laplacian"), "'laplacian' cannot be represented"),
        (KernelRidge(kernel=lambda a, b: a @ b), "a callable"),
        (KernelRidge(kernel="poly", degree=1.5, coef0=50.0), "whole number"),
        (GaussianProcessRegressor(Matern(), optimizer=None), "Matern"),
        (GaussianProcessRegressor(RBF() + RBF(2.0), optimizer=None), "supported are RBF"),
    ],
    ids=["laplacian", "callable", "degree", "matern", "sum"],
)
def test_refused(estimator, message):
    with pytest.raises(skc.UnsupportedEstimatorError, match=message):
        lift(estimator.fit(X[:50], Y[:50]))
