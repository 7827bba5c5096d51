"""What layers share that run over steps with states which can be taken out and put back."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._introspection.private import convert_nothing, mask_of
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import counted
from keras_hadamard.ops._precision import at_least_float32


class WithStates(BaseLayer):
    """Base of layers over (batch, steps, width) that a sequence can be cut for anywhere.

    A layer says what `run` makes of a sequence and of the states before it, the shapes of its
    states and that of its output. Masked steps come to `run` as zeros.
    """

    def __init__(self, *, return_state: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.return_state = bool(return_state)
        self.supports_masking = True
        # Keras would round the states, some of which are counts, to the compute dtype.
        convert_nothing(self)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(self.call_signature_parameters[1:], args, strict=False)), **kwargs}
        unmasked = given.get("initial_state") is not None and given.get("mask") is None
        if unmasked and not isinstance(inputs, keras.KerasTensor):
            # Keras looks for the mask of the inputs where there are no other tensors.
            given["mask"] = mask_of(inputs)
        return super().__call__(inputs, **given)

    @abstractmethod
    def run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """The output of every step, or of the last alone, and the states after the last one."""

    @abstractmethod
    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        """The shapes of the states for an input of `width`, without the batch."""

    @abstractmethod
    def sequence_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for an input that fits."""

    @property
    def state_dtype(self) -> str:
        return at_least_float32(self.compute_dtype)

    def get_initial_state(self, batch_size: Any) -> list[Tensor]:
        """The states before the first step: zeros, a list of `(batch_size, ...)`."""
        shapes = self.state_shapes(self._width)
        return [ops.zeros((batch_size, *shape), self.state_dtype) for shape in shapes]

    def build(self, input_shape: Shape) -> None:
        self._width = self._checked(input_shape)

    def step(self, inputs: Tensor, states: Any = None) -> tuple[Tensor, list[Tensor]]:
        """One step, `(batch, width)`, from the states before it, by default zeros.

        Returns the output `(batch, units)` and the list of the states after the step. Step after
        step gives the numbers of the whole sequence. What a stateful layer keeps is left alone.
        """
        x = ops.expand_dims(ops.convert_to_tensor(inputs, dtype=self.compute_dtype), 1)
        if not self.built:
            self.build(tuple(x.shape))
        self._checked(x.shape)
        given = self._given(states)
        output, states = self.run(x, given or self.get_initial_state(ops.shape(x)[0]), None)
        return ops.cast(output[:, -1], self.compute_dtype), states

    def _given(self, states: Any) -> list[Tensor] | None:
        """The states that were handed in, checked and in the dtype that they are kept in."""
        if states is None:
            return None
        states = list(states) if isinstance(states, list | tuple) else [states]
        wanted = self.state_shapes(self._width)
        if len(states) != len(wanted):
            expected = "one tensor" if len(wanted) == 1 else f"a list of {len(wanted)}"
            raise received(f"`initial_state` to be {expected}", length=len(states))
        for state, shape in zip(states, wanted, strict=True):
            fits = len(state.shape) == len(shape) + 1 and all(
                got in (None, size) for got, size in zip(state.shape[1:], shape, strict=True)
            )
            if not fits:
                expected = ", ".join(map(str, ("batch", *shape)))
                raise received(f"`initial_state` to be ({expected})", shape=tuple(state.shape))
        return [ops.cast(state, self.state_dtype) for state in states]

    @staticmethod
    def _without_masked(inputs: Tensor, x: Tensor, mask: Any) -> tuple[Tensor, Tensor | None]:
        """`x` with zeros at masked steps, whatever stands there, and the mask as booleans."""
        if mask is None:
            return x, None
        mask = ops.cast(mask, "bool")
        steps = inputs.shape[1]
        known = len(mask.shape) == 2 and None not in (steps, mask.shape[1])
        if len(mask.shape) != 2 or (known and mask.shape[1] != steps):
            raise received(f"`mask` to be (batch, {steps})", shape=tuple(mask.shape))
        return counted(x, mask), mask

    def _checked(self, input_shape: Shape) -> int:
        """The width of an input that fits."""
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("an input (batch, steps, width) of known width", shape=input_shape)
        return int(input_shape[-1])

    def _and_states(self, output: Tensor, states: list[Tensor]) -> Tensor | tuple[Tensor, ...]:
        output = ops.cast(output, self.compute_dtype)
        return (output, *states) if self.return_state else output

    def compute_mask(self, inputs: Tensor, mask: Any = None, **kwargs: Any) -> Any:
        states = self.state_shapes(self._checked(inputs.shape))
        return [mask, *(None for _ in states)] if self.return_state else mask

    def compute_output_shape(self, input_shape: Shape, **kwargs: Any) -> Any:
        shapes = self.state_shapes(self._checked(input_shape))
        output = self.sequence_shape(input_shape)
        states = [(input_shape[0], *shape) for shape in shapes]
        return (output, *states) if self.return_state else output

    def compute_output_spec(self, inputs: Tensor, initial_state: Any = None, **kwargs: Any) -> Any:
        # States are not of the dtype of the output, which `compute_output_shape` alone would give.
        self._given(initial_state)
        shape = self.compute_output_shape(inputs.shape)
        if not self.return_state:
            return keras.KerasTensor(shape, self.compute_dtype)
        output, *states = shape
        return (
            keras.KerasTensor(output, self.compute_dtype),
            *(keras.KerasTensor(state, self.state_dtype) for state in states),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "return_state": self.return_state}
