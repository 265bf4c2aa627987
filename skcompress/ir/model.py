"""`Chain` and `Model`: transforms, a predictor, a head, and what input they take."""

from __future__ import annotations

import itertools
from typing import Any

from ._node import Node, register, require
from .head import Head, Transformed
from .text import TextVectorize
from .transforms import Transform

__all__ = ["Chain", "InputSpec", "Model"]


@register("chain")
class Chain(Node):
    """Transforms, then a predictor.

    Parameters
    ----------
    transforms : tuple of Transform
        In the order in which they are applied.
    predictor : Node or None
        The raw output; None: the transforms are all there is.
    """

    transforms: tuple[Transform, ...]
    predictor: Node | None

    def check(self) -> None:
        require(
            all(isinstance(item, Transform) for item in self.transforms),
            "a chain holds transforms, then a predictor.",
        )
        require(
            self.predictor is None
            or (
                hasattr(self.predictor, "n_features")
                and hasattr(self.predictor, "n_outputs")
                and not isinstance(self.predictor, Transform)
            ),
            "the end of a chain must be a predictor.",
        )
        for before, after in itertools.pairwise(self.steps):
            require(
                before.n_outputs == after.n_features,
                f"{type(before).__name__} gives {before.n_outputs} columns, "
                f"{type(after).__name__} takes {after.n_features}.",
            )
            require(before.n_outputs >= 1, f"{type(before).__name__} leaves no column.")
            require(
                not isinstance(after, TextVectorize), "text can only be the first step of a chain."
            )

    @property
    def steps(self) -> list[Any]:
        """Transforms and predictor in one list; each has `n_features` and `n_outputs`."""
        return [*self.transforms, *([] if self.predictor is None else [self.predictor])]


@register("input")
class InputSpec(Node):
    """What a model takes, checked once at the border.

    Parameters
    ----------
    n_features : int
        Input columns (1 for text).
    names : tuple of str, or None
        Column names seen in training.
    finite : {"all", "allow-nan", "any"}
        Whether NaN, or NaN and infinity, may come in.
    sparse : bool
        Whether CSR-like input is taken.
    text : bool
        Rows are texts.
    float32_range : bool
        Values must fit float32 where the predictor sees them, as scikit-learn's trees ask.
    """

    n_features: int
    names: tuple[str, ...] | None = None
    finite: str = "all"
    sparse: bool = False
    text: bool = False
    float32_range: bool = False

    def check(self) -> None:
        require(
            1 <= self.n_features < 2**48,
            f"a model takes from 1 to 2^48 - 1 columns; got {self.n_features}.",
        )
        require(self.finite in ("all", "allow-nan", "any"), f"bad finite {self.finite!r}.")
        if self.names is not None:
            require(
                len(self.names) == self.n_features
                and all(isinstance(name, str) for name in self.names),
                f"there must be a name for each of {self.n_features} columns.",
            )


@register("model")
class Model(Node):
    """A whole model: what it takes, what it computes, what it answers.

    Parameters
    ----------
    input : InputSpec
        What it takes.
    chain : Chain
        What it computes.
    head : Head
        What it answers.
    family : str
        Registered name of the estimator at the end of the chain, such as
        ``"sklearn.svm._classes.SVC"``; tells `to_sklearn` what to build, and nothing else.
    params : tuple of (str, value) pairs
        Constructor parameters that `to_sklearn` sets, plain values only.
    """

    input: InputSpec
    chain: Chain
    head: Head
    family: str
    params: tuple[tuple[str, bool | int | float | str | None], ...] = ()

    def check(self) -> None:
        require(isinstance(self.input, InputSpec), "a model needs an input specification.")
        require(isinstance(self.chain, Chain), "a model needs a chain.")
        require(isinstance(self.head, Head), "a model needs a head.")
        # It stands in messages and on terminals.
        require(
            all(part.isidentifier() for part in self.family.split(".")),
            f"a family has a dotted name; got {self.family[:40]!r}.",
        )
        steps = self.chain.steps
        if steps:
            require(
                steps[0].n_features == self.input.n_features,
                f"the model takes {self.input.n_features} columns, its first step "
                f"{steps[0].n_features}.",
            )
        require(
            self.input.text == (bool(steps) and isinstance(steps[0], TextVectorize)),
            "a model takes text where its first step does, and nowhere else.",
        )
        if self.chain.predictor is None:
            require(isinstance(self.head, Transformed), "without a predictor a chain transforms.")
        else:
            require(self.head.width > 0, "a predictor needs a head that answers for it.")
            require(
                steps[-1].n_outputs == self.head.width,
                f"the predictor gives {steps[-1].n_outputs} columns, "
                f"the head takes {self.head.width}.",
            )

    @property
    def predictor(self) -> Node | None:
        """The predictor at the end of the chain."""
        return self.chain.predictor

    def with_predictor(self, predictor: Node) -> Model:
        """The same model around another predictor."""
        return self.replace(chain=self.chain.replace(predictor=predictor))
