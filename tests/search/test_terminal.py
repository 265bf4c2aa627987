"""Every report in a terminal, as rich shows it."""

import io

import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import skcompress as skc

X, y = load_digits(return_X_y=True)
X, y, X_val, y_val = X[:400], y[:400], X[400:700], y[400:700]
LINEAR = LogisticRegression(max_iter=30)
SPACE = {"n_bits": [8, 4, 2], "scheme": ["affine", "codebook"]}


def drawn(shown, width=110):
    console = pytest.importorskip("rich.console").Console(
        record=True, width=width, force_terminal=True, file=io.StringIO()
    )
    console.print(shown)
    return console


@pytest.fixture(scope="module")
def fitted():
    return LogisticRegression(max_iter=30).fit(X, y)


def test_verdicts_have_their_colour(fitted):
    same = skc.compress(fitted, level="lossless")
    coarse = skc.SVMQuantizer(LINEAR, n_bits=2).fit(X, y).model_
    for model, tolerance, code in ((same, 0.05, 32), (same, 1e-4, 33), (coarse, 1e-4, 31)):
        report = skc.verify(fitted, model, X_val, y_val, tolerance=tolerance)
        styled = drawn(report).export_text(styles=True)
        assert styled.startswith(f"\x1b[1;{code}m{report.verdict}")
    assert any(flips.changed for flips in report.flips)
    text = drawn(report).export_text()
    assert "Changes by class" in text
    assert "█" in text


def test_diagnosis_and_sensitivity(fitted):
    diagnosis = skc.diagnose(fitted, X_val, y_val)
    text = drawn(diagnosis).export_text()
    for word in (diagnosis.recommendation, "Redundant", "lossless", "balanced", "█"):
        assert word in text
    sensitivity = skc.sensitivity_report(fitted, X_val, y_val, bits=[2, 8])
    text = drawn(sensitivity).export_text()
    for part in sensitivity.parts:
        assert f"{part.scores[0]:.4f}" in text


def test_search_shows_its_front():
    search = skc.CompressionSearchCV(LINEAR, SPACE, strategy="grid", cv=2, tolerance=0.02)
    assert "of 6 candidates" not in drawn(search).export_text()
    search.fit(X, y)
    console = drawn(search)
    text = console.export_text(clear=False)
    assert "CompressionSearchCV(" in text
    assert f"{len(search.pareto_front_)} of 6 candidates" in text
    for point in search.pareto_front_:
        assert f"{point['score']:.4f}" in text
    front = [point["index"] for point in search.pareto_front_]
    assert ("\x1b[32m" in console.export_text(styles=True)) == (search.best_index_ in front)
    assert search.best_index_ in front
