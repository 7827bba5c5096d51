"""The quasi-recurrent neural network."""

from typing import Any

from keras import ops

from keras_hadamard._checks import one_of, positive_int
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.modulation._recurrent import LinearRecurrent, held

# What each pooling projects beside the candidate and the forget gate.
GATES = {"f": 0, "fo": 1, "ifo": 2}


@serializable
class QRNN(LinearRecurrent):
    """Quasi-recurrent network (QRNN): gates by a causal convolution, then pooling over time.

    `h_t = o_t * c_t with c_t = f_t * c_(t-1) + (1 - f_t) * tanh(W_z [x_(t-k+1) ... x_t] + b_z)`,
    the gates `f_t` and `o_t` sigmoids of such products of the same window of `k` inputs.

    Args:
        units: Integer, the width of the state.
        window: Integer, the number `k` of inputs that the gates see, the latest included. Defaults
            to `2`.
        pooling: `"fo"`, `"f"` (without `o`) or `"ifo"` (a gate `i_t` in place of `1 - f_t`).
            Defaults to `"fo"`.
        activation: Name or function of the candidate. Defaults to `"tanh"`.
        **kwargs: Arguments of every recurrent layer, as Keras's have them (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and its `seed`), of
            the projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as `keras.layers.Dense` has them) and of the base layer
            (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether the dropout is on.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.window = positive_int("window", window)
        self.pooling = one_of("pooling", pooling, GATES)
        self.activation = get_activation(activation)

    def state_sizes(self, width: int) -> list[int]:
        before = [(self.window - 1) * width] if self.window > 1 else []
        return [*super().state_sizes(width), *before]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.projection = self.project(
            self.units,
            "projection",
            blocks=2 + GATES[self.pooling],
            input_shape=(*input_shape[:-1], self.window * self._width),
        )

    def run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        windows, latest = [x], []
        before = ops.split(states[1], self.window - 1, axis=-1) if self.window > 1 else []
        for edge in (ops.cast(e, x.dtype) for e in before):
            seen = held(windows[-1], mask, edge)
            latest.append(seen[:, -1])
            windows.append(ops.concatenate([edge[:, None], seen[:, :-1]], axis=1))
        output, after = super().run(ops.concatenate(windows, axis=-1), states[:1], mask)
        if latest:
            after.append(ops.cast(ops.concatenate(latest, axis=-1), self.state_dtype))
        return output, after

    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        candidate, forget, *rest = self.split(self.projection(x), 2 + GATES[self.pooling])
        enter = ops.sigmoid(rest.pop() if self.pooling == "ifo" else -forget)
        new = enter * self.activation(candidate)
        return ops.sigmoid(forget), new, *rest

    def read(self, h: Tensor, *gates: Tensor) -> Tensor:
        return ops.sigmoid(gates[0]) * h if gates else h

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "window": self.window,
            "pooling": self.pooling,
            "activation": serialize_activation(self.activation),
        }
