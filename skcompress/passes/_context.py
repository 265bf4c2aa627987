"""What a pass may look at: rows to refit on, held-out rows to judge by, the original model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Model, Outlier
from ..runtime import CompactModel
from ..runtime._inputs import check_rows
from ..runtime._registry import compile_node
from ._beginnings import Beginnings

__all__ = ["Context", "Data", "Score"]

Score = Callable[[CompactModel, Any, Any, Any], float]
"""``score(model, X, y, sample_weight)``, greater is better."""

_BLOCKS = 10
_COST_OF_CHANGE = 0.25
_SPREAD_OF_COST = 0.4


@dataclasses.dataclass(frozen=True)
class Data:
    """Some rows, with targets and weights where there are any.

    Attributes
    ----------
    X : array-like, CSR-like or list of str
        Rows as the user passed them.
    y : array-like or None
        Targets.
    sample_weight : ndarray of shape (n_rows,), or None
        Weights.
    """

    X: Any
    y: Any = None
    sample_weight: np.ndarray | None = None

    def __len__(self) -> int:
        if hasattr(self.X, "shape"):
            return int(self.X.shape[0])
        return len(self.X if hasattr(self.X, "__len__") else np.asarray(self.X))


@dataclasses.dataclass(frozen=True)
class Context:
    """What passes have besides the model.

    Attributes
    ----------
    original : Model
        The model before any pass, which refits imitate where there are no labels.
    refit : Data or None
        Rows that coefficients may be refitted on: training rows, or any others.
    held_out : Data or None
        Rows that the model was not fitted on; they judge, and are never fitted to.
    tolerance : float or None
        Score that may be lost on the held-out rows; None: nothing is judged.
    score : callable or None
        A scorer of the user's; None: accuracy or R²; of outliers, R² of ``score_samples``.
    random_state : int
        Seed of everything random.
    progress : callable or None
        ``progress(step, done, total)`` is called now and then during long work.
    remarks : list of str
        What passes had to say; whoever runs them collects it.
    memory : dict
        What passes worked out, and may need again.
    beginnings : Beginnings or None
        What recipes for the same original and rows began with.
    """

    original: Model
    refit: Data | None = None
    held_out: Data | None = None
    tolerance: float | None = None
    score: Score | None = None
    random_state: int = 0
    progress: Callable[[str, int, int], None] | None = None
    remarks: list[str] = dataclasses.field(default_factory=list, compare=False, repr=False)
    memory: dict[Any, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    beginnings: Beginnings | None = dataclasses.field(default=None, compare=False, repr=False)

    def remark(self, text: str) -> None:
        """Say something about the present step, which the ledger will note."""
        self.remarks.append(text)

    def generator(self) -> np.random.Generator:
        """A fresh random generator; the same numbers for every pass that asks."""
        return np.random.default_rng(self.random_state)

    @property
    def judges(self) -> bool:
        """Whether there are rows and a tolerance to judge by."""
        return self.held_out is not None and self.tolerance is not None

    def report_progress(self, step: str, done: int, total: int) -> None:
        """Tell whoever listens how far a long step has come."""
        if self.progress is not None:
            self.progress(step, done, total)

    @functools.cached_property
    def targets(self) -> Any:
        """Targets of the held-out rows: the labels, or what the original answers."""
        assert self.held_out is not None
        return self._answers if self.held_out.y is None else np.asarray(self.held_out.y)

    @functools.cached_property
    def _baseline(self) -> tuple[float, np.ndarray]:
        return self._measure_anew(self.original)

    @property
    def baseline(self) -> float | None:
        """The original's score on the held-out rows."""
        return None if self.held_out is None else self._baseline[0]

    def score_of(self, model: Model) -> float | None:
        """A model's score on the held-out rows; None where there are none."""
        return None if self.held_out is None else self._measure(model)[0]

    def score_of_raw(self, model: Model, raw: np.ndarray) -> float:
        """The score that raw outputs on the held-out rows come to."""
        return self._measure(model, raw)[0]

    def acceptable(
        self, model: Model, tolerance: float | None = None, *, cautious: float = True
    ) -> bool:
        """Whether a model loses no more than `tolerance` on the held-out rows.

        The loss is an estimate from finitely many rows, and the strongest of many candidates is
        the luckiest one too; so `cautious` standard errors of the paired difference are added to
        it: one, unless said otherwise. With -1 a model is refused only if it is clearly worse.
        """
        return self._accept(lambda: self._measure(model), tolerance, cautious=cautious)

    def expected_loss(self, model: Model) -> float:
        """What a model that imitates the original will lose on rows to come.

        Few held-out rows change their label, so what these happen to lose says little. The
        measured loss is therefore drawn towards what changes cost as a rule, by how sure the one
        and the other are: a quarter of the rows that changed, or more where these are not few
        beside those that the original gets wrong, since only such rows can be put right. For
        numbers and scorers of the user's: the measured loss and half a standard error.
        """
        (base, base_parts), (score, parts) = self._baseline, self._measure(model)
        error = _standard_error(base_parts - parts)
        if self.score is not None or not model.head.labels:
            return base - score + 0.5 * error
        # One row more might have changed: of few rows, none need be a lucky draw.
        n_rows = base_parts.size
        seen = 1.0 - self.agreement(model)
        changed, wrong = ((n_rows * each + 1.0) / (n_rows + 1.0) for each in (seen, 1.0 - base))
        usual = max(_COST_OF_CHANGE, seen / (seen + wrong)) * changed
        if error == 0:
            return max(base - score, usual)
        spread = _SPREAD_OF_COST * usual
        trust = spread**2 / (spread**2 + error**2)
        return usual + trust * (base - score - usual)

    def agreement(self, model: Model) -> float:
        """Share of held-out rows with the original's labels; for numbers, R² against its own."""
        assert self.held_out is not None
        predicted = self._predict(model)
        original = self._answers.reshape(predicted.shape)
        if model.head.labels or isinstance(model.head, Outlier):
            same = predicted == original
            return float((same if same.ndim == 1 else same.all(axis=1)).mean())
        spread = np.square(original - original.mean(axis=0)).mean()
        error = np.square(predicted - original).mean()
        return 1.0 if error == 0 else float(1.0 - error / spread) if spread else 0.0

    def imitates(self, model: Model, allowed: float) -> bool:
        """Of numbers, whether no more than `allowed` of their variance is error; of labels, yes."""
        return bool(model.head.labels) or self.agreement(model) >= 1.0 - allowed

    @functools.cached_property
    def _answers(self) -> np.ndarray:
        """What the original predicts for the held-out rows."""
        assert self.held_out is not None
        return np.asarray(CompactModel(self.original).predict(self.held_out.X))

    def acceptable_raw(
        self,
        model: Model,
        raw: np.ndarray,
        tolerance: float | None = None,
        *,
        cautious: float = True,
    ) -> bool:
        """The same for raw outputs on the held-out rows that a pass worked out by itself.

        A pass that follows a whole path need not evaluate a model for every point of it. With a
        scorer of the user's the outputs are replayed to it.
        """
        return self._accept(lambda: self._measure(model, raw), tolerance, cautious=cautious)

    def _accept(
        self,
        measure: Callable[[], tuple[float, np.ndarray]],
        tolerance: float | None,
        *,
        cautious: float = True,
    ) -> bool:
        allowed = self.tolerance if tolerance is None else tolerance
        if self.held_out is None or allowed is None:
            return True
        base, base_parts = self._baseline
        score, parts = measure()
        margin = cautious * _standard_error(base_parts - parts) if cautious else 0.0
        return bool(base - score + margin <= allowed + 1e-12)

    @functools.cached_property
    def _memory(self) -> dict[str, tuple[Model, Any]]:
        return {}

    def once(self, what: str, model: Model, find: Callable[[], Any]) -> Any:
        """What was found of this very model the last time, or what `find` finds."""
        known = self._memory.get(what)
        if known is None or known[0] is not model:
            known = self._memory[what] = model, find()
        return known[1]

    def _predict(self, model: Model) -> np.ndarray:
        assert self.held_out is not None
        if model is self.original:
            return self._answers
        X = self.held_out.X
        found = self.once("answers", model, lambda: np.asarray(CompactModel(model).predict(X)))
        return np.asarray(found)

    def _measure(self, model: Model, raw: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """The score, and contributions to it whose mean it is (up to a constant)."""
        if raw is not None:
            return self._measure_anew(model, raw)
        if model is self.original:
            return self._baseline
        score, parts = self.once("score", model, lambda: self._measure_anew(model))
        return float(score), np.asarray(parts)

    def _measure_anew(
        self, model: Model, raw: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        assert self.held_out is not None
        data = self.held_out
        compact = CompactModel(model) if raw is None else Replay(model, raw)
        if self.score is not None:
            total = float(self.score(compact, data.X, self.targets, data.sample_weight))
            return total, self._block_scores(compact)
        if isinstance(model.head, Outlier) and data.y is None:
            return self._distance(np.asarray(compact.score_samples(data.X)))
        predicted = self._predict(model) if raw is None else compact.predict(data.X)
        truth = self.targets.reshape(predicted.shape)
        weight = np.ones(len(data)) if data.sample_weight is None else data.sample_weight
        share = weight / weight.mean()
        if model.head.labels or isinstance(model.head, Outlier):
            right = predicted == truth
            parts = share * (right if right.ndim == 1 else right.all(axis=1))
            return float(parts.mean()), parts
        truth, predicted = truth.reshape(len(data), -1), predicted.reshape(len(data), -1)
        spread = np.average(
            (truth - np.average(truth, axis=0, weights=weight)) ** 2, axis=0, weights=weight
        )
        losses = (truth - predicted) ** 2 / np.where(spread == 0, 1.0, spread)
        parts = 1.0 - share * losses.mean(axis=1)
        return float(parts.mean()), parts

    def _distance(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """Of outliers, R² of the scores against the original's: labels tell one bit a row."""
        assert self.held_out is not None
        weight = self.held_out.sample_weight
        weight = np.ones(scores.size) if weight is None else weight / weight.mean()
        own = self._scores
        spread = float(np.mean(weight * (own - np.average(own, weights=weight)) ** 2))
        parts = 1.0 - weight * (scores - own) ** 2 / (spread or 1.0)
        return float(parts.mean()), parts

    @functools.cached_property
    def _scores(self) -> np.ndarray:
        """How the original scores the held-out rows, where it tells outliers."""
        assert self.held_out is not None
        return np.asarray(CompactModel(self.original).score_samples(self.held_out.X))

    def _block_scores(self, compact: Any) -> np.ndarray:
        """A user's scorer on ten interleaved blocks: its spread tells the standard error."""
        assert self.held_out is not None
        assert self.score is not None
        data, n_rows = self.held_out, len(self.held_out)
        if n_rows < 20 * _BLOCKS:
            return np.zeros(1)
        scores = []
        for start in range(_BLOCKS):
            rows = np.arange(start, n_rows, _BLOCKS)
            weight = None if data.sample_weight is None else data.sample_weight[rows]
            part = compact.of_rows(rows) if isinstance(compact, Replay) else compact
            X = take_rows(data.X, rows)
            scores.append(float(self.score(part, X, self.targets[rows], weight)))
        return np.asarray(scores)

    def inputs(self, model: Model, data: Data) -> Any:
        """What the predictor of `model` sees of these rows: checked and transformed."""
        to_float32 = model.input.float32_range and not model.chain.transforms
        rows = check_rows(data.X, model.input, to_float32=to_float32)
        for transform in model.chain.transforms:
            rows = compile_node(transform)(rows)
        return rows


def _standard_error(differences: np.ndarray) -> float:
    """Of the mean; the largest difference counts twice, since one more row may show another."""
    if differences.size < 2 or not bool(differences.any()):
        return 0.0
    squares = np.square(differences - differences.mean())
    return float(np.sqrt((squares.sum() + squares.max()) / differences.size**2))


class Replay(CompactModel):
    """A model whose raw outputs on certain rows are known already; whatever X is, they come."""

    def __init__(self, ir: Model, raw: np.ndarray) -> None:
        super().__init__(ir)
        self._known = raw

    def of_rows(self, rows: np.ndarray) -> Replay:
        """The same for some of the rows."""
        return Replay(self.ir, self._known[rows])

    def raw(self, X: Any) -> Any:
        """The known outputs, whatever X is."""
        return self._known


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Some rows of an array, data frame, sparse matrix or list."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape"):
        return X[rows]
    if not hasattr(X, "__getitem__"):
        return np.asarray(X)[rows]
    return [X[row] for row in rows]
