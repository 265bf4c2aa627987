"""`CompactModel`: what is served, pickled and written to disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..ir import Model, Numbers, Outlier, WeightedMedian
from ._inputs import check_rows, transformed_to_float32
from ._registry import Evaluate, compile_node
from ._threads import run_blocks
from .heads import methods

if TYPE_CHECKING:
    from ..ir import SizeReport

__all__ = ["CompactModel"]


class _Offered:
    """A method that exists only where the model's head answers it, to `hasattr` too."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        if model is None:
            return self.method
        if self.name not in model.offered:
            raise AttributeError(
                f"This CompactModel has no {self.name!r}: the {model.ir.family.rpartition('.')[2]} "
                f"that it was made from does not offer it."
            )
        return self.method.__get__(model, owner)


class CompactModel:
    """A compressed model: NumPy arrays in, NumPy arrays out, no scikit-learn needed.

    Made by `compress`, by the ``model_`` of a fitted compressor, or by `load`. It predicts like a
    fitted scikit-learn estimator and works as one in scorers, inspection and prefit ensembles:
    ``clone`` gives the same object and ``fit`` changes nothing. Its methods are those of the
    model that it was made from; the others do not exist. It may be used by many threads at once.

    Parameters
    ----------
    ir : skcompress.ir.Model
        What the model computes.
    size_report : SizeReport or None
        What compression did, kept as ``size_report_``.

    Attributes
    ----------
    ir : skcompress.ir.Model
        What the model computes.
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        Class labels; a list for several targets; absent for regressors.
    n_features_in_ : int
        Number of input columns; absent for text.
    feature_names_in_ : ndarray of str
        Input column names, where training saw some.
    offered : frozenset of str
        Names of the methods that the model answers.
    size_report_ : SizeReport
        Bytes before and after; absent on a loaded model.
    n_threads : int
        Threads that share the rows of a call to predict, 1 to begin with; may be set at any time,
        and is not saved.

    See Also
    --------
    compress : Make a compact model of a fitted estimator.
    load : Read one from a file.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> small = skc.compress(forest, level="lossless")
    >>> small
    CompactModel(RandomForestClassifier, 4 features, 3 classes)
    >>> bool((small.predict_proba(X) == forest.predict_proba(X)).all())
    True
    """

    def __init__(self, ir: Model, *, size_report: SizeReport | None = None) -> None:
        if not isinstance(ir, Model):
            raise TypeError(
                f"CompactModel takes an IR model; got {type(ir).__name__}. Use skcompress.compress "
                "to make one from a fitted estimator."
            )
        self.ir = ir
        self._size_report = size_report
        self._prepared: _Prepared | None = None
        self.n_threads = 1
        self._answers = methods(ir.head)
        self.offered = frozenset(self._answers) | _derived(self._answers, ir)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.ir, self._size_report)

    def __repr__(self) -> str:
        name = self.ir.family.rpartition(".")[2]
        spec = self.ir.input
        takes = "text" if spec.text else f"{spec.n_features} features"
        labels = self.ir.head.labels
        classes = f", {len(labels[0])} classes" if len(labels) == 1 else ""
        return f"CompactModel({name}, {takes}{classes})"

    # What scikit-learn's tools ask of an estimator

    def fit(self, X: Any = None, y: Any = None, **fit_params: Any) -> Self:
        """Return the model unchanged: it is fitted, and stays as it is.

        Parameters
        ----------
        X, y, **fit_params : ignored
            Taken so that tools which refit can hold a compact model.

        Returns
        -------
        CompactModel
            The same object.
        """
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """An empty dictionary: there is nothing to set.

        Parameters
        ----------
        deep : bool
            Ignored.
        """
        return {}

    def set_params(self, **params: Any) -> Self:
        """Refuse every parameter: there is nothing to set.

        Raises
        ------
        ValueError
            If a parameter is given.
        """
        if params:
            raise ValueError(f"A CompactModel has no parameters; got {sorted(params)}.")
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import (
            ClassifierTags,
            InputTags,
            RegressorTags,
            Tags,
            TargetTags,
            TransformerTags,
        )

        head, spec = self.ir.head, self.ir.input
        kind = _estimator_type(self.ir)
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(
                required=False,
                multi_output=len(head.labels) > 1 or (isinstance(head, Numbers) and not head.ravel),
            ),
            transformer_tags=TransformerTags() if "transform" in self.offered else None,
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(
                two_d_array=not spec.text,
                string=spec.text,
                sparse=spec.sparse,
                allow_nan=spec.finite != "all",
            ),
        )

    # What it learned

    @property
    def classes_(self) -> Any:
        """Class labels; a list for several targets."""
        labels = self.ir.head.labels
        if not labels:
            raise AttributeError("This CompactModel is not a classifier and has no classes_.")
        return labels[0].classes if len(labels) == 1 else [target.classes for target in labels]

    @property
    def n_features_in_(self) -> int:
        """Number of input columns."""
        if self.ir.input.text:
            raise AttributeError("This CompactModel takes texts, not columns.")
        return self.ir.input.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the input columns."""
        if self.ir.input.names is None:
            raise AttributeError("This CompactModel was trained without feature names.")
        return np.array(self.ir.input.names, dtype=object)

    @property
    def size_report_(self) -> SizeReport:
        """Bytes before and after compression, and what was done."""
        if self._size_report is None:
            raise AttributeError(
                "This CompactModel has no size_report_: it was not just compressed. "
                "Use skcompress.size_report(model) for its size."
            )
        return self._size_report

    # What it answers

    def raw(self, X: Any) -> Any:
        """What the predictor gives before the head turns it into an answer.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
            Raw outputs; the transformed rows where there is no predictor.
        """
        prepared = self._prepared
        if prepared is None:
            prepared = self._prepared = _prepare(self.ir)
        rows = check_rows(X, self.ir.input, to_float32=prepared.to_float32)
        if self.n_threads == 1 or self.ir.chain.predictor is None:
            return prepared.run(rows)
        n_rows = len(rows) if self.ir.input.text else rows.shape[0]
        return np.concatenate(
            run_blocks(lambda block: prepared.run(rows[block]), n_rows, self.n_threads)
        )

    @_Offered
    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels or target values.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Predictions.

        Raises
        ------
        ValueError
            If the input has another number of columns, other names, or values that the model
            does not take.
        """
        return self._answers["predict"](self.raw(X))

    @_Offered
    def predict_proba(self, X: Any) -> Any:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), or list of such arrays
            Probabilities, in the order of ``classes_``; a list for several targets.
        """
        return self._answers["predict_proba"](self.raw(X))

    @_Offered
    def predict_log_proba(self, X: Any) -> Any:
        """Predict logarithms of class probabilities.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), or list of such arrays
            Log-probabilities; minus infinity where a probability is zero.
        """
        proba = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return [np.log(p) for p in proba] if isinstance(proba, list) else np.log(proba)

    @_Offered
    def decision_function(self, X: Any) -> np.ndarray:
        """Scores that the decision is made on.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_scores)
            Scores, as the original model's `decision_function` gives them.
        """
        return self._answers["decision_function"](self.raw(X))

    @_Offered
    def score_samples(self, X: Any) -> np.ndarray:
        """Raw scores of an outlier detector; larger is more ordinary.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features)
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows,)
            Scores.
        """
        return self._answers["score_samples"](self.raw(X))

    @_Offered
    def transform(self, X: Any) -> Any:
        """Transform the rows.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), or CSR-like
            The rows after the last transform; sparse rows have ``data``, ``indices``, ``indptr``
            and ``shape``.
        """
        return self._answers["transform"](self.raw(X))

    @_Offered
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of a classifier, R² of a regressor.

        Parameters
        ----------
        X : array-like or CSR-like of shape (n_rows, n_features), or iterable of str
            Input rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            True labels or values.
        sample_weight : array-like of shape (n_rows,), optional
            Weights of the rows.

        Returns
        -------
        float
            Share of rows predicted right (all targets of a row, if there are several), or the
            coefficient of determination, averaged over targets.
        """
        predicted = self.predict(X)
        weight = np.ones(len(predicted)) if sample_weight is None else np.asarray(sample_weight)
        truth = np.asarray(y)
        if self.ir.head.labels:
            right = predicted == truth.reshape(predicted.shape)
            return float(np.average(right if right.ndim == 1 else right.all(1), weights=weight))
        return _r_squared(truth.astype(float).reshape(predicted.shape), predicted, weight)


class _Prepared:
    """What the first call prepares and every later one uses; threads share it unchanged."""

    def __init__(self, steps: tuple[Evaluate, ...], to_float32: bool) -> None:
        self.steps = steps
        self.to_float32 = to_float32

    def run(self, rows: Any) -> Any:
        for step in self.steps:
            rows = step(rows)
        return rows


def _prepare(ir: Model) -> _Prepared:
    chain, to_float32 = ir.chain, ir.input.float32_range
    steps = [compile_node(node) for node in chain.transforms]
    if steps and to_float32:
        steps.append(transformed_to_float32)
    if chain.predictor is not None:
        steps.append(compile_node(chain.predictor))
    return _Prepared(tuple(steps), to_float32 and not chain.transforms)


def _restore(ir: Model, size_report: SizeReport | None) -> CompactModel:
    return CompactModel(ir, size_report=size_report)


def _derived(answers: dict[str, Any], ir: Model) -> set[str]:
    derived = set()
    if "predict_proba" in answers:
        derived.add("predict_log_proba")
    if "predict" in answers and not isinstance(ir.head, Outlier):
        derived.add("score")
    return derived


def _estimator_type(ir: Model) -> str | None:
    if ir.head.labels:
        return "classifier"
    if isinstance(ir.head, Numbers | WeightedMedian):
        return "regressor"
    return "outlier_detector" if isinstance(ir.head, Outlier) else None


def _r_squared(truth: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    truth, predicted = truth.reshape(len(truth), -1), predicted.reshape(len(truth), -1)
    errors = weight @ (truth - predicted) ** 2
    spread = weight @ (truth - np.average(truth, axis=0, weights=weight)) ** 2
    # A constant target: one where it is met, zero where not, as scikit-learn has it.
    constant = spread == 0
    ratio = errors / np.where(constant, 1.0, spread)
    return float(np.mean(np.where(constant, (errors == 0).astype(float), 1.0 - ratio)))
