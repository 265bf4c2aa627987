"""Scalers folded into the linear sums that follow them."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ..ir import DenseNetwork, KernelExpansion, LinearMap, Model, Node, Project, Rescale, Transform
from ..runtime._registry import compile_node
from ._base import SkipPass
from ._context import Context

__all__ = ["FoldScalers", "affine_of", "sums_of", "with_sums"]

_ROUNDING = np.finfo(np.float64).eps / 2
_ALLOWED = 1e-12


@dataclasses.dataclass(frozen=True)
class FoldScalers:
    """Fold what scales the input into the first layer, linear map or linear kernel after it.

    A scaler without clipping computes ``a * x + b`` per column, so
    ``(a * x + b) @ W + c`` is ``x @ (a * W) + (b @ W + c)``: the same sums without the scaler's
    arrays. A projection is folded as well where the result is smaller.

    It is done only if rounding moves no sum by more than ``1e-12 * (|c| + sum of |terms|)``. The
    terms are those of a row one unit of scale from the centre; where columns lie far from zero
    compared with their scale, ``b`` is large, the folded terms cancel, and the scaler stays. The
    terms of a projection are the products of both its sums and those of the layer. Plain float64
    parameters alone are folded: rounding the products to float32 would exceed the bound, and
    codes would have to be chosen anew. Rows of float32 are scaled in float64 afterwards, which
    scikit-learn rounds to float32 on the way.

    Nothing is folded into trees: scalers round float32 rows and float64 rows along different
    paths, so no threshold on the unscaled value sends every row of both kinds the right way.
    Nor into rbf, polynomial and sigmoid kernels: the distances and products that they are
    functions of would need one scale for all columns.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Model, context: Context) -> Model:
        """Fold the last transforms, one by one, as long as that is exact."""
        transforms, predictor = model.chain.transforms, model.chain.predictor
        if predictor is None or not _is_linear(predictor):
            raise SkipPass("the model does not start with linear sums of plain float64 numbers")
        while transforms:
            folded = _fold(transforms[-1], predictor)
            if folded is None:
                break
            transforms, predictor = transforms[:-1], folded
        if len(transforms) == len(model.chain.transforms):
            raise SkipPass("no scaler before the sums can be folded into them exactly")
        return model.replace(chain=model.chain.replace(transforms=transforms, predictor=predictor))


def _is_linear(predictor: Node) -> bool:
    """Whether a predictor begins with sums over the input that have plain float64 weights."""
    if isinstance(predictor, KernelExpansion):
        parts = [predictor.vectors, predictor.coef, predictor.intercept]
        return predictor.kernel == "linear" and all(map(_is_plain, parts))
    if isinstance(predictor, DenseNetwork):
        return _is_plain(predictor.layers[0].weights) and _is_plain(predictor.layers[0].bias)
    if isinstance(predictor, LinearMap):
        return _is_plain(predictor.coef) and _is_plain(predictor.intercept)
    return False


def _is_plain(array: object) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == np.float64


def _fold(transform: Transform, predictor: Node) -> Node | None:
    """The predictor that does a transform's work too; None where that is not exact, or larger."""
    if isinstance(transform, Rescale) and transform.clip is None:
        scale, shift = affine_of(transform)
        if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
            return None
        if isinstance(predictor, KernelExpansion):
            return _into_vectors(scale, shift, predictor)
        return _into_weights(scale, shift, predictor)
    if isinstance(transform, Project) and not isinstance(predictor, KernelExpansion):
        return _project_into_weights(transform, predictor)
    return None


def affine_of(rescale: Rescale) -> tuple[np.ndarray, np.ndarray]:
    """A scaler's factor and summand per column."""
    factor, summand = np.ones(rescale.n_features), np.zeros(rescale.n_features)
    with np.errstate(over="ignore", invalid="ignore"):
        if rescale.divide is not None:
            factor /= rescale.divide
        if rescale.multiply is not None:
            factor *= rescale.multiply
        if rescale.subtract is not None:
            summand -= rescale.subtract * factor
        if rescale.add is not None:
            summand += rescale.add
    return factor, summand


def sums_of(predictor: Node) -> tuple[np.ndarray, np.ndarray]:
    """The first sums of a predictor: weights, a column per sum, and what is added."""
    if isinstance(predictor, DenseNetwork):
        first = predictor.layers[0]
        return first.weights, first.bias  # type: ignore[return-value]  # plain, as was checked
    assert isinstance(predictor, LinearMap)
    return predictor.coef.T, predictor.intercept  # type: ignore[union-attr]


def with_sums(predictor: Node, weights: np.ndarray, bias: np.ndarray) -> Node | None:
    """A predictor with other first sums; None where a number is not finite."""
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        return None
    if isinstance(predictor, DenseNetwork):
        first, *rest = predictor.layers
        return predictor.replace(layers=(first.replace(weights=weights, bias=bias), *rest))
    assert isinstance(predictor, LinearMap)
    return predictor.replace(coef=weights.T, intercept=bias)


def _within_bound(n_terms: int, folded: np.ndarray, original: np.ndarray) -> bool:
    """Whether sums of `folded` magnitude, rounded, stay within what `original` ones allow."""
    # One rounding per addition, and four for the factor, the summand and the two products.
    return bool(((n_terms + 4) * _ROUNDING * folded <= _ALLOWED * original).all())


def _into_weights(scale: np.ndarray, shift: np.ndarray, predictor: Node) -> Node | None:
    weights, bias = sums_of(predictor)
    size = np.abs(weights)
    original = np.abs(bias) + size.sum(axis=0)
    # The shift counts twice: in the input, which is that far from zero, and in the new bias.
    folded = original + 2 * np.abs(shift) @ size
    if not _within_bound(len(scale), folded, original):
        return None
    with np.errstate(over="ignore"):
        return with_sums(predictor, scale[:, np.newaxis] * weights, bias + shift @ weights)


def _into_vectors(scale: np.ndarray, shift: np.ndarray, kernel: KernelExpansion) -> Node | None:
    vectors, coef = kernel.vectors, kernel.coef
    assert isinstance(vectors, np.ndarray)
    assert isinstance(coef, np.ndarray)
    size = compile_node(
        kernel.replace(
            vectors=np.abs(vectors), coef=np.abs(coef), intercept=np.abs(kernel.intercept)
        )
    )
    original, folded = size(np.stack([np.ones_like(shift), 1 + 2 * np.abs(shift)]))
    if not _within_bound(len(scale) + kernel.n_vectors, folded, original):
        return None
    with np.errstate(over="ignore"):
        scaled = vectors * scale
    if not np.isfinite(scaled).all():
        return None
    # Where the input is zero, the scaled input is the shift.
    return kernel.replace(vectors=scaled, intercept=compile_node(kernel)(shift[np.newaxis])[0])


def _project_into_weights(project: Project, predictor: Node) -> Node | None:
    components = project.components
    if not _is_plain(components):
        return None
    assert isinstance(components, np.ndarray)
    weights, bias = sums_of(predictor)
    n_components, n_features = components.shape
    if n_features * weights.shape[1] >= project.nbytes // 8 + weights.size:
        return None
    if (n_features + n_components + 4) * _ROUNDING > _ALLOWED:
        return None
    divided = weights if project.divide is None else weights / project.divide[:, np.newaxis]
    folded = components.T @ divided
    shift = np.zeros(n_components) if project.offset is None else -project.offset
    if project.mean is not None:
        shift = shift - components @ project.mean
    return with_sums(predictor, folded, bias + shift @ divided)
