"""Definition of a search space: a table of layers, and a table of the parameters they draw.

KerasTuner learns a parameter when it is declared. So all parameters of a table are declared on
every call, each in a scope that is active for the layers which use it, and only then the chosen
layer is built: one call, with any values, shows an algorithm the whole space.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.layers.registry.base import Choices, Entry, Value

Build = Callable[..., keras.layers.Layer]


@dataclass(frozen=True)
class Option:
    """A layer of a space: how it is built from `units` and the parameters that it `uses`."""

    build: Build
    uses: tuple[str, ...] = ()
    # The number of tensors it takes; None for any number. Bilinear methods take two.
    modalities: int | None = None


def declare(hp: Any, name: str, choices: Choices) -> Value | None:
    """The value of a parameter, or None where its scope is inactive."""
    value: Value | None
    if isinstance(choices.default, bool):  # as a Choice, KerasTuner would make them 0 and 1
        value = hp.Boolean(name, default=choices.default)
    else:
        value = hp.Choice(name, list(choices.values), default=choices.default)
    return value


@dataclass(frozen=True)
class Space:
    """A table of interchangeable layers; the first one is the default."""

    options: Mapping[str, Option]
    parameters: Mapping[str, Choices]

    @classmethod
    def of(
        cls,
        entries: Mapping[str, Entry],
        build: Callable[[str], Build],
        besides: Mapping[str, Mapping[str, Choices]] | None = None,
    ) -> "Space":
        """The space of the registered layers; `besides` has further parameters of each name."""
        uses = {name: {**(besides or {}).get(name, {}), **e.uses} for name, e in entries.items()}
        drawn = Counter(parameter for of_name in uses.values() for parameter in of_name)
        parameters = {
            # KerasTuner sees the whole space after fewer models if shared parameters come last.
            parameter: next(u[parameter] for u in uses.values() if parameter in u)
            for parameter in sorted(drawn, key=drawn.__getitem__)
        }
        options = {
            name: Option(build(name), tuple(uses[name]), getattr(entry, "modalities", None))
            for name, entry in entries.items()
        }
        return cls(options, parameters)

    def kinds(self, include: Iterable[str] | None, modalities: int = 2) -> tuple[str, ...]:
        """The names to choose from, in the table's order, so that the default stays the default."""
        fitting = [k for k, o in self.options.items() if o.modalities in (None, modalities)]
        if include is None:
            return tuple(fitting)
        wanted = {one_of("include", kind, fitting) for kind in include}
        if not wanted:
            raise received("`include` to name at least one layer", include=include)
        return tuple(kind for kind in fitting if kind in wanted)

    def layer(self, hp: Any, units: int, kinds: tuple[str, ...], name: str) -> keras.layers.Layer:
        """Declares the space on `hp` and builds the layer that it chose."""
        units = positive_int("units", units)
        kind = hp.Choice(name, list(kinds), default=kinds[0])
        values = {}
        for parameter, definition in self.parameters.items():
            users = [k for k in kinds if parameter in self.options[k].uses]
            if not users:
                continue
            with hp.conditional_scope(name, users):
                value = declare(hp, f"{name}_{parameter}", definition)
            if kind in users:
                values[parameter] = value
        return self.options[kind].build(units, name=name, **values)
