"""Fine-tuning of networks in NumPy, with or without gradual pruning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import DenseNetwork
from ._base import SkipPass
from ._common_scale import CommonScale, sized
from ._dense import LOSSES, TRAINABLE, FlatNetwork
from ._distill import TEMPERATURE, Blend
from ._networks import plain_layers
from ._training import LEAST_ROWS, FineTuneReport, Schedule, train
from .sparsify import cubic_masks

__all__ = ["FineTuneReport", "finetune"]

_SCORES = ("softmax", "logistic")
_PRUNING_SHARE = 0.6
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
    activations = network.activations
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
    prune = None if sparsity is None else cubic_masks(sparsity, masks, _PRUNING_SHARE)

    rows, size = sized(X)
    scale = CommonScale.of(size, activations[-1], targets)
    generator = np.random.default_rng(random_state)
    alter = None
    if teacher is not None:
        scale = scale.softened(TEMPERATURE) if activations[-1] in _SCORES else scale
        imitated = FlatNetwork(*scale.parameters(teacher), teacher.activations)
        alter = Blend(imitated, generator)
        targets = imitated.outputs(rows)
    else:
        targets = (targets - scale.center) / scale.spread
    weights, biases = scale.parameters(network)
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
                scale.without_table(activations),
                alter,
            ),
            generator,
            progress or (lambda done, total: None),
        )
    if report.best_epoch == 0 and bits is None:
        return network, report
    return scale.network(network, weights, biases), report
