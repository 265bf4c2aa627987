"""`size_report`: how large a model is on disk and in memory, and where its bytes are."""

from __future__ import annotations

import io
from typing import Any

import joblib
from sklearn.pipeline import Pipeline

from ..format import dumps
from ..ir import SizePart, Sizes
from ..runtime import CompactModel
from ._meter import Meter
from ._walk import weigh_estimator, weigh_ir

__all__ = ["disk_bytes", "size_report"]


def size_report(model: Any, *, lzma: bool = True) -> Sizes:
    """Weigh a model: its bytes on disk and in memory, by part.

    Every buffer counts once, however many views and references lead to it. Trees, random
    generators and other compiled objects are weighed by the state that they give to pickle.

    Parameters
    ----------
    model : estimator or CompactModel
        Any scikit-learn estimator or pipeline, fitted or not. A fitted compressor is weighed by
        its ``model_``, also as the last step of a pipeline.
    lzma : bool, default=True
        Also measure the joblib dump with LZMA, which takes about a second for every two
        megabytes.

    Returns
    -------
    Sizes
        ``disk_bytes``, ``lzma_bytes``, ``memory_bytes`` and the table ``parts``. It prints as a
        table. On disk an estimator is an uncompressed joblib dump, a compact model its
        ``.skc`` file. In memory a compact model is its arrays.

    See Also
    --------
    size_scorer : The bytes on disk as a scorer.
    compress : Make a model smaller.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> X, y = load_iris(return_X_y=True)
    >>> sizes = skc.size_report(SVC().fit(X, y))
    >>> [part.name for part in sizes.parts if part.name.startswith("support")]
    ['support vectors', 'support indices']
    >>> sizes.disk_bytes > sizes.lzma_bytes
    True
    """
    before, compact = take_apart(model)
    meter = Meter()
    if compact is not None:
        weigh_ir(compact.ir, meter)
    if before is not None:
        weigh_estimator(before, meter)
    return _sizes(
        type(model if compact is None or before is not None else compact).__name__,
        disk_bytes(model),
        _compressed_bytes(before, compact) if lzma and before is not None else None,
        meter,
    )


def disk_bytes(model: Any) -> int:
    """The bytes that a model takes on disk."""
    before, compact = take_apart(model)
    return (0 if before is None else joblib_bytes(before)) + (
        0 if compact is None else len(dumps(compact))
    )


def take_apart(model: Any) -> tuple[Any, CompactModel | None]:
    """What joblib would write, and the compact model that would be a file beside it.

    Of a pipeline that a compressor ends the first is the steps before it; of a compact model or
    a fitted compressor there is no first, and of any other estimator no second.
    """
    if isinstance(model, CompactModel):
        return None, model
    if isinstance(getattr(model, "model_", None), CompactModel):
        return None, model.model_
    if isinstance(model, Pipeline) and model.steps:
        before, compact = take_apart(model.steps[-1][1])
        if compact is not None:
            steps = model.steps[:-1] + ([] if before is None else [("rest", before)])
            return (Pipeline(steps) if steps else None), compact
    return model, None


def joblib_bytes(model: Any, **settings: Any) -> int:
    """The length of a joblib dump, of which nothing is kept."""
    counter = _Counter()
    joblib.dump(model, counter, **settings)
    return counter.length


class _Counter(io.RawIOBase):
    """A file that counts what is written to it and forgets it."""

    length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        count = memoryview(data).nbytes
        self.length += count
        return count

    def tell(self) -> int:
        return self.length


def _compressed_bytes(before: Any, compact: CompactModel | None) -> int:
    return joblib_bytes(before, compress=("lzma", 6)) + (
        0 if compact is None else len(dumps(compact))
    )


def _sizes(name: str, disk: int, compressed: int | None, meter: Meter) -> Sizes:
    parts = [
        SizePart(name=part, memory_bytes=count, needed=needed)
        for (part, needed), count in meter.totals.items()
        if count
    ]
    return Sizes(
        model=name,
        disk_bytes=disk,
        lzma_bytes=compressed,
        memory_bytes=sum(part.memory_bytes for part in parts),
        parts=tuple(sorted(parts, key=lambda part: (-part.memory_bytes, part.name))),
    )
