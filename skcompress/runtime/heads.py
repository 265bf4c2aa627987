"""From raw outputs to answers: which methods each head offers, and what they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import (
    ClassScores,
    Head,
    Labels,
    MultiLabel,
    Numbers,
    OneVsOne,
    Outlier,
    Shares,
    Transformed,
    WeightedMedian,
)
from ._platt import couple_pairs, platt_sigmoid

__all__ = ["methods"]

Answer = Callable[[np.ndarray], Any]
Answers = dict[str, Answer]

_HEADS: dict[type[Head], Callable[[Any], Answers]] = {}


def methods(head: Head) -> Answers:
    """The methods that a head offers, as functions of the raw output.

    Parameters
    ----------
    head : Head
        The head.

    Returns
    -------
    dict
        Some of ``predict``, ``predict_proba``, ``decision_function``, ``score_samples`` and
        ``transform``.
    """
    return _HEADS[type(head)](head)


def answers(
    head: type[Head],
) -> Callable[[Callable[[Any], Answers]], Callable[[Any], Answers]]:
    """Register the decorated function as what a head offers."""

    def decorate(function: Callable[[Any], Answers]) -> Callable[[Any], Answers]:
        _HEADS[head] = function
        return function

    return decorate


def expit(x: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the columns."""
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _pick(labels: Labels, index: np.ndarray) -> np.ndarray:
    return labels.classes.take(index)


def _largest(scores: np.ndarray) -> np.ndarray:
    """The column of the largest score of each row, the first of equal ones."""
    if scores.shape[1] == 2:
        # A comparison takes a fraction of the time.
        return (scores[:, 1] > scores[:, 0]).view(np.int8)
    return scores.argmax(axis=1)


def _both(second: np.ndarray) -> np.ndarray:
    """Probabilities of two classes from that of the second."""
    return np.stack([1.0 - second, second], axis=1)


@answers(Transformed)
def _transformed(head: Transformed) -> Answers:
    return {"transform": lambda raw: raw}


@answers(Numbers)
def _numbers(head: Numbers) -> Answers:
    def predict(raw: np.ndarray) -> np.ndarray:
        values = np.exp(raw) if head.link == "exp" else raw
        return values[:, 0] if head.ravel else values

    return {"predict": predict}


@answers(WeightedMedian)
def _weighted_median(head: WeightedMedian) -> Answers:
    def predict(raw: np.ndarray) -> np.ndarray:
        order = np.argsort(raw, axis=1)
        sums = np.cumsum(head.weights[order], axis=1)
        place = (sums >= 0.5 * sums[:, -1:]).argmax(axis=1)
        rows = np.arange(raw.shape[0])
        return raw[rows, order[rows, place]]

    return {"predict": predict}


@answers(Shares)
def _shares(head: Shares) -> Answers:
    ends = np.cumsum([len(target) for target in head.targets])
    parts = [slice(end - len(t), end) for end, t in zip(ends, head.targets, strict=True)]

    def predict_proba(raw: np.ndarray) -> Any:
        shares = [_clipped(raw[:, part]) if head.clip else raw[:, part] for part in parts]
        return shares[0] if len(shares) == 1 else shares

    def predict(raw: np.ndarray) -> np.ndarray:
        found = [
            _pick(target, _largest(raw[:, part]))
            for target, part in zip(head.targets, parts, strict=True)
        ]
        if len(found) == 1:
            return found[0]
        # As scikit-learn's forests: the dtype of the first target serves all.
        out = np.empty((raw.shape[0], len(found)), dtype=found[0].dtype)
        for column, values in enumerate(found):
            out[:, column] = values
        return out

    return {"predict": predict, "predict_proba": predict_proba}


def _clipped(shares: np.ndarray) -> np.ndarray:
    cut = np.maximum(shares, 0.0)
    total = cut.sum(axis=1, keepdims=True)
    return np.where(total > 0, cut / np.where(total > 0, total, 1.0), 1.0 / shares.shape[1])


@answers(ClassScores)
def _class_scores(head: ClassScores) -> Answers:
    single = head.width == 1

    def predict(raw: np.ndarray) -> np.ndarray:
        if len(head.target) == 1:
            return _pick(head.target, np.zeros(raw.shape[0], np.int64))
        if single:
            return _pick(head.target, (raw[:, 0] > head.cut).astype(np.int64))
        return _pick(head.target, _largest(raw))

    def predict_proba(raw: np.ndarray) -> np.ndarray:
        if head.link == "shares":
            return _both(raw[:, 0]) if single else raw
        if head.link == "softmax":
            return softmax(head.scale * raw)
        if single:
            return _both(expit(head.scale * raw[:, 0]))
        each = expit(head.scale * raw)
        sums = each.sum(axis=1, keepdims=True)
        return np.where(sums == 0, 1.0 / len(head.target), each / np.where(sums == 0, 1.0, sums))

    offered: Answers = {"predict": predict}
    if head.link != "none":
        offered["predict_proba"] = predict_proba
    if head.decision:
        # scikit-learn gives a vector for two classes only.
        vector = single and head.link != "softmax"
        offered["decision_function"] = lambda raw: raw[:, 0] if vector else raw
    return offered


@answers(MultiLabel)
def _multi_label(head: MultiLabel) -> Answers:
    return {
        "predict": lambda raw: (raw > 0.5).astype(int),
        "predict_proba": lambda raw: raw,
    }


@answers(Outlier)
def _outlier(head: Outlier) -> Answers:
    if head.link == "isolation":

        def score_samples(raw: np.ndarray) -> np.ndarray:
            return -(2.0 ** -raw[:, 0])

        return {
            "predict": lambda raw: np.where(score_samples(raw) - head.offset < 0, -1, 1),
            "decision_function": lambda raw: score_samples(raw) - head.offset,
            "score_samples": score_samples,
        }
    return {
        "predict": lambda raw: np.where(raw[:, 0] > 0, 1, -1),
        "decision_function": lambda raw: raw[:, 0],
        "score_samples": lambda raw: raw[:, 0] + head.offset,
    }


@answers(OneVsOne)
def _one_vs_one(head: OneVsOne) -> Answers:
    n_classes = len(head.target)
    first, second = np.triu_indices(n_classes, 1)

    def decision_function(raw: np.ndarray) -> np.ndarray:
        if n_classes == 2:
            return raw[:, 0]
        return raw if head.decision_shape == "ovo" else _one_vs_rest(raw, first, second, n_classes)

    def predict(raw: np.ndarray) -> np.ndarray:
        if n_classes == 2:
            # libsvm: a score of zero goes to the second class.
            return _pick(head.target, (raw[:, 0] >= 0).astype(np.int64))
        if head.break_ties and head.decision_shape == "ovr":
            index = _one_vs_rest(raw, first, second, n_classes).argmax(axis=1)
        else:
            index = _votes(raw > 0, first, second, n_classes).argmax(axis=1)
        return _pick(head.target, index)

    offered: Answers = {"predict": predict, "decision_function": decision_function}
    if head.platt_a is not None and head.platt_b is not None:
        a, b = head.platt_a, head.platt_b
        # libsvm's own scores: positive for the first class, also of two.
        sign = -1.0 if n_classes == 2 else 1.0
        offered["predict_proba"] = lambda raw: couple_pairs(
            platt_sigmoid(sign * raw, a, b), first, second, n_classes
        )
    return offered


def _votes(
    for_first: np.ndarray, first: np.ndarray, second: np.ndarray, n_classes: int
) -> np.ndarray:
    """Votes for each class; they are whole numbers, which a product of matrices adds exactly."""
    moved = np.zeros((first.size, n_classes))
    moved[np.arange(first.size), first] = 1.0
    moved[np.arange(first.size), second] = -1.0
    all_for_second = np.bincount(second, minlength=n_classes)
    return for_first.astype(np.float64) @ moved + all_for_second


def _one_vs_rest(
    raw: np.ndarray, first: np.ndarray, second: np.ndarray, n_classes: int
) -> np.ndarray:
    """Votes, refined by the scores squeezed into a third of a vote, as scikit-learn has it."""
    votes = _votes(raw >= 0, first, second, n_classes)
    confidence = np.zeros_like(votes)
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        confidence[:, i] += raw[:, pair]
        confidence[:, j] -= raw[:, pair]
    return votes + confidence / (3 * (np.abs(confidence) + 1))
