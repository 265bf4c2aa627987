"""Class labels into the IR."""

from __future__ import annotations

import numpy as np

from ..exceptions import UnsupportedEstimatorError
from ..ir import Labels

__all__ = ["labels_of"]


def labels_of(classes: np.ndarray) -> Labels:
    """The labels of one target, from scikit-learn's ``classes_``.

    Raises
    ------
    UnsupportedEstimatorError
        If they are objects other than text, booleans or numbers of one kind.
    """
    classes = np.asarray(classes)
    if classes.dtype.kind in "biufU":
        return Labels(values=classes)
    values = np.array(classes.tolist())
    # A text that ends in a null character would come back without it.
    if values.dtype.kind not in "biufU" or values.astype(object).tolist() != classes.tolist():
        raise UnsupportedEstimatorError(
            "Class labels must be text, booleans or numbers, all of one kind; got "
            f"{classes[:5].tolist()}."
        )
    return Labels(values=values, as_object=True)
