"""What the sequence mixers share: one interface, so that a model can exchange them."""

from typing import Any

from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._with_states import WithStates


class SequenceMixer(WithStates):
    """Base of layers that mix the positions of (batch, length, features) and keep its shape.

    A layer says what `run` makes of a sequence, of the states before it and of the mask, and the
    shapes of its states; one that has none, as where it is not causal, has no recurrent form.
    """

    def __init__(self, *, causal: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.causal = bool(causal)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return []

    def sequence_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.return_state:
            self._check_recurrent()

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        self._checked(inputs.shape)
        x, mask = self._without_masked(inputs, inputs, mask)
        states = self._given(initial_state)
        if states is None:
            states = self.get_initial_state(ops.shape(inputs)[0])
        return self._and_states(*self.run(x, states, mask))

    def step(self, inputs: Tensor, states: Any = None) -> tuple[Tensor, list[Tensor]]:
        if not self.built:
            self.build((None, 1, inputs.shape[-1]))
        self._check_recurrent()
        return super().step(inputs, states)

    def _check_recurrent(self) -> None:
        if not self.state_shapes(self._width):
            name = type(self).__name__
            raise received(f"`{name}` to be in a form that has states", causal=self.causal)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "causal": self.causal}
