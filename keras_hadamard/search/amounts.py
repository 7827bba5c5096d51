"""Differences and spreads of scores, in the units of an objective."""

from collections.abc import Sequence

import numpy as np

from keras_hadamard.search.comparison import Comparison
from keras_hadamard.search.objectives import Objective


def amount(objective: Objective, difference: float) -> str:
    """The size of a difference: in points of a hundred, or in the objective's units."""
    if objective.percent:
        return f"{100 * abs(difference):.2f} points"
    return f"{abs(difference):.3g} {objective.title}"


def judged(objective: Objective, comparison: Comparison) -> str:
    """A difference, which side is better, and what is known of its uncertainty."""
    difference = comparison.difference
    better = "" if difference == 0 else " better" if difference > 0 else " worse"
    return f"{amount(objective, difference)}{better}{interval(objective, comparison)}"


def interval(objective: Objective, comparison: Comparison) -> str:
    """The uncertainty of a difference in brackets; nothing where a second seed is missing."""
    c = comparison
    if c.margin is None or c.spread is None or c.p is None:
        return ""
    scale, form = (100, ".2f") if objective.percent else (1, ".3g")
    return (
        f" (standard deviation {scale * c.spread:{form}}, "
        f"95 % interval ± {scale * c.margin:{form}}, p = {c.p:.2g})"
    )


def spread(objective: Objective, values: Sequence[float]) -> str:
    """The mean, with the standard deviation if there are several values."""
    if not values:
        return "-"
    mean = objective.format(float(np.mean(values)))
    if len(values) == 1:
        return mean
    deviation = float(np.std(values, ddof=1))
    return f"{mean} ± {deviation:.4f}" if objective.percent else f"{mean} ± {deviation:.2g}"


def direction(objective: Objective) -> str:
    """What the objective is called where a reader has to know which way is better."""
    return objective.title if objective.sign > 0 else f"{objective.title} (smaller is better)"
