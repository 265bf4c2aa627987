"""The training loop behind fine-tuning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ._context import Context

__all__ = ["FineTuneReport", "Network", "Schedule", "train"]

_BATCH = 200
_VALIDATION_SHARE = 0.1
_LEAST_VALIDATION = 10
_CLIP = 5.0
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_FLOOR = 0.02
_VANISHING, _EXPLODING = 1e-6, 1e3

Prune = Callable[[float, list[np.ndarray]], "list[np.ndarray] | None"]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long, how fast, and when which weights go.

    Attributes
    ----------
    epochs : int
        Passes over the rows.
    learning_rate : float
        At the start.
    prune : callable
        ``prune(share of all steps done, weights) -> masks`` or None.
    settled_from : float
        Share of all steps from which on states count: before, the masks still change.
    """

    epochs: int
    learning_rate: float
    prune: Prune
    settled_from: float = 0.0


@dataclasses.dataclass(frozen=True)
class FineTuneReport:
    """What happened while training on.

    Attributes
    ----------
    losses : tuple of float
        Mean training loss of each epoch.
    errors : tuple of float
        Error on the rows that were kept aside for it, after each epoch: share of wrong rows for
        classes, mean loss otherwise. Entry 0 is the state at the start.
    gradient_norms : ndarray of shape (n_epochs, n_layers)
        Mean norm of each layer's gradient.
    best_epoch : int
        Epoch whose state was kept; 0: the one at the start.
    interrupted : bool
        Whether it was stopped from the keyboard.
    """

    losses: tuple[float, ...]
    errors: tuple[float, ...]
    gradient_norms: np.ndarray
    best_epoch: int
    interrupted: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gradient norms give reason to worry about."""
        found = []
        for place, norms in enumerate(self.gradient_norms.T):
            if norms.size and float(norms.min()) < _VANISHING:
                found.append(f"gradients of layer {place} vanish ({norms.min():.1e})")
            if norms.size and not float(norms.max()) < _EXPLODING:
                found.append(f"gradients of layer {place} explode ({norms.max():.1e})")
        return tuple(found)


class Network:
    """Weights and biases as views of one flat float32 vector, with gradients likewise."""

    def __init__(
        self, weights: list[np.ndarray], biases: list[np.ndarray], activations: list[str]
    ) -> None:
        self.activations = activations
        self.flat, self.weights, self.biases = _flat(weights, biases)
        self.gradient, self.weight_gradients, self.bias_gradients = _flat(weights, biases)

    def forward(self, rows: np.ndarray) -> list[np.ndarray]:
        """Inputs of each layer, and the output last."""
        outputs = [rows]
        for w, b, activation in zip(self.weights, self.biases, self.activations, strict=True):
            sums = outputs[-1] @ w
            sums += b
            _ACTIVATE[activation](sums)
            outputs.append(sums)
        return outputs

    def backward(self, outputs: list[np.ndarray], delta: np.ndarray) -> None:
        """Fill the gradients from the gradient at the sums of the last layer."""
        for place in range(len(self.weights) - 1, -1, -1):
            np.matmul(outputs[place].T, delta, out=self.weight_gradients[place])
            np.sum(delta, axis=0, out=self.bias_gradients[place])
            if place:
                delta = delta @ self.weights[place].T
                _DERIVE[self.activations[place - 1]](delta, outputs[place])


def _flat(
    weights: list[np.ndarray], biases: list[np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    parts = [*weights, *biases]
    flat = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    ends = np.cumsum([part.size for part in parts])
    views = [
        flat[end - part.size : end].reshape(part.shape)
        for end, part in zip(ends, parts, strict=True)
    ]
    return flat, views[: len(weights)], views[len(weights) :]


def _softmax(sums: np.ndarray) -> None:
    sums -= sums.max(axis=1, keepdims=True)
    np.exp(sums, out=sums)
    sums /= sums.sum(axis=1, keepdims=True)


def _logistic(sums: np.ndarray) -> None:
    np.clip(sums, -80, 80, out=sums)
    np.negative(sums, out=sums)
    np.exp(sums, out=sums)
    sums += 1
    np.reciprocal(sums, out=sums)


def _exp(sums: np.ndarray) -> None:
    np.clip(sums, None, 80, out=sums)
    np.exp(sums, out=sums)


_ACTIVATE: dict[str, Callable[[np.ndarray], object]] = {
    "identity": lambda sums: None,
    "relu": lambda sums: np.maximum(sums, 0, out=sums),
    "tanh": lambda sums: np.tanh(sums, out=sums),
    "logistic": _logistic,
    "softmax": _softmax,
    "exp": _exp,
}


def _times(delta: np.ndarray, factor: np.ndarray) -> None:
    delta *= factor


_DERIVE: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "identity": lambda delta, out: None,
    "relu": lambda delta, out: _times(delta, out > 0),
    "tanh": lambda delta, out: _times(delta, 1 - out * out),
    "logistic": lambda delta, out: _times(delta, out * (1 - out)),
}


def loss_of(activation: str, output: np.ndarray, target: np.ndarray, scale: float) -> np.ndarray:
    """The loss of each row; its gradient at the sums is ``(output - target) * scale``."""
    tiny = np.float32(1e-7)
    if activation == "softmax":
        return -(target * np.log(np.maximum(output, tiny))).sum(axis=1) * scale
    if activation == "logistic":
        likely = target * np.log(np.maximum(output, tiny))
        likely += (1 - target) * np.log(np.maximum(1 - output, tiny))
        return -likely.sum(axis=1) * scale
    if activation == "exp":
        return (output - target * np.log(np.maximum(output, tiny))).sum(axis=1) * scale
    return 0.5 * scale * np.square(output - target).sum(axis=1)


def train(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    activations: list[str],
    rows: np.ndarray,
    targets: np.ndarray,
    sample_weight: np.ndarray | None,
    masks: list[np.ndarray],
    schedule: Schedule,
    context: Context,
) -> tuple[list[np.ndarray], list[np.ndarray], FineTuneReport]:
    """Train on and give back the best state by rows kept aside; the arguments stay as they are.

    An interruption from the keyboard ends the training and keeps the best state so far.

    Parameters
    ----------
    weights, biases : list of ndarray
        The state to start from.
    activations : list of str
        Of each layer. The last decides the loss: cross-entropy, squared error or Poisson deviance.
    rows, targets : ndarray of float32
        What goes in, and what should come out.
    sample_weight : ndarray or None
        Weights of the rows.
    masks : list of ndarray of bool
        Weights that may be other than zero, until the schedule says otherwise.
    schedule : Schedule
        How to go on.
    context : Context
        Seed and progress.

    Returns
    -------
    weights, biases : list of ndarray
        In the dtypes that came in.
    report : FineTuneReport
        What happened.
    """
    generator = context.generator()
    order = generator.permutation(rows.shape[0])
    count = max(int(_VALIDATION_SHARE * order.size), min(_LEAST_VALIDATION, order.size // 2))
    judged, fitted = order[:count], order[count:]
    share = np.ones(rows.shape[0]) if sample_weight is None else sample_weight
    share = (share / share.mean()).astype(np.float32)[:, None]
    scale = 1.0
    if activations[-1] == "identity":
        scale = float(1.0 / max(np.var(targets, axis=0).mean(), 1e-12))

    network = Network(weights, biases, activations)
    mask = _flat_mask(masks, biases)
    network.flat *= mask
    moments = np.zeros_like(network.flat), np.zeros_like(network.flat)
    best = network.flat.copy()
    errors = [_error(network, rows[judged], targets[judged], share[judged], scale)]
    least = errors[0] if schedule.settled_from == 0 else (np.inf, np.inf)
    best_epoch, losses, norms = 0, [], []
    n_batches = max(-(-fitted.size // _BATCH), 1)
    n_steps, step, interrupted = n_batches * schedule.epochs, 0, False
    try:
        for epoch in range(schedule.epochs):
            generator.shuffle(fitted)
            total, epoch_norms = 0.0, np.zeros(len(weights))
            for batch in np.array_split(fitted, n_batches):
                fresh = schedule.prune(step / n_steps, network.weights)
                if fresh is not None:
                    mask = _flat_mask(fresh, biases)
                    network.flat *= mask
                outputs = network.forward(rows[batch])
                weight = share[batch]
                each = loss_of(activations[-1], outputs[-1], targets[batch], scale)
                total += float((each * weight[:, 0]).sum())
                delta = (outputs[-1] - targets[batch]) * (weight * np.float32(scale / batch.size))
                network.backward(outputs, delta)
                network.gradient *= mask
                epoch_norms += [float(np.linalg.norm(g)) for g in network.weight_gradients]
                step += 1
                rate = schedule.learning_rate * _cosine(step / n_steps)
                _adam(network, moments, step, rate)
                network.flat *= mask
            losses.append(total / fitted.size)
            norms.append(epoch_norms / n_batches)
            errors.append(_error(network, rows[judged], targets[judged], share[judged], scale))
            settled = step / n_steps > schedule.settled_from
            if settled and errors[-1] <= least:
                least, best_epoch, best = errors[-1], epoch + 1, network.flat.copy()
            context.report_progress("fine-tuning", epoch + 1, schedule.epochs)
    except KeyboardInterrupt:
        interrupted = True
        if not np.isfinite(least[0]):
            best, best_epoch = network.flat.copy(), len(losses)
    network.flat[:] = best
    report = FineTuneReport(
        losses=tuple(losses),
        errors=tuple(error for error, _ in errors),
        gradient_norms=np.array(norms).reshape(-1, len(weights)),
        best_epoch=best_epoch,
        interrupted=interrupted,
    )
    # Copies, in the dtypes that came in: the views end with this function.
    return (
        [w.astype(old.dtype) for w, old in zip(network.weights, weights, strict=True)],
        [b.astype(old.dtype) for b, old in zip(network.biases, biases, strict=True)],
        report,
    )


def _flat_mask(masks: list[np.ndarray], biases: list[np.ndarray]) -> np.ndarray:
    parts = [mask.ravel() for mask in masks] + [np.ones(bias.size, bool) for bias in biases]
    return np.concatenate(parts).astype(np.float32)


def _cosine(share: float) -> float:
    return _FLOOR + (1.0 - _FLOOR) * 0.5 * (1.0 + float(np.cos(np.pi * share)))


def _adam(network: Network, moments: tuple[np.ndarray, np.ndarray], step: int, rate: float) -> None:
    """One step of Adam on the clipped gradient."""
    gradient, (first, second) = network.gradient, moments
    norm = float(np.linalg.norm(gradient))
    if norm > _CLIP:
        gradient *= np.float32(_CLIP / norm)
    first *= np.float32(_BETA1)
    first += np.float32(1 - _BETA1) * gradient
    second *= np.float32(_BETA2)
    np.square(gradient, out=gradient)
    gradient *= np.float32(1 - _BETA2)
    second += gradient
    np.sqrt(second, out=gradient)
    correction = np.sqrt(1 - _BETA2**step)
    gradient += np.float32(_EPSILON * correction)
    np.divide(first, gradient, out=gradient)
    gradient *= np.float32(rate * correction / (1 - _BETA1**step))
    network.flat -= gradient


def _error(
    network: Network, rows: np.ndarray, targets: np.ndarray, share: np.ndarray, scale: float
) -> tuple[float, float]:
    """Share of wrong rows (for classes) and mean loss."""
    output = network.forward(rows)[-1]
    activation = network.activations[-1]
    loss = float((loss_of(activation, output, targets, scale) * share[:, 0]).mean())
    if activation == "softmax":
        wrong = output.argmax(axis=1) != targets.argmax(axis=1)
    elif activation == "logistic":
        wrong = ((output > 0.5) != (targets > 0.5)).any(axis=1)
    else:
        return loss, loss
    return float((wrong * share[:, 0]).mean()), loss
