"""The fuzz target runs, finds what does harm, and finds nothing in a moment."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "fuzz_load.py"


def run(tmp_path, *flags):
    return subprocess.run(
        [sys.executable, SCRIPT, "--found", tmp_path / "found", *flags],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_nothing_is_found_in_a_moment(tmp_path):
    outcome = run(tmp_path, "--plain", "--seconds", "5")
    assert outcome.returncode == 0, outcome.stderr
    assert "did no harm" in outcome.stdout
    assert not any((tmp_path / "found").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="atheris is not installed")
def test_nothing_is_found_by_coverage_in_a_moment(tmp_path):
    outcome = run(tmp_path, "--seconds", "20")
    assert outcome.returncode == 0, outcome.stderr
    assert "cov:" in outcome.stderr


@pytest.mark.parametrize("harm", ["raise RuntimeError", "import os; os.abort()"])
def test_harm_is_found_and_left_behind(tmp_path, harm):
    program = f"""
import sys
sys.argv = ["fuzz", "--plain", "--seconds", "60", "--found", {str(tmp_path)!r}]
sys.path.insert(0, {str(SCRIPT.parent)!r})
import fuzz_load
import skcompress
from skcompress.ir import DenseNetwork
def check(network):
    {harm}
DenseNetwork.check = check
fuzz_load.corpus = lambda: [p.read_bytes() for p in __import__("mutate").GOLDEN]
fuzz_load.main()
"""
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert outcome.returncode != 0
    (found,) = tmp_path.iterdir()
    assert found.read_bytes()[:4] == b"\x89SKC"
