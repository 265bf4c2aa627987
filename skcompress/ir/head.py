"""Heads: from the predictor's raw output to labels, probabilities and scores."""

from __future__ import annotations

import math

import numpy as np

from ._node import Node, register, require
from .arrays import check_finite

__all__ = [
    "ClassScores",
    "Head",
    "Labels",
    "MultiLabel",
    "Numbers",
    "OneVsOne",
    "Outlier",
    "Shares",
    "Transformed",
    "WeightedMedian",
]


@register("labels")
class Labels(Node):
    """The classes of one target, sorted as scikit-learn sorts them.

    Parameters
    ----------
    values : ndarray of bool, int, float or str, of shape (n_classes,)
        The labels.
    as_object : bool
        scikit-learn held them in an array of Python objects.
    """

    values: np.ndarray
    as_object: bool = False

    def check(self) -> None:
        require(self.values.ndim == 1 and self.values.size >= 1, "there must be a class label.")

    def __len__(self) -> int:
        return int(self.values.size)

    @property
    def classes(self) -> np.ndarray:
        """The labels in the dtype that scikit-learn's ``classes_`` has."""
        return self.values.astype(object) if self.as_object else self.values


class Head(Node):
    """Base of the heads."""

    @property
    def labels(self) -> tuple[Labels, ...]:
        """The classes of each target; empty where there are none."""
        return ()

    @property
    def width(self) -> int:
        """Columns of raw output that the head takes; 0: there is no predictor."""
        return 0


@register("numbers")
class Numbers(Head):
    """Regression: the raw output itself.

    Parameters
    ----------
    n_outputs : int
        Targets.
    ravel : bool
        Give a vector where there is one target.
    link : {"identity", "exp"}
        What the raw output is put through.
    """

    n_outputs: int
    ravel: bool = True
    link: str = "identity"

    def check(self) -> None:
        require(self.n_outputs >= 1, "a regressor needs a target.")
        require(self.link in ("identity", "exp"), f"unknown link {self.link!r}.")
        require(self.n_outputs == 1 or not self.ravel, "several targets cannot form a vector.")

    @property
    def width(self) -> int:
        return self.n_outputs


@register("weighted-median")
class WeightedMedian(Head):
    """Regression: the weighted median of the raw outputs.

    It is the first of the rising outputs up to which the weights make half of their sum.

    Parameters
    ----------
    weights : ndarray of float, of shape (n_raw,)
        Weight of each column of raw output.
    """

    weights: np.ndarray

    def check(self) -> None:
        check_finite("weights", self.weights)
        require(
            self.weights.dtype == np.float64
            and self.weights.ndim == 1
            and self.weights.size >= 1
            and bool((self.weights >= 0).all()),
            "there must be a weight, and none below zero.",
        )

    @property
    def width(self) -> int:
        return int(self.weights.size)


@register("transformed")
class Transformed(Head):
    """No prediction: the chain's transforms are the result."""


@register("shares")
class Shares(Head):
    """The raw output holds class probabilities already, target after target.

    Parameters
    ----------
    targets : tuple of Labels
        Classes of each target.
    clip : bool
        The raw output may stray below zero: it is cut there and divided by its sum.
    """

    targets: tuple[Labels, ...]
    clip: bool = False

    def check(self) -> None:
        require(
            len(self.targets) >= 1 and all(isinstance(item, Labels) for item in self.targets),
            "there must be a target.",
        )
        first, *others = self.targets
        # The labels of all targets stand in one array of the first one's dtype.
        require(
            first.as_object
            or all(_may_stand_among(item.values.dtype, first.values.dtype) for item in others),
            "the labels of several targets must be of one kind.",
        )

    @property
    def labels(self) -> tuple[Labels, ...]:
        return self.targets

    @property
    def width(self) -> int:
        return sum(len(target) for target in self.targets)


@register("class-scores")
class ClassScores(Head):
    """One score per class, or one score for the second of two classes.

    Parameters
    ----------
    target : Labels
        The classes.
    link : {"none", "sigmoid", "softmax", "ovr", "shares"}
        From scores to probabilities: no probabilities; the logistic function (of one score);
        softmax; the logistic function per class, then divided by their sum; the scores are
        probabilities already (of one score: that of the second class).
    decision : bool
        Whether the scores are offered as `decision_function`.
    cut : float
        Of two classes, the second is predicted where the single score exceeds this.
    scale : float
        The logistic function, or softmax, is applied to this many times the score.
    """

    target: Labels
    link: str
    decision: bool = True
    cut: float = 0.0
    scale: float = 1.0

    def check(self) -> None:
        links = ("none", "sigmoid", "softmax", "ovr", "shares")
        require(self.link in links, f"link must be one of {links}; got {self.link!r}.")
        require(math.isfinite(self.cut), "cut must be finite.")
        require(math.isfinite(self.scale), "scale must be finite.")

    @property
    def labels(self) -> tuple[Labels, ...]:
        return (self.target,)

    @property
    def width(self) -> int:
        return 1 if len(self.target) <= 2 and self.link != "softmax" else len(self.target)


@register("one-vs-one")
class OneVsOne(Head):
    """One score per pair of classes, as libsvm gives them.

    Parameters
    ----------
    target : Labels
        The classes; the scores are those of pairs (0, 1), (0, 2), ..., positive for the first of
        the two. With two classes the single score is positive for the second, as scikit-learn's
        `decision_function` is.
    decision_shape : {"ovo", "ovr"}
        What `decision_function` gives: the pairs, or votes refined by the scores.
    break_ties : bool
        Predict the largest "ovr" score rather than the most votes.
    platt_a, platt_b : ndarray of float, of shape (n_pairs,), or None
        Platt's sigmoid per pair; None: no probabilities.
    """

    target: Labels
    decision_shape: str = "ovr"
    break_ties: bool = False
    platt_a: np.ndarray | None = None
    platt_b: np.ndarray | None = None

    def check(self) -> None:
        require(len(self.target) >= 2, "one-vs-one needs two classes.")
        require(self.decision_shape in ("ovo", "ovr"), f"bad shape {self.decision_shape!r}.")
        require((self.platt_a is None) == (self.platt_b is None), "Platt's A and B go together.")
        for name in ("platt_a", "platt_b"):
            numbers = getattr(self, name)
            if numbers is not None:
                check_finite(name, numbers)
                require(numbers.shape == (self.width,), f"{name} must have one entry per pair.")

    @property
    def labels(self) -> tuple[Labels, ...]:
        return (self.target,)

    @property
    def width(self) -> int:
        return len(self.target) * (len(self.target) - 1) // 2


@register("multi-label")
class MultiLabel(Head):
    """Independent labels: the raw output holds the probability of each.

    Parameters
    ----------
    target : Labels
        The label of each column.
    """

    target: Labels

    @property
    def labels(self) -> tuple[Labels, ...]:
        return (self.target,)

    @property
    def width(self) -> int:
        return len(self.target)


@register("outlier")
class Outlier(Head):
    """Inliers (+1) and outliers (-1), told by one score.

    Parameters
    ----------
    offset : float
        `score_samples` is the decision plus this.
    link : {"identity", "isolation"}
        What the raw output is: the decision, above zero for an inlier; or the length of a way
        through isolation trees, as a share of what is usual, of which `score_samples` is
        ``-(2 ** -raw)``, and a decision of zero makes an inlier.
    """

    offset: float
    link: str = "identity"

    def check(self) -> None:
        require(math.isfinite(self.offset), "offset must be finite.")
        require(self.link in ("identity", "isolation"), f"unknown link {self.link!r}.")

    @property
    def width(self) -> int:
        return 1


def _may_stand_among(dtype: np.dtype, others: np.dtype) -> bool:
    """Whether labels of a dtype can be put into an array of another one."""
    return dtype.kind == others.kind if "U" in (dtype.kind, others.kind) else True
