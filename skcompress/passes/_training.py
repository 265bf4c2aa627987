"""The training loop behind fine-tuning: masked Adam in float32, the best state kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..runtime._rows import CsrRows, Rows, blocks
from ._dense import FlatNetwork, loss_of
from ._trained_tables import TrainedTables

__all__ = ["LEAST_ROWS", "FineTuneReport", "Prune", "Schedule", "train"]

LEAST_ROWS = 10
"""With fewer rows there is nothing to keep aside."""

_VALIDATION_SHARE = 0.1
_LEAST_VALIDATION, _MOST_VALIDATION = 10, 3000
_BLOCK = 2048
_CLIP = 5.0
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_FLOOR = 0.02
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_VANISHING, _EXPLODING, _OFTEN = 1e-4, 1e3, 0.5

Prune = Callable[[float, list[np.ndarray]], "list[np.ndarray] | None"]
Progress = Callable[[int, int], None]
Alter = Callable[[np.ndarray, np.ndarray], "tuple[np.ndarray, np.ndarray]"]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long, how fast, and when which weights go.

    Attributes
    ----------
    epochs : int
        Passes over the rows.
    learning_rate : float
        At the start; it falls as a cosine.
    batch_size : int
        Rows a step.
    prune : callable or None
        ``prune(share of all steps, this one included; weights) -> masks``, or None where they
        stay as they are.
    settled_from : float
        Share of all steps from which on states count: before, the masks still change.
    bits : int or None
        Train tables of ``2 ** bits`` values that the weights stand for.
    plain : frozenset of int
        Of the weights and then the biases of all layers, those that have no table.
    alter : callable or None
        ``alter(rows, targets) -> rows, targets`` of a batch, before it is learned from.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    prune: Prune | None = None
    settled_from: float = 0.0
    bits: int | None = None
    plain: frozenset[int] = frozenset()
    alter: Alter | None = None


@dataclasses.dataclass(frozen=True)
class FineTuneReport:
    """What happened while training on.

    Attributes
    ----------
    losses : tuple of float
        Mean training loss of each epoch.
    errors : tuple of float
        Error on the rows that were kept aside for it, after each epoch: share of wrong rows for
        classes, squared error in units of the target's variance for numbers, mean Poisson loss
        for an exponential output. Entry 0 is the state at the start.
    gradient_norms : ndarray of shape (n_epochs, n_layers)
        Mean norm of the gradient of each layer's weights, before clipping.
    gradient_quantiles : ndarray of shape (n_layers, 5)
        Least, quartiles and largest of these norms over all steps.
    clipped : float
        Share of the steps whose gradient was so long that it was shortened.
    best_epoch : int
        Epoch whose state was kept; 0: the one at the start.
    interrupted : bool
        Whether it was stopped from the keyboard.
    diverged : bool
        Whether it was stopped because a gradient was not finite.
    tables : FineTuneReport or None
        What happened while tables of values were trained after that.
    """

    losses: tuple[float, ...]
    errors: tuple[float, ...]
    gradient_norms: np.ndarray
    gradient_quantiles: np.ndarray
    clipped: float
    best_epoch: int
    interrupted: bool = False
    diverged: bool = False
    tables: FineTuneReport | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gradients give reason to worry about.

        A layer's gradient vanishes if its median norm is tiny against that of the layer with the
        largest: near a minimum all are small, and nothing is wrong.
        """
        found = []
        medians, largest = self.gradient_quantiles[:, 2], self.gradient_quantiles[:, 4]
        for place, (median, most) in enumerate(zip(medians, largest, strict=True)):
            if median <= _VANISHING * medians.max():
                found.append(f"gradients of layer {place} vanish (median norm {median:.1e})")
            if most > _EXPLODING:
                found.append(f"gradients of layer {place} explode (largest norm {most:.1e})")
        if self.clipped > _OFTEN:
            found.append(
                f"gradients were clipped in {self.clipped:.0%} of the steps: try a lower "
                "learning rate"
            )
        if self.diverged:
            found.append("a gradient was not finite: training stopped there")
        if self.tables is not None:
            found += [f"with tables: {warning}" for warning in self.tables.warnings]
        return tuple(found)


def train(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    activations: list[str],
    rows: Rows,
    targets: np.ndarray,
    sample_weight: np.ndarray | None,
    masks: list[np.ndarray],
    schedule: Schedule,
    generator: np.random.Generator,
    progress: Progress,
) -> tuple[list[np.ndarray], list[np.ndarray], FineTuneReport]:
    """Train on and give back the best state by rows kept aside; the arguments stay as they are.

    An interruption from the keyboard ends the training and keeps the best state so far; while
    weights are still being pruned there is no best one yet, and the present one is kept.

    Parameters
    ----------
    weights, biases : list of ndarray
        The state to start from.
    activations : list of str
        Of each layer. The last decides the loss.
    rows : ndarray of float32, or CsrRows
        What goes in.
    targets : ndarray of float32, of shape (n_rows, n_outputs)
        What should come out.
    sample_weight : ndarray or None
        Weights of the rows.
    masks : list of ndarray of bool
        Weights that may be other than zero, until the schedule says otherwise.
    schedule : Schedule
        How to go on.
    generator : numpy.random.Generator
        Draws the rows that are kept aside, and the order of the others.
    progress : callable
        ``progress(epochs done, epochs)``.

    Returns
    -------
    weights, biases : list of ndarray of float32
        The best state.
    report : FineTuneReport
        What happened.
    """
    share = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, float)
    share = (share / share.mean()).astype(np.float32)
    order = generator.permutation(len(targets))
    count = min(int(_VALIDATION_SHARE * order.size), _MOST_VALIDATION)
    count = max(count, min(_LEAST_VALIDATION, order.size // 2))
    judged, fitted = np.sort(order[:count]), order[count:]

    network = FlatNetwork(weights, biases, activations)
    mask = _flat_mask(masks, biases)
    network.flat *= mask
    adam = _Adam(network)
    sizes = [part.size for part in (*weights, *biases)]
    tables = None
    if schedule.bits is not None:
        tables = TrainedTables(network.flat, sizes, schedule.bits, set(schedule.plain))
    latent = network.flat if tables is None else tables.snap(network.flat)
    best, best_epoch = network.flat.copy(), 0
    error, cost = _judge(network, rows, targets, share, judged)
    network.flat[:] = latent
    errors = [error]
    least = cost if schedule.settled_from == 0 else np.inf
    losses: list[float] = []
    norms: list[list[float]] = []
    n_batches = max(-(-fitted.size // schedule.batch_size), 1)
    n_steps, step = n_batches * schedule.epochs, 0
    interrupted = diverged = False
    try:
        for epoch in range(schedule.epochs):
            generator.shuffle(fitted)
            total = 0.0
            for batch in np.array_split(fitted, n_batches):
                step += 1
                fresh = schedule.prune and schedule.prune(step / n_steps, network.weights)
                if fresh:
                    mask = _flat_mask(fresh, biases)
                    network.flat *= mask
                seen, aim, weight = _take(rows, batch), targets[batch], share[batch]
                if schedule.alter is not None:
                    seen, aim = schedule.alter(seen, aim)
                if tables is not None:
                    latent = tables.snap(network.flat)
                outputs = network.forward(seen)
                each = loss_of(activations[-1], outputs[-1], aim)
                total += float(each @ weight)
                delta = outputs[-1] - aim
                delta *= (weight / np.float32(batch.size))[:, None]
                network.backward(outputs, delta)
                if tables is not None:
                    network.flat[:] = latent
                network.gradient *= mask
                norms.append([float(np.linalg.norm(g)) for g in network.weight_gradients])
                if not adam.step(step, schedule.learning_rate * _cosine(step / n_steps)):
                    diverged = True
                    break
                network.flat *= mask
            if diverged:
                break
            losses.append(total / fitted.size)
            if tables is not None:
                latent = tables.snap(network.flat)
            error, cost = _judge(network, rows, targets, share, judged)
            errors.append(error)
            if step / n_steps > schedule.settled_from and cost <= least:
                least, best_epoch, best = cost, epoch + 1, network.flat.copy()
            if tables is not None:
                network.flat[:] = latent
            progress(epoch + 1, schedule.epochs)
    except KeyboardInterrupt:
        interrupted = True
        if not np.isfinite(least):
            best, best_epoch = network.flat * mask, len(losses)
    # A masked negative number is a negative zero, which would be one more value to store.
    network.flat[:] = best + np.float32(0)
    done = np.array(norms).reshape(-1, len(weights))
    whole = done[: len(losses) * n_batches].reshape(len(losses), n_batches, len(weights))
    report = FineTuneReport(
        losses=tuple(losses),
        errors=tuple(errors),
        gradient_norms=whole.mean(axis=1),
        gradient_quantiles=(
            np.quantile(done, _QUANTILES, axis=0).T if len(done) else np.zeros((len(weights), 5))
        ),
        clipped=adam.clipped / max(step, 1),
        best_epoch=best_epoch,
        interrupted=interrupted,
        diverged=diverged,
    )
    return network.weights, network.biases, report


class _Adam:
    """Adam on a flat network's clipped gradient, without temporaries."""

    def __init__(self, network: FlatNetwork) -> None:
        self.network = network
        self.first, self.second = np.zeros_like(network.flat), np.zeros_like(network.flat)
        self.spare = np.empty_like(network.flat)
        self.clipped = 0

    def step(self, number: int, rate: float) -> bool:
        """Make a step, unless the gradient is not finite; say whether it was made."""
        gradient, spare = self.network.gradient, self.spare
        norm = float(np.linalg.norm(gradient))
        if not np.isfinite(norm):
            return False
        if norm > _CLIP:
            gradient *= np.float32(_CLIP / norm)
            self.clipped += 1
        self.first *= np.float32(_BETA1)
        np.multiply(gradient, np.float32(1 - _BETA1), out=spare)
        self.first += spare
        self.second *= np.float32(_BETA2)
        np.square(gradient, out=spare)
        spare *= np.float32(1 - _BETA2)
        self.second += spare
        np.sqrt(self.second, out=spare)
        correction = float(np.sqrt(1 - _BETA2**number))
        spare += np.float32(_EPSILON * correction)
        np.divide(self.first, spare, out=spare)
        spare *= np.float32(rate * correction / (1 - _BETA1**number))
        self.network.flat -= spare
        return True


def _flat_mask(masks: list[np.ndarray], biases: list[np.ndarray]) -> np.ndarray:
    parts = [mask.ravel() for mask in masks] + [np.ones(bias.size, bool) for bias in biases]
    return np.concatenate(parts).astype(np.float32)


def _cosine(share: float) -> float:
    return _FLOOR + (1.0 - _FLOOR) * 0.5 * (1.0 + float(np.cos(np.pi * share)))


def _take(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """Some rows, dense; only a batch of a sparse matrix is ever spread out."""
    if not isinstance(rows, CsrRows):
        return rows[chosen]
    starts = rows.indptr[chosen].astype(np.int64)
    counts = rows.indptr[chosen + 1].astype(np.int64) - starts
    ends = np.cumsum(counts)
    entries = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    dense = np.zeros((chosen.size, rows.shape[1]), np.float32)
    place = np.repeat(np.arange(chosen.size), counts), rows.indices[entries]
    np.add.at(dense, place, rows.data[entries].astype(np.float32))
    return dense


def _judge(
    network: FlatNetwork, rows: Rows, targets: np.ndarray, share: np.ndarray, judged: np.ndarray
) -> tuple[float, float]:
    """The error that is reported, and what states are compared by.

    The share of wrong rows is what matters, but among a few rows it is luck: the mean loss counts
    along with it, by the standard error that such a share can have.
    """
    activation = network.activations[-1]
    error, loss = 0.0, 0.0
    for block in blocks(judged.size, _BLOCK):
        chosen = judged[block]
        target, weight = targets[chosen], share[chosen]
        output = network.forward(_take(rows, chosen))[-1]
        each = loss_of(activation, output, target)
        loss += float(each @ weight)
        if activation == "softmax":
            each = output.argmax(axis=1) != target.argmax(axis=1)
        elif activation == "logistic":
            each = ((output > 0.5) != (target > 0.5)).any(axis=1)
        elif activation == "identity":
            each = np.square(output - target).mean(axis=1)
        error += float(each @ weight)
    total = max(float(share[judged].sum()), 1e-12)
    return error / total, (error + loss / (2.0 * np.sqrt(judged.size))) / total
