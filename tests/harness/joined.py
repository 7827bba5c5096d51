"""Many layers in one model: what is compiled, saved or started once for all takes a tenth."""

import math
from collections.abc import Callable
from typing import Any

import keras

from harness.layer_cases import LayerCase

Cases = dict[str, LayerCase]


class Part(dict[str, LayerCase]):
    """Some cases, which a test is named after."""

    def __str__(self) -> str:
        return f"{next(iter(self))} and {len(self) - 1} more"


def parts_of(cases: Cases, size: int) -> list[Part]:
    """The cases in parts of about that size, each of which has some of every kind."""
    names, count = list(cases), math.ceil(len(cases) / size)
    return [Part({name: cases[name] for name in names[part::count]}) for part in range(count)]


def joined(
    cases: Cases, make: Callable[[LayerCase], keras.layers.Layer] = LayerCase.build
) -> keras.Model:
    """A model with inputs of its own for each case, and outputs by the names of the cases."""
    inputs: list[Any] = []
    outputs: dict[str, Any] = {}
    for name, case in cases.items():
        name = name.replace("-", "_")
        tensors = [
            keras.Input(shape, name=f"{name}_input_{i}", dtype=case.dtype)
            for i, shape in enumerate(case.shapes)
        ]
        inputs += tensors
        made = make(case)(tensors if case.many else tensors[0])
        made = made if isinstance(made, list) else [made]
        outputs |= {f"{name}_{i}" if i else name: y for i, y in enumerate(made)}
    return keras.Model(inputs, outputs)


def inputs_of(cases: Cases, batch: int = 3) -> list[Any]:
    """The arrays that such a model takes."""
    return [x for case in cases.values() for x in case.arrays(batch)]
