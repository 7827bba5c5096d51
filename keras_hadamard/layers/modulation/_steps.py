"""Steps one by one, where a recurrence is not linear."""

from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard._typing import Tensor

Step = Callable[[Tensor, list[Tensor]], list[Tensor]]


def one_by_one(step: Step, sizes: list[int], dtype: str) -> Callable[..., Any]:
    """A function of a sequence, the states before it and a mask, by Keras's own loop.

    `step` makes the next states of one step's input and the states; the first is the output.
    Returned are the first state after every step, and all of them after the last.
    """
    loop = keras.layers.RNN(
        _Cell(step, sizes, dtype), return_sequences=True, return_state=True, dtype=dtype
    )

    def run(x: Tensor, states: list[Tensor], mask: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        if x.shape[1] == 1 and mask is None:
            states = step(x[:, 0], states)
            return states[0][:, None], states
        sequence, *states = loop(x, initial_state=states, mask=mask)
        return sequence, states

    return run


class _Cell(keras.layers.Layer):
    """A step as Keras's loop wants it; the weights are those of the layer that has the step."""

    def __init__(self, step: Step, sizes: list[int], dtype: str) -> None:
        super().__init__(dtype=dtype)
        self.state_size = sizes
        self.output_size = sizes[0]
        self._function = step

    def call(self, inputs: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        states = self._function(inputs, states)
        return states[0], states
