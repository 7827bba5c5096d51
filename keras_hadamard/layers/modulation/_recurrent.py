"""The base of recurrent layers."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.introspection.private import convert_nothing
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers import _states
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped


class RecurrentArguments(ProjectionArguments, total=False):
    """Arguments of every recurrent layer, as in `keras.layers.RNN`."""

    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    dropout: float
    seed: int | None


class RecurrentLayer(BaseLayer):
    """Base of recurrent layers that take (batch, steps, width), as `keras.layers.RNN` does.

    A layer's `call` begins with `enter` and ends with `leave`; between the two, steps are in the
    order of computation, and masked ones are zeros. A layer whose states are not one of width
    `units` overrides `state_sizes`.
    """

    def __init__(
        self,
        units: int | None,
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.units: Any = units  # None for the width of the input.
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed
        # One draw for all steps, as in Keras's recurrent layers.
        self.drop = keras.layers.Dropout(
            self.dropout, noise_shape=(None, 1, None), seed=seed, dtype=self.dtype_policy
        )
        self.states: list[Any] | None = None
        self.supports_masking = True
        # Keras would round the states, some of which are counts, to the compute dtype.
        convert_nothing(self)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(inputs, **_states.call_arguments(self, inputs, args, kwargs))

    def state_sizes(self, width: int) -> list[int]:
        """The widths of the states for an input of `width`."""
        return [self.units or width]

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        """The shapes of the states for an input of `width`, without the batch."""
        return [(size,) for size in self.state_sizes(width)]

    @property
    def state_size(self) -> list[int]:
        """The widths of the states, of a built layer."""
        return self.state_sizes(self._width)

    @property
    def state_dtype(self) -> str:
        return accumulation_dtype(self.compute_dtype)

    def get_initial_state(self, batch_size: Any) -> list[Tensor]:
        """The states before the first step: zeros, a list of `(batch_size, ...)`."""
        return _states.zero_states(self.state_shapes(self._width), batch_size, self.state_dtype)

    def reset_state(self) -> None:
        """Sets the states of a stateful layer to zero."""
        for state in self.states or []:
            state.assign(ops.zeros_like(state))

    def build(self, input_shape: Shape) -> None:
        self._width = _states.sequence_width(input_shape)
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

    def enter(
        self, inputs: Tensor, initial_state: Any, mask: Any, training: bool | None
    ) -> tuple[Tensor, list[Tensor], Tensor | None]:
        """The sequence, the states before it and the mask, from the arguments of `call`."""
        _states.sequence_width(inputs.shape)
        states = self._states_before(inputs, initial_state)
        x, mask = _states.zero_masked(inputs, dropped(self.drop, inputs, training), mask)
        if self.go_backwards:
            x = ops.flip(x, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        return x, states, mask

    def _states_before(self, inputs: Tensor, given: Any) -> list[Tensor]:
        if given is not None:
            return _states.check_states(given, self.state_shapes(self._width), self.state_dtype)
        if self.states is None:
            return self.get_initial_state(ops.shape(inputs)[0])
        batch = self.states[0].shape[0]
        if inputs.shape[0] not in (None, batch):
            raise received(f"a batch of {batch}, as the layer is stateful", shape=inputs.shape)
        return [ops.convert_to_tensor(state) for state in self.states]

    def needed(self, mask: Tensor | None, *sequences: Tensor) -> tuple[Tensor, ...]:
        """The steps of the output: all, or only the last one if the others are not returned."""
        if self.return_sequences or mask is not None:
            return sequences
        return tuple(sequence[:, -1:] for sequence in sequences)

    def leave(self, sequence: Tensor, states: list[Tensor]) -> Any:
        """The result of `call`, from the outputs of the steps and the states after the last one."""
        if _states.stepping(self):
            return ops.cast(sequence[:, -1], self.compute_dtype), states
        for kept, state in zip(self.states or [], states, strict=False):
            kept.assign(state)
        output = sequence if self.return_sequences else sequence[:, -1]
        output = ops.cast(output, self.compute_dtype)
        return (output, *states) if self.return_state else output

    def step(self, inputs: Tensor, states: Any = None) -> tuple[Tensor, list[Tensor]]:
        """One step, `(batch, width)`, from the states before it, by default zeros.

        Returns the output `(batch, units)` and the list of the states after the step. Repeated
        steps give the same numbers as the whole sequence. The states of a stateful layer do not
        change.
        """
        inputs = ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        if not self.built:
            batch, *width = inputs.shape
            self.build((batch, 1, *width))
        return _states.one_step(self, inputs, states)

    def compute_mask(self, inputs: Tensor, mask: Any = None, **kwargs: Any) -> Any:
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask, *(None for _ in self.state_sizes(_states.sequence_width(inputs.shape)))]

    def compute_output_shape(self, input_shape: Shape, **kwargs: Any) -> Any:
        sizes = self.state_sizes(_states.sequence_width(input_shape))
        steps = (input_shape[1],) if self.return_sequences else ()
        output = (input_shape[0], *steps, self.units or input_shape[-1])
        states = [(input_shape[0], size) for size in sizes]
        return (output, *states) if self.return_state else output

    def compute_output_spec(self, inputs: Tensor, initial_state: Any = None, **kwargs: Any) -> Any:
        if initial_state is not None:
            self._states_before(inputs, initial_state)
        return _states.sequence_spec(self, self.compute_output_shape(inputs.shape))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "dropout": self.dropout,
            "seed": self.seed,
        }
