"""Which function evaluates which IR class.

`evaluates` registers a *compiler*: a function that takes a node, prepares once whatever its
evaluation needs, and gives back a function from rows to the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import Node
from ._rows import Rows

Evaluate = Callable[[Rows], Any]
Compile = Callable[[Node], Evaluate]

COMPILERS: dict[type[Node], Compile] = {}


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
