"""Multi-layer perceptrons into the IR, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..exceptions import UnsupportedEstimatorError
from ..ir import (
    Chain,
    ClassScores,
    DenseNetwork,
    Head,
    Layer,
    Model,
    MultiLabel,
    Numbers,
    decode,
)
from ._input import input_spec
from ._labels import labels_of
from ._registry import Family, dotted_name, register
from ._sklearn_internals import mlp_wants_sparse_labels, set_label_binarizer

_LEARNED = ("loss_", "n_iter_", "t_")
"""Numbers about the training that scikit-learn's own class reports, kept beside the parameters."""


def _lift(mlp: Any, head: Head) -> Model:
    hidden = len(mlp.coefs_) - 1
    layers = tuple(
        Layer(
            weights=weights,
            bias=bias,
            activation=mlp.activation if place < hidden else mlp.out_activation_,
        )
        for place, (weights, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True))
    )
    return Model(
        input=input_spec(mlp, sparse=True),
        chain=Chain(transforms=(), predictor=DenseNetwork(layers=layers)),
        head=head,
        family=dotted_name(mlp),
        params=_params(mlp),
    )


def _params(mlp: Any) -> tuple[tuple[str, bool | int | float | str | None], ...]:
    """Parameters that differ from their defaults and are plain, and what training reports."""
    defaults = type(mlp)().get_params()
    given = {
        name: value
        for name, value in mlp.get_params().items()
        if name != "hidden_layer_sizes" and value is not defaults[name]
    }
    learned = {name: getattr(mlp, name) for name in _LEARNED if hasattr(mlp, name)}
    pairs = []
    for name, value in (given | learned).items():
        plain = value.item() if isinstance(value, np.generic) else value
        is_finite = not isinstance(plain, float) or math.isfinite(plain)
        if isinstance(plain, bool | int | float | str) and is_finite:
            changed = name in learned or plain != defaults[name]
            pairs.extend([(name, plain)] if changed else [])
    return tuple(pairs)


def _lift_classifier(mlp: Any) -> Model:
    if mlp_wants_sparse_labels(mlp):
        raise UnsupportedEstimatorError(
            "MLPClassifier: it was fitted on a sparse matrix of labels and predicts one; fit it "
            "on a dense one."
        )
    target = labels_of(mlp.classes_)
    head: Head
    if mlp.out_activation_ == "softmax" or mlp.n_outputs_ == 1:
        head = ClassScores(target=target, link="shares", decision=False, cut=0.5)
    else:
        head = MultiLabel(target=target)
    return _lift(mlp, head)


def _lift_regressor(mlp: Any) -> Model:
    return _lift(mlp, Numbers(n_outputs=int(mlp.n_outputs_), ravel=mlp.n_outputs_ == 1))


def _lower_classifier(model: Model, allow_missing: bool) -> Any:
    mlp = _lower(model, MLPClassifier)
    head = model.head
    if not isinstance(head, ClassScores | MultiLabel):
        raise UnsupportedEstimatorError(
            f"MLPClassifier cannot answer as {type(head).__name__} does."
        )
    mlp.classes_ = head.target.classes.copy()
    set_label_binarizer(mlp, multilabel=isinstance(head, MultiLabel))
    return mlp


def _lower_regressor(model: Model, allow_missing: bool) -> Any:
    return _lower(model, MLPRegressor)


def _lower(model: Model, cls: Any) -> Any:
    network = model.predictor
    if not isinstance(network, DenseNetwork) or model.chain.transforms:
        raise UnsupportedEstimatorError(f"{cls.__name__} holds a dense network and nothing else.")
    *hidden, last = network.layers
    activations = {layer.activation for layer in hidden}
    if len(activations) > 1:
        raise UnsupportedEstimatorError(
            f"{cls.__name__} has one activation for all hidden layers; got {sorted(activations)}."
        )
    known = cls().get_params()
    params: dict[str, Any] = {name: value for name, value in model.params if name in known}
    # The widths as they are now: units may have been removed.
    params["hidden_layer_sizes"] = tuple(int(layer.bias.shape[0]) for layer in hidden)
    if activations:
        params["activation"] = activations.pop()
    mlp = cls(**params)
    mlp.coefs_ = [np.array(decode(layer.weights)) for layer in network.layers]
    mlp.intercepts_ = [np.array(decode(layer.bias)) for layer in network.layers]
    mlp.n_layers_ = len(network.layers) + 1
    mlp.n_outputs_ = network.n_outputs
    mlp.out_activation_ = last.activation
    mlp.n_features_in_ = network.n_features
    if model.input.names is not None:
        mlp.feature_names_in_ = np.array(model.input.names, dtype=object)
    for name, value in model.params:
        if name in _LEARNED:
            setattr(mlp, name, value)
    return mlp


def _classifiers() -> Iterable[Any]:
    yield MLPClassifier(hidden_layer_sizes=(5, 4), max_iter=30, random_state=0)
    yield MLPClassifier(
        hidden_layer_sizes=(6,), activation="tanh", solver="lbfgs", max_iter=30, random_state=0
    )


def _regressors() -> Iterable[Any]:
    yield MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=30, random_state=0)
    yield MLPRegressor(
        hidden_layer_sizes=(6,), activation="logistic", solver="lbfgs", max_iter=30, random_state=0
    )


register(Family(dotted_name(MLPClassifier()), _lift_classifier, _lower_classifier, _classifiers))
register(Family(dotted_name(MLPRegressor()), _lift_regressor, _lower_regressor, _regressors))
