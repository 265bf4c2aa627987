"""Imports run one way: a room imports from lower floors only."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("skcompress").submodule_search_locations[0])

FLOORS = [
    {"exceptions"},
    {"ir"},
    {"families", "runtime"},
    {"format"},
    {"passes", "reports"},
    {"recipes"},
    {"estimators"},
    {"search", "cli"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# These serve where NumPy is the only package.
LEAN = ["ir", "runtime", "format"]
# The private names of scikit-learn that its developers' guide tells extensions to use.
PRIVATE_FOR_EXTENSIONS = {
    "sklearn.base._fit_context",
    "sklearn.utils._param_validation",
    "sklearn.utils._metadata_requests",
}

MODULES = {
    ".".join(("skcompress", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(module: str, source: str, is_package: bool) -> set[str]:
    """Dotted names that a module imports anywhere in it, functions and type checking included."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            package = module if is_package else module.rpartition(".")[0]
            base = importlib.util.resolve_name(base, package)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def imports_of(module: str) -> set[str]:
    path = MODULES[module]
    return imported(module, path.read_text(encoding="utf-8"), path.name == "__init__.py")


def room_of(name: str) -> str | None:
    """The room that a dotted name lies in; None outside the package and for its front door."""
    top, _, rest = name.partition(".")
    room = rest.partition(".")[0]
    return room if top == "skcompress" and room else None


def upward(module: str, names: set[str]) -> set[str]:
    """Those of the names that a module may not import."""
    room = room_of(module)
    return {
        name
        for name in names
        if name.partition(".")[0] == "skcompress"
        and room_of(name) != room
        and not FLOOR.get(room_of(name), len(FLOORS)) < FLOOR[room]
    }


@pytest.mark.parametrize("module", [name for name in MODULES if name != "skcompress"])
def test_imports_run_one_way(module):
    assert room_of(module) in FLOOR, "a new room needs a floor"
    assert not upward(module, imports_of(module))


def test_front_door_imports_nothing():
    tree = ast.parse(MODULES["skcompress"].read_text(encoding="utf-8"))
    eager = {
        alias.name if isinstance(node, ast.Import) else "." * node.level + (node.module or "")
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert {name.partition(".")[0] for name in eager} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("skcompress.format.a", "from ..passes import ccp", {"skcompress.passes.ccp"}),
        ("skcompress.format.a", "def f():\n    import skcompress.search", {"skcompress.search"}),
        ("skcompress.format.a", "from .. import estimators", {"skcompress.estimators"}),
        ("skcompress.format.a", "from skcompress import load", {"skcompress.load"}),
        ("skcompress.families.a", "from ..runtime.b import c", {"skcompress.runtime.b.c"}),
        ("skcompress.format.a", "from ..ir import b\nfrom . import c\nimport numpy", set()),
    ],
)
def test_upward_imports_are_found(module, source, found):
    assert upward(module, imported(module, source, is_package=False)) == found


@pytest.mark.parametrize("module", MODULES)
def test_private_scikit_learn_is_touched_in_one_file(module):
    if module == "skcompress.families._sklearn_internals":
        return
    private = {
        name
        for name in imports_of(module)
        if name.startswith("sklearn.")
        and any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
        and not any(f"{name}.".startswith(f"{allowed}.") for allowed in PRIVATE_FOR_EXTENSIONS)
    }
    assert not private


BLOCKER = """
import importlib, importlib.abc, pkgutil, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {"sklearn", "scipy", "joblib"}:
            raise ImportError(f"{fullname} is imported")

sys.meta_path.insert(0, Blocker())
room = importlib.import_module(f"skcompress.{sys.argv[1]}")
for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
    importlib.import_module(module.name)
"""


@pytest.mark.parametrize("room", LEAN)
def test_lean_rooms_need_numpy_alone(room):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKER, room],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
