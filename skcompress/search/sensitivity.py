"""`sensitivity_report`: which parts of a model can do with few bits, and which cannot."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ..estimators._compress import make_score, take
from ..exceptions import UnsupportedEstimatorError
from ..families import lift
from ..families._sklearn_internals import Interval, validate_params
from ..ir import (
    DenseNetwork,
    KernelExpansion,
    LinearMap,
    Model,
    OneVsOne,
    TreeEnsemble,
    decode,
    shape_of,
)
from ..ir.display import Display, axis_or_new
from ..ir.tables import Printed, Table
from ..passes import (
    Context,
    Data,
    QuantizeCoefficients,
    QuantizeLeaves,
    QuantizeVectors,
    QuantizeWeights,
    quantize,
)
from ..reports._answers import compact_of
from ..runtime import CompactModel
from ..runtime._rows import as_dense
from ..runtime.trees import leaf_rows, pack

__all__ = ["PartSensitivity", "SensitivityReport", "sensitivity_report"]

_MOST_PARTS = 24


@dataclasses.dataclass(frozen=True)
class PartSensitivity:
    """The score when one part alone is rounded.

    Attributes
    ----------
    name : str
        The layer, trees, class pair or output.
    n_values : int
        Numbers that were rounded.
    scores : tuple of float
        One for each number of bits.
    """

    name: str
    n_values: int
    scores: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class SensitivityReport(Printed):
    """Score against bits, part by part.

    Attributes
    ----------
    model : str
        Name of the model.
    score : float
        Of the model as it is.
    bits : tuple of int
        Bits a value that were tried.
    parts : tuple of PartSensitivity
        The most sensitive part first.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> mlp = MLPClassifier((32, 16), max_iter=100, random_state=0).fit(X[:900] / 16, y[:900])
    >>> report = skc.sensitivity_report(mlp, X[900:] / 16, y[900:], bits=[2, 4, 8])
    >>> sorted(part.name for part in report.parts)
    ['layer 1', 'layer 2', 'layer 3']
    >>> all(abs(part.scores[-1] - report.score) < 0.01 for part in report.parts)
    True
    """

    model: str
    score: float
    bits: tuple[int, ...]
    parts: tuple[PartSensitivity, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        plain = dataclasses.asdict(self)
        parts = [part | {"scores": list(part["scores"])} for part in plain["parts"]]
        return plain | {"bits": list(self.bits), "parts": parts}

    def plot(self, ax: Any = None) -> Display:
        """Draw each part's score against its bits on a matplotlib axis, ``ax_`` of the result."""
        ax = axis_or_new(ax)
        for part in self.parts[:10]:
            ax.plot(self.bits, part.scores, marker=".", label=part.name)
        ax.axhline(self.score, color="black", linestyle="--", label="as it is")
        ax.set(xlabel="bits a value", ylabel="score", title=self.model)
        ax.legend()
        return Display(ax)

    def _tables(self) -> list[Table]:
        title = f"{self.model}: score {self.score:.4f}, and with one part rounded to so many bits"
        rows = [
            (part.name, f"{part.n_values:,}", *(f"{score:.4f}" for score in part.scores))
            for part in self.parts
        ]
        largest = max((part.n_values for part in self.parts), default=1)
        return [
            Table(
                title,
                ("part", "values", *(str(bits) for bits in self.bits)),
                rows,
                heading=title,
                shares=[part.n_values / largest for part in self.parts],
            )
        ]


@validate_params(
    {
        "model": "no_validation",
        "X": "no_validation",
        "y": "no_validation",
        "bits": ["array-like"],
        "scoring": [str, callable, None],
        "max_rows": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def sensitivity_report(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    bits: Sequence[int] = (2, 3, 4, 6, 8),
    scoring: Any = None,
    max_rows: int = 2000,
    random_state: int = 0,
) -> SensitivityReport:
    """Round one part of a model after the other, and see what that does to the score.

    Parts are the layers of a network, the trees of an ensemble (in blocks where there are many),
    the class pairs of a support vector machine and its vectors, and the outputs of a linear
    model.

    Parameters
    ----------
    model : estimator or CompactModel
        Fitted.
    X : array-like of shape (n_rows, n_features)
        Rows that the model was not fitted on.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        Targets; without them agreement with the model as it is stands for the score.
    bits : sequence of int, default=(2, 3, 4, 6, 8)
        Bits a value, from 2 to 16.
    scoring : str, callable or None, default=None
        The score; None: accuracy or R².
    max_rows : int, default=2000
        Rows that are used, drawn at random where there are more.
    random_state : int, default=0
        Seed of the draw.

    Returns
    -------
    SensitivityReport
        It prints as a table, the most sensitive part first.

    Raises
    ------
    UnsupportedEstimatorError
        If the model has no parts to round, such as nearest neighbours.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> X, y = load_digits(return_X_y=True)
    >>> svc = SVC().fit(X[:500], y[:500])
    >>> report = skc.sensitivity_report(svc, X[500:], y[500:], bits=[3, 6])
    >>> len(report.parts)  # pairs of ten classes, and the vectors
    46
    """
    counts = tuple(int(count) for count in bits)
    if not counts or min(counts) < 2 or max(counts) > 16:
        raise ValueError(f"bits must be numbers from 2 to 16; got {bits!r}.")
    held = compact_of(model)
    ir = held.ir if isinstance(held, CompactModel) else lift(held)
    parts = _PARTS.get(type(ir.predictor))
    if parts is None:
        kind = ir.family.rpartition(".")[2]
        raise UnsupportedEstimatorError(
            f"{kind} has no parts whose values could be rounded. Supported are trees, networks, "
            "linear models and support vector machines."
        )
    n_rows = int(X.shape[0]) if hasattr(X, "shape") else len(X)
    if n_rows > max_rows:
        rows = np.sort(np.random.default_rng(random_state).permutation(n_rows)[:max_rows])
        X, y = take(X, rows), take(y, rows)
    context = Context(original=ir, held_out=Data(X, y), score=make_score(held, scoring))
    found = [
        PartSensitivity(name, n_values, tuple(score(count) for count in counts))
        for name, n_values, score in parts(ir, context)
    ]
    base = context.baseline
    assert base is not None
    return SensitivityReport(
        model=ir.family.rpartition(".")[2],
        score=base,
        bits=counts,
        parts=tuple(sorted(found, key=lambda part: float(np.mean(part.scores)))),
    )


Part = tuple[str, int, Callable[[int], float]]
"""Name, number of values, and the score with so many bits each."""


def _layers(model: Model, context: Context) -> Iterator[Part]:
    network = model.predictor
    assert isinstance(network, DenseNetwork)

    def score(place: int, bits: int) -> float:
        layers = list(network.layers)
        weights = quantize(layers[place].weights, "codebook", bits, None)
        layers[place] = layers[place].replace(weights=weights)
        return _scored(context, model.with_predictor(network.replace(layers=tuple(layers))))

    for place, layer in enumerate(network.layers):
        yield (
            f"layer {place + 1}",
            int(np.prod(shape_of(layer.weights))),
            functools.partial(score, place),
        )


def _outputs(model: Model, context: Context) -> Iterator[Part]:
    """Outputs do not depend on each other: of a model rounded as a whole, one column is taken."""
    predictor = model.predictor
    kernel = isinstance(predictor, KernelExpansion)
    step = QuantizeCoefficients if kernel else lambda bits: QuantizeWeights("affine", bits)
    raw, rounded = _raw(model, context), dict[int, np.ndarray]()

    def score(column: int, bits: int) -> float:
        if bits not in rounded:
            rounded[bits] = _raw(step(bits).apply(model, context), context)
        mixed = raw.copy()
        mixed[:, column] = rounded[bits][:, column]
        return context.score_of_raw(model, mixed)

    assert isinstance(predictor, KernelExpansion | LinearMap)
    per_output = (
        predictor.n_vectors if isinstance(predictor, KernelExpansion) else (predictor.n_features)
    )
    for column, name in enumerate(_output_names(model, raw.shape[1])):
        yield name, per_output, functools.partial(score, column)
    if isinstance(predictor, KernelExpansion):
        yield (
            "support vectors",
            int(np.prod(shape_of(predictor.vectors))),
            lambda bits: _scored(context, QuantizeVectors("affine", bits).apply(model, context)),
        )


def _output_names(model: Model, count: int) -> list[str]:
    head = model.head
    if isinstance(head, OneVsOne):
        return [f"{a} against {b}" for a, b in itertools.combinations(head.target.classes, 2)]
    if len(head.labels) == 1 and len(head.labels[0]) == count:
        return [f"class {label}" for label in head.labels[0].classes]
    return [f"output {place + 1}" for place in range(count)]


def _trees(model: Model, context: Context) -> Iterator[Part]:
    """The rows are walked once; rounding leaves only changes what they add."""
    trees = model.predictor
    assert isinstance(trees, TreeEnsemble)
    assert context.held_out is not None
    n_leaves = int((~trees.internal).sum())
    rows = as_dense(context.inputs(model, context.held_out))
    reached = leaf_rows(pack(trees, np.arange(n_leaves)), rows)
    raw = _raw(model, context)
    values = decode(trees.values)[trees.leaf].astype(np.float64)
    changes: dict[int, np.ndarray] = {}

    def score(block: np.ndarray, bits: int) -> float:
        if bits not in changes:
            rounded = QuantizeLeaves(bits).apply(model, context).predictor
            assert isinstance(rounded, TreeEnsemble)
            changes[bits] = decode(rounded.values)[rounded.leaf] - values
        moved = raw.copy()
        for tree in block:
            change = changes[bits][reached[:, tree]] / trees.denominator
            columns = slice(None) if trees.tree_output is None else [int(trees.tree_output[tree])]
            moved[:, columns] += change
        return context.score_of_raw(model, moved)

    leaves = np.bincount(trees.tree_of_node[~trees.internal], minlength=trees.n_trees)
    for block in np.array_split(np.arange(trees.n_trees), min(trees.n_trees, _MOST_PARTS)):
        name = f"tree {block[0] + 1}" + (f" to {block[-1] + 1}" if block.size > 1 else "")
        yield (
            name,
            int(leaves[block].sum()) * values.shape[1],
            functools.partial(score, block),
        )


_PARTS: dict[type | None, Callable[[Model, Context], Iterator[Part]]] = {
    DenseNetwork: _layers,
    KernelExpansion: _outputs,
    LinearMap: _outputs,
    TreeEnsemble: _trees,
}


def _scored(context: Context, model: Model) -> float:
    score = context.score_of(model)
    assert score is not None
    return score


def _raw(model: Model, context: Context) -> np.ndarray:
    assert context.held_out is not None
    return np.array(CompactModel(model).raw(context.held_out.X), dtype=np.float64)
