"""Rows, targets, models and keys from files."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import InvalidModelError, SkcFormatError

if TYPE_CHECKING:
    from ..runtime import CompactModel

__all__ = ["UsageError", "read_key", "read_model", "read_rows", "read_target", "write_answers"]


_CHECKED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
"""What skops does not trust by itself, though it holds no code: trees are checked when they are
lifted, and nothing that an optimizer holds is used."""


class UsageError(Exception):
    """Something that the user can put right; the message says how."""


def read_rows(
    path: str, names: tuple[str, ...] | None, *, text: bool, target: str | None = None
) -> tuple[Any, np.ndarray | None]:
    """Rows from a CSV or npy file, and a column of the CSV as the target.

    Parameters
    ----------
    path : str
        The file.
    names : tuple of str, or None
        Columns that the model was trained on; of a CSV with a header these are taken.
    text : bool
        Rows are texts: lines, or a CSV of one column.
    target : str or None
        Name of the column of the CSV that holds the target.
    """
    if path.endswith(".npy"):
        if target is not None:
            raise UsageError("--target-column needs a CSV file; give --target for npy files.")
        return _read_npy(path), None
    with _open(path) as file:
        table = [row for row in csv.reader(file) if row]
    if not table:
        raise UsageError(f"{path} is empty.")
    header = None if text and target is None else _header(table[0])
    if header is None and target is not None:
        raise UsageError(f"{path} has no header, so that it has no column {target!r}.")
    rows = table if header is None else table[1:]
    y = None
    if target is not None:
        assert header is not None
        if target not in header:
            raise UsageError(f"{path} has no column {target!r}; it has {', '.join(header)}.")
        place = header.index(target)
        y = _labels([row[place] for row in rows])
        header = header[:place] + header[place + 1 :]
        rows = [row[:place] + row[place + 1 :] for row in rows]
    if text:
        if any(len(row) != 1 for row in rows):
            raise UsageError(
                f"{path} must hold one text in each row; quote texts that hold commas or quotes."
            )
        return [row[0] for row in rows], y
    if header is not None and names is not None:
        missing = [name for name in names if name not in header]
        if missing:
            raise UsageError(f"{path} lacks columns of the model: {', '.join(missing[:5])}.")
        places = [header.index(name) for name in names]
        rows = [[row[place] for place in places] for row in rows]
    try:
        return np.array([[float(cell or "nan") for cell in row] for row in rows]), y
    except ValueError as error:
        raise UsageError(f"{path} must hold numbers in rows of one length: {error}.") from None


def read_target(path: str, n_rows: int) -> np.ndarray:
    """Targets of so many rows from a npy file, or from a CSV file of one column."""
    if path.endswith(".npy"):
        target = _read_npy(path)
    else:
        with _open(path) as file:
            cells = [row[0] for row in csv.reader(file) if row]
        target = _labels(cells[1:] if len(cells) == n_rows + 1 else cells)
    if len(target) != n_rows:
        raise UsageError(f"{path} holds {len(target)} targets for {n_rows} rows.")
    return target


def write_answers(path: str | None, answers: np.ndarray, header: list[str]) -> None:
    """Answers as CSV, to a file or to standard output."""
    rows = answers.reshape(len(answers), -1).tolist()
    if path is None:
        _write(sys.stdout, rows, header)
        return
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        _write(file, rows, header)


def _write(file: Any, rows: list[Any], header: list[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def read_model(path: str, *, trusted_pickle: bool, trusted_keys: Any = None) -> Any:
    """A model from a ``.skc``, ``.skops``, ``.joblib`` or ``.pkl`` file."""
    if not Path(path).is_file():
        raise UsageError(f"There is no file {path}.")
    suffix = Path(path).suffix
    if suffix in (".joblib", ".pkl", ".pickle"):
        if not trusted_pickle:
            raise UsageError(
                f"{path} is a pickle, which can run any code when it is read. Give "
                "--trusted-pickle if you trust whoever made it, or save it with skops."
            )
        import joblib

        return joblib.load(path)
    if suffix == ".skops":
        return _read_skops(path)
    return read_compact(path, trusted_keys)


def read_compact(path: str, trusted_keys: Any = None) -> CompactModel:
    """A compact model."""
    from ..format import load

    if not Path(path).is_file():
        raise UsageError(f"There is no file {path}.")
    try:
        return load(path, trusted_keys=trusted_keys)
    except SkcFormatError as error:
        raise SkcFormatError(f"{path}: {error}") from None


def _read_skops(path: str) -> Any:
    from ..families import lift

    try:
        from skops import io
    except ImportError:
        raise UsageError("skops files need skops; install it with: pip install skops") from None
    others = sorted(set(io.get_untrusted_types(file=path)) - set(_CHECKED))
    if others:
        raise UsageError(
            f"{path} holds types that skops does not trust: {', '.join(others)}. If you trust "
            "whoever made it, save it with joblib and give --trusted-pickle."
        )
    model = io.load(path, trusted=list(_CHECKED))
    # Forged indices would make scikit-learn read beyond its arrays; lifting finds them.
    try:
        lift(model)
    except (InvalidModelError, IndexError) as error:
        raise UsageError(f"{path} does not hold a sound model: {error}") from None
    return model


def read_key(path: str, *, private: bool) -> Any:
    """A key, whatever kind it is."""
    from ..format._keys import Ed25519PrivateKey, Ed25519PublicKey, HmacKey

    kinds: tuple[Any, ...] = (
        (Ed25519PrivateKey, HmacKey) if private else (Ed25519PublicKey, HmacKey)
    )
    reasons = []
    for kind in kinds:
        try:
            return kind.from_file(path)
        except ValueError as error:
            reasons.append(str(error))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    raise UsageError(f"{path}: {reasons[0]}")


def _read_npy(path: str) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _open(path: str) -> Any:
    try:
        return Path(path).open(encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None


def _header(row: list[str]) -> list[str] | None:
    """The first row, if something in it is no number."""
    try:
        for cell in row:
            float(cell or "nan")
    except ValueError:
        return row
    return None


def _labels(cells: list[str]) -> np.ndarray:
    """Integers if all are, else floats if all are, else texts."""
    for kind in (int, float):
        try:
            return np.array([kind(cell) for cell in cells])
        except ValueError:
            continue
    return np.array(cells)
