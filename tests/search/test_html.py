from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import skcompress as skc
from skcompress.search._svg import Series, bars, scatter

X, y = load_digits(return_X_y=True)
VOID = {"meta"}


class Strict(HTMLParser):
    """Every element is closed in order; everything that would be loaded is noted."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.loads, self.text = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(path):
    page = Strict()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def test_whole_report(tmp_path):
    mlp = MLPClassifier((12,), max_iter=30, random_state=0)
    space = {"n_bits": [8, 4, 2]}
    search = skc.CompressionSearchCV(mlp, space, cv=2, tolerance=0.05, random_state=0)
    search.fit(X[:300], y[:300])
    original = mlp.fit(X[:300], y[:300])
    rows = X[300:600], y[300:600]
    path = tmp_path / "report.html"
    skc.write_report(
        path,
        title="Model <1> & co",
        verdict=skc.verify(original, search, *rows, tolerance=0.1),
        search=search,
        sensitivity=skc.sensitivity_report(original, *rows, bits=[2, 4]),
        diagnosis=skc.diagnose(original),
    )
    page = parsed(path)
    assert page.loads == []
    assert "script" not in page.seen
    assert page.seen.count("section") == 5
    assert page.seen.count("svg") == 4
    assert "Model <1> & co" in page.text
    for words in ("not worse", "optimizer state", "Chosen: n_bits", "layer 1", "Recommended"):
        assert words in page.text or words.capitalize() in page.text


def test_search_brings_its_sizes_and_may_be_without_a_model(tmp_path):
    mlp = MLPClassifier((12,), max_iter=10, random_state=0)
    search = skc.CompressionSearchCV(mlp, {"n_bits": [8, 4]}, cv=2, refit=False)
    search.fit(X[:200], y[:200])
    skc.write_report(tmp_path / "a.html", search=search)
    assert parsed(tmp_path / "a.html").seen.count("section") == 1
    search.set_params(refit=True).fit(X[:200], y[:200])
    skc.write_report(tmp_path / "b.html", search=search)
    assert parsed(tmp_path / "b.html").seen.count("section") == 2


def test_nothing_to_report(tmp_path):
    with pytest.raises(ValueError, match="nothing"):
        skc.write_report(tmp_path / "a.html")


def test_figures_are_sound_whatever_they_show():
    figure = ET.fromstring(bars("a & b", [("x < y", 1500, True), ("z", 0, False)]))
    assert len(figure.findall("{*}rect")) == 2
    points = [(10.0, 0.5), (1000.0, 0.75)]
    series = [Series("s & t", "#888", points, line=True), Series("none", "#888", [])]
    figure = ET.fromstring(scatter("t", series, x_label="x", y_label="y", log_x=True, level=0.9))
    circles = [c for c in figure.findall("{*}circle") if c.get("fill") == "#888"]
    assert len(circles) == 2 + 2  # and one each in the legend
    low, high = (float(c.get("cy")) for c in circles[:2])
    assert high < low
    single = scatter("t", [Series("s", "#888", [(5.0, 1.0)])], x_label="x", y_label="y")
    numbers = [float(c.get("cx")) for c in ET.fromstring(single).findall("{*}circle")]
    assert np.isfinite(numbers).all()
