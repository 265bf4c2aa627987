"""Fail unless the installed package is imported, with all kernels or with none, as said."""

import importlib.util
import sys
from pathlib import Path

import skcompress as skc
from skcompress.runtime import kernels_available

wanted = {"compiled": True, "pure": False}[sys.argv[1]]
skc.show_versions()
home = Path(skc.__file__).resolve()
if not home.is_relative_to(Path(sys.prefix).resolve()):
    sys.exit(f"imported from {home}, not from the environment in {sys.prefix}")
if kernels_available() is not wanted:
    sys.exit(f"kernels: {'present' if kernels_available() else 'absent'}, against the request")
# The list of kernels is the one that the build reads.
build = (Path(__file__).parents[1] / "meson.build").read_text(encoding="utf-8")
names = [line.strip().strip("',") for line in build.splitlines() if line.strip().endswith(".pyx',")]
if not names:
    sys.exit("meson.build lists no kernels")
for name in names:
    module = name.removesuffix(".pyx").replace("/", ".")
    if (importlib.util.find_spec(module) is not None) is not wanted:
        sys.exit(f"{module}: {'absent' if wanted else 'present'}, against the request")
