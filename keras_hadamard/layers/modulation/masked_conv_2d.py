"""A convolution with a mask on its kernel."""

from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, image_format, to_last
from keras_hadamard.layers._keras_layer import KerasLayer
from keras_hadamard.layers.modulation._kernel_masks import (
    Mask,
    conv_mask,
    mask_config,
    validate_mask,
)

MASKS = ("A", "B", "rows")


class ConvArguments(ProjectionArguments, total=False):
    """Further arguments of `keras.layers.Conv2D`."""

    strides: int | tuple[int, int]
    dilation_rate: int | tuple[int, int]
    groups: int


@serializable
class MaskedConv2D(KerasLayer, keras.layers.Conv2D):
    """Convolution with a fixed mask on its kernel, which hides some neighbours of a pixel.

    `y = activation((W * M) conv x + b)` with `M` of zeros and ones. Masks by name:

    - `"A"` and `"B"`: those of PixelCNN. A pixel sees the rows above and the pixels to its left,
      and with `"B"` also itself; `"A"` is for the first layer.
    - `"rows"`: a pixel sees the rows above and its own, for images whose rows are steps in time.

    With `channel_groups` of 3 the channels are red, green and blue in equal parts, in this order:
    within its own pixel, a group sees those before it, and with `"B"` also itself.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Integer or pair, the sides of the kernel; odd if the mask has a name.
        mask: Name, or array or nested list of zeros and ones of shape `(rows, columns)` or
            `(rows, columns, channels, filters)`. Defaults to `"B"`.
        channel_groups: Integer, the number of parts of a pixel that are predicted one after
            another. Defaults to `1`.
        padding: `"same"` or `"valid"`. Defaults to `"same"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        activation: Name or function of the output. Defaults to `None`.
        **kwargs: Further arguments of `keras.layers.Conv2D` except `groups`. The description of the
            masks applies to strides of 1.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        `(batch, new_height, new_width, filters)`, or channels first.

    Weights:
        `(prod(kernel_size) * channels + 1) * filters` with `kernel_size` a pair, including the
        masked ones. Their gradients are exactly zero; regularizers include them.

    Masking:
        Images have no masks.

    Numerics:
        Computed in the compute dtype, as in `keras.layers.Conv2D`.

    Raises:
        ValueError: If the mask is unknown or does not fit the kernel, or an argument is out of
            range.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.MaskedConv2D(6, 5, "A", channel_groups=3)(x).shape
    TensorShape([2, 8, 8, 6])

    Reference:
        - [Pixel Recurrent Neural Networks (van den Oord et al., 2016)](
          https://arxiv.org/abs/1601.06759)
        - [Conditional Image Generation with PixelCNN Decoders (van den Oord et al., 2016)](
          https://arxiv.org/abs/1606.05328)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        mask: Mask = "B",
        channel_groups: int = 1,
        padding: str = "same",
        data_format: str | None = None,
        activation: Activation = None,
        **kwargs: Unpack[ConvArguments],
    ) -> None:
        super().__init__(
            positive_int("filters", filters),
            kernel_size,
            padding=padding,
            data_format=image_format(data_format),
            activation=get_activation(activation),
            **kwargs,
        )
        if self.groups != 1:
            raise received("`groups` of 1", groups=self.groups)
        self.mask = validate_mask(mask, MASKS)
        self.channel_groups = positive_int("channel_groups", channel_groups)

    def build(self, input_shape: Shape) -> None:
        channels = check_image_shape(input_shape, self.data_format)[-1]
        super().build(input_shape)
        shape = (*self.kernel_size, channels, self.filters)
        if isinstance(self.mask, str):
            self.kernel_mask = conv_mask(self.mask, shape, self.channel_groups)
        elif self.mask.shape in (shape, shape[:2]):
            self.kernel_mask = self.mask.reshape(*self.mask.shape, *[1] * (4 - self.mask.ndim))
        else:
            raise received(
                f"a mask of shape {shape[:2]} or {shape}", mask_shape=np.shape(self.mask)
            )

    def call(self, inputs: Tensor) -> Tensor:
        kernel = self.kernel * ops.convert_to_tensor(self.kernel_mask, self.compute_dtype)
        # Always channels last: TensorFlow has no other convolution on the CPU.
        x = to_last(inputs, self.data_format)
        x = ops.conv(
            x, kernel, list(self.strides), self.padding, "channels_last", self.dilation_rate
        )
        if self.use_bias:
            x = x + self.bias
        if self.activation is not None:
            x = self.activation(x)
        return to_last(x, self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
        return tuple(super().compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "mask": mask_config(self.mask),
            "channel_groups": self.channel_groups,
        }
