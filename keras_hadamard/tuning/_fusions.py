"""The fusions that a search chooses from, within a number of parameters."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard.layers.registry._parameter_budget import parameters
from keras_hadamard.layers.registry.base import Choices, Make
from keras_hadamard.layers.registry.fusions import FUSIONS, Fusion, fewest_parameters, get_fusion
from keras_hadamard.tuning.spaces import Space

# The maximum number of trainable parameters of a fusion whose width is drawn: with its gradient and
# Adam's two moments, one gigabyte.
MOST_PARAMETERS = 64_000_000
Shapes = tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Budget:
    """The inputs, and the maximum number of parameters of a fusion of them."""

    shapes: Shapes
    limit: int


def fusion_options(budget: Budget | None = None) -> Space:
    """The space of all fusions; with a budget, it sets their widths, which are then not drawn."""
    entries = {
        name: entry if budget is None else without_width(entry)
        for name, entry in FUSIONS.entries.items()
    }
    limits: dict[str, Any] = {}
    if budget:
        limits = {"input_shape": budget.shapes, "max_parameters": budget.limit}

    def build(kind: str) -> Any:
        entry = entries[kind]
        return lambda units, name, **drawn: get_fusion(
            kind, units, name=name, **limits, **entry.arguments(drawn)
        )

    return Space.of(entries, build)


def without_width(entry: Fusion) -> Fusion:
    """A fusion whose width argument is not drawn."""
    uses = {
        name: choices
        for name, choices in entry.uses.items()
        if entry.renamed.get(name, name) != entry.width_argument
    }
    return replace(entry, uses=uses)


def fewest_of(kind: str, units: int, shapes: Shapes) -> int:
    """The number of parameters at the smallest width, with the largest values of the others."""
    entry = without_width(FUSIONS[kind])
    # Rates and names do not affect a layer's size.
    drawn = {n: c.values for n, c in entry.uses.items() if isinstance(c.default, int)}
    return max(
        fewest_parameters(kind, units, shapes, **entry.arguments(values))
        for values in _products(drawn)
    )


def buildable(kinds: Iterable[str], shapes: Shapes, units: int) -> tuple[str, ...]:
    """The fusions that can be built on the inputs with all values they may draw."""
    kinds = tuple(kinds)
    fitting = tuple(kind for kind in kinds if _fits(kind, units, shapes))
    if not fitting:
        raise received(
            f"a fusion that takes these inputs and has at most {MOST_PARAMETERS:,} parameters",
            fusions=kinds,
            shapes=shapes,
            units=units,
        )
    return fitting


def _fits(kind: str, units: int, shapes: Shapes) -> bool:
    """Whether a fusion accepts the inputs and is not too large, at its extreme values."""
    entry = FUSIONS[kind]
    ends = {name: _ends(c) for name, c in entry.uses.items() if isinstance(c.default, int)}
    return all(
        _parameters(entry.make, units, shapes, tuple(entry.arguments(drawn).items()))
        <= MOST_PARAMETERS
        for drawn in _products(ends)
    )


def _ends(choices: Choices) -> tuple[Any, ...]:
    """The smallest and the largest values of each argument, which bound the size."""
    if isinstance(choices.default, bool):
        return (True,)  # A flag adds what it switches on.
    return tuple(dict.fromkeys((min(choices.values), max(choices.values))))


def _products(choices: Mapping[str, Iterable[Any]]) -> Iterable[dict[str, Any]]:
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


# A search asks the same question for each of its models.
@lru_cache(maxsize=4096)
def _parameters(
    make: Make, units: int, shapes: Shapes, arguments: tuple[tuple[str, Any], ...]
) -> float:
    """The number of trainable parameters of a fusion; infinity if it refuses the inputs."""
    try:
        return parameters(make, units, shapes, dict(arguments))
    except ValueError:
        return math.inf


def within(kinds: Iterable[str], budget: Budget, units: int) -> tuple[str, ...]:
    """The fusions that stay within a budget with all values they may draw."""
    fewest = {}
    for kind in kinds:
        try:
            fewest[kind] = fewest_of(kind, units, budget.shapes)
        except ValueError:
            continue  # It refuses these inputs, for example as too large.
    fitting = tuple(kind for kind, count in fewest.items() if count <= budget.limit)
    if not fitting:
        least = min(fewest.values(), default=None)
        raise received(
            f"`max_parameters` of at least {least}, the fewest of these fusions",
            max_parameters=budget.limit,
        )
    return fitting
