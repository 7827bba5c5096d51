"""The minimal gated recurrent unit."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.modulation._recurrences import linear_recurrence
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer


@serializable
class MinGRU(RecurrentLayer):
    """Minimal gated recurrent unit (minGRU), a recurrence without a hidden-to-hidden product.

    `h_t = (1 - z_t) * h_(t-1) + z_t * g(W_h x_t + b_h) with z_t = sigmoid(W_z x_t + b_z)`, all
    gates computed at once and the recurrence by `keras_hadamard.ops.gated_scan`. `W_h` and `W_z`
    are `(width, units)`.

    Args:
        units: Integer, the width of the state.
        activation: Name or function of the candidate `g`. Defaults to `"min_gru_g"`, `x + 0.5`
            above zero and `sigmoid(x)` below, which the paper's log-space form needs; `None` is its
            plain form.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, units)`, or a list of it. Defaults to `None`, zeros. The
            paper's parallel form puts it through `g` and its sequential one does not; here it is
            used unchanged.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether dropout is active.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        tuple of it and the state `(batch, units)`.

    Weights:
        `2 * (width + 1) * units`.

    Masking:
        A masked step carries the state unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates and state are float32 under 16-bit policies. The recurrence runs in plain space, so
        initial states and candidates may have any sign; `1 - z` is computed without a difference.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> layer = keras_hadamard.layers.MinGRU(8, return_sequences=True)
    >>> layer(x).shape
    TensorShape([2, 9, 8])
    >>> y, states = layer.step(x[:, 0])

    Reference:
        - [Were RNNs All We Needed? (Feng et al., 2024)](https://arxiv.org/abs/2410.01201)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "min_gru_g",
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(positive_int("units", units), **kwargs)
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.projection = self.project(self.units, "projection", blocks=2, input_shape=input_shape)

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, (state,), mask = self.enter(inputs, initial_state, mask, training)
        gates = ops.cast(self.projection(x), self.state_dtype)
        candidate, gate = ops.split(gates, 2, axis=-1)
        new = ops.sigmoid(gate) * self.activation(candidate)
        h = linear_recurrence(ops.sigmoid(-gate), new, state, mask)
        return self.leave(h, [h[:, -1]])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": serialize_activation(self.activation)}
