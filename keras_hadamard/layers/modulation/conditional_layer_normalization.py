"""Layer normalisation whose scale and shift come from a condition."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import channels_axis, to_last, to_last_shape
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class ConditionalLayerNormalization(ConditionedLayer):
    """Layer normalisation whose scale and shift come from a condition (adaLN, adaLN-Zero).

    `y = (1 + scale) * LN(x) + shift with [shift, scale] = W act(c) + b`, where `LN` normalises the
    features of each position without scale and shift, and `W` has shape `(width, 2 * features)`.
    With `use_gate` there is a third part, for a residual block as in adaLN-Zero:
    `x + gate * block(y)`, which starts as the identity if `W` is zero.

    Args:
        use_gate: Boolean, whether the layer returns `[y, gate]`. Defaults to `False`.
        activation: Name or function of the activation of the condition, as in the authors' code.
            Defaults to `"silu"`.
        epsilon: Number that is added to the variance. Defaults to `1e-6`.
        data_format: `"channels_last"` or `"channels_first"`, of `x`. Defaults to `None`, Keras's
            setting.
        **kwargs: Arguments of the projection (`use_bias`, `kernel_initializer`, here `"zeros"` by
            default, as in adaLN-Zero, and so on), and of the base layer.

    Call arguments:
        inputs: List `[x, condition]`.

    Input shape:
        `x` is `(batch, ..., features)` in any number of positions, `condition` is
        `(batch, width)`, or `(batch, ..., width)` with a condition for each position of `x`.

    Output shape:
        The shape of `x`. The gate has that shape if the condition has positions, and otherwise
        length 1 on each axis of positions.

    Weights:
        `(2 + use_gate) * width_1 * (width_2 + 1)`, with `width_1` the features of `x` and `width_2`
        those of the condition.

    Masking:
        The mask of `x` is passed on with `y`.

    Numerics:
        Statistics and the modulation are float32 under 16-bit policies.

    Raises:
        ValueError: If `epsilon` is negative, or the inputs are not a list of two float tensors that
            fit together.

    Example:

    >>> tokens, condition = keras.ops.ones((2, 6, 8)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.ConditionalLayerNormalization()([tokens, condition]).shape
    TensorShape([2, 6, 8])
    >>> layer = keras_hadamard.layers.ConditionalLayerNormalization(use_gate=True)
    >>> y, gate = layer([tokens, condition])
    >>> (tokens + gate * keras.layers.Dense(8)(y)).shape, gate.shape
    (TensorShape([2, 6, 8]), TensorShape([2, 1, 8]))

    Reference:
        - [Scalable Diffusion Models with Transformers (Peebles and Xie, 2023)](
          https://arxiv.org/abs/2212.09748)
    """

    def __init__(
        self,
        use_gate: bool = False,
        activation: Activation = "silu",
        epsilon: float = 1e-6,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", "zeros")
        super().__init__(data_format=data_format, **kwargs)
        self.use_gate = bool(use_gate)
        self.activation = get_activation(activation)
        self.epsilon = non_negative("epsilon", epsilon)

    def build(self, input_shape: list[Shape]) -> None:
        x, condition = self.shapes(input_shape)
        self.normalization = normalization(
            "layer",
            "normalization",
            policy=self.dtype_policy,
            input_shape=to_last_shape(x, self.data_format),
            epsilon=self.epsilon,
            center=False,
            scale=False,
        )
        self.condition_projection = self.project(
            x[channels_axis(self.data_format)] or 0,
            "condition_projection",
            blocks=3 if self.use_gate else 2,
            input_shape=condition,
        )

    def call(self, inputs: list[Tensor]) -> Any:
        x, condition = inputs
        x = to_last(x, self.data_format)
        parts = self.condition_projection(self.activation(condition))
        if len(parts.shape) == 2:
            parts = ops.expand_dims(parts, tuple(range(1, len(x.shape) - 1)))
        shift, scale, *gate = ops.split(parts, 3 if self.use_gate else 2, axis=-1)
        y = modulate(self.normalization(x), 1 + scale, shift)
        outputs = [to_last(part, self.data_format, back=True) for part in (y, *gate)]
        return outputs if self.use_gate else outputs[0]

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Any:
        mask = super().compute_mask(inputs, mask)
        return [mask, None] if self.use_gate else mask

    def compute_output_shape(self, input_shape: list[Shape]) -> Any:
        x, condition = self.shapes(input_shape)
        if not self.use_gate:
            return x
        batch, *positions, features = to_last_shape(x, self.data_format)
        positions = list(condition[1:-1]) or [1] * len(positions)
        return [x, to_last_shape((batch, *positions, features), self.data_format, back=True)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_gate": self.use_gate,
            "activation": serialize_activation(self.activation),
            "epsilon": self.epsilon,
        }
