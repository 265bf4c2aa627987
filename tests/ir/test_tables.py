import dataclasses
import io
import subprocess
import sys

import pytest

from skcompress.ir import Ledger, LedgerEntry, SizePart, SizeReport, Sizes
from skcompress.ir.tables import Printed, Table, text_table

BEFORE = Sizes("SVC", 2000, 1500, 1600, (SizePart("vectors", 1200), SizePart("notes", 400, False)))
AFTER = Sizes("SVC", 200, None, 300, (SizePart("vectors [codes]", 300),))
LEDGER = Ledger(
    (
        LedgerEntry("quantize", 1600, 300, 0.9, 0.9),
        LedgerEntry("prune", 300, 100, 0.9, 0.1, outcome="reverted", note="too much"),
    )
)
REPORT = SizeReport(BEFORE, AFTER, LEDGER)


def drawn(shown, width=120):
    console = pytest.importorskip("rich.console").Console(
        record=True, width=width, force_terminal=True, file=io.StringIO()
    )
    console.print(shown)
    return console


def test_plain_text_is_what_str_gives():
    assert text_table(("a", "bb"), [("x", "1"), ("long", "22")]) == (
        "a     bb\n----  --\nx      1\nlong  22"
    )
    assert str(REPORT).splitlines()[:5] == [
        "SVC: 10.0 times smaller",
        "                    before  after  ratio",
        "------------------  ------  -----  -----",
        "disk                2.0 kB  200 B   10.0",
        "disk (LZMA before)  1.5 kB  200 B    7.5",
    ]
    assert str(REPORT).endswith(f"\n\n{LEDGER}")


def test_html_is_escaped():
    table = Table("<b>", ("<i>",), [("<u>",)])
    assert "&lt;b&gt;" in table._repr_html_()
    assert "<u>" not in table._repr_html_()
    assert REPORT._repr_html_().count("<table>") == 2


@pytest.mark.parametrize(
    "shown", [BEFORE, AFTER, LEDGER, REPORT], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("width", [60, 120])
def test_every_cell_is_in_the_terminal(shown, width):
    text = drawn(shown, width).export_text()
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    if width == 120:
        for table in shown._tables():
            for cell in (*table.header, *(cell for row in table.rows for cell in row)):
                assert cell in text


def test_bars_are_as_long_as_the_shares():
    text = drawn(BEFORE).export_text()
    bars = [line.count("█") for line in text.splitlines() if "kB" in line or "400 B" in line]
    assert bars[-2:] == [15, 5]


def test_names_are_no_markup():
    sizes = dataclasses.replace(AFTER, parts=(SizePart("[red]x[/red]", 300),))
    assert "[red]x[/red]" in drawn(sizes).export_text()


@pytest.mark.parametrize(("kind", "code"), [("good", "32"), ("bad", "31"), ("unknown", "33")])
def test_colors_say_what_it_means(kind, code):
    styled = drawn(Table("verdict", ("a",), [("x",)], kind=kind)).export_text(styles=True)
    assert f"\x1b[1;{code}mverdict" in styled
    styled = drawn(Table("t", ("a",), [("row",)], kinds=[kind])).export_text(styles=True)
    assert f"\x1b[{code}mrow" in styled


def test_what_prints_says_what_it_has():
    with pytest.raises(NotImplementedError):
        str(Printed())


def test_rich_is_imported_only_to_draw():
    code = (
        "import sys; from skcompress.ir import Ledger; str(Ledger(()));"
        "Ledger(())._repr_html_(); assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
