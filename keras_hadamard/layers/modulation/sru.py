"""The simple recurrent unit."""

import math
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._initializers import BlockInitializer
from keras_hadamard.layers.modulation._recurrences import (
    carry_forward,
    linear_recurrence,
    one_by_one,
)
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer


@serializable
class SRU(RecurrentLayer):
    """Simple recurrent unit (SRU): a gated sum over time, and a highway around it.

    `h_t = r_t * g(c_t) + (1 - r_t) * x_t with c_t = f_t * c_(t-1) + (1 - f_t) * W x_t`,
    `f_t = sigmoid(W_f x_t + b_f)` and `r_t = sigmoid(W_r x_t + b_r)`. With `peephole` the gates are
    `sigmoid(W_f x_t + v_f * c_(t-1) + b_f)` and the same for `r_t`. An input of another width than
    `units` is projected on the highway.

    Args:
        units: Integer, the width of the state.
        activation: Name or function `g` of the state. Defaults to `None`, as in the published code;
            the paper's first version has `"tanh"`.
        peephole: Boolean, whether the gates see the state, as in the paper's later versions.
            The recurrence is then not linear, and steps run one by one, in Keras's loop. Defaults
            to `False`.
        highway_bias: Number, the initial value of `b_r`; below zero, the input passes by. Defaults
            to `0.0`.
        rescale: Boolean, whether the highway's input is multiplied by
            `sqrt(1 + 2 exp(highway_bias))`, which preserves variances across layers. Defaults to
            `False`.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, units)`, or a list of it. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether dropout is active.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        tuple of it and the state `(batch, units)`.

    Weights:
        `(3 * width + 2 + (units != width) * width + 2 * peephole) * units`.

    Masking:
        A masked step carries state and output unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates, state and output are computed in float32 under 16-bit policies; `1 - f` and `1 - r`
        without a difference.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> keras_hadamard.layers.SRU(4, return_sequences=True)(x).shape
    TensorShape([2, 9, 4])

    Reference:
        - [Simple Recurrent Units for Highly Parallelizable Recurrence (Lei et al., 2017)](
          https://arxiv.org/abs/1709.02755)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        peephole: bool = False,
        highway_bias: float = 0.0,
        rescale: bool = False,
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(positive_int("units", units), **kwargs)
        self.activation = get_activation(activation)
        self.peephole = bool(peephole)
        self.highway_bias = float(highway_bias)
        self.rescale = bool(rescale)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.gate_projection = self.project(
            self.units,
            "gate_projection",
            blocks=2,
            bias_initializer=BlockInitializer(
                [self.bias_initializer, keras.initializers.Constant(self.highway_bias)]
            ),
            input_shape=input_shape,
        )
        self.projection = self.project(
            self.units,
            "projection",
            use_bias=False,
            blocks=1 if self._width == self.units else 2,
            input_shape=input_shape,
        )
        if self.peephole:
            bound = math.sqrt(1.5)
            self.peepholes = self.add_weight(
                name="peepholes",
                shape=(2, self.units),
                initializer=keras.initializers.RandomUniform(-bound, bound, seed=self.seed),
                autocast=False,
            )
            self.loop = one_by_one(self._step, [self.units, self.units], self.state_dtype)

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, (state,), mask = self.enter(inputs, initial_state, mask, training)
        dtype = self.state_dtype
        forget, reset = ops.split(ops.cast(self.gate_projection(x), dtype), 2, axis=-1)
        candidate = ops.cast(self.projection(x), dtype)
        if self._width == self.units:
            direct = ops.cast(x, dtype)
        else:
            candidate, direct = ops.split(candidate, 2, axis=-1)
        if self.rescale:
            direct = direct * math.sqrt(1 + 2 * math.exp(self.highway_bias))
        if self.peephole:
            parts = ops.concatenate([forget, reset, candidate, direct], axis=-1)
            # The output is carried too: a masked step repeats it.
            h, (_, state) = self.loop(parts, [ops.zeros_like(state), state], mask)
            return self.leave(h, [state])
        c = linear_recurrence(ops.sigmoid(forget), ops.sigmoid(-forget) * candidate, state, mask)
        state = c[:, -1]
        c, reset, direct = self.needed(mask, c, reset, direct)
        h = ops.sigmoid(reset) * self.activation(c) + ops.sigmoid(-reset) * direct
        return self.leave(carry_forward(h, mask), [state])

    def _step(self, parts: Tensor, states: list[Tensor]) -> list[Tensor]:
        """One step with peepholes: the output and the state after it."""
        c = states[1]
        forget, reset, candidate, direct = ops.split(parts, 4, axis=-1)
        peepholes = ops.cast(self.peepholes, c.dtype)
        forget, reset = forget + peepholes[0] * c, reset + peepholes[1] * c
        c = ops.sigmoid(forget) * c + ops.sigmoid(-forget) * candidate
        return [ops.sigmoid(reset) * self.activation(c) + ops.sigmoid(-reset) * direct, c]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "peephole": self.peephole,
            "highway_bias": self.highway_bias,
            "rescale": self.rescale,
        }
