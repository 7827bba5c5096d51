"""Layers as functions of their inputs and weights, in float64, away from what is special."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.forward_mode import Function
from harness.layer_cases import LayerCase, all_cases
from harness.support import first_cases

# One case a layer.
FIRST: dict[str, LayerCase] = first_cases(all_cases())


def function_of(name: str) -> tuple[Function, list[Any]]:
    """The layer as a function of inputs and weights, and these.

    The weights are away from what is special in how they start.
    """
    case = FIRST[name]
    layer = case.build(**{k: 0.0 for k in case.kwargs if "drop" in k} | case.deterministic_kwargs)
    given = [tf.constant(array, case.dtype or "float64") for array in case.arrays()]
    # A mask has steps, and no slopes; integers have none either.
    smooth = 0 if case.integers else 1 if name == "PartialConv2D" else len(given)
    inputs, fixed = given[:smooth], given[smooth:]
    layer(given if case.many else given[0])
    rng = np.random.default_rng(4)
    weights = [
        tf.constant(v + 0.1 * rng.normal(size=v.shape), "float64")
        for v in layer.trainable_variables
    ]

    def function(*tensors: Any) -> Any:
        x, values = [*tensors[:smooth], *fixed], tensors[smooth:]
        pairs = zip(layer.trainable_variables, values, strict=True)
        with keras.StatelessScope(state_mapping=list(pairs)):
            return layer(x if case.many else x[0])

    return function, [*inputs, *weights]
