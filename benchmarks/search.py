"""How much of the true front each strategy of CompressionSearchCV finds, for how many evaluations.

The true front is that of all candidates, measured on the same folds. Shares are of its area over
the logarithm of the bytes (the two-dimensional hypervolume), up to a quarter more bytes than the
largest candidate takes and a loss of 0.1 of accuracy or R².
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from models import CACHE, SPECS, split
from sklearn.exceptions import ConvergenceWarning
from tables import table

from skcompress import CompressionSearchCV
from skcompress.search._front import area

N_ROWS = 3000
WORTHLESS = 0.1
STRATEGIES = ("tree", "halving", "optuna")
SMALLER = {
    "letter-svc": {},
    "satimage-extratrees": {"n_estimators": 50, "n_jobs": 1},
    "adult-rf": {"n_estimators": 50, "n_jobs": 1},
    "adult-tree": {},
    "california-gbr": {"n_estimators": 100},
    "california-mlp": {},
    "sms-logreg": {},
}
"""Models, and what is changed so that an exhaustive search ends."""


def rows_of(name: str) -> tuple[Any, np.ndarray]:
    X, _, y, _ = split(SPECS[name].data)
    chosen = np.sort(np.random.default_rng(0).permutation(len(y))[:N_ROWS])
    X = [X[row] for row in chosen] if isinstance(X, list) else X[chosen]
    return X, y[chosen]


def search(name: str, strategy: str, n_jobs: int) -> CompressionSearchCV:
    """A search, remembered among the benchmark models."""
    path = Path(CACHE) / "searches" / f"{name}-{strategy}.joblib"
    if not path.exists():
        X, y = rows_of(name)
        model = SPECS[name].make().set_params(**SMALLER[name])
        found = CompressionSearchCV(
            model, strategy=strategy, cv=3, refit=False, n_jobs=n_jobs, random_state=0
        )
        start = time.perf_counter()
        found.fit(X, y)
        found.seconds = time.perf_counter() - start
        path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(found, path)
    return joblib.load(path)


def share(found: CompressionSearchCV, grid: CompressionSearchCV) -> float:
    """Share of the area of the true front."""
    most = 1.25 * float(grid.cv_results_["n_bytes"].max())
    least = grid.original_score_ - WORTHLESS
    areas = [
        area(
            np.asarray(one.cv_results_["n_bytes"], float),
            one.cv_results_["mean_test_score"],
            most,
            least,
        )
        for one in (found, grid)
    ]
    return areas[0] / areas[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SMALLER))
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    rows, shares = [], {strategy: [] for strategy in STRATEGIES}
    for name in arguments.names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            grid = search(name, "grid", arguments.n_jobs)
            row = [name, f"{grid.n_evaluations_:.0f}", str(len(grid.pareto_front_))]
            for strategy in STRATEGIES:
                found = search(name, strategy, arguments.n_jobs)
                shares[strategy].append(share(found, grid))
                cost = found.n_evaluations_ / grid.n_evaluations_
                row.append(f"{shares[strategy][-1]:.1%} ({cost:.0%})")
        rows.append(row)
        print(" | ".join(row), flush=True)
    rows.append(["mean", "", "", *(f"{np.mean(shares[s]):.1%}" for s in STRATEGIES)])
    header = ["model", "settings", "on the front", *STRATEGIES]
    print("\n".join(table(header, rows)))


if __name__ == "__main__":
    main()
