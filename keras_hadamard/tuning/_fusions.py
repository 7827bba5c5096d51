"""The fusions that a search chooses from, within a number of parameters."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard.layers.registry.fusions import FUSIONS, Fusion, fewest_parameters, get_fusion
from keras_hadamard.tuning.spaces import Space

Shapes = tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Budget:
    """The inputs and the number of parameters that a fusion may have with them."""

    shapes: Shapes
    limit: int


def fusion_options(budget: Budget | None = None) -> Space:
    """The space of all fusions; a budget decides their widths, which are then not drawn."""
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
    """A fusion that does not draw the argument which makes it wider."""
    uses = {
        name: choices
        for name, choices in entry.uses.items()
        if entry.renamed.get(name, name) != entry.width_argument
    }
    return replace(entry, uses=uses)


def fewest_of(kind: str, units: int, shapes: Shapes) -> int:
    """The parameters at the least width, if the others are drawn as large as they can be."""
    entry = without_width(FUSIONS[kind])
    # Rates and names have no part in a layer's size.
    drawn = {n: c.values for n, c in entry.uses.items() if isinstance(c.default, int)}
    return max(
        fewest_parameters(
            kind, units, shapes, **entry.arguments(dict(zip(drawn, values, strict=True)))
        )
        for values in itertools.product(*drawn.values())
    )


def within(kinds: Iterable[str], budget: Budget, units: int) -> tuple[str, ...]:
    """Those of the fusions that stay within a budget whatever they draw."""
    fewest = {}
    for kind in kinds:
        try:
            fewest[kind] = fewest_of(kind, units, budget.shapes)
        except ValueError:
            continue  # It refuses these inputs, as a tensor of all products that would not fit.
    fitting = tuple(kind for kind, count in fewest.items() if count <= budget.limit)
    if not fitting:
        least = min(fewest.values(), default=None)
        raise received(
            f"`max_parameters` of at least {least}, the fewest of these fusions",
            max_parameters=budget.limit,
        )
    return fitting
