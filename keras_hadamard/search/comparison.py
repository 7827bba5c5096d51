"""By how much one configuration beats another, and whether that is more than noise."""

import math
from dataclasses import dataclass

import numpy as np

from keras_hadamard.search.finalists import Finalist
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.records import Records

# Blocks of test examples that are left out in turn, by which a metric's own uncertainty is known.
BLOCKS = 50


@dataclass(frozen=True)
class Comparison:
    """The difference of two mean test scores, larger is better whatever the objective.

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


def compare(first: tuple[Finalist, Records], second: tuple[Finalist, Records]) -> Comparison:
    """Compares two finalists, each of a run's records, on the same test split.

    Two things could have come out otherwise, and both are in the margin: the seeds, and which
    examples the test split happens to have. The latter is a jackknife: blocks of examples are left
    out, the same for both, as both models saw the same ones. The degrees of freedom are Welch's, by
    Satterthwaite over the three variances.
    """
    objective = OBJECTIVES[first[0].trial.objective]
    a, b = ([objective.better(t) for t in f.tests] for f, _ in (first, second))
    difference = float(np.mean(a) - np.mean(b))
    if len(a) < 2 or len(b) < 2:
        return Comparison(difference, None, None, None)
    variances = float(np.var(a, ddof=1)), float(np.var(b, ddof=1))
    parts = [(variances[0] / len(a), len(a) - 1), (variances[1] / len(b), len(b) - 1)]
    examples = _examples_variance(first, second)
    if examples is not None:
        parts.append(examples)
    margin, p = _student(parts, difference)
    return Comparison(difference, math.sqrt(sum(variances)), margin, p)


def _examples_variance(
    first: tuple[Finalist, Records], second: tuple[Finalist, Records]
) -> tuple[float, int] | None:
    """The variance of the difference over test splits, and its degrees of freedom."""
    targets = first[1].test_targets
    if targets is None:
        return None
    predictions = [_predictions(*own, len(targets)) for own in (first, second)]
    if not all(predictions):
        return None
    objective = OBJECTIVES[first[0].trial.objective]
    task = str((first[1].about or {}).get("facts", {}).get("task"))
    order = np.random.default_rng(0).permutation(len(targets))
    without = []
    for block in np.array_split(order, min(BLOCKS, len(targets))):
        rows = np.delete(np.arange(len(targets)), block)
        means = [
            np.mean([objective.better(objective.score(task, targets[rows], p[rows])) for p in own])
            for own in predictions
        ]
        without.append(means[0] - means[1])
    known = [d for d in without if math.isfinite(d)]
    if len(known) < 2:
        return None
    return (len(known) - 1) * float(np.var(known)), len(known) - 1


def _predictions(finalist: Finalist, records: Records, count: int) -> list[np.ndarray]:
    """What the trainings of a finalist predict, or nothing where a file is missing."""
    found = [records.predictions(final) for final in finalist.finals]
    kept = [p for p in found if p is not None and len(p) == count]
    return kept if len(kept) == len(found) else []


def _student(parts: list[tuple[float, int]], difference: float) -> tuple[float, float]:
    """Half of the 95 % interval, and the probability of a difference as large by chance."""
    from scipy import stats  # heavy, and needed at the end only

    error = math.sqrt(sum(variance for variance, _ in parts))
    if error == 0:
        return 0.0, 0.0 if difference else 1.0
    freedom = error**4 / sum(variance**2 / df for variance, df in parts if df)
    p = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return error * float(stats.t.ppf(0.975, freedom)), p
