"""Which function evaluates which IR class.

`evaluates` registers a *compiler*: a function that takes a node, prepares once whatever its
evaluation needs, and gives back a function from rows to the result. It stands in the module here
that has the name of the node's own in `skcompress.ir`, and is imported when it is needed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Node
from ._rows import Rows

Evaluate = Callable[[Rows], Any]
Compile = Callable[[Node], Evaluate]

COMPILERS: dict[type[Node], Compile] = {}
KEPT: dict[type[Node], Callable[[Any], tuple[np.ndarray, ...]]] = {}


def evaluates(*classes: type[Node]) -> Callable[[Compile], Compile]:
    """Register the decorated function as the compiler of these IR classes."""

    def decorate(function: Compile) -> Compile:
        for cls in classes:
            COMPILERS[cls] = function
        return function

    return decorate


def compile_node(node: Node) -> Evaluate:
    """Prepare a transform or predictor for evaluation."""
    _import_home(type(node))
    return COMPILERS[type(node)](node)


def keeps(
    cls: type[Node],
) -> Callable[[Callable[[Any], tuple[np.ndarray, ...]]], Callable[[Any], tuple[np.ndarray, ...]]]:
    """Register the decorated function as telling what arrays the evaluation of a class keeps."""

    def decorate(
        function: Callable[[Any], tuple[np.ndarray, ...]],
    ) -> Callable[[Any], tuple[np.ndarray, ...]]:
        KEPT[cls] = function
        return function

    return decorate


def arrays_kept(node: Node) -> tuple[np.ndarray, ...]:
    """Arrays that the evaluation of a node keeps in memory; some may be the node's own."""
    _import_home(type(node))
    return KEPT[type(node)](node) if type(node) in KEPT else ()


def _import_home(cls: type[Node]) -> None:
    """Import what evaluates a class: only the model at hand is worth the time that it takes."""
    name = f"{__package__}.{cls.__module__.rpartition('.')[2]}"
    if cls not in COMPILERS and name not in sys.modules and importlib.util.find_spec(name):
        importlib.import_module(name)
