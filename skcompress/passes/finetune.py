"""Fine-tuning of networks in NumPy, with or without gradual pruning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np

from ..ir import DenseNetwork, Model
from ..runtime._rows import CsrRows, Rows, as_dense, blocks
from ._base import SkipPass
from ._context import Context
from ._dense import LOSSES, TRAINABLE, FlatNetwork
from ._distill import TEMPERATURE, Blend
from ._networks import network_of, plain, plain_layers, with_weights
from ._targets import network_targets, teacher_for
from ._training import LEAST_ROWS, FineTuneReport, Prune, Schedule, train
from .sparsify import magnitude_masks

__all__ = ["FineTune", "FineTuneReport", "GradualPrune", "finetune", "tune"]

Record = Callable[[FineTuneReport], None]

_SCORES = ("softmax", "logistic")
_PRUNING_SHARE = 0.6
_PRUNINGS = 40
_SMALLEST_BATCH, _LARGEST_BATCH, _AUTO_STEPS = 16, 256, 192


def finetune(
    network: DenseNetwork,
    X: Any,
    targets: np.ndarray,
    *,
    epochs: int,
    sparsity: float | None = None,
    learning_rate: float = 1e-3,
    batch_size: int | str = "auto",
    sample_weight: np.ndarray | None = None,
    random_state: int = 0,
    progress: Callable[[int, int], None] | None = None,
    bits: int | None = None,
    teacher: DenseNetwork | None = None,
) -> tuple[DenseNetwork, FineTuneReport]:
    """Train a network on, in float32; weights that are zero stay zero.

    Adam on batches, with gradients clipped by their norm and a learning rate that falls as a
    cosine. A seeded tenth of the rows is kept aside, and the state that is best on them is kept.
    The output layer decides the loss: cross-entropy for softmax, one per output for logistic,
    Poisson deviance for exp, and for identity the squared error, in units of each target's spread.
    Targets may be soft, such as another model's probabilities. Inputs are brought to a common
    overall size, and regression targets to zero mean and unit spread, in between, so that the same
    learning rate suits networks whose scalers were folded into their weights, too.

    An interruption from the keyboard (``KeyboardInterrupt``) ends the training, and what is best
    so far is returned; the report says so.

    Parameters
    ----------
    network : DenseNetwork
        Of plain weights. It is left as it is.
    X : ndarray or CsrRows of shape (n_rows, n_features)
        What the network sees.
    targets : ndarray of shape (n_rows, n_outputs)
        What it should give.
    epochs : int
        Passes over the rows.
    sparsity : float, optional
        Share of all weights to be zero in the end: they go little by little, the smallest first,
        during the first 60 % of the steps, on a cubic schedule.
    learning_rate : float, default=1e-3
        At the start.
    batch_size : int or "auto", default="auto"
        Rows a step; "auto": enough for 192 steps an epoch, but at least 16 and at most 256.
    sample_weight : ndarray of shape (n_rows,), optional
        Weights of the rows.
    random_state : int, default=0
        Seed.
    progress : callable, optional
        ``progress(epochs done, epochs)``.
    bits : int, optional
        Train tables of ``2 ** bits`` values, which the weights of each layer that are not zero
        then take, and biases in even steps: the gradients see the table's values, and go straight
        through to the weights behind them. An output layer whose targets differ in spread stays
        as it is.
    teacher : DenseNetwork, optional
        What gave the targets. Sums of class scores are then compared after division by a
        temperature of 3, and every other row of a batch is mixed with another one at random, and
        the teacher asked for its answer: the rows themselves would soon be known by heart.

    Returns
    -------
    network : DenseNetwork
        In the dtypes that came in; the same object where no state was better than the first.
    report : FineTuneReport
        Losses, errors and gradient norms.

    Raises
    ------
    SkipPass
        If the network cannot be trained: encoded weights, an output without a loss, too few rows.

    References
    ----------
    .. [1] M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
       model compression", ICLR workshop 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skcompress.ir import DenseNetwork, Layer
    >>> from skcompress.passes.finetune import finetune
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> layer = Layer(
    ...     weights=np.array([[1.0], [0.0], [1.0]]), bias=np.zeros(1), activation="identity"
    ... )
    >>> tuned, report = finetune(
    ...     DenseNetwork(layers=(layer,)),
    ...     X,
    ...     X @ [[1.0], [5.0], [2.0]],
    ...     epochs=50,
    ...     learning_rate=0.02,
    ... )
    >>> tuned.layers[0].weights.ravel().round(0)
    array([1., 0., 2.])
    >>> report.errors[-1] < report.errors[0]
    True
    """
    weights, biases = plain_layers(network)
    activations = [layer.activation for layer in network.layers]
    if activations[-1] not in LOSSES or not TRAINABLE.issuperset(activations[:-1]):
        raise SkipPass(f"networks with activations {activations} cannot be trained")
    targets = np.asarray(targets)
    n_rows = X.shape[0]
    if targets.shape != (n_rows, network.n_outputs):
        raise ValueError(
            f"targets must be of shape {(n_rows, network.n_outputs)}; got {targets.shape}."
        )
    if n_rows < LEAST_ROWS:
        raise SkipPass(f"fine-tuning needs {LEAST_ROWS} rows; there are {n_rows}")
    if sample_weight is not None and not float(np.sum(sample_weight)) > 0:
        raise SkipPass("the rows to fine-tune on have no weight")
    if batch_size == "auto":
        batch_size = min(max(n_rows // _AUTO_STEPS, _SMALLEST_BATCH), _LARGEST_BATCH)
    masks = [matrix != 0 for matrix in weights]
    prune = None if sparsity is None else _cubic(sparsity, masks)

    rows, size = _sized(X)
    center, spread = _standard(activations[-1], targets)
    generator = np.random.default_rng(random_state)
    alter = None
    if teacher is not None:
        if activations[-1] in _SCORES:
            spread = spread * TEMPERATURE
        imitated = _flat(teacher, size, center, spread)
        alter = Blend(imitated, generator)
        targets = _answers(imitated, rows)
    else:
        targets = (targets - center) / spread
    weights[0] = weights[0] * size
    weights[-1] = weights[-1] / spread
    biases[-1] = (biases[-1] - center) / spread
    settled_from = 0.0 if prune is None else _PRUNING_SHARE
    # What overflows is noticed, and ends the training.
    with np.errstate(over="ignore", invalid="ignore"):
        weights, biases, report = train(
            weights,
            biases,
            activations,
            rows,
            targets.astype(np.float32),
            sample_weight,
            masks,
            Schedule(
                epochs,
                learning_rate,
                int(batch_size),
                prune,
                settled_from,
                bits,
                _without_table(activations, spread),
                alter,
            ),
            generator,
            progress or (lambda done, total: None),
        )
    if report.best_epoch == 0 and bits is None:
        return network, report
    weights[-1] = weights[-1] * spread
    biases[-1] = biases[-1] * spread + center
    weights[0] = weights[0] / size
    return _in_dtypes_of(network, weights, biases), report


def _in_dtypes_of(
    network: DenseNetwork, weights: list[np.ndarray], biases: list[np.ndarray]
) -> DenseNetwork:
    pairs = [plain(layer) for layer in network.layers]
    return with_weights(
        network,
        [new.astype(old.dtype) for new, (old, _) in zip(weights, pairs, strict=True)],
        [new.astype(old.dtype) for new, (_, old) in zip(biases, pairs, strict=True)],
    )


def _sized(rows: Rows) -> tuple[Rows, float]:
    """Rows in float32 divided by their overall size, and that size.

    Adam's steps have the size of the learning rate, whatever the size of a weight: inputs that are
    large in total, with weights that are small, must be brought to a common size.
    """
    values = rows.data if isinstance(rows, CsrRows) else rows
    n_entries = rows.shape[0] * rows.shape[1]
    size = float(np.linalg.norm(np.ravel(values)) / np.sqrt(n_entries)) or 1.0
    small = np.multiply(values, 1.0 / size, dtype=np.float32, casting="same_kind")
    return (rows.with_data(small) if isinstance(rows, CsrRows) else small), size


def _flat(
    network: DenseNetwork, size: float, center: np.ndarray, spread: np.ndarray
) -> FlatNetwork:
    """A network of inputs divided by a size, and of outputs brought to the targets' scale."""
    pairs = [plain(layer) for layer in network.layers]
    weights, biases = [w for w, _ in pairs], [b for _, b in pairs]
    weights[0] = weights[0] * size
    weights[-1], biases[-1] = weights[-1] / spread, (biases[-1] - center) / spread
    return FlatNetwork(weights, biases, [layer.activation for layer in network.layers])


def _answers(network: FlatNetwork, rows: Rows) -> np.ndarray:
    """The outputs of a network on rows that may be sparse."""
    parts = [
        network.forward(as_dense(rows[b], np.float32))[-1] for b in blocks(rows.shape[0], 4096)
    ]
    return np.concatenate(parts)


def _without_table(activations: list[str], spread: np.ndarray) -> frozenset[int]:
    """Parts of the last layer that are scaled output by output afterwards."""
    n_layers = len(activations)
    if activations[-1] != "identity":
        return frozenset()
    alike = bool((spread == spread[0]).all())
    return frozenset({2 * n_layers - 1} if alike else {n_layers - 1, 2 * n_layers - 1})


def _standard(activation: str, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is subtracted from each target, and what it is divided by."""
    if activation != "identity":
        return np.zeros(targets.shape[1]), np.ones(targets.shape[1])
    spread = targets.std(axis=0, dtype=np.float64)
    return targets.mean(axis=0, dtype=np.float64), np.where(spread > 0, spread, 1.0)


def _cubic(sparsity: float, masks: list[np.ndarray]) -> Prune:
    """Masks that get sparser, fast at first, from what is zero already to the share wanted."""
    kept, size = sum(int(m.sum()) for m in masks), sum(m.size for m in masks)
    start = 1.0 - kept / size
    done = 0

    def prune(share: float, weights: list[np.ndarray]) -> list[np.ndarray] | None:
        nonlocal done
        stage = min(int(share / _PRUNING_SHARE * _PRUNINGS) + 1, _PRUNINGS)
        if stage <= done:
            return None
        done = stage
        now = sparsity + (start - sparsity) * (1.0 - stage / _PRUNINGS) ** 3
        return magnitude_masks(weights, max(now, start))

    return prune


@dataclasses.dataclass(frozen=True)
class FineTune:
    """Train on; weights that are zero stay zero. See `finetune` for how.

    An interruption from the keyboard ends the pass, not the recipe: the best state is kept.

    Parameters
    ----------
    epochs : int
        Passes over the refit rows.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    batch_size : int or "auto"
        Rows a step.
    target : {"auto", "labels", "original", "mix"}
        What is trained for: labels; what the original model gives, which needs no labels; the mean
        of the two; or labels where there are some and otherwise the original.
    record : callable or None
        Is given the report.
    """

    epochs: int
    learning_rate: float = 1e-3
    batch_size: int | str = "auto"
    target: str = "auto"
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Fine-tune on the refit rows."""
        return _apply(self, model, context, None)


@dataclasses.dataclass(frozen=True)
class GradualPrune:
    """Prune by magnitude on a cubic schedule while training on. See `finetune` for how.

    An interruption from the keyboard ends the pass, not the recipe: the best state is kept, or,
    while weights are still going, the present one, which is less sparse than was asked for.

    Parameters
    ----------
    sparsity : float
        Share of the weights that are zero in the end.
    epochs : int
        Passes over the refit rows; pruning takes the first 60 %.
    learning_rate : float
        Of Adam, at the start; it falls as a cosine.
    batch_size : int or "auto"
        Rows a step.
    target : {"auto", "labels", "original", "mix"}
        What is trained for, as in `FineTune`.
    record : callable or None
        Is given the report.

    References
    ----------
    .. [1] M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
       model compression", ICLR workshop 2018.
    """

    sparsity: float
    epochs: int
    learning_rate: float = 3e-3
    batch_size: int | str = "auto"
    target: str = "auto"
    record: Record | None = dataclasses.field(default=None, repr=False, compare=False)
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune and fine-tune."""
        return _apply(self, model, context, self.sparsity)


def _apply(
    step: FineTune | GradualPrune, model: Model, context: Context, sparsity: float | None
) -> Model:
    what = "fine-tuning"
    tuned, report = tune(step, model, context, what, sparsity=sparsity, batch_size=step.batch_size)
    if report.diverged and report.best_epoch == 0:
        raise SkipPass("fine-tuning diverged: a gradient was not finite")
    return model if tuned is model.predictor else model.with_predictor(tuned)


class Tuning(Protocol):
    """A pass that trains on."""

    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def target(self) -> str: ...
    @property
    def record(self) -> Record | None: ...


def tune(
    step: Tuning, model: Model, context: Context, what: str, **settings: Any
) -> tuple[DenseNetwork, FineTuneReport]:
    """What `finetune` makes of a model's network, by the settings of a pass and others."""
    network = network_of(model)
    if context.refit is None:
        raise SkipPass("no rows to fine-tune on")
    plain_layers(network)  # before any work on the rows: encoded weights cannot be trained
    tuned, report = finetune(
        network,
        context.inputs(model, context.refit),
        network_targets(model, context, step.target),
        epochs=step.epochs,
        learning_rate=step.learning_rate,
        sample_weight=context.refit.sample_weight,
        random_state=context.random_state,
        progress=lambda done, total: context.report_progress(what, done, total),
        teacher=teacher_for(model, context, step.target),
        **settings,
    )
    if step.record is not None:
        step.record(report)
    return tuned, report
