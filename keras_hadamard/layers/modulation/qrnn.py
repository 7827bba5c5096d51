"""The quasi-recurrent neural network."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.modulation._recurrences import carry_forward, linear_recurrence
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer

# The projections of each pooling in addition to the candidate and the forget gate.
GATES = {"f": 0, "fo": 1, "ifo": 2}


@serializable
class QRNN(RecurrentLayer):
    """Quasi-recurrent network (QRNN): gates by a causal convolution, then pooling over time.

    `h_t = o_t * c_t with c_t = f_t * c_(t-1) + (1 - f_t) * tanh(W_z [x_(t-k+1) ... x_t] + b_z)`,
    where the gates `f_t` and `o_t` are sigmoids of such products of the same window of `k` inputs.

    Args:
        units: Integer, the width of the state.
        window: Integer, the number `k` of inputs that the gates see, including the latest. Defaults
            to `2`.
        pooling: `"fo"`, `"f"` (without `o`) or `"ifo"` (a gate `i_t` instead of `1 - f_t`).
            Defaults to `"fo"`.
        activation: Name or function of the candidate. Defaults to `"tanh"`.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether dropout is active.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        tuple of it, the state `(batch, units)` and, for a window above 1, the latest inputs
        `(batch, (window - 1) * width)`, latest first.

    Weights:
        `3 * (window * width + 1) * units`; `2 * ...` with `"f"`, `4 * ...` with `"ifo"`.

    Masking:
        A masked step carries state and output unchanged, and windows leave it out. The mask is
        passed on with the sequence.

    Numerics:
        Gates and state are float32 under 16-bit policies; `1 - f` is computed without a difference.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> keras_hadamard.layers.QRNN(8, window=3, return_sequences=True)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Quasi-Recurrent Neural Networks (Bradbury et al., 2016)](
          https://arxiv.org/abs/1611.01576)
    """

    def __init__(
        self,
        units: int,
        window: int = 2,
        pooling: str = "fo",
        activation: Activation = "tanh",
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(positive_int("units", units), **kwargs)
        self.window = positive_int("window", window)
        self.pooling = one_of("pooling", pooling, GATES)
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.projection = self.project(
            self.units,
            "projection",
            blocks=2 + GATES[self.pooling],
            input_shape=(*input_shape[:-1], self.window * self._width),
        )

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, (state, *before), mask = self.enter(inputs, initial_state, mask, training)
        x, latest = causal_windows(x, before, mask, self.window)
        dtype = self.state_dtype
        gates = ops.cast(self.projection(x), dtype)
        candidate, forget, *rest = ops.split(gates, 2 + GATES[self.pooling], axis=-1)
        enter = ops.sigmoid(rest.pop() if self.pooling == "ifo" else -forget)
        new = enter * self.activation(candidate)
        c = linear_recurrence(ops.sigmoid(forget), new, state, mask)
        states = [c[:, -1], *(ops.cast(inputs, dtype) for inputs in latest)]
        if not rest:
            return self.leave(c, states)
        c, output = self.needed(mask, c, *rest)
        return self.leave(carry_forward(ops.sigmoid(output) * c, mask), states)

    def state_sizes(self, width: int) -> list[int]:
        before = [(self.window - 1) * width] if self.window > 1 else []
        return [self.units, *before]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "window": self.window,
            "pooling": self.pooling,
            "activation": serialize_activation(self.activation),
        }


def causal_windows(
    x: Tensor, before: list[Tensor], mask: Tensor | None, size: int
) -> tuple[Tensor, list[Tensor]]:
    """Each step with the `size - 1` unmasked ones before it, and the latest ones at the end.

    Latest first; `before` has those before the first step, as one tensor, if there are any.
    """
    windows: list[Tensor] = [x]
    latest = []
    for edge in ops.split(before[0], size - 1, axis=-1) if before else []:
        edge = ops.cast(edge, x.dtype)
        seen = carry_forward(windows[-1], mask, edge)
        latest.append(seen[:, -1])
        windows.append(ops.concatenate([edge[:, None], seen[:, :-1]], axis=1))
    wide = ops.concatenate(windows, axis=-1)
    return wide, [ops.concatenate(latest, axis=-1)] if latest else []
