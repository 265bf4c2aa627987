"""Gradients by hand are those of the losses."""

import itertools

import numpy as np
import pytest

from skcompress.ir.network import ACTIVATIONS
from skcompress.passes._dense import LOSSES, TRAINABLE, FlatNetwork, loss_of


def outputs_like(activation, rng, size):
    """Targets that an output layer of that activation could give."""
    raw = rng.random(size) + 0.1
    return raw / raw.sum(axis=1, keepdims=True) if activation == "softmax" else raw


@pytest.mark.parametrize("hidden", sorted(TRAINABLE))
@pytest.mark.parametrize("last", sorted(LOSSES))
def test_gradients_are_those_of_finite_differences(hidden, last):
    rng = np.random.default_rng(0)
    widths = [4, 5, 3, 2]
    weights = [0.4 * rng.normal(size=size) for size in itertools.pairwise(widths)]
    biases = [0.5 * rng.normal(size=width) for width in widths[1:]]
    network = FlatNetwork(weights, biases, [hidden, hidden, last], np.float64)
    rows, target = rng.normal(size=(9, 4)), outputs_like(last, rng, (9, 2))

    def loss():
        return float(loss_of(last, network.forward(rows)[-1], target).sum())

    outputs = network.forward(rows)
    network.backward(outputs, outputs[-1] - target)
    measured = np.empty_like(network.flat)
    for place in range(network.flat.size):
        at = network.flat[place]
        network.flat[place] = at + 1e-6
        above = loss()
        network.flat[place] = at - 1e-6
        measured[place] = (above - loss()) / 2e-6
        network.flat[place] = at
    np.testing.assert_allclose(network.gradient, measured, rtol=1e-5, atol=1e-7)


def test_every_activation_can_stand_somewhere():
    assert set(LOSSES) | TRAINABLE == set(ACTIVATIONS)


def test_losses_and_gradients_stay_finite_at_extremes():
    rows = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    for last in sorted(LOSSES):
        network = FlatNetwork([np.eye(2)], [np.zeros(2)], [last])
        output = network.forward(rows)[-1]
        assert np.isfinite(output).all()
        assert np.isfinite(loss_of(last, output, np.eye(2, dtype=np.float32))).all()
