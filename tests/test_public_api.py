import doctest
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys

import pytest

import skcompress


@pytest.mark.parametrize("name", skcompress.__all__)
def test_public_name_has_a_runnable_example(name):
    doc = inspect.getdoc(getattr(skcompress, name)) or ""
    _, heading, examples = doc.partition("\nExamples\n--------\n")
    assert heading
    assert doctest.DocTestParser().get_examples(examples)


@pytest.mark.parametrize("name", skcompress.__all__)
def test_public_methods_have_docstrings(name):
    value = getattr(skcompress, name)
    if not inspect.isclass(value):
        return
    missing = [
        method
        for method, function in inspect.getmembers(value)
        if not method.startswith("_")
        and (inspect.isroutine(function) or isinstance(function, property))
        and not inspect.getdoc(function)
    ]
    assert not missing


def test_all_is_sorted_and_listed():
    assert skcompress.__all__ == sorted(skcompress.__all__)
    assert set(skcompress.__all__) <= set(dir(skcompress))


def test_unknown_name():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = skcompress.no_such_name


@pytest.mark.parametrize("name", skcompress.__all__)
def test_public_name_is_not_hidden_by_a_module(name):
    # Importing a submodule of the same name would put it in the name's place.
    assert importlib.util.find_spec(f"skcompress.{name}") is None


def test_version_is_that_of_the_distribution():
    assert skcompress.__version__ == importlib.metadata.version("skcompress")


def test_import_is_lazy():
    code = "import skcompress, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "sklearn"} & set(run.stdout.split())


def test_requirements_state_what_is_tested(pytestconfig):
    # Minor versions: the oldest tested may be a bug fix of the oldest allowed.
    pins = (pytestconfig.rootpath / ".ci" / "oldest.txt").read_text(encoding="utf-8")
    tested = re.findall(r"^([\w-]+)==(\d+\.\d+)", pins, flags=re.MULTILINE)
    requires = importlib.metadata.requires("skcompress")
    allowed = [
        re.match(r"([\w-]+)>=(\d+\.\d+)", line).groups() for line in requires if "extra" not in line
    ]
    assert sorted(tested) == sorted(allowed)
