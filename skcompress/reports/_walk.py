"""A walk over everything that an estimator holds, to the last buffer."""

from __future__ import annotations

import pickle
import types
from collections.abc import Callable, Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from ..ir import Model, Node
from ..runtime import arrays_kept
from ._meter import Meter, Part
from ._parts import (
    BY_CLASS,
    BY_FIELD,
    BY_NAME,
    FIELDS_FOR_TRAINING,
    INSIDE,
    LAID_OUT,
    NODE_STATISTICS,
    OBJECTS,
    PARAMETERS,
    SCALARS,
)

__all__ = ["weigh_estimator", "weigh_ir"]

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.NoneType)
"""What belongs to the process rather than to a model."""

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, np.generic)


def weigh_estimator(estimator: Any, meter: Meter) -> None:
    """Add up the bytes of memory that an estimator holds, by part."""
    _Walk(meter).visit(estimator, None)


def weigh_ir(model: Model, meter: Meter) -> None:
    """Add up the bytes of memory of a model's arrays and names, by part, once it has predicted."""
    _weigh_node(model, None, meter)
    chain = model.chain
    for node in (*chain.transforms, *([] if chain.predictor is None else [chain.predictor])):
        for array in arrays_kept(node):
            meter.add_array(array, {LAID_OUT: array.nbytes})


def _weigh_node(node: Node, inherited: Part | None, meter: Meter) -> None:
    for name, value in node.items():
        # The arrays of an encoded array belong to what it encodes.
        part = BY_FIELD.get((node.tag, name), inherited)
        items = value if isinstance(value, tuple) else (value,)
        for item in items:
            if isinstance(item, np.ndarray):
                named = part or (name, True)
                meter.add_array(item, {named: item.nbytes})
            elif isinstance(item, Node):
                _weigh_node(item, part, meter)
            elif isinstance(item, str) and (node.tag, name) in BY_FIELD and meter.is_new(item):
                meter.add_object(item, BY_FIELD[node.tag, name])


class _Walk:
    """Visits every object once; `part` is what the way to it is called, None: nothing yet."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def visit(self, item: Any, part: Part | None) -> None:
        """Count an object and all that it refers to."""
        if isinstance(item, _SHARED) or not self.meter.is_new(item):
            return
        special = _SPECIAL.get(_dotted(item))
        if special is not None:
            special(self, item, part)
        elif isinstance(item, np.ndarray):
            self.array(item, part)
        elif isinstance(item, _PLAIN):
            self.meter.add_object(item, part or OBJECTS)
        elif isinstance(item, Mapping):
            self.meter.add_object(item, part or OBJECTS)
            for key, value in item.items():
                self.visit(key, part)
                self.visit(value, part)
        elif isinstance(item, (Sequence, AbstractSet)):
            self.meter.add_object(item, part or OBJECTS)
            for value in item:
                self.visit(value, part)
        else:
            self.record(item, part)

    def array(self, array: np.ndarray, part: Part | None) -> None:
        """Count a buffer; fields of its elements may be different parts."""
        named = part or OBJECTS
        if array.dtype.names is None:
            self.meter.add_array(array, {named: array.nbytes})
        else:
            training = sum(
                array.dtype[name].itemsize
                for name in array.dtype.names
                if name in FIELDS_FOR_TRAINING
            )
            shares = {named: array.dtype.itemsize - training, NODE_STATISTICS: training}
            self.meter.add_array(array, shares)
        if array.dtype.kind == "O":
            for value in array.flat:
                self.visit(value, part)

    def record(self, item: Any, part: Part | None) -> None:
        """Count an object with attributes, or one that only pickling can look into."""
        self.meter.add_object(item, part or OBJECTS)
        attributes = getattr(item, "__dict__", None)
        if attributes is not None:
            self.meter.add_object(attributes, part or OBJECTS)
            parameters = _parameters(item)
            for name, value in attributes.items():
                self.visit(value, _part_of(item, name, value, part, parameters))
        if attributes is None or _is_compiled(item):
            self.state(item, part)

    def state(self, item: Any, part: Part | None) -> None:
        """Count what a compiled object gives to pickle, the only way to look into it."""
        try:
            reduced = item.__reduce_ex__(4)
        except (TypeError, NotImplementedError, pickle.PicklingError):
            return  # It holds what cannot be copied, such as a lock.
        if isinstance(reduced, tuple):
            for value in reduced[1:]:
                if isinstance(value, Mapping):
                    for name, inner in value.items():
                        self.visit(inner, _part_of(item, name, inner, part, ()))
                elif value is not None:
                    self.visit(value, part)


def _part_of(
    item: Any, name: str, value: Any, inherited: Part | None, parameters: Container[str]
) -> Part | None:
    """What an attribute is called: by its class, by its name, as what it lies in, or as itself."""
    known = BY_CLASS.get((_dotted(item), name)) or BY_NAME.get(name)
    if known is not None:
        return known
    if name in INSIDE:
        return inherited
    if inherited is not None:
        return inherited
    if name in parameters:
        return PARAMETERS
    return SCALARS if isinstance(value, _PLAIN) else (name, True)


def _parameters(item: Any) -> Container[str]:
    """The names of an estimator's constructor parameters."""
    # Metadata requests have a method of that name too, for another purpose.
    names = getattr(item, "_get_param_names", None) if hasattr(item, "get_params") else None
    return tuple(names()) if callable(names) else ()


def _is_compiled(item: Any) -> bool:
    """Whether a compiled base class tells pickle of more than attributes."""
    reduce: Any = type(item).__reduce__
    return reduce is not object.__reduce__ and not isinstance(reduce, types.FunctionType)


def _dotted(item: Any) -> str:
    cls = type(item)
    return f"{cls.__module__}.{cls.__qualname__}"


def _visit_tree(walk: _Walk, tree: Any, part: Part | None) -> None:
    """A scikit-learn tree: what its inner nodes hold as values is of no use to prediction."""
    walk.meter.add_object(tree, ("tree nodes", True))
    state = tree.__getstate__()
    nodes, values = state["nodes"], state["values"]
    walk.array(nodes, ("tree nodes", True))
    leaves = int(np.count_nonzero(nodes["left_child"] < 0))
    row = values[:1].nbytes
    walk.meter.add_array(
        values,
        {("leaf values", True): leaves * row, NODE_STATISTICS: (len(nodes) - leaves) * row},
    )


def _visit_random(walk: _Walk, random: Any, part: Part | None) -> None:
    """A random generator: its state, once, though both it and its bit generator can give it."""
    walk.meter.add_object(random, part or ("random state", False))
    state = random.get_state(legacy=False)["state"]
    walk.visit(state, part or ("random state", False))


_SPECIAL: dict[str, Callable[[_Walk, Any, Part | None], None]] = {
    "sklearn.tree._tree.Tree": _visit_tree,
    "numpy.random.mtrand.RandomState": _visit_random,
}
"""Dotted name of a class -> how it is weighed, where the general walk would be wrong."""
