"""How often `verify` calls a model "not worse" that is worse by exactly the tolerance.

Accuracy, by enumeration of all outcomes: the compact model is better on a share of the rows, and
worse on as many and the tolerance more. R², by simulation: it adds noise to what the original
predicts, to all rows, with heavy tails, or to a tenth of the rows; or it answers rows with the
mean. At 95 % confidence at most 5 % of such models may pass. After the stroke, how often a model
passes that is worse as often as better; for R², that loses a twentieth of the tolerance.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from scipy.stats import binom
from tables import table

from skcompress import verify
from skcompress.reports._paired import tango_bound

SIZES = (200, 500, 1000, 3000)
NOISE = 0.45


class Known:
    """A model whose answers are the column of X that it is."""

    def __init__(self, column: int, kind: str) -> None:
        self.column, self._estimator_type = column, kind

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, self.column]

    def __sklearn_tags__(self) -> object:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=self._estimator_type, target_tags=TargetTags(required=False))


def exactly(n_rows: int, lost: float, gained: float, tolerance: float) -> float:
    """The probability that the bound for accuracy is above the tolerance, by enumeration."""
    losses = np.arange(int(n_rows * lost + 8 * math.sqrt(n_rows * lost) + 12))
    gains = np.arange(int(n_rows * gained + 8 * math.sqrt(n_rows * gained) + 12))
    total = 0.0
    for count, share in zip(losses, binom.pmf(losses, n_rows, lost), strict=True):
        # The more gains, the higher the bound: the first that passes is found by bisection.
        low, high = -1, gains.size
        while high - low > 1:
            middle = (low + high) // 2
            passed = tango_bound(count, int(gains[middle]), n_rows, 0.95) > -tolerance
            low, high = (low, middle) if passed else (middle, high)
        total += share * binom.sf(high - 1, n_rows - count, gained / (1 - lost))
    return float(total)


NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "noise on all rows": lambda generator, n: generator.normal(size=n),
    "heavy tails": lambda generator, n: generator.standard_t(3, size=n) / math.sqrt(3),
    "a tenth of the rows": lambda generator, n: (
        generator.normal(size=n) * (generator.random(n) < 0.1) / math.sqrt(0.1)
    ),
}


def numbers(
    generator: np.random.Generator, n_rows: int, kind: str, loss: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = generator.normal(size=n_rows)
    first = truth + NOISE * generator.normal(size=n_rows)
    if kind in NOISES:
        second = first + math.sqrt(loss) * NOISES[kind](generator, n_rows)
    else:
        second = np.where(generator.random(n_rows) < loss / (1 - NOISE**2), 0.0, first)
    return truth, first, second


def passes(kind: str, n_rows: int, tolerance: float, trials: int, *, worse: bool) -> float:
    """How often the model is called not worse."""
    if kind.startswith("accuracy"):
        gained = float(kind.partition(" ")[2])
        return exactly(n_rows, gained + tolerance * worse, gained, tolerance)
    generator = np.random.default_rng([n_rows, int(1000 * tolerance), int(worse), len(kind)])
    count = 0
    for _ in range(trials):
        loss = tolerance if worse else 0.05 * tolerance
        truth, *answers = numbers(generator, n_rows, kind, loss)
        models = Known(0, "regressor"), Known(1, "regressor")
        X = np.column_stack(answers)
        report = verify(*models, X, truth, tolerance=tolerance, n_resamples=400)
        count += report.not_worse
    return count / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=250)
    parser.add_argument("--tolerance", type=float, default=0.01)
    arguments = parser.parse_args()
    kinds = [
        "accuracy 0.0",
        "accuracy 0.005",
        "accuracy 0.03",
        *NOISES,
        "some answered by the mean",
    ]
    rows = []
    for kind in kinds:
        name = (
            f"accuracy, {float(kind[9:]):.1%} of rows better"
            if kind[0:3] == "acc"
            else f"R², {kind}"
        )
        cells = [
            " / ".join(
                f"{passes(kind, n_rows, arguments.tolerance, arguments.trials, worse=worse):.1%}"
                for worse in (True, False)
            )
            for n_rows in SIZES
        ]
        rows.append([name, *cells])
        print(" | ".join(rows[-1]), flush=True)
    print("\n".join(table(["kind", *(f"{n_rows:,} rows" for n_rows in SIZES)], rows)))


if __name__ == "__main__":
    main()
