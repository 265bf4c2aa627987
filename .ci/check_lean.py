"""Fail unless all golden files in a folder are served with NumPy alone installed."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

import skcompress as skc
from skcompress.exceptions import SkcFormatError

HEAVY = ("sklearn", "scipy", "joblib", "threadpoolctl", "pandas")
ANSWERS = ("predict", "transform")

home = Path(skc.__file__).resolve()
if not home.is_relative_to(Path(sys.prefix).resolve()):
    sys.exit(f"imported from {home}, not from the environment in {sys.prefix}")
if present := [name for name in HEAVY if importlib.util.find_spec(name)]:
    sys.exit(f"not lean: {', '.join(present)} can be imported")

files = sorted(Path(sys.argv[1]).rglob("*.skc"))
if not files:
    sys.exit(f"no files in {sys.argv[1]}")
mapped = Path(sys.prefix, "mapped.skc")
for path in files:
    model = skc.load(path)
    X = np.load(path.with_suffix(".npz"))["X"]
    skc.dump(model, mapped, layout="mapped")
    try:
        skc.load(path, mmap=True)
        is_mapped = True
    except SkcFormatError:
        is_mapped = False
    if is_mapped != path.stem.startswith("mapped-"):
        sys.exit(f"{path.name}: mapped: {is_mapped}, against its name")
    answers = [name for name in ANSWERS if hasattr(model, name)]
    if not answers:
        sys.exit(f"{path.name}: answers nothing")
    for name in answers:
        expected, found = (getattr(m, name)(X) for m in (model, skc.load(mapped, mmap=True)))
        if hasattr(expected, "indptr"):
            expected, found = expected.data, found.data
        if not np.array_equal(np.asarray(found), np.asarray(expected)):
            sys.exit(f"{path.name}: {name} differs once mapped")
if loaded := sorted(name for name in HEAVY if name in sys.modules):
    sys.exit(f"not lean: {', '.join(loaded)} was imported")
sys.stdout.write(f"{len(files)} files served with NumPy alone\n")
