"""Layers of one kind by name: the package's own, and those of users."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import keras

from keras_hadamard._core.checks import one_of, received

Value = int | float | str | bool
Make = Callable[..., keras.layers.Layer]


@dataclass(frozen=True)
class Choices:
    """The values that a search may give to a parameter. Numbers are in order."""

    values: tuple[Value, ...]
    default: Value


@dataclass(frozen=True)
class Entry:
    """A named layer, and the parameters that a search may draw for it.

    `uses` has the parameters by the names that they have in a search, `renamed` the arguments of
    those whose argument has another name, and `given` what a search gives besides.
    """

    make: Make
    uses: Mapping[str, Choices] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for the layer, from the drawn values."""
        return {**self.given, **{self.renamed.get(k, k): value for k, value in drawn.items()}}


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """The layers of one kind by their names; errors use the word `kind`."""

    def __init__(self, kind: str, own: Mapping[str, E]) -> None:
        self.kind = kind
        self._own = dict(own)
        self._registered: dict[str, E] = {}

    def __getitem__(self, name: Any) -> E:
        """The entry of a name; for an unknown one, the error lists the nearest names."""
        return self.entries[one_of(self.kind, name, self.entries)]

    @property
    def entries(self) -> dict[str, E]:
        """All by name: the package's own, and after them those of users."""
        return {**self._own, **self._registered}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.entries)

    @property
    def registered(self) -> dict[str, E]:
        """The layers of users by name."""
        return dict(self._registered)

    def register(self, name: Any, entry: E) -> None:
        """Registers an entry under a name that is not one of the package's own."""
        if not isinstance(name, str) or not name:
            raise received(f"the name of a {self.kind} to be a string", name=name)
        if name in self._own:
            raise received(f"a name other than the package's own, {tuple(self._own)}", name=name)
        if not callable(entry.make):
            raise received("a layer class or a function that returns a layer", layer=entry.make)
        drawn = {k: v for n, e in self.entries.items() if n != name for k, v in e.uses.items()}
        taken = [parameter for parameter in entry.uses if parameter in drawn]
        if taken:
            raise received(
                f"a name whose parameters differ from those of others, {taken}", name=name
            )
        self._registered[name] = entry


def drawn_by(
    name: Any, choices: Mapping[str, Sequence[Any]] | None
) -> tuple[dict[str, Choices], dict[str, str]]:
    """`uses` and `renamed` for a user's entry, whose parameters begin with its name."""
    values = {argument: tuple(v) for argument, v in (choices or {}).items()}
    if not all(v and all(isinstance(x, Value) for x in v) for v in values.values()):
        raise received("each of `choices` to be numbers, strings or booleans", choices=choices)
    uses = {f"{name}_{argument}": Choices(v, v[0]) for argument, v in values.items()}
    return uses, {f"{name}_{argument}": argument for argument in values}


def accepted(make: Make, offered: Mapping[str, Any]) -> dict[str, Any]:
    """The available arguments that a user's layer has in its signature."""
    names = inspect.signature(make).parameters
    return {name: value for name, value in offered.items() if name in names}
