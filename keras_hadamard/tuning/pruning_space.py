"""The search space of pruning: how, when and how much of a model becomes zero."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard._checks import fraction, one_of, positive_int, received
from keras_hadamard.pruning import ConstantSparsity, PolynomialDecay, prune

# The baseline comes first: the model as it is.
CRITERIA = ("none", "magnitude", "movement", "random")
SCHEDULES = ("polynomial", "constant")
SCOPES = ("layer", "global")
SPARSITIES = (0.5, 0.75, 0.9, 0.95, 0.98)
# The last quarter of a training is left to what remains. A constant sparsity starts when the
# weights tell something, and movement learns its masks until then.
START, END = 0.1, 0.75


def pruning_space(
    hp: Any,
    *,
    steps: int,
    sparsities: Iterable[float] = SPARSITIES,
    include: Iterable[str] | None = None,
    name: str = "pruning",
) -> Callable[[keras.Model], keras.Model]:
    """Returns a function of a model: the pruning that `hp` chose, or none.

    The criterion is the parameter `name`; the schedule (`<name>_schedule`, a polynomial decay or
    the whole sparsity at once), the scope (`<name>_scope`, the sparsity in each kernel or in all
    together) and the final sparsity (`<name>_sparsity`) are conditional on a criterion other than
    `"none"`, which is the default and leaves the model as it is. The masks are as sparse as they
    become after three quarters of the training. With everything included the space has
    `1 + 3 * 2 * 2 * 5 = 61` configurations.

    Compile what the function returns, not what it is given. How good a model is and how many of its
    weights are not zero (`pruning.sparsity_report(model).nonzero`) are two objectives; the report
    of `keras-hadamard search --space fusion,gating,pruning` has both.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        steps: Positive integer, how many batches the whole training has.
        sparsities: Numbers in [0, 1), in rising order, the final sparsities to choose from.
            Defaults to `(0.5, 0.75, 0.9, 0.95, 0.98)`.
        include: Names of the criteria to choose from, of `"none"`, `"magnitude"`, `"movement"` and
            `"random"`. Defaults to `None`, all of them.
        name: String, the name of the parameter. Defaults to `"pruning"`.

    Returns:
        A function that takes a built `keras.Model` and returns it, or a `pruning.PrunedModel` of a
        copy.

    Raises:
        ValueError: If `include` names no or an unknown criterion, there are no sparsities or one is
            outside [0, 1), or `steps` is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["pruning"] = "magnitude"
    >>> hp.values["pruning_sparsity"] = 0.9
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> pruned = keras_hadamard.tuning.pruning_space(hp, steps=1000)(model)
    >>> type(pruned).__name__, pruned.schedule.end_step, pruned.schedule.final_sparsity
    ('PrunedModel', 750, 0.9)
    """
    steps = positive_int("steps", steps)
    shares = [fraction("sparsities", s) for s in sparsities]
    if not shares:
        raise received("`sparsities` of at least one number", sparsities=shares)
    wanted = CRITERIA if include is None else {one_of("include", c, CRITERIA) for c in include}
    kinds = [c for c in CRITERIA if c in wanted]
    if not kinds:
        raise received("`include` to name at least one criterion", include=include)
    criterion = hp.Choice(name, kinds, default=kinds[0])
    if kinds == ["none"]:
        return lambda model: model
    with hp.conditional_scope(name, [c for c in kinds if c != "none"]):
        schedule = hp.Choice(f"{name}_schedule", list(SCHEDULES), default=SCHEDULES[0])
        scope = hp.Choice(f"{name}_scope", list(SCOPES), default=SCOPES[0])
        sparsity = hp.Choice(f"{name}_sparsity", shares, default=shares[0])
    if criterion == "none":
        return lambda model: model
    start, end = int(START * steps), max(1, int(END * steps))
    frequency = max(1, steps // 50)
    if schedule == "constant":
        chosen: Any = ConstantSparsity(sparsity, start, end, frequency)
    else:
        chosen = PolynomialDecay(sparsity, end, frequency=frequency)
    return lambda model: prune(model, chosen, scope, criterion=criterion)
