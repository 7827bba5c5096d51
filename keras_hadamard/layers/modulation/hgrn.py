"""The hierarchically gated recurrent network's token mixer."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.modulation._recurrences import carry_forward, linear_recurrence
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer


@serializable
class HGRN(RecurrentLayer):
    """Hierarchically gated recurrence (HGRN), whose forget gate has a lower bound.

    `y_t = W_o (norm(h_t) * silu(W_g x_t)) with h_t = f_t * h_(t-1) + (1 - f_t) * silu(W_i x_t)` and
    `f_t = bound + (1 - bound) * sigmoid(W_f x_t)`, where a layer near the output has a higher bound
    than one near the input, so it remembers longer. `W_i`, `W_f` and `W_g` are `(width, units)`,
    `W_o` is `(units, units)`, and `norm` divides by the root mean square and scales.

    The paper learns the bounds of all layers as one table; here each layer has its own. For `n`
    layers, the initial table is `lower_bound=k / n` for the `k`-th from zero, and
    `lower_bound=(k / n, (k + 1) / n)` learns a bound for each channel which keeps that order.

    Args:
        units: Integer, the width of the state and of the output.
        lower_bound: Number in [0, 1), or a pair of numbers in [0, 1] in rising order, between which
            a bound is learned for each channel. Defaults to `0.0`.
        output_gate: Boolean, whether the state is normalised, gated and projected. Without it,
            `y_t = h_t`. Defaults to `True`.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, which the public code does not have, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

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
        `3 * (width + 1) * units + (units + 2) * units`, `units` more with a learned bound;
        `2 * (width + 1) * units` without the output gate.

    Masking:
        A masked step carries state and output unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates, state and normalisation are float32 under 16-bit policies; `1 - f` is computed
        without a difference. The state is real, as in the public code; the paper also rotates it in
        the complex plane.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> layer = keras_hadamard.layers.HGRN(8, lower_bound=(0.5, 1.0), return_sequences=True)
    >>> layer(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Hierarchically Gated Recurrent Neural Network for Sequence Modeling (Qin et al., 2023)](
          https://arxiv.org/abs/2311.04823)
    """

    def __init__(
        self,
        units: int,
        lower_bound: float | tuple[float, float] = 0.0,
        output_gate: bool = True,
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(positive_int("units", units), **kwargs)
        self._range = _range(lower_bound)
        # A list, as loaded from a file.
        pair = isinstance(lower_bound, tuple | list)
        self.lower_bound: Any = list(self._range) if pair else lower_bound
        self.output_gate = bool(output_gate)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        blocks = 3 if self.output_gate else 2
        self.projection = self.project(
            self.units, "projection", blocks=blocks, input_shape=input_shape
        )
        if self._range[0] < self._range[1]:
            self.bound = self.add_weight(
                name="bound", shape=(self.units,), initializer="zeros", autocast=False
            )
        if self.output_gate:
            shape = (*input_shape[:-1], self.units)
            self.norm = keras.layers.RMSNormalization(
                epsilon=1e-5, dtype=self.state_dtype, name="norm"
            )
            self.norm.build(shape)
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=shape
            )

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, (state,), mask = self.enter(inputs, initial_state, mask, training)
        gates = ops.cast(self.projection(x), self.state_dtype)
        enter, forget, *output = ops.split(gates, 3 if self.output_gate else 2, axis=-1)
        low, high = self._range
        bound: Any = low
        rest: Any = 1 - low
        if low < high:
            share = ops.cast(self.bound, self.state_dtype)
            bound = low + (high - low) * ops.sigmoid(share)
            rest = 1 - high + (high - low) * ops.sigmoid(-share)
        decay = bound + rest * ops.sigmoid(forget)
        h = linear_recurrence(decay, rest * ops.sigmoid(-forget) * ops.silu(enter), state, mask)
        h, *output = self.needed(mask, h, *output)
        states = [h[:, -1]]
        if not self.output_gate:
            return self.leave(h, states)
        gated = self.norm(h) * ops.silu(output[0])
        y = self.output_projection(ops.cast(gated, self.compute_dtype))
        return self.leave(carry_forward(y, mask), states)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lower_bound": self.lower_bound,
            "output_gate": self.output_gate,
        }


def _range(bound: Any) -> tuple[float, float]:
    pair = tuple(bound) if isinstance(bound, list | tuple) else (bound, bound)
    numbers = len(pair) == 2 and all(isinstance(b, int | float) for b in pair)
    if not numbers or not 0 <= pair[0] <= pair[1] <= 1 or pair[0] == 1:
        raise received(
            "`lower_bound` to be a number in [0, 1) or two of [0, 1] in order", lower_bound=bound
        )
    return float(pair[0]), float(pair[1])
