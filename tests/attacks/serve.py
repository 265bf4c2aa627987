"""Serve attack files in a process of its own, and tell what came of each.

Usage: python serve.py MEGABYTES [--without-kernels] FOLDER

Prints a line of JSON for each file: its name, what loading gave, and what each method of the model
gave for a few rows. The process may take so many megabytes of address space more than it has when
it begins: what takes more ends in a MemoryError, which no file may cause.
"""

import faulthandler
import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

MAX_MEMORY = 2**26
ALLOWED = ("ValueError: X holds values so large that", "ValueError: Sparse rows cannot be centred")
KERNELS = (
    "skcompress.format._forest_kernel",
    "skcompress.format._rans_kernel",
    "skcompress.runtime._expansion_kernel",
    "skcompress.runtime._neighbor_kernel",
    "skcompress.runtime._network_kernel",
    "skcompress.runtime._tree_kernel",
)
METHODS = (
    "decision_function",
    "predict",
    "predict_log_proba",
    "predict_proba",
    "score_samples",
    "transform",
)


def main():
    """Serve every file of a folder."""
    faulthandler.enable()
    room, *flags, folder = sys.argv[1:]
    if flags:
        sys.modules.update(dict.fromkeys(KERNELS))  # importing them fails
    # Warnings would be errors in a test: what a hostile model predicts may be infinite.
    warnings.simplefilter("ignore")
    import resource  # not on every system; what tests import of this module does without

    import skcompress as skc

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(room) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in sorted(Path(folder).glob("*.skc")):
        line = {"name": path.stem, **served(skc, path.read_bytes())}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def served(skc, data):
    """What loading, showing and asking gave."""
    try:
        model = skc.loads(data, max_memory=MAX_MEMORY)
    except skc.SkcFormatError as error:
        return {"load": "refused", "error": str(error)}
    except Exception as error:  # noqa: BLE001 - the parent judges it
        return {"load": type(error).__name__, "error": str(error)}
    answers = {}
    for kind, X in inputs(model):
        for name in METHODS:
            if name in model.offered:
                answers[f"{name} {kind}"] = asked(getattr(model, name), X)
    return {"load": "served", "shown": repr(model), "answers": answers}


def judge(outcome):
    """Raise unless the outcome is one of those that are documented."""
    if outcome["load"] not in {"refused", "served"}:
        raise AssertionError(f"loading raised {outcome['load']}: {outcome['error']}")
    shown = outcome.get("error", outcome.get("shown"))
    if not shown.isprintable():
        raise AssertionError(f"a terminal would act on {shown!r}")
    for question, answer in outcome.get("answers", {}).items():
        if answer is not None and not answer.startswith(ALLOWED):
            raise AssertionError(f"{question} raised {answer}")


def asked(method, X):
    """The name of the error that a method raises, with its message; None if it answers."""
    try:
        method(X)
    except Exception as error:  # noqa: BLE001 - the parent judges it
        return f"{type(error).__name__}: {error}"
    return None


def inputs(model):
    """A few rows of every kind that the model takes, some of them odd."""
    import numpy as np

    spec = model.ir.input
    if spec.text:
        yield "texts", ["", "ab cd ab", "a" * 3000, "\ud800 \u00e9\u0301 \x00"]
        return
    if spec.n_features <= 2**16:
        columns = np.arange(spec.n_features)
        dense = np.stack([columns * 0.0, columns - 1.5, -columns * 1e30])
        yield "dense", dense
        yield "single", dense.astype(np.float32)
        if spec.finite != "all" and not spec.float32_range:
            yield "odd", np.full((2, spec.n_features), [[np.nan], [1e300]])
    if spec.sparse:
        yield (
            "sparse",
            SimpleNamespace(
                data=np.array([1.0, -2.0]),
                indices=np.array([0, spec.n_features - 1]),
                indptr=np.array([0, 1, 1, 2]),
                shape=(3, spec.n_features),
            ),
        )


if __name__ == "__main__":
    main()
