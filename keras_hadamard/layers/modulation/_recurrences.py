"""Recurrences of (batch, steps, units): linear ones in one scan, and others step by step."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import gated_scan
from keras_hadamard.ops._portable import tracing_portable

Step = Callable[[Tensor, list[Tensor]], list[Tensor]]
# The most steps that are unrolled: each is a copy of the step in the file.
UNROLLED = 256


def linear_recurrence(
    decay: Tensor, new: Tensor, state: Tensor, mask: Tensor | None = None
) -> Tensor:
    """`h_t = decay_t * h_(t-1) + new_t`, where masked steps carry the state unchanged."""
    if mask is not None:
        mask = ops.expand_dims(mask, -1)
        decay = ops.where(mask, decay, ops.ones_like(decay))
        new = ops.where(mask, new, ops.zeros_like(new))
    if decay.shape[1] == 1:
        return decay * ops.expand_dims(state, 1) + new
    return gated_scan(decay, new, state)


def carry_forward(x: Tensor, mask: Tensor | None, before: Tensor | None = None) -> Tensor:
    """`x` with masked steps replaced by the last valid step, or by `before`."""
    if mask is None:
        return x
    mask = ops.broadcast_to(ops.expand_dims(mask, -1), ops.shape(x))
    before = ops.zeros_like(x[:, 0]) if before is None else before
    new = ops.where(mask, x, ops.zeros_like(x))
    return linear_recurrence(ops.cast(~mask, x.dtype), new, before)


def one_by_one(step: Step, sizes: list[int], dtype: str) -> Callable[..., Any]:
    """A function of a sequence, the states before it and a mask, run in Keras's own loop.

    For LiteRT and ONNX a sequence of known length is unrolled: a loop cannot be calibrated for
    eight bits, and without one each step is part of the graph that those formats optimise.

    `step` makes the next states of one step's input and the states; the first is the output.
    The function returns the first state after every step, and all of them after the last.
    """
    loop = keras.layers.RNN(
        _Cell(step, sizes, dtype), return_sequences=True, return_state=True, dtype=dtype
    )

    def run(x: Tensor, states: list[Tensor], mask: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        if x.shape[1] == 1 and mask is None:
            states = step(x[:, 0], states)
            return states[0][:, None], states
        if tracing_portable() and (x.shape[1] or UNROLLED + 1) <= UNROLLED:
            return _unrolled(step, x, states, mask)
        sequence, *states = loop(x, initial_state=states, mask=mask)
        return sequence, states

    return run


def _unrolled(
    step: Step, x: Tensor, states: list[Tensor], mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    outputs = []
    for t in range(x.shape[1]):
        after = step(x[:, t], states)
        if mask is not None:
            valid = mask[:, t, None]
            after = [ops.where(valid, a, b) for a, b in zip(after, states, strict=True)]
        states = after
        outputs.append(states[0])
    return ops.stack(outputs, axis=1), states


class _Cell(keras.layers.Layer):
    """A step in the form of Keras's loop; the weights belong to the layer with the step."""

    def __init__(self, step: Step, sizes: list[int], dtype: str) -> None:
        super().__init__(dtype=dtype)
        self.state_size = sizes
        self.output_size = sizes[0]
        self._function = step

    def call(self, inputs: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        states = self._function(inputs, states)
        return states[0], states
