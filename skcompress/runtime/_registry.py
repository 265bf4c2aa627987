"""Which function evaluates which IR class.

`evaluates` registers a *compiler*: a function that takes a node, prepares once whatever its
evaluation needs, and gives back a function from rows to the result.
"""

from __future__ import annotations

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
    return KEPT[type(node)](node) if type(node) in KEPT else ()
