"""Fail unless the installed package is imported, with or without kernels as said."""

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
