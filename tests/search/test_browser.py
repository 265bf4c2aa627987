"""Pages as a browser shows them: headless Chromium lays them out, and tells what it sees."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import skcompress as skc

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# Where a browser must be there, its absence is a failure and nothing is skipped.
REQUIRED = os.environ.get("SKCOMPRESS_REQUIRE_BROWSER") == "1"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED, reason="needs Chromium, which is not installed"
)

X, y = load_digits(return_X_y=True)
WIDE, NARROW = 1100, 330

# Each page stands in frames of a page around it, whose script looks into them.
PROBE = """
<!DOCTYPE html><meta charset="utf-8"><title>probe</title>
<iframe id="wide" style="width: {wide}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<iframe id="narrow" style="width: {narrow}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<pre id="seen"></pre>
<script>
addEventListener("load", () => {{
  const look = frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    const all = name => [...page.querySelectorAll(name)];
    const box = one => {{ const b = one.getBoundingClientRect();
                          return [b.left, b.top, b.right, b.bottom]; }};
    const paper = page.createElement("i");
    paper.style.background = "Canvas";
    page.body.append(paper);
    const colors = [getComputedStyle(paper).backgroundColor, getComputedStyle(page.body).color];
    paper.remove();
    return {{
      client: root.clientWidth, scroll: root.scrollWidth, height: root.scrollHeight,
      loaded: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name),
      dark: frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches,
      colors, headings: all("h1, h2").map(h => h.innerText),
      captions: all("caption").map(c => c.innerText),
      rows: all("tr").map(r => [...r.cells].map(c => c.innerText)),
      tables: all("table").map(box), charts: all("svg").map(box),
      words: all("svg").map(svg => [...svg.querySelectorAll("text")].map(t =>
        [...box(t), t.textContent])),
      marks: all("svg").map(svg => svg.querySelectorAll("rect, circle, polyline").length),
      boxes: all(".scroll").map(box),
    }};
  }};
  const seen = {{}};
  for (const frame of document.querySelectorAll("iframe")) seen[frame.id] = look(frame);
  document.getElementById("seen").textContent = JSON.stringify(seen);
}});
</script>
"""


def browse(page, folder, *, dark=False):
    """What frames of both widths show, and what the browser complained of."""
    assert CHROMIUM is not None, "Chromium is required here, and is not installed."
    path = folder / "probe.html"
    path.write_text(PROBE.format(wide=WIDE, narrow=NARROW, page=html.escape(page)), "utf-8")
    run = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1600,1000",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--virtual-time-budget=5000",
            "--enable-logging=stderr",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    complaints = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'<pre id="seen">(.*?)</pre>', run.stdout, flags=re.DOTALL)
    return json.loads(html.unescape(found[1])), complaints


@pytest.fixture(scope="module")
def models():
    mlp = MLPClassifier((12,), max_iter=30, random_state=0)
    space = {"n_bits": [8, 4, 2], "sparsity": [0.0, 0.5]}
    search = skc.CompressionSearchCV(mlp, space, cv=2, tolerance=0.1, random_state=0)
    return mlp.fit(X[:300] / 16, y[:300]), search.fit(X[:300] / 16, y[:300])


@pytest.fixture(scope="module")
def reports(models):
    original, search = models
    rows = X[300:600] / 16, y[300:600]
    return {
        "sizes": search.size_report_,
        "verdict": skc.verify(original, search, *rows, tolerance=0.1),
        "sensitivity": skc.sensitivity_report(original, *rows, bits=[2, 4]),
        "diagnosis": skc.diagnose(original),
    }


def luminance(color):
    return sum(float(part) for part in re.findall(r"[\d.]+", color)[:3]) / 3


def overlap(first, second):
    return min(first[2], second[2]) - max(first[0], second[0]) > 1 and (
        min(first[3], second[3]) - max(first[1], second[1]) > 1
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_report_page(models, reports, tmp_path, dark):
    path = tmp_path / "report.html"
    skc.write_report(path, title="Digits <1>", search=models[1], **reports)
    page = path.read_text(encoding="utf-8")
    seen, complaints = browse(page, tmp_path, dark=dark)
    assert complaints == []
    for shown in seen.values():
        assert shown["loaded"] == []
        assert shown["scroll"] == shown["client"]
        assert shown["height"] > 2000
        assert shown["dark"] == dark
        paper, ink = map(luminance, shown["colors"])
        assert (ink - paper if dark else paper - ink) > 150
        assert shown["headings"] == [
            "Digits <1>",
            "Verdict",
            "Bytes by part",
            "Search",
            "Sensitivity",
            "Diagnosis",
        ]
        assert all(left >= 0 and right <= shown["client"] for left, _, right, _ in shown["boxes"])
        assert len(shown["charts"]) == 4
        assert min(shown["marks"]) >= 3
        for chart, words in zip(shown["charts"], shown["words"], strict=True):
            assert chart[2] - chart[0] > 500
            assert chart[3] - chart[1] > 60
            for place, word in enumerate(words):
                assert word[2] > word[0]
                assert chart[0] - 1 <= word[0] < word[2] <= chart[2] + 1
                assert [other for other in words[:place] if overlap(word, other)] == []
    rows = [[cell.replace("\xa0", " ") for cell in row] for row in seen["wide"]["rows"]]
    sizes = reports["sizes"]
    assert [
        "disk",
        *(skc.ir.report.format_bytes(one.disk_bytes) for one in (sizes.before, sizes.after)),
        f"{sizes.ratio:.1f}",
    ] in rows
    assert ["accuracy after", f"{reports['verdict'].score_after:.4f}"] in rows
    for part in reports["sensitivity"].parts:
        assert [part.name, f"{part.n_values:,}", *(f"{s:.4f}" for s in part.scores)] in rows
    assert [reports["diagnosis"].recommendation, reports["diagnosis"].reason] in rows


def test_notebook_tables(models, reports, tmp_path):
    page = "<!DOCTYPE html><body>" + "".join(one._repr_html_() for one in reports.values())
    page += models[1]._repr_html_()
    seen, complaints = browse(page, tmp_path)
    assert complaints == []
    shown = seen["wide"]
    assert shown["loaded"] == []
    assert shown["scroll"] == shown["client"]
    assert {"What was done", "Changes by class", "Levels", "Redundant"} <= set(shown["captions"])
    assert (
        f"{reports['sizes'].before.model}: {reports['sizes'].ratio:.1f} times smaller"
        in (shown["captions"])
    )
    assert all(
        right - left > 100 and bottom - top > 30 for left, top, right, bottom in shown["tables"][:6]
    )
