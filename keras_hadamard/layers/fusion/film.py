"""Feature-wise linear modulation."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import channels_axis, to_last
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class FiLM(ConditionedLayer):
    """Feature-wise linear modulation (FiLM) of one representation by another.

    `y = act(gamma * x + beta) with [gamma - gamma_offset, beta] = W c + b` for every feature of
    every position, computed from the condition `c`, with `W` of shape `(width_c, 2 * features)`.

    Args:
        activation: Name or function of the output's activation. Defaults to `None`.
        use_shift: Boolean, whether there is a `beta`. Defaults to `True`.
        gamma_offset: Float that is added to gamma. Defaults to `1.0`, the authors' baseline, which
            preserves the signal at the start; `0.0` is the equation of the paper.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        **kwargs: Arguments of the projection (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, condition]`.

    Input shape:
        `x` is `(batch, ..., features)` in any number of positions, `condition` is
        `(batch, width)`, or `(batch, ..., width)` with a condition for each position of `x`.

    Output shape:
        The shape of `x`.

    Weights:
        `2 * width_1 * (width_2 + 1)`, with `width_1` the features of `x` and `width_2` those of the
        condition.

    Masking:
        The mask of `x` is passed on.

    Numerics:
        The modulation is computed in float32 under 16-bit policies.

    Raises:
        ValueError: If the inputs are not a list of two float tensors that fit together.

    Example:

    >>> image, question = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.FiLM()([image, question]).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [FiLM: Visual Reasoning with a General Conditioning Layer (Perez et al., 2018)](
          https://arxiv.org/abs/1709.07871)
    """

    def __init__(
        self,
        activation: Activation = None,
        use_shift: bool = True,
        gamma_offset: float = 1.0,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.activation = get_activation(activation)
        self.use_shift = bool(use_shift)
        self.gamma_offset = float(gamma_offset)

    def build(self, input_shape: list[Shape]) -> None:
        x, condition = self.shapes(input_shape)
        self.condition_projection = self.project(
            int(x[channels_axis(self.data_format)] or 0),
            "condition_projection",
            blocks=2 if self.use_shift else 1,
            input_shape=condition,
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, condition = inputs
        x = to_last(x, self.data_format)
        coefficients = self.condition_projection(condition)
        gamma, beta = coefficients, None
        if self.use_shift:
            gamma, beta = ops.split(coefficients, 2, axis=-1)
        y = self.activation(modulate(x, gamma + self.gamma_offset, beta))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "use_shift": self.use_shift,
            "gamma_offset": self.gamma_offset,
        }
