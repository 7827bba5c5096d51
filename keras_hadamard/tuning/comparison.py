"""By how much one configuration beats another, and whether that is more than noise."""

import math
from dataclasses import dataclass

import numpy as np

from keras_hadamard.tuning.finalists import Finalist


@dataclass(frozen=True)
class Comparison:
    """The difference of two mean test accuracies.

    `spread` is the standard deviation of a difference between two single trainings. `margin` is
    half of a 95 % interval of the mean difference, and `p` the two-sided probability of a
    difference as large if there were none; None where a configuration was trained once.
    """

    difference: float
    spread: float | None
    margin: float | None
    p: float | None

    @property
    def certain(self) -> bool:
        return self.margin is not None and abs(self.difference) > self.margin


def compare(first: Finalist, second: Finalist) -> Comparison:
    """Compares two finalists on the test split.

    Two things could have come out otherwise, and both are in the margin: the seeds, and which
    examples the test split happens to have. The latter is taken example by example, as both models
    saw the same ones.
    """
    a, b = first.tests, second.tests
    difference = float(np.mean(a) - np.mean(b))
    if len(a) < 2 or len(b) < 2:
        return Comparison(difference, None, None, None)
    variances = np.var(a, ddof=1), np.var(b, ddof=1)
    by_example = _accuracy_by_example(first) - _accuracy_by_example(second)
    seeds = variances[0] / len(a) + variances[1] / len(b)
    examples = np.var(by_example) / len(by_example)
    error, freedom = math.sqrt(seeds + examples), len(a) + len(b) - 2
    margin, p = _student(freedom, error, difference)
    return Comparison(difference, math.sqrt(sum(variances)), margin, p)


def _accuracy_by_example(finalist: Finalist) -> np.ndarray:
    rows = [f.correct_by_example.astype(float) for f in finalist.finals]
    return np.asarray(np.mean(rows, axis=0))


def _student(freedom: int, error: float, difference: float) -> tuple[float, float]:
    """Half of the 95 % interval, and the probability of a difference as large by chance."""
    from scipy.special import stdtr, stdtrit  # heavy, and needed at the end only

    if error == 0:
        return 0.0, 0.0 if difference else 1.0
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return error * float(stdtrit(freedom, 0.975)), p
