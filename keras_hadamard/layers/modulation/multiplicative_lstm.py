"""The multiplicative long short-term memory."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._initializers import BlockInitializer, initializer_for
from keras_hadamard.layers.modulation._recurrences import one_by_one
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer


@serializable
class MultiplicativeLSTM(RecurrentLayer):
    """Multiplicative LSTM: the input selects the matrix for the last output.

    `h_t = o_t * tanh(c_t) with c_t = f_t * c_(t-1) + i_t * g(W_hx x_t + W_hm m_t + b_h)`, the gates
    `sigmoid(W_x x_t + W_m m_t + b)` with their own kernels, and `m_t = (W_mx x_t) * (W_mh h_(t-1))`
    instead of the last output in an LSTM. The kernels hold `h`, `i`, `f` and `o` in this order.

    Args:
        units: Integer, the width of the state.
        activation: Name or function `g` of the candidate. Defaults to `"tanh"`; the authors' code
            has none.
        gate_inside: Boolean, whether `h_t = tanh(o_t * c_t)`, as in the authors' code. Defaults to
            `False`.
        unit_forget_bias: Boolean, whether the bias of `f` starts at one. Defaults to `True`.
        recurrent_initializer: Initialiser of `W_mh` and `W_m`. Defaults to `"orthogonal"`.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of two tensors `(batch, units)`, `h` and `c`. Defaults to `None`,
            zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether dropout is active.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        tuple of it, `h` and `c`, each `(batch, units)`.

    Weights:
        `(5 * width + 5 * units + 4) * units`.

    Masking:
        A masked step carries the states unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates and states are float32 under 16-bit policies, products with kernels are not. The
        recurrence is not linear, so steps run one by one, in the loop of Keras's own recurrences.
        Written for LiteRT or ONNX, a sequence of a known length of at most 256 steps is unrolled;
        the loop of a longer one LiteRT cannot calibrate for eight bits.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> y, h, c = keras_hadamard.layers.MultiplicativeLSTM(8, return_state=True)(x)
    >>> y.shape, c.shape
    (TensorShape([2, 8]), TensorShape([2, 8]))

    Reference:
        - [Multiplicative LSTM for sequence modelling (Krause et al., 2016)](
          https://arxiv.org/abs/1609.07959)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        gate_inside: bool = False,
        unit_forget_bias: bool = True,
        recurrent_initializer: Initializer = "orthogonal",
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(positive_int("units", units), **kwargs)
        self.activation = get_activation(activation)
        self.gate_inside = bool(gate_inside)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        biases = [initializer_for(self.bias_initializer, gate) for gate in "ifco"]
        if self.unit_forget_bias:
            biases[2] = keras.initializers.Ones()
        self.projection = self.project(
            self.units,
            "projection",
            blocks=4,
            bias_initializer=BlockInitializer(biases),
            input_shape=input_shape,
        )
        self.factor_projection = self.project(
            self.units, "factor_projection", use_bias=False, input_shape=input_shape
        )
        self.factor_recurrent_kernel, self.recurrent_kernel = (
            self.add_weight(
                name=name,
                shape=(self.units, columns * self.units),
                initializer=self.recurrent_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
                autocast=False,
            )
            for name, columns in (("factor_recurrent_kernel", 1), ("recurrent_kernel", 4))
        )
        self.loop = one_by_one(self._step, self.state_size, self.state_dtype)

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, states, mask = self.enter(inputs, initial_state, mask, training)
        h, states = self.loop(ops.cast(x, self.state_dtype), states, mask)
        return self.leave(h, states)

    def state_sizes(self, width: int) -> list[int]:
        return [self.units, self.units]

    def _step(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """The states `h` and `c` after one step. Products with kernels are in the compute dtype."""
        h, c = states
        low, wide = self.compute_dtype, c.dtype

        def product(y: Tensor, kernel: Tensor) -> Tensor:
            return ops.cast(ops.matmul(ops.cast(y, low), ops.cast(kernel, low)), wide)

        # Projected step by step: the projected sequence, five times as wide, would take longer to
        # read.
        x = ops.cast(x, low)
        m = ops.cast(self.factor_projection(x), wide) * product(h, self.factor_recurrent_kernel)
        gates = ops.cast(self.projection(x), wide) + product(m, self.recurrent_kernel)
        candidate, enter, forget, output = ops.split(gates, 4, axis=-1)
        c = ops.sigmoid(forget) * c + ops.sigmoid(enter) * self.activation(candidate)
        output = ops.sigmoid(output)
        return [ops.tanh(output * c) if self.gate_inside else output * ops.tanh(c), c]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "gate_inside": self.gate_inside,
            "unit_forget_bias": self.unit_forget_bias,
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }
