"""Linear models in integers alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

import skcompress as skc
from skcompress.exceptions import InvalidModelError
from skcompress.ir import FixedPoint, LinearMap
from skcompress.runtime._registry import compile_node
from skcompress.runtime.integers import integer_constants, integer_scores


@given(st.integers(0, 2**32 - 1), st.integers(-12, 3), st.integers(-6, 6))
def test_what_floats_give(seed, exponent, input_exponent):
    rng = np.random.default_rng(seed)
    exponents = (exponent + rng.integers(0, 3, (3, 1))).astype(np.int16)
    codes = rng.integers(-128, 128, (3, 5)).astype(np.int8)
    coef = FixedPoint(codes=codes, exponent=exponents, bits=8)
    linear = LinearMap(coef=coef, intercept=rng.normal(size=3))
    rows = rng.integers(-1000, 1000, (7, 5))
    expected = compile_node(linear)(rows * 2.0**input_exponent)
    _, exponents = integer_constants(linear, input_exponent)
    gap = integer_scores(linear, rows, input_exponent) * 2.0**exponents - expected
    assert (np.abs(gap) <= (0.5 + 1e-6) * 2.0**exponents).all()


def test_digits():
    X, y = load_digits(return_X_y=True)
    quantizer = skc.SVMQuantizer(LinearSVC(random_state=0), scheme="fixed-point")
    small = quantizer.fit(X / 16, y % 2).model_
    scores = integer_scores(small.ir.predictor, X.astype(np.int16), -4)
    assert np.mean((scores[:, 0] > 0) == small.predict(X / 16)) > 0.998


def test_refused():
    linear = LinearMap(coef=np.ones((1, 2)), intercept=np.zeros(1))
    with pytest.raises(InvalidModelError, match="fixed-point"):
        integer_scores(linear, np.ones((1, 2), int))
    coef = FixedPoint(codes=np.ones((1, 2), np.int8), exponent=np.array([[-60]], np.int8), bits=2)
    exact = LinearMap(coef=coef, intercept=np.array([1e3]))
    with pytest.raises(InvalidModelError, match="input_exponent"):
        integer_scores(exact, np.ones((1, 2), int))
    with pytest.raises(TypeError, match="integers"):
        integer_scores(exact.replace(intercept=np.zeros(1)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="overflow"):
        integer_scores(exact.replace(intercept=np.zeros(1)), np.full((1, 2), 2**62))
