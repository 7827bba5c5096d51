"""States of layers over sequences: their checks, their specs, and a single step."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import mask_of
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._masks import apply_mask

StateShapes = Sequence[tuple[int, ...]]

# The layer whose `call` runs one step: it returns its states and does not store them.
_STEPPING: ContextVar[Any] = ContextVar("stepping", default=None)


def sequence_width(input_shape: Shape) -> int:
    """The width of an input (batch, steps, width)."""
    if len(input_shape) != 3 or input_shape[-1] is None:
        raise received("an input (batch, steps, width) of known width", shape=input_shape)
    return int(input_shape[-1])


def call_arguments(
    layer: keras.layers.Layer, inputs: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call after the first one, with the mask of the inputs.

    Keras looks for that mask only if there are no other tensors.
    """
    names = layer.call_signature_parameters[1:]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    unmasked = given.get("initial_state") is not None and given.get("mask") is None
    if unmasked and not isinstance(inputs, keras.KerasTensor):
        given["mask"] = mask_of(inputs)
    return given


def zero_states(shapes: StateShapes, batch_size: Any, dtype: str) -> list[Tensor]:
    """The states before the first step."""
    return [ops.zeros((batch_size, *shape), dtype) for shape in shapes]


def check_states(states: Any, shapes: StateShapes, dtype: str) -> list[Tensor]:
    """The given states as a list, in the dtype of states."""
    states = list(states) if isinstance(states, list | tuple) else [states]
    if len(states) != len(shapes):
        expected = "one tensor" if len(shapes) == 1 else f"a list of {len(shapes)}"
        raise received(f"`initial_state` to be {expected}", length=len(states))
    for state, shape in zip(states, shapes, strict=True):
        fits = len(state.shape) == len(shape) + 1 and all(
            got in (None, size) for got, size in zip(state.shape[1:], shape, strict=True)
        )
        if not fits:
            expected = ", ".join(map(str, ("batch", *shape)))
            raise received(f"`initial_state` to be ({expected})", shape=tuple(state.shape))
    return [ops.cast(state, dtype) for state in states]


def zero_masked(inputs: Tensor, x: Tensor, mask: Any) -> tuple[Tensor, Tensor | None]:
    """`x` with zeros at masked steps, and the mask as booleans."""
    if mask is None:
        return x, None
    mask = ops.cast(mask, "bool")
    steps = inputs.shape[1]
    known = len(mask.shape) == 2 and None not in (steps, mask.shape[1])
    if len(mask.shape) != 2 or (known and mask.shape[1] != steps):
        raise received(f"`mask` to be (batch, {steps})", shape=tuple(mask.shape))
    return apply_mask(x, mask), mask


def sequence_spec(layer: Any, shape: Any) -> Any:
    """The spec of an output of `shape`, and of the states if they are returned.

    States have another dtype than the output, which Keras cannot infer from the shapes.
    """
    if not layer.return_state:
        return keras.KerasTensor(shape, layer.compute_dtype)
    output, *states = shape
    return (
        keras.KerasTensor(output, layer.compute_dtype),
        *(keras.KerasTensor(state, layer.state_dtype) for state in states),
    )


def one_step(layer: Any, inputs: Tensor, states: Any) -> tuple[Tensor, list[Tensor]]:
    """The output (batch, units) of a built layer for (batch, width), and the states after it."""
    x = ops.expand_dims(ops.convert_to_tensor(inputs, dtype=layer.compute_dtype), 1)
    if states is None:
        states = layer.get_initial_state(ops.shape(x)[0])
    token = _STEPPING.set(layer)
    try:
        output, after = layer.call(x, states)
    finally:
        _STEPPING.reset(token)
    return output, after


def stepping(layer: keras.layers.Layer) -> bool:
    """Whether the current call of a layer is a single step, whose states are needed."""
    return _STEPPING.get() is layer
