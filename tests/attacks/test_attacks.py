"""Every crafted file is refused for its own reason, or served without harm."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
import recipes
import serve

import skcompress as skc

HERE = Path(__file__).parent
MAX_MEMORY = 2**26

ATTACKS = {attack.name: attack for attack in recipes.all_attacks()}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_for_its_own_reason_or_served(name):
    attack = ATTACKS[name]
    if attack.error is None:
        skc.loads(attack.data, max_memory=MAX_MEMORY)
        return
    tracemalloc.start()
    try:
        with pytest.raises(skc.SkcFormatError, match=attack.error):
            skc.loads(attack.data, max_memory=MAX_MEMORY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MAX_MEMORY // 2


def test_names_are_used_once():
    assert len(ATTACKS) == len(recipes.all_attacks())


def test_files_are_those_of_the_recipes():
    small = {a.name: a.data for a in ATTACKS.values() if len(a.data) <= recipes.SMALL}
    assert {path.stem: path.read_bytes() for path in recipes.FILES.iterdir()} == small


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited by Linux's means")
@pytest.mark.parametrize("flags", [[], ["--without-kernels"]], ids=["kernels", "numpy"])
def test_nothing_is_harmed_by_a_file(flags, tmp_path):
    """No crash, no hang, no memory beyond the limit, and no error but a documented one."""
    for attack in ATTACKS.values():
        (tmp_path / f"{attack.name}.skc").write_bytes(attack.data)
    run = subprocess.run(
        [sys.executable, HERE / "serve.py", "256", *flags, tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, (lines[-1:], run.stderr)
    assert sorted(line["name"] for line in lines) == sorted(ATTACKS)
    for line in lines:
        serve.judge(line)
        assert (line["load"] == "served") == (ATTACKS[line["name"]].error is None), line


def test_report_of_an_attack_holds_no_markup():
    model = skc.loads(ATTACKS["border-model-names-of-markup"].data)
    assert "<script>" in model.ir.input.names
    report = skc.size_report(model)
    assert "<script>" not in report._repr_html_()
    assert str(report).replace("\n", "").isprintable()
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    with pytest.raises(ValueError, match="feature names should match") as caught:
        model.predict(frame)
    assert str(caught.value).isprintable()
