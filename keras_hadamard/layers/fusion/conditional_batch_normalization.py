"""Batch normalisation whose scale and shift depend on a condition."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, non_negative, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import channels_axis, to_last, to_last_shape
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.layers._normalization.batch import EPSILON
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class ConditionalBatchNormalization(ConditionedLayer):
    """Batch normalisation with an offset to scale and shift from a condition (de Vries et al.).

    `y = (gamma + dgamma) * (x - mean) / sqrt(var + epsilon) + beta + dbeta with
    [dgamma, dbeta] = W h + b and h = relu(V c + a)`, where `c` is the condition and `W`, of shape
    `(hidden_units, 2 * features)`, and `b` start at zero, so training starts at plain batch
    normalisation. If the condition is a class, put an `Embedding` of the class before the layer.

    Args:
        hidden_units: Integer, the width of `h`. Defaults to `None`: `h` is the condition itself.
        momentum: Number in [0, 1), the share of the running statistics that a step keeps. Defaults
            to `0.9`.
        epsilon: Number that is added to the variance. Defaults to `1e-5`.
        data_format: `"channels_last"` or `"channels_first"`, of `x`. Defaults to `None`, Keras's
            setting.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer` and so on), and of
            the base layer. The initialisers are those of `V` and `a`.

    Call arguments:
        inputs: List `[x, condition]`.
        training: Boolean, whether to normalise by the batch, and to update the running statistics.
        mask: Mask of `x`, or a list of it and one of the condition.

    Input shape:
        `x` is `(batch, ..., features)` in any number of positions, `condition` is
        `(batch, width)`, or `(batch, ..., width)` with a condition for each position of `x`.

    Output shape:
        The shape of `x`.

    Weights:
        `2 * width_1 * (width_2 + 2)`, with `width_1` the features of `x` and `width_2` those of the
        condition. With a hidden layer, `hidden_units` replaces `width_2`, and the layer itself has
        `hidden_units * (width_2 + 1)` more.

    Masking:
        The mask of `x` is passed on. Masked positions are left out of the statistics, and count as
        zeros for their own output.

    Numerics:
        Statistics and the modulation are float32 under 16-bit policies. The running variance is the
        unbiased one, as PyTorch records it; with a mask it is the biased one.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of two float
            tensors that fit together.

    Example:

    >>> image, question = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 5))
    >>> layer = keras_hadamard.layers.ConditionalBatchNormalization(hidden_units=16)
    >>> layer([image, question]).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [Modulating early visual processing by language (de Vries et al., 2017)](
          https://arxiv.org/abs/1707.00683)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        momentum: float = 0.9,
        epsilon: float = EPSILON,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.momentum = fraction("momentum", momentum)
        self.epsilon = non_negative("epsilon", epsilon)

    def build(self, input_shape: list[Shape]) -> None:
        x, condition = self.shapes(input_shape)
        features = int(x[channels_axis(self.data_format)] or 0)
        self.normalization = BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build(to_last_shape(x, self.data_format))
        self.gamma = self.add_weight(name="gamma", shape=(features,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(features,), initializer="zeros")
        self.hidden_projection = None
        if self.hidden_units is not None:
            self.hidden_projection = self.project(
                self.hidden_units, "hidden_projection", activation="relu", input_shape=condition
            )
            condition = (*condition[:-1], self.hidden_units)
        zeros = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}
        self.condition_projection = self.sublayer(
            keras.layers.Dense, 2 * features, name="condition_projection", **zeros
        )
        self.condition_projection.build(condition)

    def call(self, inputs: list[Tensor], training: bool | None = None, mask: Any = None) -> Tensor:
        x, condition = inputs
        valid = self.compute_mask(inputs, mask)
        x = apply_mask(to_last(x, self.data_format), valid)
        y = self.normalization(x, training=training, mask=valid)
        condition = apply_mask(condition, mask[1] if isinstance(mask, list | tuple) else None)
        if self.hidden_projection is not None:
            condition = self.hidden_projection(condition)
        # Added before the split, so that XLA sums over the batch once for these and the bias.
        coefficients = self.condition_projection(condition)
        coefficients += ops.concatenate([self.gamma, self.beta], axis=-1)
        y = modulate(y, *ops.split(coefficients, 2, axis=-1))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
