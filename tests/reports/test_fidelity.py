import json

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import skcompress as skc

mpl.use("Agg")
X, y = load_digits(return_X_y=True)
FOREST = RandomForestClassifier(20, random_state=0).fit(X[:700], y[:700])
WORSE = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X[:700], y[:700])
ROWS, TRUTH = X[700:], y[700:]


def test_figures_are_those_of_scikit_learn():
    report = skc.verify(FOREST, WORSE, ROWS, TRUTH)
    first, second = FOREST.predict(ROWS), WORSE.predict(ROWS)
    assert report.score_before == accuracy_score(TRUTH, first)
    assert report.score_after == accuracy_score(TRUTH, second)
    assert report.agreement == (first == second).mean()
    assert report.losses == ((first == TRUTH) & (second != TRUTH)).sum()
    assert report.gains == ((first != TRUTH) & (second == TRUTH)).sum()
    largest = np.abs(FOREST.predict_proba(ROWS) - WORSE.predict_proba(ROWS)).max()
    assert report.largest_difference == pytest.approx(largest)
    assert 0 < report.divergence < report.largest_divergence <= 1
    assert not report.not_worse
    assert report.rows_needed is None
    assert "worse by" in report.verdict
    assert report.mcnemar_p < 1e-6


def test_flips_by_class_add_up():
    report = skc.verify(FOREST, WORSE, ROWS, TRUTH)
    assert sum(f.n_rows for f in report.flips) == len(ROWS)
    assert sum(f.lost for f in report.flips) == report.losses
    assert sum(f.gained for f in report.flips) == report.gains
    assert sum(f.changed for f in report.flips) == round((1 - report.agreement) * len(ROWS))
    assert [f.changed for f in report.flips] == sorted(f.changed for f in report.flips)[::-1]


def test_too_few_rows_are_undecided_and_say_how_many_it_takes():
    report = skc.verify(FOREST, FOREST, ROWS[:100], TRUTH[:100])
    assert not report.not_worse
    assert "undecided" in report.verdict
    assert 600 < report.rows_needed < 700
    assert skc.verify(FOREST, FOREST, ROWS, TRUTH).not_worse
    assert len(ROWS) > report.rows_needed


def test_without_labels_the_original_is_right():
    report = skc.verify(FOREST, WORSE, ROWS)
    assert (report.scoring, report.score_before) == ("agreement", 1.0)
    assert report.score_after == report.agreement
    assert report.gains == 0


def test_assert_not_worse():
    skc.assert_not_worse(FOREST, FOREST, ROWS, TRUTH)
    with pytest.raises(AssertionError, match=r"(?s)worse by .*accuracy before"):
        skc.assert_not_worse(FOREST, WORSE, ROWS, TRUTH)
    skc.assert_not_worse(FOREST, WORSE, ROWS, TRUTH, tolerance=0.9)


def test_regressors_are_judged_by_r2():
    X, y = load_diabetes(return_X_y=True)
    ridge, tree = Ridge().fit(X[:200], y[:200]), DecisionTreeRegressor(max_depth=1)
    tree.fit(X[:200], y[:200])
    report = skc.verify(ridge, tree, X[200:], y[200:])
    assert report.scoring == "R²"
    assert report.score_before == pytest.approx(r2_score(y[200:], ridge.predict(X[200:])))
    assert report.score_after == pytest.approx(r2_score(y[200:], tree.predict(X[200:])))
    agreement = r2_score(ridge.predict(X[200:]), tree.predict(X[200:]))
    assert report.agreement == pytest.approx(agreement)
    assert report.lower_bound < report.difference
    assert report.flips == ()
    assert report.mcnemar_p is None
    same = skc.verify(ridge, ridge, X[200:], y[200:], tolerance=0.05)
    assert same.not_worse
    assert same.agreement == 1.0


def test_regressors_of_several_targets_far_from_zero():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(900, 3))
    truth = 1e8 + rows @ generator.normal(size=(3, 2)) + 0.1 * generator.normal(size=(900, 2))
    ridge = Ridge().fit(rows[:300], truth[:300])
    worse = Ridge(alpha=300).fit(rows[:300], truth[:300])
    report = skc.verify(ridge, worse, rows[300:], truth[300:])
    assert report.score_before == pytest.approx(r2_score(truth[300:], ridge.predict(rows[300:])))
    expected = report.difference
    assert expected - 0.2 < report.lower_bound < expected


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        ("f1_macro", lambda m: f1_score(TRUTH, m.predict(ROWS), average="macro")),
        (
            "roc_auc_ovr",
            lambda m: roc_auc_score(TRUTH, m.predict_proba(ROWS), multi_class="ovr"),
        ),
        (lambda model, X, y: model.score_of(X, y), None),
    ],
)
def test_other_scores(scoring, expected):
    if expected is None:

        def scoring(model, X, y):
            return float((model.predict(X) == y).mean())

        def expected(model):
            return model.score(ROWS, TRUTH)

    report = skc.verify(FOREST, WORSE, ROWS, TRUTH, scoring=scoring, n_resamples=100)
    assert report.method == "bootstrap"
    assert report.score_before == pytest.approx(expected(FOREST))
    assert report.score_after == pytest.approx(expected(WORSE))
    assert report.lower_bound < report.difference
    assert report == skc.verify(FOREST, WORSE, ROWS, TRUTH, scoring=scoring, n_resamples=100)


def test_several_targets_and_outliers():
    X, Y = make_multilabel_classification(300, random_state=0)
    tree = DecisionTreeClassifier(random_state=0).fit(X[:150], Y[:150])
    report = skc.verify(tree, skc.compress(tree, level="lossless"), X[150:], Y[150:])
    assert (report.agreement, report.divergence, report.flips) == (1.0, 0.0, ())
    forest = IsolationForest(n_estimators=10, random_state=0).fit(X[:150])
    report = skc.verify(forest, skc.compress(forest, level="lossless"), X[150:])
    assert report.agreement == 1.0
    assert {f.label for f in report.flips} == {-1, 1}


def test_compressors_are_taken_by_their_model():
    inner = LogisticRegression(max_iter=50)
    fitted = skc.ModelCompressor(inner, level="lossless").fit(X[:300], y[:300])
    original = inner.fit(X[:300], y[:300])
    assert skc.verify(original, fitted, ROWS, TRUTH).agreement == 1.0


def test_few_bad_rows_are_no_verdict_by_another_score():
    generator = np.random.default_rng(0)
    rows = np.exp(0.8 * generator.normal(size=(1000, 1)))
    truth = rows[:, 0] + 0.1 * generator.normal(size=1000)
    before = DecisionTreeRegressor(max_depth=6, random_state=0).fit(rows, truth)
    usual = np.flatnonzero(np.abs(truth - truth.mean()) < 0.3)[:10]

    class Few(DecisionTreeRegressor):
        def predict(self, X):
            return np.where(np.isin(np.arange(len(X)), usual), truth.mean(), before.predict(X))

    asked = {"scoring": "neg_mean_absolute_error", "tolerance": 0.01, "n_resamples": 200}
    found = skc.verify(before, Few().fit(rows, truth), rows, truth, **asked)
    assert found.difference > -0.003
    assert not found.not_worse
    assert found.method == "few rows"
    assert skc.verify(before, before, rows, truth, **asked).not_worse


def test_targets_that_do_not_fit():
    with pytest.raises(ValueError, match=r"y has values of shape \(3,\)"):
        skc.verify(FOREST, WORSE, ROWS, TRUTH[:3])
    with pytest.raises(ValueError, match="y has labels such as 'three'"):
        skc.verify(FOREST, WORSE, ROWS, np.full(len(ROWS), "three"))
    X, y = load_diabetes(return_X_y=True)
    ridge = Ridge().fit(X, y)
    with pytest.raises(ValueError, match="y contains NaN"):
        skc.verify(ridge, ridge, X, np.where(np.arange(len(y)) == 3, np.nan, y))
    wider = Ridge().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="the compact model predicts values of shape"):
        skc.verify(ridge, wider, X, y)


def test_models_that_do_not_predict():
    with pytest.raises(TypeError, match="StandardScaler"):
        skc.verify(StandardScaler().fit(X), StandardScaler().fit(X), X)
    with pytest.raises(ValueError, match="none"):
        skc.verify(DummyClassifier().fit(X, y), FOREST, X[:0])


@pytest.mark.parametrize("bad", [{"tolerance": -0.1}, {"confidence": 1.0}, {"n_resamples": 1}])
def test_bad_settings(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        skc.verify(FOREST, FOREST, ROWS, TRUTH, **bad)


def test_shown_to_people_and_machines():
    report = skc.verify(FOREST, WORSE, ROWS, TRUTH)
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["not_worse"] is False
    assert {flips["label"] for flips in plain["flips"]} <= set(range(10))
    assert "McNemar" in str(report)
    assert "<table>" in report._repr_html_()
    ax = report.plot().ax_
    assert ax.get_title() == report.verdict
    mpl.pyplot.close(ax.figure)
