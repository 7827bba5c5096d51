"""What the recurrent layers share: everything but their equations."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import fraction, positive_int, received
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._with_states import WithStates
from keras_hadamard.ops import gated_scan


class Recurrent(WithStates):
    """Base of recurrent layers that take (batch, steps, width), as `keras.layers.RNN` does.

    A layer says what `run` makes of a whole sequence and of the states before it, and how wide its
    states are if they are not one of `units`. Sequences come to `run` in the order in which they
    are run, masked steps as zeros.
    """

    # Whether `units` may be None, which stands for the width of the input.
    keeps_width = False

    def __init__(
        self,
        units: int | None,
        *,
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = units is not None or not self.keeps_width
        self.units: Any = positive_int("units", units) if given else None
        self.return_sequences = bool(return_sequences)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed
        # One draw for all steps, as Keras's recurrent layers have it.
        self.drop = keras.layers.Dropout(
            self.dropout, noise_shape=(None, 1, None), seed=seed, dtype=self.dtype_policy
        )
        self.states: list[Any] | None = None

    def state_sizes(self, width: int) -> list[int]:
        """The widths of the states for an input of `width`."""
        return [self.units or width]

    @property
    def state_size(self) -> list[int]:
        """The widths of the states, once the layer is built."""
        return self.state_sizes(self._width)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return [(size,) for size in self.state_sizes(width)]

    def sequence_shape(self, input_shape: Shape) -> Shape:
        steps = (input_shape[1],) if self.return_sequences else ()
        return (input_shape[0], *steps, self.units or input_shape[-1])

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.stateful:
            if input_shape[0] is None:
                raise received("a known batch size, as the layer is stateful", shape=input_shape)
            self.states = [
                self.add_weight(
                    name="state",
                    shape=(input_shape[0], n),
                    initializer="zeros",
                    dtype=self.state_dtype,
                    trainable=False,
                    autocast=False,
                )
                for n in self.state_size
            ]

    def reset_state(self) -> None:
        """Sets the states of a stateful layer to zero."""
        for state in self.states or []:
            state.assign(ops.zeros_like(state))

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        states = self._states(initial_state, inputs)
        x, mask = self._without_masked(inputs, dropped(self.drop, inputs, training), mask)
        if self.go_backwards:
            x = ops.flip(x, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        sequence, states = self.run(x, states, mask)
        for kept, state in zip(self.states or [], states, strict=False):
            kept.assign(state)
        return self._and_states(sequence if self.return_sequences else sequence[:, -1], states)

    def _states(self, given: Any, inputs: Tensor) -> list[Tensor]:
        self._checked(inputs.shape)
        states = self._given(given)
        if states is not None:
            return states
        if self.states is not None:
            batch = self.states[0].shape[0]
            if inputs.shape[0] not in (None, batch):
                raise received(f"a batch of {batch}, as the layer is stateful", shape=inputs.shape)
            return [ops.convert_to_tensor(state) for state in self.states]
        return self.get_initial_state(ops.shape(inputs)[0])

    def compute_mask(self, inputs: Tensor, mask: Any = None, **kwargs: Any) -> Any:
        return super().compute_mask(inputs, mask if self.return_sequences else None)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class LinearRecurrent(Recurrent):
    """Base of layers whose state is `h_t = a_t * h_(t-1) + b_t`, `a` and `b` made of the input."""

    @abstractmethod
    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """`a`, `b` and whatever `read` takes, each (batch, steps, units)."""

    def read(self, h: Tensor, *gates: Tensor) -> Tensor:
        """The output of the state and the other gates."""
        return h

    def split(self, projected: Tensor, parts: int) -> list[Tensor]:
        """Gates that were projected at once, in the dtype of the state."""
        found: list[Tensor] = ops.split(ops.cast(projected, self.state_dtype), parts, axis=-1)
        return found

    def run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        decay, new, *gates = self.gates(x)
        h = scan(decay, new, states[0], mask)
        if mask is None and not self.return_sequences:
            h, gates = h[:, -1:], [gate[:, -1:] for gate in gates]
        output = self.read(h, *gates)
        return output if output is h else held(output, mask), [h[:, -1]]


def scan(decay: Tensor, new: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
    """The recurrence, over which masked steps carry the state unchanged."""
    if mask is not None:
        mask = ops.expand_dims(mask, -1)
        decay = ops.where(mask, decay, ops.ones_like(decay))
        new = ops.where(mask, new, ops.zeros_like(new))
    if decay.shape[1] == 1:
        return decay * ops.expand_dims(state, 1) + new
    return gated_scan(decay, new, state)


def held(x: Tensor, mask: Tensor | None, before: Tensor | None = None) -> Tensor:
    """`x` with the last step that counted, or `before`, in the place of masked steps."""
    if mask is None:
        return x
    mask = ops.broadcast_to(ops.expand_dims(mask, -1), ops.shape(x))
    before = ops.zeros_like(x[:, 0]) if before is None else before
    return scan(ops.cast(~mask, x.dtype), ops.where(mask, x, ops.zeros_like(x)), before)
