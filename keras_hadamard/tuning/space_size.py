"""Number of configurations of a search space."""

import math
from typing import Any


def space_size(hp: Any) -> int:
    """Returns the number of configurations declared on `hp`.

    A conditional parameter counts only for the values that activate it: a Choice of two layers, one
    with a parameter of three values, gives `1 + 3 = 4`.

    Args:
        hp: A `keras_tuner.HyperParameters` whose parameters are all `Choice` or `Boolean`.

    Returns:
        A Python integer.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> layer = keras_hadamard.tuning.gating_space(hp)
    >>> keras_hadamard.tuning.space_size(hp)
    24
    """
    declared = {(p.name, str(p.conditions)): p for p in hp.space}.values()
    roots = [p for p in declared if not p.conditions]
    return math.prod(_under(p, list(declared)) for p in roots)


def _under(parameter: Any, declared: list[Any]) -> int:
    """The configurations of a parameter and of all parameters conditional on it."""
    children = [p for p in declared if p.conditions and p.conditions[-1].name == parameter.name]
    total = 0
    for value in parameter.values:
        active = [c for c in children if value in c.conditions[-1].values]
        total += math.prod(_under(child, declared) for child in active)
    return total
