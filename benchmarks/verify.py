"""How often `verify` calls a model "not worse" that is worse by exactly the tolerance.

Accuracy, by enumeration of all outcomes: the compact model is better on a share of the rows, and
worse on as many and the tolerance more. R², by simulation, 1000 times each, which tells 5 % to
0.7 points: noise is added to what the original predicts, or answers are replaced, on all rows or
on few, for targets of several distributions. At 95 % confidence at most 5 % of such models may
pass. After the stroke, how often a model passes that is worse as often as better; for R², that
loses a twentieth of the tolerance.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import binom
from tables import table

from skcompress import verify
from skcompress.reports._paired import tango_bound

SIZES = (200, 700, 1000, 3000)
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


@dataclasses.dataclass(frozen=True)
class Target:
    """What is predicted: how it is drawn, its mean and its variance."""

    draw: Callable[[np.random.Generator, int], np.ndarray]
    mean: float = 0.0
    variance: float = 1.0


def seldom(generator: np.random.Generator, n: int) -> np.ndarray:
    """Nothing in seven rows of ten."""
    return np.where(generator.random(n) < 0.3, generator.exponential(size=n), 0.0)


NORMAL = Target(lambda generator, n: generator.normal(size=n))
HEAVY = Target(lambda generator, n: generator.standard_t(5, size=n), variance=5 / 3)
SKEWED = Target(
    lambda generator, n: np.exp(0.8 * generator.normal(size=n)),
    mean=math.exp(0.32),
    variance=(math.exp(0.64) - 1) * math.exp(0.64),
)
MOSTLY_ZERO = Target(seldom, mean=0.3, variance=0.51)
YES_OR_NO = Target(lambda generator, n: 1.0 * (generator.random(n) < 0.1), 0.1, 0.09)

Change = Callable[[np.random.Generator, np.ndarray, np.ndarray, float, Target], np.ndarray]


def added(noise: Callable[[np.random.Generator, int], np.ndarray]) -> Change:
    """Answers with noise of variance one times what is to be lost."""

    def change(generator, truth, first, loss, target):
        scale = math.sqrt(loss * target.variance)
        return first + scale * noise(generator, truth.size)

    return change


def rare(share: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda generator, n: (
        generator.normal(size=n) * (generator.random(n) < share) / math.sqrt(share)
    )


def spreading(generator, truth, first, loss, target):
    """Noise that grows with the distance from the mean."""
    return first + math.sqrt(loss) * (truth - target.mean) * generator.normal(size=truth.size)


def flattened(generator, truth, first, loss, target):
    """All answers nearer to the mean: a share a of the way costs a²(1 + NOISE²) - 2a NOISE²."""
    square = NOISE**2
    share = (square + math.sqrt(square**2 + (1 + square) * loss)) / (1 + square)
    return target.mean + (1 - share) * (first - target.mean)


def averaged(generator, truth, first, loss, target):
    """Some rows are answered by the mean, which costs 1 - NOISE² each."""
    chosen = generator.random(truth.size) < loss / (1 - NOISE**2)
    return np.where(chosen, target.mean, first)


def mistaken(generator, truth, first, loss, target):
    """Some rows get the answer for another row, which costs 2 each."""
    chosen = generator.random(truth.size) < loss / 2
    other = target.draw(generator, truth.size)
    other = other + NOISE * math.sqrt(target.variance) * generator.normal(size=truth.size)
    return np.where(chosen, other, first)


def both(generator, truth, first, loss, target):
    """Half of the loss is noise on all rows, the other half is with some answered by the mean."""
    second = averaged(generator, truth, first, loss / 2, target)
    return second + math.sqrt(target.variance * loss / 2) * generator.normal(size=truth.size)


CASES: dict[str, tuple[Target, Change]] = {
    "noise on all rows": (NORMAL, added(lambda generator, n: generator.normal(size=n))),
    "noise with heavy tails": (
        NORMAL,
        added(lambda generator, n: generator.standard_t(3, size=n) / math.sqrt(3)),
    ),
    "noise on a tenth of the rows": (NORMAL, added(rare(0.1))),
    "noise on a hundredth": (NORMAL, added(rare(0.01))),
    "noise that grows with the target": (NORMAL, spreading),
    "pulled towards the mean": (NORMAL, flattened),
    "some answered by the mean": (NORMAL, averaged),
    "heavy-tailed target, growing noise": (HEAVY, spreading),
    "heavy-tailed target, some by the mean": (HEAVY, averaged),
    "skewed target, noise": (SKEWED, added(lambda generator, n: generator.normal(size=n))),
    "skewed target, growing noise": (SKEWED, spreading),
    "skewed target, pulled to the mean": (SKEWED, flattened),
    "few answered as others": (NORMAL, mistaken),
    "skewed target, few by the mean": (SKEWED, averaged),
    "skewed target, few as others": (SKEWED, mistaken),
    "skewed target, noise and few by the mean": (SKEWED, both),
    "target mostly zero, few by the mean": (MOSTLY_ZERO, averaged),
    "target mostly zero, few as others": (MOSTLY_ZERO, mistaken),
    "target zero or one, few by the mean": (YES_OR_NO, averaged),
    "target zero or one, few as others": (YES_OR_NO, mistaken),
}
ACCURACY = {f"accuracy, {gained:.1%} of rows better": gained for gained in (0.0, 0.005, 0.03)}


def numbers(
    generator: np.random.Generator, n_rows: int, case: str, loss: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    target, change = CASES[case]
    truth = target.draw(generator, n_rows)
    first = truth + NOISE * math.sqrt(target.variance) * generator.normal(size=n_rows)
    return truth, first, change(generator, truth, first, loss, target)


def passes(case: str, n_rows: int, tolerance: float, trials: int, *, worse: bool) -> float:
    """How often the model is called not worse."""
    if case in ACCURACY:
        gained = ACCURACY[case]
        return exactly(n_rows, gained + tolerance * worse, gained, tolerance)
    seeds = [n_rows, int(1000 * tolerance), int(worse), list(CASES).index(case)]
    generator = np.random.default_rng(seeds)
    models = Known(0, "regressor"), Known(1, "regressor")
    count = 0
    for trial in range(trials):
        loss = tolerance if worse else 0.05 * tolerance
        truth, *answers = numbers(generator, n_rows, case, loss)
        settings = {"tolerance": tolerance, "n_resamples": 499, "random_state": trial}
        count += verify(*models, np.column_stack(answers), truth, **settings).not_worse
    return count / trials


def line(case: str, tolerance: float, trials: int) -> list[str]:
    cells = []
    for n_rows in SIZES:
        false = passes(case, n_rows, tolerance, trials, worse=True)
        power = passes(case, n_rows, tolerance, max(trials // 10, 1), worse=False)
        cells.append(f"{false:.1%} / {power:.0%}")
    return [case if case in ACCURACY else f"R², {case}", *cells]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    rows = Parallel(n_jobs=arguments.n_jobs)(
        delayed(line)(case, arguments.tolerance, arguments.trials) for case in (*ACCURACY, *CASES)
    )
    print("\n".join(table(["kind", *(f"{n_rows:,} rows" for n_rows in SIZES)], rows)))


if __name__ == "__main__":
    main()
