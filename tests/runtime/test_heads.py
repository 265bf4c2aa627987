"""Heads answer as scikit-learn does from the same raw scores."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit as scipy_expit
from sklearn.utils.extmath import softmax as sklearn_softmax
from sklearn.utils.multiclass import _ovr_decision_function

from skcompress.exceptions import InvalidModelError
from skcompress.ir import (
    ClassScores,
    Labels,
    MultiLabel,
    Numbers,
    OneVsOne,
    Outlier,
    Shares,
    Transformed,
    WeightedMedian,
)
from skcompress.runtime.heads import expit, methods, softmax

ABC = Labels(values=np.array(["a", "b", "c"]))
YES_NO = Labels(values=np.array(["no", "yes"]))
finite = st.floats(-1e308, 1e308)


@given(st.lists(finite, min_size=1, max_size=20))
def test_expit_is_within_a_unit_in_the_last_place_or_two(numbers):
    x = np.array(numbers)
    np.testing.assert_array_max_ulp(expit(x), scipy_expit(x), maxulp=2)


@pytest.mark.filterwarnings("error")
def test_expit_far_out():
    assert expit(np.array([-1e308, -800.0, 0.0, 800.0, 1e308])).tolist() == [0, 0, 0.5, 1, 1]


@given(st.lists(st.tuples(*[st.floats(-1e300, 1e300)] * 3), min_size=1, max_size=9))
def test_softmax(rows):
    raw = np.array(rows)
    np.testing.assert_allclose(softmax(raw), sklearn_softmax(raw), rtol=1e-14, atol=1e-300)


def test_numbers():
    raw = np.array([[1.0], [2.0]])
    assert methods(Numbers(n_outputs=1))["predict"](raw).tolist() == [1, 2]
    assert methods(Numbers(n_outputs=1, ravel=False))["predict"](raw).tolist() == [[1], [2]]
    several = Numbers(n_outputs=2, ravel=False)
    assert methods(several)["predict"](raw.T).tolist() == [[1, 2]]
    positive = methods(Numbers(n_outputs=1, link="exp"))["predict"](raw)
    assert (positive == np.exp([1.0, 2.0])).all()


def test_shares_of_one_target():
    answers = methods(Shares(targets=(ABC,)))
    raw = np.array([[0.2, 0.5, 0.3], [0.5, 0.5, 0.0]])
    assert answers["predict"](raw).tolist() == ["b", "a"]
    assert (answers["predict_proba"](raw) == raw).all()
    assert set(answers) == {"predict", "predict_proba"}


def test_shares_of_several_targets():
    numbers = Labels(values=np.array([3, 7]))
    raw = np.array([[0.1, 0.2, 0.7, 0.9, 0.1], [0.4, 0.3, 0.3, 0.5, 0.5]])
    answers = methods(Shares(targets=(Labels(values=np.array([0, 1, 2])), numbers)))
    assert answers["predict"](raw).tolist() == [[2, 3], [0, 3]]
    first, second = answers["predict_proba"](raw)
    assert first.shape == (2, 3)
    assert second.tolist() == [[0.9, 0.1], [0.5, 0.5]]


def test_shares_of_a_single_class():
    answers = methods(Shares(targets=(Labels(values=np.array([4])),)))
    assert answers["predict"](np.ones((2, 1))).tolist() == [4, 4]
    assert answers["predict_proba"](np.ones((2, 1))).tolist() == [[1], [1]]


def test_shares_that_stray_are_cut():
    answers = methods(Shares(targets=(ABC,), clip=True))
    raw = np.array([[-0.1, 0.6, 0.6], [-1.0, -1.0, -2.0]])
    np.testing.assert_allclose(
        answers["predict_proba"](raw), [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]
    )


def test_one_score_for_two_classes():
    answers = methods(ClassScores(target=YES_NO, link="sigmoid", scale=2.0))
    raw = np.array([[0.0], [1.0], [-3.0]])
    # scikit-learn's linear models give zero to the first class.
    assert answers["predict"](raw).tolist() == ["no", "yes", "no"]
    assert answers["decision_function"](raw).tolist() == [0, 1, -3]
    second = scipy_expit([0.0, 2.0, -6.0])
    np.testing.assert_allclose(
        answers["predict_proba"](raw), np.stack([1 - second, second], axis=1), rtol=1e-15
    )


def test_cut_between_two_classes():
    answers = methods(ClassScores(target=YES_NO, link="shares", cut=0.5, decision=False))
    raw = np.array([[0.5], [0.75]])
    assert answers["predict"](raw).tolist() == ["no", "yes"]
    assert answers["predict_proba"](raw).tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert "decision_function" not in answers


def test_a_score_per_class():
    raw = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0], [-800.0, -900.0, -1000.0]])
    plain = methods(ClassScores(target=ABC, link="none"))
    assert "predict_proba" not in plain
    assert plain["predict"](raw).tolist() == ["b", "a", "a"]
    assert (plain["decision_function"](raw) == raw).all()
    soft = methods(ClassScores(target=ABC, link="softmax"))["predict_proba"](raw)
    np.testing.assert_allclose(soft, sklearn_softmax(raw), rtol=1e-14)
    each = methods(ClassScores(target=ABC, link="ovr"))["predict_proba"](raw)
    wanted = scipy_expit(raw[:2])
    np.testing.assert_allclose(each[:2], wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-14)
    # Where every logistic vanishes scikit-learn divides zero by zero; NaN must not come out.
    assert np.isfinite(each).all()


def test_a_single_class():
    answers = methods(ClassScores(target=Labels(values=np.array([True])), link="none"))
    assert answers["predict"](np.zeros((2, 1))).tolist() == [True, True]


def test_multi_label():
    answers = methods(MultiLabel(target=Labels(values=np.arange(3))))
    raw = np.array([[0.5, 0.51, 0.2]])
    assert answers["predict"](raw).tolist() == [[0, 1, 0]]
    assert (answers["predict_proba"](raw) == raw).all()


def test_outlier():
    answers = methods(Outlier(offset=-0.25))
    raw = np.array([[0.0], [0.5], [-0.5]])
    # libsvm: a score of zero is an outlier.
    assert answers["predict"](raw).tolist() == [-1, 1, -1]
    assert answers["decision_function"](raw).tolist() == [0, 0.5, -0.5]
    assert answers["score_samples"](raw).tolist() == [-0.25, 0.25, -0.75]


def test_outliers_by_isolation():
    answers = methods(Outlier(offset=-0.5, link="isolation"))
    raw = np.array([[0.0], [0.9], [1.0], [2.0]])
    np.testing.assert_allclose(answers["score_samples"](raw), [-1, -(2**-0.9), -0.5, -0.25])
    np.testing.assert_allclose(answers["decision_function"](raw), [-0.5, 0.5 - 2**-0.9, 0, 0.25])
    # Unlike a decision that is the raw output, one of zero makes an inlier.
    assert answers["predict"](raw).tolist() == [-1, -1, 1, 1]


@given(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, 5), min_size=n, max_size=n),
            st.lists(st.integers(-4, 4), min_size=n, max_size=n),
        )
    )
)
def test_weighted_median(weights_and_row):
    weights, row = (np.array(part, np.float64) for part in weights_and_row)
    found = methods(WeightedMedian(weights=weights))["predict"](row[np.newaxis])
    # By definition: the least number up to which there is half of the weight.
    half = weights.sum() / 2
    reached = [number for number in row if weights[row <= number].sum() >= half]
    assert found.tolist() == [min(reached)]


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        (Outlier, {"offset": np.inf}),
        (Outlier, {"offset": 0.0, "link": "exp"}),
        (WeightedMedian, {"weights": np.array([])}),
        (WeightedMedian, {"weights": np.array([1.0, -1.0])}),
        (WeightedMedian, {"weights": np.array([1.0, np.nan])}),
        (WeightedMedian, {"weights": np.array([1, 2])}),
        (WeightedMedian, {"weights": np.ones((1, 2))}),
    ],
)
def test_unsound_heads_are_refused(head, fields):
    with pytest.raises(InvalidModelError):
        head(**fields)


def test_scaled_softmax():
    raw = np.array([[1.0, 2.0, 4.0]])
    scores = methods(ClassScores(target=ABC, link="softmax", scale=0.5))
    np.testing.assert_allclose(scores["predict_proba"](raw), softmax(raw / 2))
    assert scores["decision_function"](raw).tolist() == [[1, 2, 4]]


def test_transformed():
    raw = np.ones((2, 3))
    assert methods(Transformed())["transform"](raw) is raw


@pytest.mark.parametrize("values", [[False, True], [1.5, 2.5], [3, 4], ["x", "y"]])
@pytest.mark.parametrize("as_object", [False, True])
def test_labels_keep_their_dtype(values, as_object):
    labels = Labels(values=np.array(values), as_object=as_object)
    predicted = methods(ClassScores(target=labels, link="none"))["predict"](np.array([[1.0]]))
    assert predicted.dtype == labels.classes.dtype
    assert type(predicted.tolist()[0]) is type(values[0])


def test_two_classes_one_versus_one():
    answers = methods(OneVsOne(target=YES_NO, platt_a=np.array([-2.0]), platt_b=np.array([0.1])))
    raw = np.array([[0.0], [1.0], [-1.0]])
    # libsvm gives its first class only to scores above zero, and its sign is the other one.
    assert answers["predict"](raw).tolist() == ["yes", "yes", "no"]
    assert answers["decision_function"](raw).tolist() == [0, 1, -1]
    first = scipy_expit(-2.0 * raw[:, 0] - 0.1)
    wanted = [coupled([p], 2) for p in first]
    np.testing.assert_allclose(answers["predict_proba"](raw), wanted, rtol=1e-12)


scores = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0]), st.floats(-1e6, 1e6))


@given(
    n_classes=st.integers(3, 6),
    shape=st.sampled_from(["ovo", "ovr"]),
    break_ties=st.booleans(),
    data=st.data(),
)
@settings(max_examples=150)
def test_votes(n_classes, shape, break_ties, data):
    n_pairs = n_classes * (n_classes - 1) // 2
    raw = np.array(
        data.draw(st.lists(st.tuples(*[scores] * n_pairs), min_size=1, max_size=5)), float
    )
    head = OneVsOne(
        target=Labels(values=np.arange(n_classes) * 10),
        decision_shape=shape,
        break_ties=break_ties,
    )
    answers = methods(head)
    wanted = raw if shape == "ovo" else _ovr_decision_function(raw < 0, -raw, n_classes)
    assert (answers["decision_function"](raw) == wanted).all()
    for row, predicted in zip(raw, answers["predict"](raw), strict=True):
        if break_ties and shape == "ovr":
            best = int(_ovr_decision_function(row[None] < 0, -row[None], n_classes).argmax())
        else:
            votes, pair = [0] * n_classes, 0
            for i in range(n_classes):
                for j in range(i + 1, n_classes):
                    votes[i if row[pair] > 0 else j] += 1
                    pair += 1
            best = votes.index(max(votes))
        assert predicted == 10 * best


def coupled(pairs, n_classes):
    """libsvm's multiclass_probability, line by line."""
    r = np.zeros((n_classes, n_classes))
    place = 0
    for i in range(n_classes):
        for j in range(i + 1, n_classes):
            r[i, j], r[j, i] = pairs[place], 1 - pairs[place]
            place += 1
    q = np.zeros_like(r)
    p = np.full(n_classes, 1.0 / n_classes)
    for t in range(n_classes):
        for j in range(n_classes):
            if j != t:
                q[t, t] += r[j, t] * r[j, t]
                q[t, j] = -r[j, t] * r[t, j]
    for _ in range(max(100, n_classes)):
        product = np.array(
            [sum(q[t, j] * p[j] for j in range(n_classes)) for t in range(n_classes)]
        )
        total = sum(p[t] * product[t] for t in range(n_classes))
        if max(abs(product - total)) < 0.005 / n_classes:
            break
        for t in range(n_classes):
            step = (-product[t] + total) / q[t, t]
            p[t] += step
            total = (total + step * (step * q[t, t] + 2 * product[t])) / (1 + step) ** 2
            product = (product + step * q[t]) / (1 + step)
            p /= 1 + step
    return p


@given(
    n_classes=st.integers(2, 6), seed=st.integers(0, 10**6), spread=st.sampled_from([0.1, 3, 99])
)
@settings(max_examples=60)
def test_coupled_probabilities(n_classes, seed, spread):
    rng = np.random.default_rng(seed)
    n_pairs = n_classes * (n_classes - 1) // 2
    a, b = -rng.random(n_pairs) - 0.5, rng.normal(size=n_pairs)
    raw = rng.normal(scale=spread, size=(20, n_pairs))
    sign = -1 if n_classes == 2 else 1
    head = OneVsOne(target=Labels(values=np.arange(n_classes)), platt_a=a, platt_b=b)
    result = methods(head)["predict_proba"](raw)
    for row, probability in zip(raw, result, strict=True):
        pairs = [
            min(max(scipy_expit(-(sign * a[k] * row[k] + b[k])), 1e-7), 1 - 1e-7)
            for k in range(n_pairs)
        ]
        np.testing.assert_allclose(probability, coupled(pairs, n_classes), rtol=1e-9, atol=1e-12)
        assert math.isclose(probability.sum(), 1.0)
