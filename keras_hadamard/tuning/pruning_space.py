"""The search space of pruning: criterion, schedule and sparsity."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int, received
from keras_hadamard.pruning import ConstantSparsity, PolynomialDecay, prune

# The baseline comes first: the unpruned model. Wanda and SparseGPT are not here: they need a
# trained model, and a search prunes before the training.
CRITERIA = ("none", "magnitude", "movement", "random", "rigl", "set", "str")
SCHEDULED = ("magnitude", "movement", "random")
DYNAMIC = ("rigl", "set")
SCHEDULES = ("polynomial", "constant")
SCOPES = ("layer", "global", "erk")
DISTRIBUTIONS = ("erk", "layer")
SPARSITIES = (0.5, 0.75, 0.9, 0.95, 0.98)
# Thresholds of 0.007 to 0.05. An optimizer without weight decay moves them by its rate in each
# step, so in a short training they stay near their start; and a threshold above all initial weights
# of a kernel leaves nothing to train.
THRESHOLDS = (-5.0, -4.5, -4.0, -3.5, -3.0)
# The last quarter of a training is for the remaining weights. A constant sparsity starts once the
# weights are informative, and movement learns its masks until then.
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

    The criterion is the parameter `name`; `"none"`, the default, does not change the model. The
    others have conditional parameters. Magnitude, movement and random pruning have the schedule
    (`<name>_schedule`, a polynomial decay or the whole sparsity at once) and the scope
    (`<name>_scope`, the sparsity in each kernel, in all together, or by Erdos-Renyi-Kernel). RigL
    and SET are sparse from the first step on and have the distribution over kernels
    (`<name>_distribution`). All these have the final sparsity (`<name>_sparsity`), and their masks
    reach it after three quarters of the training. STR, which learns how sparse it becomes, has the
    threshold's start (`<name>_threshold`). With everything included the space has
    `1 + 3 * 2 * 3 * 5 + 2 * 2 * 5 + 5 = 116` configurations.

    Compile the model that the function returns, not its argument. The quality of a model and the
    number of its nonzero weights (`pruning.sparsity_report(model).nonzero`) are two objectives; the
    report of `keras-hadamard search --space fusion,gating,pruning` has both.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        steps: Positive integer, the number of batches of the whole training.
        sparsities: Numbers in [0, 1), in rising order, the final sparsities to choose from.
            Defaults to `(0.5, 0.75, 0.9, 0.95, 0.98)`.
        include: Names of the criteria to choose from, of `"none"`, `"magnitude"`, `"movement"`,
            `"random"`, `"rigl"`, `"set"` and `"str"`. Defaults to `None`, all of them.
        name: String, the name of the parameter. Defaults to `"pruning"`.

    Returns:
        A function that takes a built `keras.Model` and returns it, or a `pruning.PrunedModel` of a
        copy.

    Raises:
        ValueError: If `include` names no criterion or an unknown one, there are no sparsities or
            one is outside [0, 1), or `steps` is not positive.

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

    def choice(what: str, of: tuple[str, ...], values: Iterable[Any]) -> Any:
        """A parameter that is active for some criteria, if one of them can be chosen."""
        given, values = [c for c in of if c in kinds], list(values)
        if not given:
            return None
        with hp.conditional_scope(name, given):
            return hp.Choice(f"{name}_{what}", values, default=values[0])

    schedule = choice("schedule", SCHEDULED, SCHEDULES)
    scope = choice("scope", SCHEDULED, SCOPES)
    distribution = choice("distribution", DYNAMIC, DISTRIBUTIONS)
    sparsity = choice("sparsity", SCHEDULED + DYNAMIC, shares)
    threshold = choice("threshold", ("str",), THRESHOLDS)
    if criterion == "none":
        return lambda model: model
    if criterion == "str":
        return lambda model: prune(model, criterion="str", initial_threshold=threshold)
    start, end = int(START * steps), max(1, int(END * steps))
    frequency = max(1, steps // 50)
    if criterion in DYNAMIC:
        always = ConstantSparsity(sparsity, 0, end, frequency)
        return lambda model: prune(model, always, distribution, criterion=criterion)
    if schedule == "constant":
        chosen: Any = ConstantSparsity(sparsity, start, end, frequency)
    else:
        chosen = PolynomialDecay(sparsity, end, frequency=frequency)
    return lambda model: prune(model, chosen, scope, criterion=criterion)
