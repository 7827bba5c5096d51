"""The partial convolution of image inpainting."""

import math
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape
from keras_hadamard.layers._base_conv import BaseConv
from keras_hadamard.layers._channels import to_last, to_last_shape
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers.modulation._window_sums import window_sums
from keras_hadamard.ops._shapes import compatible


@serializable
class PartialConv2D(BaseConv):
    """Convolution of only the known pixels, scaled up for the missing ones.

    `y = (r * (W * (x m)) + b) * m' with r = n / (s + epsilon) * m' and m' = min(s, 1)`, where `m`
    is 1 at known pixels and 0 in holes, `s` the sum of `m` over a window and `n` its size. A window
    of holes gives 0 and stays a hole in the mask `m'` for the next layer. Padding counts as a hole;
    without a mask, the layer is a convolution with partial padding, whose sums at the border are
    scaled up.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer or pair, the sides of the windows, odd for `"same"`. Defaults to `3`.
        strides: Integer or pair. Defaults to `1`.
        padding: `"same"`, with zeros equally on both sides for every stride, or `"valid"`. Defaults
            to `"same"`.
        dilation_rate: Integer or pair, the step between the windows' pixels. Defaults to `1`.
        multi_channel: Boolean, whether the mask has the channels of `x`, and the new one `filters`
            equal channels, instead of one each. Defaults to `False`.
        return_mask: Boolean, whether the output is `[y, new_mask]`. Defaults to `False`.
        epsilon: Float, added to the divisors. Defaults to `None`, as in the authors' code `1e-8`,
            and `1e-6` under 16-bit policies.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolution (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Conv2D`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, mask]`, or only `x`.

    Input shape:
        `x` is `(batch, height, width, channels)`, `mask` `(batch, height, width, 1)`, or of the
        shape of `x` for `multi_channel`; or channels first.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up, or channels first;
        smaller by the extent of the windows minus one for `"valid"`. For `return_mask` a list of
        this and the mask's shape.

    Weights:
        `(prod(kernel_size) * channels + 1) * filters`.

    Masking:
        Images have no Keras masks.

    Numerics:
        Sums of the mask and all steps after the convolution are float32 under 16-bit policies. As
        in the authors' code, the mask's gradient is only that of `x m`: `r` and `m'` count as
        constants. A mask between 0 and 1 is a weight. The authors' code convolves a mask with ones
        for every input and every output channel; here the channels are added first, and the windows
        are summed once, axis by axis.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not an image of known channels
            (and a mask that fits it), or smaller than the windows.

    Example:

    >>> image, mask = keras.ops.ones((2, 8, 8, 3)), keras.ops.zeros((2, 8, 8, 1))
    >>> y, mask = keras_hadamard.layers.PartialConv2D(16, return_mask=True)([image, mask])
    >>> y.shape, mask.shape, float(keras.ops.max(y))
    (TensorShape([2, 8, 8, 16]), TensorShape([2, 8, 8, 1]), 0.0)

    Reference:
        - [Image Inpainting for Irregular Holes Using Partial Convolutions (Liu et al., 2018)](
          https://arxiv.org/abs/1804.07723)
        - [Partial Convolution based Padding (Liu et al., 2018)](https://arxiv.org/abs/1811.11718)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        dilation_rate: int | tuple[int, int] = 1,
        multi_channel: bool = False,
        return_mask: bool = False,
        epsilon: float | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            2, filters, kernel_size, strides, padding, dilation_rate, data_format, **kwargs
        )
        if padding == "same" and any(n % 2 == 0 for n in self.kernel_size):
            raise received('an odd `kernel_size` for "same"', kernel_size=kernel_size)
        self.multi_channel = bool(multi_channel)
        self.return_mask = bool(return_mask)
        self.epsilon = None if epsilon is None else non_negative("epsilon", epsilon)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        x = self._shapes(input_shape)
        self.convolution = convolve(
            self,
            self.filters,
            self.kernel_size,
            "convolution",
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            use_bias=False,
            input_shape=x,
        )
        self.bias = None
        if self.use_bias:
            # Separate from the convolution, as it is added after the sums are scaled.
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=of_fan_in(
                    self.bias_initializer, math.prod(self.kernel_size) * (x[-1] or 0)
                ),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Any) -> Any:
        x, *masks = inputs if isinstance(inputs, list | tuple) else [inputs]
        self._shapes([tuple(tensor.shape) for tensor in (x, *masks)])
        x = to_last(x, self.data_format)
        dtype = accumulation_dtype(self.compute_dtype)
        if masks:
            mask = ops.cast(to_last(masks[0], self.data_format), x.dtype)
            channels, known = mask.shape[-1], ops.sum(ops.cast(mask, dtype), axis=-1)
            # A product with 0 is not 0 if a hole contains a NaN or an infinity.
            spoiled = ops.logical_and(mask == 0, ops.logical_not(ops.abs(x) < float("inf")))
            x = ops.where(spoiled, ops.zeros_like(x), x) * mask
        else:
            channels, known = 1, ops.ones((1, *ops.shape(x)[1:3]), dtype)
        if self.padding == "same":
            known = ops.pad(known, [(0, 0), *self.pads])
        how = self.kernel_size, self.strides, self.dilation_rate
        sums = ops.expand_dims(window_sums(ops.stop_gradient(known), *how), -1)
        new_mask = ops.clip(sums, 0, 1)
        size = channels * math.prod(self.kernel_size)
        ratio = size / (sums + self._epsilon()) * new_mask
        y = ops.cast(self.convolution(x), dtype) * ratio
        if self.bias is not None:
            y = (y + ops.cast(self.bias, dtype)) * new_mask
        y = to_last(ops.cast(y, self.compute_dtype), self.data_format, back=True)
        if not self.return_mask:
            return y
        width = self.filters if self.multi_channel else 1
        shape = (ops.shape(x)[0], *ops.shape(new_mask)[1:3], width)
        new_mask = ops.broadcast_to(ops.cast(new_mask, self.compute_dtype), shape)
        return [y, to_last(new_mask, self.data_format, back=True)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = to_last_shape(self._shapes(input_shape), self.data_format, back=True)
        y = super().compute_output_shape(shape)
        if not self.return_mask:
            return y
        batch, *sides, _ = to_last_shape(y, self.data_format)
        mask = (batch, *sides, self.filters if self.multi_channel else 1)
        return [y, to_last_shape(mask, self.data_format, back=True)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "multi_channel": self.multi_channel,
            "return_mask": self.return_mask,
            "epsilon": self.epsilon,
        }

    def _epsilon(self) -> float:
        if self.epsilon is not None:
            return self.epsilon
        return 1e-6 if self.compute_dtype in ("float16", "bfloat16") else 1e-8

    def _shapes(self, input_shape: Any) -> Shape:
        """The channels-last shape of the image, after a check that the mask fits."""
        given = len(input_shape) and isinstance(input_shape[0], list | tuple)
        x, *masks = input_shape if given else [input_shape]
        shape = self.channels_last_shape(x)
        wanted = shape if self.multi_channel else (*shape[:-1], 1)
        if len(masks) > 1 or any(
            not compatible(self.channels_last_shape(m), wanted) for m in masks
        ):
            raise received(
                f"`x`, or `[x, mask]` with a mask of {wanted[-1]} channels and of its size",
                shape=input_shape,
            )
        return shape
