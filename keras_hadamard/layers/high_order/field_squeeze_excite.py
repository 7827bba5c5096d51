"""Squeeze and excitation over fields."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, KernelArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order._fields import field_shape, stacked


@serializable
class FieldSqueezeExcite(BaseLayer):
    """Weights of the fields from the means of all of them (the SENET of FiBiNET).

    `y_i = x_i * a_i with a = gate(W_2 act(W_1 z))`, where `z`, of shape `(batch, fields)`, is the
    mean of each field over its width, and `W_1` goes to `fields // reduction_ratio` numbers.

    The gate is a ReLU by default, as in the paper: it may switch a field off, which then gives no
    gradient. FiBiNET++ has biases (`use_bias=True`) and adds `x` to `y`.

    Args:
        reduction_ratio: Integer, by which the fields are divided. Defaults to `3`.
        activation: Name or function of what follows `W_1`. Defaults to `"relu"`.
        gate_activation: Name or function of what follows `W_2`. Defaults to `"relu"`.
        use_bias: Boolean, whether `W_1` and `W_2` have biases. Defaults to `False`.
        **kwargs: Arguments of the projections (`kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, fields, width)`.

    Weights:
        `2 * fields * max(1, fields // reduction_ratio)`; `fields + fields // reduction_ratio` more
        with `use_bias`.

    Masking:
        A masked field counts as zero. The mask of a tensor is passed on.

    Numerics:
        The means are float32 under 16-bit policies. Gates that end in a ReLU, as the paper has
        them, close for good where they start below zero: alone on digits
        (`benchmarks/train_defaults.md`) they are right in 73 %, with `gate_activation="sigmoid"` in
        83 %.

    Raises:
        ValueError: If an argument is out of range, there are fewer than two fields or their shapes
            are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 6, 8))
    >>> keras_hadamard.layers.FieldSqueezeExcite()(x).shape
    TensorShape([4, 6, 8])

    Reference:
        - [FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for Click-Through
          Rate Prediction (Huang et al., 2019)](https://arxiv.org/abs/1905.09433)
    """

    def __init__(
        self,
        reduction_ratio: int = 3,
        activation: Activation = "relu",
        gate_activation: Activation = "relu",
        use_bias: bool = False,
        **kwargs: Unpack[KernelArguments],
    ) -> None:
        super().__init__(use_bias=use_bias, **kwargs)
        self.supports_masking = True
        self.reduction_ratio = positive_int("reduction_ratio", reduction_ratio)
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)

    def build(self, input_shape: Any) -> None:
        _, fields, _ = field_shape(type(self).__name__, input_shape)
        inner = max(1, fields // self.reduction_ratio)
        self.squeeze = self.project(
            inner, "squeeze", activation=self.activation, input_shape=(None, fields)
        )
        self.excite = self.project(
            fields, "excite", activation=self.gate_activation, input_shape=(None, inner)
        )

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = stacked(inputs, mask)
        means = ops.mean(ops.cast(x, accumulation_dtype(self.compute_dtype)), axis=-1)
        gates = self.excite(self.squeeze(ops.cast(means, self.compute_dtype)))
        return x * ops.expand_dims(gates, -1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        return None if isinstance(inputs, list | tuple) else mask

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return field_shape(type(self).__name__, input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reduction_ratio": self.reduction_ratio,
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
