"""A call of a model with some of its weights replaced."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor

Values = list[tuple[Any, Tensor]]


def call_with(
    model: keras.Model, values: Values, inputs: Tensor, arguments: dict[str, Any]
) -> tuple[Tensor, Sequence[Tensor]]:
    """The outputs and the losses of layers; what the layers update is updated."""
    replaced = {id(variable) for variable, _ in values}
    # A scope hides the values of an outer one, such as those of adapters: they are passed on.
    others = [(v, ops.convert_to_tensor(v)) for v in model.variables if id(v) not in replaced]
    with keras.StatelessScope([*values, *others], collect_losses=True) as scope:
        outputs = model(inputs, **arguments)
    for variable, before in others:
        after = scope.get_current_value(variable)
        if after is not before:
            variable.assign(after)
    return outputs, scope.losses
