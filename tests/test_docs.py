"""What the documentation shows as a session is what happens."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "families.md"]
PAGES += sorted((ROOT / "docs" / "user_guide").glob("*.md"))
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sessions_give_what_they_show(page):
    # A fence ends the expected output above it, as a blank line does.
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    report = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(report)


def test_every_page_of_the_guide_is_in_its_contents():
    index = (ROOT / "docs" / "user_guide" / "index.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", index, flags=re.MULTILINE)
    assert sorted(listed) == [page.stem for page in PAGES[2:]]
