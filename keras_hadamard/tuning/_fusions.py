"""The table of fusions that a search chooses from."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_hadamard._checks import received
from keras_hadamard.layers import _fusions
from keras_hadamard.tuning.spaces import Option, Parameter, Space

Shapes = tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Budget:
    """The inputs and the number of parameters that a fusion may have with them."""

    shapes: Shapes
    limit: int


@dataclass(frozen=True)
class Method:
    """A fusion, the parameters it draws and what it is given besides."""

    name: str
    uses: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    # Parameters that have another name than their argument.
    renamed: Mapping[str, str] = field(default_factory=dict)

    def option(self, budget: Budget | None = None) -> Option:
        """The method in a space; a budget decides its width, which is then not drawn."""
        limits: dict[str, Any] = {}
        if budget:
            limits = {"input_shape": budget.shapes, "max_parameters": budget.limit}

        def build(units: int, name: str, **values: Any) -> keras.layers.Layer:
            arguments = {**self.given, **limits, **self._arguments(values)}
            return _fusions.get_fusion(self.name, units, name=name, **arguments)

        uses = self._uses(budget)
        return Option(build, uses, _fusions.entry(self.name).modalities)

    def fewest(self, units: int, shapes: Shapes, parameters: Mapping[str, Parameter]) -> int:
        """The parameters at the least width, if the others are drawn as large as they can be."""
        # Rates and names have no part in a layer's size.
        drawn = {
            name: parameters[name].values
            for name in self._uses(Budget(shapes, 0))
            if isinstance(parameters[name].default, int)
        }
        return max(
            _fusions.fewest_parameters(
                self.name,
                units,
                shapes,
                **self.given,
                **self._arguments(dict(zip(drawn, values, strict=True))),
            )
            for values in itertools.product(*drawn.values())
        )

    def _arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self.renamed.get(name, name): value for name, value in values.items()}

    def _uses(self, budget: Budget | None) -> tuple[str, ...]:
        width = _fusions.entry(self.name).width_argument if budget else None
        return tuple(name for name in self.uses if self.renamed.get(name, name) != width)


PARAMETERS = {
    "rank": Parameter((64, 128, 256), default=128),
    "factor": Parameter((2, 3, 5), default=2),
    "order": Parameter((2, 3), default=2),
    "degree": Parameter((2, 3, 4), default=2),
    "mm_dim": Parameter((64, 128, 256), default=128),
    "chunks": Parameter((4, 8, 16), default=8),
    # How many products are summed, where the width has another argument or is `units`.
    "core_rank": Parameter((2, 4, 8), default=4),
    "sketch_dim": Parameter((1000, 4000, 16000), default=4000),
    "depth": Parameter((1, 2, 3), default=3),
    "glimpses": Parameter((1, 2, 4), default=1),
    "gate_on": Parameter(("inputs", "projections"), default="inputs"),
    "mutual": Parameter((True, False), default=False),
    "normalize": Parameter((True, False), default=False),
    "dropout": Parameter((0.0, 0.1, 0.2), default=0.0),
    "input_dropout": Parameter((0.0, 0.1, 0.2), default=0.0),
}
CORE = {"core_rank": "rank"}
# The first is the default. A fusion is followed by a gate or a dense layer with its own activation,
# so those that end in a projection stay linear, and plain concatenation gets the one it needs.
METHODS = (
    Method("concat", ("input_dropout",), {"activation": "relu"}),
    Method("sum", ("rank", "dropout")),
    Method("hadamard", ("dropout",)),
    Method("mlb", ("rank", "normalize", "dropout")),
    Method("mfb", ("rank", "factor", "normalize", "dropout")),
    Method("mfh", ("rank", "factor", "order", "normalize", "dropout")),
    Method("tucker", ("mm_dim", "normalize", "dropout")),
    Method("mutan", ("mm_dim", "core_rank", "normalize", "dropout"), renamed=CORE),
    Method("block", ("mm_dim", "chunks", "core_rank", "normalize", "dropout"), renamed=CORE),
    Method("block_tucker", ("mm_dim", "chunks", "normalize", "dropout")),
    Method("mcb", ("sketch_dim", "normalize", "dropout")),
    Method("mrn", ("depth", "dropout")),
    Method("gmu", ("gate_on",)),
    Method("lmf", ("core_rank",), renamed=CORE),
    Method("tensor"),
    Method("bilinear_attention", ("rank", "glimpses", "dropout")),
    Method("cross_modal_gate", ("mutual",)),
    Method("multiplicative", ("rank",)),
    Method("cope", ("rank", "degree")),
)


def fusions() -> tuple[dict[str, Method], dict[str, Parameter]]:
    """The fusions of the package and those that users registered, and all that they draw.

    What a registered fusion draws has the name of the fusion before its own.
    """
    methods, parameters = {method.name: method for method in METHODS}, dict(PARAMETERS)
    for name, entry in _fusions.registered().items():
        renamed = {f"{name}_{argument}": argument for argument in entry.choices}
        methods[name] = Method(name, tuple(renamed), renamed=renamed)
        for drawn, argument in renamed.items():
            values = entry.choices[argument]
            parameters[drawn] = Parameter(values, default=values[0])
    return methods, parameters


def fusion_options(budget: Budget | None = None) -> Space:
    """The space of all fusions."""
    methods, parameters = fusions()
    return Space({name: m.option(budget) for name, m in methods.items()}, parameters)


def within(kinds: Iterable[str], budget: Budget, units: int) -> tuple[str, ...]:
    """Those of the fusions that stay within a budget whatever they draw."""
    methods, parameters = fusions()
    fewest = {}
    for kind in kinds:
        try:
            fewest[kind] = methods[kind].fewest(units, budget.shapes, parameters)
        except (
            ValueError
        ):  # it refuses these inputs, as a tensor of all products that would not fit
            continue
    fitting = tuple(kind for kind, count in fewest.items() if count <= budget.limit)
    if not fitting:
        least = min(fewest.values(), default=None)
        raise received(
            f"`max_parameters` of at least {least}, the fewest of these fusions",
            max_parameters=budget.limit,
        )
    return fitting
