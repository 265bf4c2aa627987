"""The models that the benchmarks compress, fitted on real data sets.

Rows come from ``$SKCOMPRESS_DATA/NAME.npz`` (arrays X and y and, where the set has an official
split, n_train), or from OpenML where that variable is unset. Validation rows are held out before
fitting: every setting is chosen on them, and the test rows are scored once.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc

CACHE = Path(os.environ.get("SKCOMPRESS_BENCH_CACHE", "build/benchmark-models"))


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Where a data set is to be had.

    Attributes
    ----------
    openml : str
        Its name on OpenML.
    n_train : int or None
        Rows of the official training part, which come first; None: 30 % are drawn for testing.
    classes : bool
        The target holds classes, so a drawn split keeps their shares.
    """

    openml: str
    n_train: int | None = None
    classes: bool = True


DATA = {
    "adult": DataSet("adult", 32_561),
    "california_housing": DataSet("california_housing", classes=False),
    "letter": DataSet("letter", 16_000),
    "mnist": DataSet("mnist_784", 60_000),
    "satimage": DataSet("satimage", 4_435),
    "sms_spam": DataSet("sms_spam"),
    "wine_quality": DataSet("wine_quality", classes=False),
}


@dataclasses.dataclass(frozen=True)
class Spec:
    """One benchmark model: its data set, how to make it, and the most rows it is fitted on."""

    data: str
    make: Callable[[], Any]
    max_rows: int | None = None


SPECS = {
    "letter-rf": Spec("letter", lambda: RandomForestClassifier(100, n_jobs=2, random_state=0)),
    "california-rf": Spec(
        "california_housing", lambda: RandomForestRegressor(100, n_jobs=2, random_state=0)
    ),
    "adult-rf": Spec("adult", lambda: RandomForestClassifier(100, n_jobs=2, random_state=0)),
    "satimage-extratrees": Spec(
        "satimage", lambda: ExtraTreesClassifier(100, n_jobs=2, random_state=0)
    ),
    "california-gbr": Spec(
        "california_housing",
        lambda: GradientBoostingRegressor(n_estimators=300, max_depth=4, random_state=0),
    ),
    "adult-hgb": Spec(
        "adult", lambda: HistGradientBoostingClassifier(max_iter=200, random_state=0)
    ),
    "adult-tree": Spec("adult", lambda: DecisionTreeClassifier(random_state=0)),
    "letter-svc": Spec("letter", lambda: make_pipeline(StandardScaler(), SVC(C=10))),
    "mnist-svc": Spec("mnist", lambda: SVC(C=10, gamma="scale"), 10_000),
    "california-svr": Spec(
        "california_housing", lambda: make_pipeline(StandardScaler(), SVR(C=10)), 8_000
    ),
    "satimage-svc": Spec("satimage", lambda: make_pipeline(StandardScaler(), SVC(C=10))),
    "mnist-mlp": Spec(
        "mnist",
        lambda: make_pipeline(
            MinMaxScaler(),
            MLPClassifier(hidden_layer_sizes=(300, 100), max_iter=20, random_state=0),
        ),
    ),
    "california-mlp": Spec(
        "california_housing",
        lambda: make_pipeline(
            StandardScaler(),
            MLPRegressor(hidden_layer_sizes=(64, 32), early_stopping=True, random_state=0),
        ),
    ),
    "letter-mlp": Spec(
        "letter",
        lambda: make_pipeline(
            StandardScaler(),
            MLPClassifier(hidden_layer_sizes=(128, 64), max_iter=60, random_state=0),
        ),
    ),
    "sms-logreg": Spec(
        "sms_spam",
        lambda: make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10)),
    ),
    "wine-knn": Spec("wine_quality", lambda: KNeighborsClassifier(5)),
}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fitted model and its rows."""

    name: str
    model: Any
    X_train: Any
    y_train: np.ndarray
    X_val: Any
    y_val: np.ndarray
    X_test: Any
    y_test: np.ndarray
    fit_seconds: float


def models(names: list[str] | None = None) -> Iterator[Fitted]:
    """The named benchmark models, or all of them, fitted once and cached."""
    for name in names or SPECS:
        path = CACHE / f"{name}.joblib"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            joblib.dump(fit(name, SPECS[name]), path)
        yield joblib.load(path)


def compressed(fitted: Fitted, level: str, **settings: Any) -> tuple[skc.CompactModel, float]:
    """The model at a level, chosen on validation rows, and the seconds that it took."""
    start = time.perf_counter()
    small = skc.compress(
        fitted.model,
        fitted.X_train,
        fitted.y_train,
        X_val=fitted.X_val,
        y_val=fitted.y_val,
        level=level,
        random_state=0,
        **settings,
    )
    return small, time.perf_counter() - start


def fit(name: str, spec: Spec) -> Fitted:
    """Split the data, hold out validation rows and fit."""
    X, X_test, y, y_test = split(spec.data)
    if spec.max_rows is not None and len(y) > spec.max_rows:
        rows = np.random.default_rng(0).permutation(len(y))[: spec.max_rows]
        X, y = X[rows], y[rows]
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.15, random_state=1)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 20 epochs are meant to be few
        model = spec.make().fit(X, y)
    return Fitted(name, model, X, y, X_val, y_val, X_test, y_test, time.perf_counter() - start)


def split(name: str) -> list[Any]:
    """Training rows, test rows, training targets, test targets."""
    spec = DATA[name]
    folder = os.environ.get("SKCOMPRESS_DATA")
    X, y, n_train = _from_folder(Path(folder), name) if folder else _from_openml(spec)
    if n_train is not None:
        return [X[:n_train], X[n_train:], y[:n_train], y[n_train:]]
    return train_test_split(
        X, y, test_size=0.3, random_state=0, stratify=y if spec.classes else None
    )


def _from_folder(folder: Path, name: str) -> tuple[Any, np.ndarray, int | None]:
    texts = folder / f"{name}.jsonl"
    if texts.exists():
        rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
        return [row["text"] for row in rows], np.array([row["label"] for row in rows]), None
    with np.load(folder / f"{name}.npz") as arrays:
        n_train = int(arrays["n_train"]) if "n_train" in arrays.files else None
        return np.ascontiguousarray(arrays["X"], np.float64), arrays["y"], n_train


def _from_openml(spec: DataSet) -> tuple[Any, np.ndarray, int | None]:
    bunch = fetch_openml(spec.openml, as_frame=True, parser="auto")
    y = bunch.target
    y = LabelEncoder().fit_transform(y) if spec.classes else y.to_numpy(float)
    frame = bunch.data
    texts = [name for name in frame if frame[name].dtype == object]
    if len(frame.columns) == 1 and texts:
        return frame[texts[0]].tolist(), y, spec.n_train
    labels = frame.select_dtypes(exclude="number").columns
    if len(labels):
        frame = frame.copy()
        frame[labels] = OrdinalEncoder().fit_transform(frame[labels].astype(str))
    return np.ascontiguousarray(frame.to_numpy(np.float64)), y, spec.n_train
