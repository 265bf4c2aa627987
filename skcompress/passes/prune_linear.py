"""Weights of linear models, and terms of texts, that hardly matter."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array

from ..ir import LinearMap, Model, TextVectorize, decode
from ..runtime import CompactModel
from ..runtime._rows import CsrRows
from ._base import SkipPass
from ._context import Context

__all__ = ["DropTerms", "PruneLinear", "RefitLinear"]

_STEPS = 15
_RIDGE = 0.1


@dataclasses.dataclass(frozen=True)
class PruneLinear:
    """Set the weights of a linear model to zero that move its outputs least.

    A weight counts by its size times the root mean square of its column at the refit rows
    (without such rows, by its size); what those that go contribute on average joins the
    intercepts. Weights that are zero stay zero.

    Parameters
    ----------
    sparsity : float
        Share of all weights that is zero afterwards, those that are zero before included.
    """

    sparsity: float
    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Prune the weights."""
        linear = model.predictor
        if not isinstance(linear, LinearMap):
            raise SkipPass("the model is not linear")
        coef = decode(linear.coef)
        mean, power = _moments(model, context)
        counts = np.abs(coef) * np.sqrt(power)
        n_gone = min(round(self.sparsity * coef.size), coef.size)
        if n_gone <= np.count_nonzero(coef == 0):
            return model
        flat = np.zeros(coef.size, bool)
        # A weight of a column that is always zero goes before one that counts, but after a zero.
        order = np.lexsort((np.abs(coef).ravel(), counts.ravel()))
        flat[order[:n_gone]] = True
        gone = flat.reshape(coef.shape)
        moved = np.where(gone, coef, 0) @ mean
        pruned = np.where(gone, coef.dtype.type(0), coef)
        intercept = (linear.intercept + moved).astype(linear.intercept.dtype)
        return model.with_predictor(linear.replace(coef=pruned, intercept=intercept))


@dataclasses.dataclass(frozen=True)
class DropTerms:
    """Forget the terms of a text vectorizer that have no weight in the linear model after it.

    The others then make up the norm that rows are divided by, so this is exact only where there
    is none.

    Parameters
    ----------
    only_exact : bool
        Do it only there.
    """

    only_exact: bool = False

    @property
    def exact(self) -> bool:
        """Whether predictions stay as they are."""
        return self.only_exact

    def apply(self, model: Model, context: Context) -> Model:
        """Drop terms."""
        linear, transforms = model.predictor, model.chain.transforms
        if not isinstance(linear, LinearMap) or not transforms:
            raise SkipPass("no linear model of a text")
        text = transforms[-1]
        if not isinstance(text, TextVectorize) or (self.only_exact and text.norm is not None):
            raise SkipPass("no terms that could go")
        coef = decode(linear.coef)
        stays = np.asarray(coef.any(axis=0))
        stays[0] |= not stays.any()
        if stays.all():
            return model
        idf = None if text.idf is None else text.idf[stays]
        fewer = text.replace(terms=text.terms[stays], idf=idf)
        chain = model.chain.replace(
            transforms=(*transforms[:-1], fewer),
            predictor=linear.replace(coef=np.ascontiguousarray(coef[:, stays])),
        )
        return model.replace(chain=chain)


@dataclasses.dataclass(frozen=True)
class RefitLinear:
    """Move the weights that are left, and the intercepts, towards the original's outputs.

    A few steps of conjugate gradients on the squared distance at the refit rows, with the change
    shrunk; weights that are zero stay zero.
    """

    exact: ClassVar[bool] = False

    def apply(self, model: Model, context: Context) -> Model:
        """Refit the weights."""
        linear = model.predictor
        if not isinstance(linear, LinearMap):
            raise SkipPass("the model is not linear")
        if context.refit is None:
            return model
        rows = context.inputs(model, context.refit)
        wanted = np.asarray(CompactModel(context.original).raw(context.refit.X), np.float64)
        matrix: Any = (
            csr_array((rows.data, rows.indices, rows.indptr), shape=rows.shape)
            if isinstance(rows, CsrRows)
            else np.asarray(rows, np.float64)
        )
        coef = decode(linear.coef).astype(np.float64)
        gap = wanted.reshape(len(wanted), -1) - linear.intercept - matrix @ coef.T
        moved = _conjugate_gradients(matrix, gap - gap.mean(axis=0), coef.T != 0)
        intercept = linear.intercept + (gap - matrix @ moved).mean(axis=0)
        dtype = linear.intercept.dtype
        small = linear.replace(coef=coef + moved.T, intercept=intercept.astype(dtype))
        return model.with_predictor(small)


def _conjugate_gradients(matrix: Any, wanted: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Weights of shape (n_features, n_outputs), zero where they do not stay."""
    n_rows = matrix.shape[0]
    power = np.asarray((matrix * matrix).sum(axis=0)).ravel() / n_rows
    ridge = _RIDGE * float(power.mean())
    found = np.zeros(stays.shape)
    residual = np.where(stays, matrix.T @ wanted / n_rows, 0.0)
    along, size = residual, np.square(residual).sum(axis=0)
    for _ in range(_STEPS):
        image = np.where(stays, matrix.T @ (matrix @ along) / n_rows + ridge * along, 0.0)
        curve = (along * image).sum(axis=0)
        step = np.divide(size, curve, out=np.zeros_like(size), where=curve > 0)
        found = found + step * along
        residual = residual - step * image
        before, size = size, np.square(residual).sum(axis=0)
        share = np.divide(size, before, out=np.zeros_like(size), where=before > 0)
        along = residual + share * along
    return found


def _moments(model: Model, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of each column at the refit rows."""
    assert isinstance(model.predictor, LinearMap)
    n_features = model.predictor.n_features
    if context.refit is None:
        return np.zeros(n_features), np.ones(n_features)
    rows = context.inputs(model, context.refit)
    if isinstance(rows, CsrRows):
        data = rows.data.astype(np.float64)
        mean = np.bincount(rows.indices, data, n_features) / rows.shape[0]
        return mean, np.bincount(rows.indices, data * data, n_features) / rows.shape[0]
    dense = np.asarray(rows, np.float64)
    return dense.mean(axis=0), np.square(dense).mean(axis=0)
