import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from skcompress.reports._decide import Asked, by_r2
from skcompress.reports._few import few_rows


def rows_that_lost(lost, *, swapped=2.0, told=1.0):
    """Rows whose answers moved by as much as they lost."""
    same = np.full(lost.size, float(told))
    return few_rows(lost, np.abs(lost), same, same, (swapped, same))


def first(n_rows, count, loss):
    return np.where(np.arange(n_rows) < count, loss, 0.0)


def test_where_nothing_changed_nothing_is_added():
    # The row of the bootstrap whose like was not seen stands for those that may.
    found = rows_that_lost(np.zeros(500))
    assert found.most(0.95) == 0


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_rows_that_may_be_answered_as_others_are_counted(count):
    # Each may lose 2 and the few that there are say no better.
    found = rows_that_lost(first(1000, count, 1.0))
    upper = chi2.ppf(0.95, 2 * (count + 1)) / 2
    assert found.most(0.95) <= 2.0 * upper / 1000 + 1e-12
    if count == 1:
        assert found.most(0.95) == pytest.approx(2.0 * upper / 1000)


def test_many_small_losses_are_known():
    spread, few = rows_that_lost(np.full(1000, 0.005)), rows_that_lost(first(1000, 5, 1.0))
    assert spread.lost == pytest.approx(few.lost)
    assert spread.most(0.95) < 0.006
    assert few.most(0.95) > 0.013
    assert spread.rows_needed(0.01, 0.95) < few.rows_needed(0.01, 0.95)


def test_uneven_losses_are_known_less():
    lost = first(1000, 64, 0.1)
    even = np.ones(1000)
    uneven = np.where(np.arange(1000) % 50 == 0, 50.0, 0.0)
    bounds = [
        few_rows(lost, lost, even, possible, (2.0, even)).most(0.95) for possible in (even, uneven)
    ]
    assert bounds[0] < bounds[1]


losses = arrays(np.float64, st.integers(1, 80), elements=st.floats(-2, 2))


@given(losses, st.sampled_from([0.8, 0.95, 0.99]))
def test_no_less_than_was_lost_and_near_it_with_many_rows(lost, confidence):
    found = rows_that_lost(lost)
    assert found.most(confidence) >= found.lost / lost.size - 1e-12
    assert found.most(confidence, 1e7) == pytest.approx(found.lost / lost.size, abs=2e-2)


def test_what_is_worse_needs_no_more_rows():
    assert rows_that_lost(np.full(100, 0.5)).rows_needed(0.1, 0.95) is None


def test_a_few_bad_answers_are_no_verdict():
    generator = np.random.default_rng(0)
    truth = np.exp(0.8 * generator.normal(size=1000))
    answers = truth + 0.3 * generator.normal(size=1000)
    usual = np.flatnonzero(np.abs(truth - truth.mean()) < 0.5)[:12]
    changed = answers.copy()
    changed[usual] = truth.mean()
    found = by_r2(answers, changed, truth, Asked(0.01, 0.95, 500, 0))
    assert found["score_after"] - found["score_before"] > -0.003
    assert found["lower_bound"] < -0.01
    assert found["method"] == "few rows"
    assert found["rows_needed"] > 1000


def test_answers_that_are_all_the_same():
    truth = np.random.default_rng(0).normal(size=300)
    flat = np.zeros(300)
    found = by_r2(flat, flat + 0.01, truth, Asked(0.1, 0.95, 200, 0))
    assert math.isfinite(found["lower_bound"])
