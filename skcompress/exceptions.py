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

    Examples
    --------
    >>> from skcompress.exceptions import BudgetError
    >>> issubclass(BudgetError, ValueError)
    True
    """
