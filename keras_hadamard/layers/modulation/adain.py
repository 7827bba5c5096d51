"""Adaptive instance normalisation."""

import math
from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import channels_axis, to_last
from keras_hadamard.layers._masks import apply_mask, masked_mean
from keras_hadamard.layers._normalization.batch import EPSILON
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class AdaIN(ConditionedLayer):
    """Adaptive instance normalisation (AdaIN): one image gets the statistics of a style.

    `y = scale * (x - mean(x)) / sd(x) + shift`, where mean and standard deviation
    `sd = sqrt(var + epsilon)` are over the positions of each image and channel. A style with
    positions gives its statistics, `scale = sd(style)` and `shift = mean(style)` (Huang and
    Belongie); a vector is projected, `[scale - 1, shift] = W style + b` with `W` of shape
    `(width, 2 * channels)` (StyleGAN).

    Args:
        epsilon: Number that is added to the variances. Defaults to `1e-5`; StyleGAN has `1e-8`.
        data_format: `"channels_last"` or `"channels_first"`, of `x` and of a style with positions.
            Defaults to `None`, `keras.config.image_data_format()`.
        **kwargs: Arguments of the projection (`use_bias`, `kernel_initializer` and so on), and of
            the base layer.

    Call arguments:
        inputs: List `[x, style]`.
        mask: Mask of `x`, or a list of it and one of the style.

    Input shape:
        `x` is `(batch, ..., channels)` with one or more axes of positions. `style` has as many axes
        and channels and any positions, or is a vector `(batch, width)`.

    Output shape:
        The shape of `x`.

    Weights:
        `2 * width_1 * (width_2 + 1)`, with `width_1` the channels of `x` and `width_2` the width of
        a vector. With a style with positions, there are none.

    Masking:
        The mask of `x` is passed on. Masked positions are left out of the statistics, and count as
        zeros for their own output.

    Numerics:
        Statistics and the modulation are float32 under 16-bit policies. Variances are those of the
        positions, not unbiased ones. As in the paper `epsilon` is in both standard deviations, so a
        constant style has finite gradients; the authors' code, which computes no gradient, adds it
        only for `x`.

    Raises:
        ValueError: If `epsilon` is negative, or the inputs are not a list of two float tensors that
            fit together.

    Example:

    >>> image, style = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 5, 5, 3))
    >>> keras_hadamard.layers.AdaIN()([image, style]).shape
    TensorShape([2, 8, 8, 3])
    >>> keras_hadamard.layers.AdaIN()([image, keras.ops.ones((2, 16))]).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization (Huang and
          Belongie, 2017)](https://arxiv.org/abs/1703.06868)
        - [A Style-Based Generator Architecture for Generative Adversarial Networks (Karras et al.,
          2019)](https://arxiv.org/abs/1812.04948)
    """

    takes: ClassVar[str] = "[x, style]"

    def __init__(
        self,
        epsilon: float = EPSILON,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.epsilon = non_negative("epsilon", epsilon)

    def build(self, input_shape: list[Shape]) -> None:
        x, style = self.shapes(input_shape)
        self.style_projection = None
        if len(style) == 2:
            channels = x[channels_axis(self.data_format)] or 0
            self.style_projection = self.project(
                channels, "style_projection", blocks=2, input_shape=style
            )

    def call(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        masks = mask if isinstance(mask, list | tuple) else (mask, None)
        x = to_last(inputs[0], self.data_format)
        x = apply_mask(ops.cast(x, accumulation_dtype(x.dtype)), masks[0])
        if self.style_projection is None:
            style = apply_mask(to_last(inputs[1], self.data_format), masks[1])
            shift, scale = _mean_and_deviation(ops.cast(style, x.dtype), masks[1], self.epsilon)
        else:
            style = ops.cast(self.style_projection(inputs[1]), x.dtype)
            style = ops.expand_dims(style, tuple(range(1, len(x.shape) - 1)))
            scale, shift = ops.split(style, 2, axis=-1)
            scale = 1 + scale
        mean, deviation = _mean_and_deviation(x, masks[0], self.epsilon)
        y = ops.cast(modulate(x - mean, scale / deviation, shift), self.compute_dtype)
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}

    def check_shapes(self, x: Shape, style: Shape, *more: Shape) -> None:
        del more
        axis = channels_axis(self.data_format)
        fits = len(style) == 2 and style[-1] is not None
        if len(x) < 3 or not (fits or (len(style) == len(x) and style[axis] == x[axis])):
            raise received(
                "`x` to have positions, and `style` to be (batch, width), or to have as many axes "
                "and channels",
                x_shape=x,
                style_shape=style,
            )


def _mean_and_deviation(x: Tensor, mask: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the positions, whose axes are kept with length 1."""
    batch, *positions, channels = ops.shape(x)
    # Reshaped to one axis, over which XLA sums faster than over two.
    x = ops.reshape(x, (batch, math.prod(positions), channels))
    if mask is not None:
        mask = ops.reshape(mask, (batch, math.prod(positions)))
    mean = masked_mean(x, mask, (1,))
    deviation = ops.sqrt(masked_mean(ops.square(x - mean), mask, (1,)) + epsilon)
    kept = (batch, *[1] * len(positions), channels)
    return ops.reshape(mean, kept), ops.reshape(deviation, kept)
