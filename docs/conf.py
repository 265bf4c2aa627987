"""Sphinx settings; the docs are built from the installed package, without network access."""

import importlib.metadata
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "_extensions"))

project = "skcompress"
author = "skcompress developers"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name
release = importlib.metadata.version("skcompress")
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "families_table",
]
exclude_patterns = ["_build", "_extensions", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
templates_path = ["_templates"]

# Every reference must lead somewhere. Other projects' pages cannot be known offline.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(joblib|matplotlib|numpy|pandas|scipy|sklearn)(\..*)?")]

# numpydoc states the types; signatures stay short.
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"demo\.py$",
    "only_warn_on_example_error": True,  # and warnings fail the build, naming every one
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}


def skip_routing_methods(_app, _what, name, _obj, skip, _options):
    """Leave out what scikit-learn generates; its docstrings refer to its own guide."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name) else skip


def setup(app):
    app.connect("autodoc-skip-member", skip_routing_methods)
