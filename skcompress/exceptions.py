"""The errors that skcompress raises.

::

    SkcompressError
    ├── UnsupportedEstimatorError (TypeError)   a model, step or setting that cannot be lifted
    ├── InvalidModelError (ValueError)          arrays that do not describe a sound model
    │   └── SkcFormatError                      a damaged, hostile or too new file
    ├── SignatureError (ValueError)             a file whose signature is missing or wrong
    └── BudgetError (ValueError)                a tolerance or size that no setting meets

``sklearn.exceptions.NotFittedError`` and ``sklearn.utils._param_validation.InvalidParameterError``
(a ``ValueError``) are raised as scikit-learn itself raises them.
"""

from typing import Any

__all__ = [
    "BudgetError",
    "InvalidModelError",
    "SignatureError",
    "SkcFormatError",
    "SkcompressError",
    "UnsupportedEstimatorError",
]


class SkcompressError(Exception):
    """Base class of every error that is skcompress's own.

    Examples
    --------
    >>> import skcompress as skc
    >>> try:
    ...     skc.loads(b"not a model")
    ... except skc.SkcompressError as error:
    ...     print(type(error).__name__)
    SkcFormatError
    """


class UnsupportedEstimatorError(SkcompressError, TypeError):
    """A model, pipeline step or setting that skcompress cannot represent.

    The message names what was found and what is supported.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.dummy import DummyClassifier
    >>> try:
    ...     skc.compress(DummyClassifier().fit([[0], [1]], [0, 1]))
    ... except skc.UnsupportedEstimatorError as error:
    ...     print("DummyClassifier" in str(error))
    True
    """


class InvalidModelError(SkcompressError, ValueError):
    """Arrays that do not describe a sound model, such as an index out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from skcompress.exceptions import InvalidModelError
    >>> from skcompress.ir import LinearMap
    >>> try:
    ...     LinearMap(coef=np.ones((2, 3)), intercept=np.ones(5))
    ... except InvalidModelError as error:
    ...     print("intercept" in str(error))
    True
    """


class SkcFormatError(InvalidModelError):
    """A file that is damaged, hostile, or written by a newer version.

    Examples
    --------
    >>> import skcompress as skc
    >>> try:
    ...     skc.loads(b"PK")
    ... except skc.SkcFormatError:
    ...     print("refused")
    refused
    """


class SignatureError(SkcompressError, ValueError):
    """A file whose signature is missing, or does not match its bytes.

    Examples
    --------
    >>> from skcompress.exceptions import SignatureError
    >>> issubclass(SignatureError, ValueError)
    True
    """


class BudgetError(SkcompressError, ValueError):
    """A size or tolerance that no setting meets; the message names the closest point reached.

    Parameters
    ----------
    message : str
        What was asked, what was reached, and what to do.
    n_bytes : int or None
        Bytes of the closest file.
    loss : float or None
        What it loses of the score, where there were rows to tell.
    settings : dict or None
        What it was made with.
    model : CompactModel or None
        The closest model itself, where it was made of the model that was passed.

    Examples
    --------
    >>> import skcompress as skc
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> try:
    ...     skc.compress(tree, level="lossless", max_bytes=10, tolerance=0.0)
    ... except skc.BudgetError as error:
    ...     print(10 < error.n_bytes < 1000)
    True
    """

    def __init__(
        self,
        message: str,
        *,
        n_bytes: int | None = None,
        loss: float | None = None,
        settings: Any = None,
        model: Any = None,
    ) -> None:
        super().__init__(message)
        self.n_bytes = n_bytes
        self.loss = loss
        self.settings = settings
        self.model = model

    def __reduce__(self) -> tuple[Any, ...]:
        return _budget_error, (str(self), self.n_bytes, self.loss, self.settings, self.model)


def _budget_error(
    message: str, n_bytes: int | None, loss: float | None, settings: Any, model: Any
) -> BudgetError:
    return BudgetError(message, n_bytes=n_bytes, loss=loss, settings=settings, model=model)
