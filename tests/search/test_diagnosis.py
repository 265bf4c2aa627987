import json

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import skcompress as skc

mpl.use("Agg")
X, y = load_digits(return_X_y=True)
FOREST = RandomForestClassifier(15, random_state=0).fit(X[:800], y[:800])


def found(diagnosis):
    return {r.what: (r.count, r.total) for r in diagnosis.redundancies}


def test_forest_with_rows():
    diagnosis = skc.diagnose(FOREST, X[800:], y[800:])
    assert [estimate.level for estimate in diagnosis.levels] == [
        "lossless",
        "safe",
        "balanced",
        "tiny",
    ]
    sizes = {e.level: e.n_bytes for e in diagnosis.levels}
    assert sizes["lossless"] == len(skc.dumps(skc.compress(FOREST, level="lossless")))
    assert diagnosis.levels[0].loss is None
    assert diagnosis.levels[-1].loss <= 0.02
    assert diagnosis.sizes.disk_bytes == skc.size_report(FOREST).disk_bytes
    assert 0 < diagnosis.unneeded_bytes < diagnosis.sizes.memory_bytes
    assert "level=" in diagnosis.recommendation
    assert "times fewer" in diagnosis.reason


def test_without_rows_only_lossless_is_known():
    diagnosis = skc.diagnose(FOREST)
    assert [estimate.level for estimate in diagnosis.levels] == ["lossless"]
    assert "lossless" in diagnosis.recommendation
    assert "Rows" in diagnosis.reason


def test_what_only_transforms_is_judged_by_no_rows():
    scaler = StandardScaler().fit(X[:400])
    diagnosis = skc.diagnose(scaler, X[400:])
    assert {estimate.loss for estimate in diagnosis.levels} == {None}
    small = skc.compress(scaler, X[400:])
    assert np.array_equal(small.transform(X), scaler.transform(X))


def test_a_gain_is_no_loss():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(700, 5))
    noisy = rows[:, 0] + generator.normal(size=700)
    tree = DecisionTreeRegressor(random_state=0).fit(rows[:400], noisy[:400])
    assert "better on these rows" in skc.diagnose(tree, rows[400:], noisy[400:]).reason


def test_small_and_compact_models_are_left_alone():
    iris = load_iris(return_X_y=True)
    assert "leave" in skc.diagnose(LogisticRegression(max_iter=50).fit(*iris)).recommendation
    small = skc.compress(FOREST, level="lossless")
    diagnosis = skc.diagnose(small)
    assert "leave" in diagnosis.recommendation
    assert diagnosis.sizes.disk_bytes == len(skc.dumps(small))


def test_units_that_do_nothing_are_counted():
    mlp = MLPClassifier((12,), max_iter=30, random_state=0).fit(X[:400], y[:400])
    mlp.coefs_[0][3] = 0.0
    mlp.coefs_[1][:4] = 0.0
    mlp.coefs_[0][:, 5], mlp.intercepts_[0][5] = mlp.coefs_[0][:, 6], mlp.intercepts_[0][6]
    counts = found(skc.diagnose(mlp))
    assert counts["dead or repeated hidden units"] == (5, 12)
    assert counts["unused features"][0] >= 1


def test_dependent_vectors_are_counted():
    rows = np.random.default_rng(0).normal(size=(60, 3))
    labels = (rows[:, 0] > 0).astype(int)
    flat = SVC(kernel="poly", degree=1, C=0.01).fit(rows, labels)
    counts = found(skc.diagnose(flat))
    n_vectors = counts["repeated support vectors"][1]
    assert counts["support vectors that others can stand for"] == (n_vectors - 3, n_vectors)
    counts = found(skc.diagnose(SVC(gamma=5.0).fit(rows, labels)))
    assert counts["support vectors that others can stand for"][0] == 0
    twice = SVC(gamma=5.0, C=0.1).fit(np.repeat(rows, 2, axis=0), np.repeat(labels, 2))
    counts = found(skc.diagnose(twice))
    assert counts["repeated support vectors"][0] > 0
    assert counts["support vectors that others can stand for"] == counts["repeated support vectors"]


def test_repeated_subtrees_are_counted():
    tree = DecisionTreeClassifier(random_state=0).fit(X[:300], y[:300])
    alone = found(skc.diagnose(tree))
    twice = RandomForestClassifier(2, bootstrap=False, max_features=None, random_state=0)
    twice.fit(X[:300], y[:300])
    twice.estimators_ = [tree, tree]
    both = found(skc.diagnose(twice))
    count, total = alone["splits in repeated subtrees"]
    assert both["splits in repeated subtrees"] == (count + total, 2 * total)
    used = np.unique(tree.tree_.feature[tree.tree_.feature >= 0]).size
    assert alone["unused features"] == (64 - used, 64)


def test_stored_rows_that_repeat():
    knn = KNeighborsClassifier(1).fit(np.repeat(X[:50], 3, axis=0), np.repeat(y[:50], 3))
    assert found(skc.diagnose(knn))["repeated rows"] == (100, 150)


@pytest.mark.parametrize("rows", [(), (X[800:1000], y[800:1000])])
def test_shown_to_people_and_machines(rows):
    diagnosis = skc.diagnose(FOREST, *rows)
    plain = json.loads(json.dumps(diagnosis.to_dict()))
    assert plain["levels"][0]["level"] == "lossless"
    assert "Recommended" in str(diagnosis)
    assert "<table>" in diagnosis._repr_html_()
    ax = diagnosis.plot().ax_
    mpl.pyplot.close(ax.figure)
