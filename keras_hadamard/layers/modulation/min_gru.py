"""The minimal gated recurrent unit."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers._projecting import ProjectingLayer
from keras_hadamard.ops import _activations as activations
from keras_hadamard.ops import gated_scan


@serializable
class MinGRU(ProjectingLayer):
    """Minimal gated recurrent unit (minGRU), a recurrence without a hidden-to-hidden product.

    `h_t = (1 - z_t) * h_(t-1) + z_t * g(W_h x_t + b_h) with z_t = sigmoid(W_z x_t + b_z)`, all
    gates computed at once and the recurrence by `keras_hadamard.ops.gated_scan`. `W_h` and `W_z`
    are `(width, units)`.

    Args:
        units: Integer, the width of the state.
        activation: Name or function of the candidate `g`. Defaults to `"positive"`, `x + 0.5` above
            zero and `sigmoid(x)` below, as in the paper's parallel form; `None` is its plain form.
        return_sequences: Boolean, whether to return the state after every step or the last one.
            Defaults to `False`.
        return_state: Boolean, whether to return the last state too. Defaults to `False`.
        go_backwards: Boolean, whether to run from the last step to the first, and return the
            sequence in that order. Defaults to `False`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as `keras.layers.Dense` has
            them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, units)`, or a list of it. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        list of it and the state `(batch, units)`.

    Weights:
        `2 * (width + 1) * units`.

    Masking:
        A masked step carries the state unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates and state are float32 under 16-bit policies. The recurrence runs step by step, not in
        log space, so initial states and candidates may have any sign.

    Raises:
        ValueError: If an argument is out of range, or the input or the initial state does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> keras_hadamard.layers.MinGRU(8, return_sequences=True)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Were RNNs All We Needed? (Feng et al., 2024)](https://arxiv.org/abs/2410.01201)
    """

    # Asked of a recurrent layer by `keras.layers.Bidirectional`.
    stateful = False

    def __init__(
        self,
        units: int,
        activation: Activation = "positive",
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        self.projection = self.project(self.units, "projection", blocks=2, input_shape=input_shape)

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None
    ) -> Tensor | list[Tensor]:
        candidate, gate = ops.split(self.projection(inputs), 2, axis=-1)
        if keras.backend.standardize_dtype(gate.dtype) in ("float16", "bfloat16"):
            # Near 1 the 16-bit floats are too coarse for a decay that acts over many steps.
            candidate, gate = ops.cast(candidate, "float32"), ops.cast(gate, "float32")
        keep, new = (
            ops.sigmoid(-gate),
            ops.sigmoid(gate) * activations.apply(self.activation, candidate),
        )
        if mask is not None:
            mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
            keep, new = ops.where(mask, keep, 1.0), ops.where(mask, new, 0.0)
        states = gated_scan(
            keep, new, self._initial(initial_state, keep), reverse=self.go_backwards
        )
        states = ops.cast(states, self.compute_dtype)
        if self.go_backwards:
            states = ops.flip(states, axis=1)
        last = states[:, -1]
        output = states if self.return_sequences else last
        return [output, last] if self.return_state else output

    def _initial(self, state: Any, like: Tensor) -> Tensor | None:
        if isinstance(state, list | tuple):
            if len(state) != 1:
                raise received("`initial_state` to be one tensor", length=len(state))
            state = state[0]
        if state is None:
            return None
        if len(state.shape) != 2 or state.shape[-1] != self.units:
            raise received(f"`initial_state` to be (batch, {self.units})", shape=tuple(state.shape))
        return ops.cast(state, like.dtype)

    def compute_mask(self, inputs: Tensor, mask: Any = None, **kwargs: Any) -> Any:
        output = mask if self.return_sequences else None
        return [output, None] if self.return_state else output

    def compute_output_shape(self, input_shape: Shape, **kwargs: Any) -> Any:
        self._check(input_shape)
        state = (input_shape[0], self.units)
        output = (*input_shape[:2], self.units) if self.return_sequences else state
        return [output, state] if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
        }

    @staticmethod
    def _check(input_shape: Shape) -> None:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("an input (batch, steps, width) of known width", shape=input_shape)
