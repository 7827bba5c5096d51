"""The base of sequence mixers: one interface, so that a model can exchange them."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.introspection.private import convert_nothing
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers import _states
from keras_hadamard.layers._base import BaseLayer


class StateArguments(ProjectionArguments, total=False):
    """Arguments of every sequence mixer but `causal`."""

    return_state: bool


class SequenceMixerArguments(StateArguments, total=False):
    """Arguments of every sequence mixer."""

    causal: bool


class SequenceMixer(BaseLayer):
    """Base of layers that mix the positions of (batch, length, features) and keep its shape.

    A layer's `call` begins with `enter` and ends with `leave`; between the two, masked positions
    are zeros. A layer declares the shapes of its states; one without states, for example if it is
    not causal, has no recurrent form.
    """

    def __init__(
        self,
        *,
        causal: bool = True,
        return_state: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.causal = bool(causal)
        self.return_state = bool(return_state)
        self.supports_masking = True
        # Keras would round the states, some of which are counts, to the compute dtype.
        convert_nothing(self)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(inputs, **_states.call_arguments(self, inputs, args, kwargs))

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        """The shapes of the states for an input of `width`, without the batch."""
        return []

    @property
    def state_dtype(self) -> str:
        return accumulation_dtype(self.compute_dtype)

    def get_initial_state(self, batch_size: Any) -> list[Tensor]:
        """The states before the first step: zeros, a list of `(batch_size, ...)`."""
        return _states.zero_states(self.state_shapes(self._width), batch_size, self.state_dtype)

    def build(self, input_shape: Shape) -> None:
        self._width = _states.sequence_width(input_shape)
        if self.return_state:
            self._check_recurrent()

    def enter(
        self, inputs: Tensor, initial_state: Any, mask: Any
    ) -> tuple[Tensor, list[Tensor], Tensor | None]:
        """The sequence, the states before it and the mask, as the arguments of `call` mean them."""
        _states.sequence_width(inputs.shape)
        x, mask = _states.zero_masked(inputs, inputs, mask)
        if initial_state is None:
            return x, self.get_initial_state(ops.shape(inputs)[0]), mask
        return x, self._given(initial_state), mask

    @property
    def gives_states(self) -> bool:
        """Whether the result of `call` has the states after the last position."""
        return self.return_state or _states.stepping(self)

    def leave(self, output: Tensor, states: list[Tensor]) -> Any:
        """The result of `call`, from the output and the states after the last position."""
        output = ops.cast(output, self.compute_dtype)
        if _states.stepping(self):
            return output[:, -1], states
        return (output, *states) if self.return_state else output

    def step(self, inputs: Tensor, states: Any = None) -> tuple[Tensor, list[Tensor]]:
        """One step, `(batch, features)`, from the states before it, by default zeros.

        Returns the output `(batch, features)` and the list of the states after the step. Repeated
        steps give the same numbers as the whole sequence.
        """
        if not self.built:
            self.build((None, 1, inputs.shape[-1]))
        self._check_recurrent()
        return _states.one_step(self, inputs, states)

    def compute_mask(self, inputs: Tensor, mask: Any = None, **kwargs: Any) -> Any:
        if not self.return_state:
            return mask
        return [mask, *(None for _ in self.state_shapes(_states.sequence_width(inputs.shape)))]

    def compute_output_shape(self, input_shape: Shape, **kwargs: Any) -> Any:
        shapes = self.state_shapes(_states.sequence_width(input_shape))
        states = [(input_shape[0], *shape) for shape in shapes]
        return (tuple(input_shape), *states) if self.return_state else tuple(input_shape)

    def compute_output_spec(self, inputs: Tensor, initial_state: Any = None, **kwargs: Any) -> Any:
        if initial_state is not None:
            self._given(initial_state)
        return _states.sequence_spec(self, self.compute_output_shape(inputs.shape))

    def _given(self, states: Any) -> list[Tensor]:
        return _states.check_states(states, self.state_shapes(self._width), self.state_dtype)

    def _check_recurrent(self) -> None:
        if not self.state_shapes(self._width):
            name = type(self).__name__
            raise received(f"`{name}` to be in a form with states", causal=self.causal)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "causal": self.causal, "return_state": self.return_state}
