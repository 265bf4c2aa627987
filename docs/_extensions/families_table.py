"""The directive ``families``: tables of what is supported, from the package's own registries."""

import warnings

import numpy as np
from docutils.statemachine import StringList
from sklearn.exceptions import ConvergenceWarning
from sphinx.util.docutils import SphinxDirective

from skcompress import MLPReducer, SVMQuantizer, TreePruner
from skcompress.families import all_families, all_transforms
from skcompress.runtime import CompactModel

COMPRESSORS = (SVMQuantizer, TreePruner, MLPReducer)
METHODS = ("predict", "predict_proba", "decision_function", "score_samples")


def public_name(dotted):
    """``sklearn.svm.SVC`` of ``sklearn.svm._classes.SVC``."""
    *modules, name = dotted.split(".")
    public = [module for module in modules[:3] if not module.startswith("_")]
    return ".".join([*public, name])


def link(dotted):
    """The class as a link to its page in scikit-learn's documentation."""
    name = public_name(dotted)
    page = f"https://scikit-learn.org/stable/modules/generated/{name}.html"
    return f"[{name.rpartition('.')[2]}]({page})"


def model_row(family):
    """A line of the table of models, read off a small fitted one."""
    estimator = next(iter(family.examples()))
    rows = np.random.default_rng(0).normal(size=(60, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = family.lift(estimator.fit(rows, np.arange(60) % 3))
    settings = [cls for cls in COMPRESSORS if isinstance(model.predictor, cls._predictors)]
    offered = CompactModel(model).offered
    return (
        link(family.name),
        ", ".join(f"`{name}`" for name in METHODS if name in offered),
        ", ".join(f"{{py:class}}`~skcompress.{cls.__name__}`" for cls in settings) or "none",
        "no" if family.lower is None else "yes",
    )


def table(header, rows):
    """Lines of a Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def models():
    """All models."""
    return table(("model", "methods", "own settings", "back"), map(model_row, all_families()))


def steps():
    """All steps that may come before a model."""
    by_module = {}
    for family in all_transforms():
        module = public_name(family.name).rpartition(".")[0]
        by_module.setdefault(module, []).append(link(family.name))
    return table(
        ("module", "steps"), [(f"`{name}`", ", ".join(found)) for name, found in by_module.items()]
    )


class FamiliesTable(SphinxDirective):
    """A table of supported models, or of steps."""

    required_arguments = 1

    def run(self):
        """Write the table as Markdown and let the parser of the page read it."""
        lines = {"models": models, "steps": steps}[self.arguments[0]]()
        return self.parse_text_to_nodes(StringList(lines, source="families"))


def setup(app):
    app.add_directive("families", FamiliesTable)
    # Read anew in every build: the table follows the package, not the page.
    app.connect("env-before-read-docs", lambda _app, _env, names: names.append("families"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
