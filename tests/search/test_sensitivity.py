import json

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, SVR

import skcompress as skc
from skcompress.passes import Context, Data, QuantizeLeaves, QuantizeVectors

mpl.use("Agg")
X, y = load_digits(return_X_y=True)
ROWS, TRUTH = X[600:1200], y[600:1200]


def report_of(model, **settings):
    model.fit(X[:600], y[:600])
    return skc.sensitivity_report(model, ROWS, TRUTH, **settings)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (MLPClassifier((20, 10), max_iter=40, random_state=0), 3),
        (SVC(), 46),
        (LogisticRegression(max_iter=20), 10),
        (RandomForestClassifier(30, random_state=0), 24),
        (GradientBoostingClassifier(n_estimators=2, random_state=0), 20),
    ],
)
def test_parts(model, count):
    report = report_of(model, bits=[2, 12])
    assert len(report.parts) == count
    assert report.score == model.score(ROWS, TRUTH)
    means = [np.mean(part.scores) for part in report.parts]
    assert means == sorted(means)
    for part in report.parts:
        assert abs(part.scores[1] - report.score) < 0.01
        assert part.n_values > 0


def test_single_tree_is_scored_as_the_model_with_rounded_leaves():
    model = RandomForestClassifier(1, random_state=0).fit(X[:600], y[:600])
    (part,) = skc.sensitivity_report(model, ROWS, TRUTH, bits=[2]).parts
    ir = skc.compress(model, level="lossless").ir
    rounded = QuantizeLeaves(2).apply(ir, Context(original=ir))
    assert part.scores == (skc.CompactModel(rounded).score(ROWS, TRUTH),)
    assert part.name == "tree 1"


def test_vectors_are_scored_as_the_model_with_rounded_vectors():
    model = SVC().fit(X[:300], y[:300])
    report = skc.sensitivity_report(model, ROWS, TRUTH, bits=[2])
    (part,) = (part for part in report.parts if part.name == "support vectors")
    ir = skc.compress(model, level="lossless").ir
    rounded = QuantizeVectors("affine", 2).apply(ir, Context(original=ir))
    assert part.scores == (skc.CompactModel(rounded).score(ROWS, TRUTH),)
    assert "0 against 1" in {part.name for part in report.parts}


def test_scoring_rows_and_compact_models():
    X, y = load_diabetes(return_X_y=True)
    svr = SVR(C=10).fit(X[:300], y[:300])
    small = skc.compress(svr, level="lossless")
    settings = {"bits": [3], "scoring": "neg_mean_absolute_error", "max_rows": 100}
    first = skc.sensitivity_report(svr, X[300:], y[300:], **settings)
    assert first == skc.sensitivity_report(small, X[300:], y[300:], **settings)
    assert first.score < 0
    assert {part.name for part in first.parts} == {"output 1", "support vectors"}
    assert skc.sensitivity_report(svr, X[300:], bits=[3]).score == 1.0


def test_raw_outputs_score_as_their_model():
    model = skc.compress(LogisticRegression(max_iter=20).fit(X[:600], y[:600]), level="lossless")
    context = Context(original=model.ir, held_out=Data(ROWS, TRUTH))
    assert context.score_of_raw(model.ir, model.raw(ROWS)) == model.score(ROWS, TRUTH)


def test_what_has_no_parts_and_bad_bits():
    with pytest.raises(skc.UnsupportedEstimatorError, match="KNeighbors"):
        report_of(KNeighborsClassifier())
    for bits in ([], [1], [17]):
        with pytest.raises(ValueError, match="2 to 16"):
            report_of(LogisticRegression(max_iter=5), bits=bits)


def test_shown_to_people_and_machines():
    report = report_of(LogisticRegression(max_iter=20), bits=[2, 4])
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["bits"] == [2, 4]
    assert len(plain["parts"][0]["scores"]) == 2
    assert "class" in str(report)
    assert "<table>" in report._repr_html_()
    ax = report.plot().ax_
    assert len(ax.lines) == 11
    mpl.pyplot.close(ax.figure)
