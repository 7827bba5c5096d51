"""Bilinear pooling of feature maps (B-CNN)."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._channels import image_format
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._bilinear_pooling import (
    feature_rows,
    first_shape,
    map_channels,
    mean_of_sum,
    moments,
    root_and_norm,
)


@serializable
class BilinearPooling2D(KernelFreeLayer):
    """Bilinear pooling: the outer products of two feature maps' channels, summed over positions.

    `z = vec(sum_p x_p y_p^T) / P`, then `sign(z) * sqrt(|z|)`, then division by the Euclidean norm.
    For one map, it is the matrix of the channels' second moments.

    Args:
        reduce: `"mean"` or `"sum"` over positions. Defaults to `"mean"`.
        use_signed_sqrt: Boolean, whether the signed square root follows. Defaults to `True`.
        use_l2_normalization: Boolean, whether division by the norm follows. Defaults to `True`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        **kwargs: Arguments of the base layer (`name`, `dtype`).

    Call arguments:
        inputs: Feature map, or list of two.

    Input shape:
        `(batch, height, width, channels)`, or in the order of `data_format`; two maps may differ in
        their channels.

    Output shape:
        `(batch, channels_x * channels_y)`, with the channel of the second map varying fastest.

    Weights:
        `0`.

    Masking:
        Images have no masks.

    Numerics:
        Sums, square root and norm are float32 under 16-bit policies. The square root has gradient 0
        at 0, but an unbounded one near it; rows of zeros stay zeros.

    Raises:
        ValueError: If an argument is out of range or the maps do not fit together.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.BilinearPooling2D()(x).shape
    TensorShape([2, 9])

    Reference:
        - [Bilinear CNN Models for Fine-grained Visual Recognition (Lin et al., 2015)](
          https://arxiv.org/abs/1504.07889)
    """

    def __init__(
        self,
        reduce: str = "mean",
        use_signed_sqrt: bool = True,
        use_l2_normalization: bool = True,
        data_format: str | None = None,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.reduce = one_of("reduce", reduce, ("mean", "sum"))
        self.use_signed_sqrt = bool(use_signed_sqrt)
        self.use_l2_normalization = bool(use_l2_normalization)
        self.data_format = image_format(data_format)

    def build(self, input_shape: Any) -> None:
        map_channels(type(self).__name__, input_shape, self.data_format)

    def call(self, inputs: Any) -> Tensor:
        x, y = feature_rows(inputs, self.data_format, self.compute_dtype)
        z = moments(x, y)
        # After division by the norm, the sum and the mean are the same.
        if self.reduce == "mean" and not self.use_l2_normalization:
            z = mean_of_sum(z, x)
        z = root_and_norm(z, self.use_signed_sqrt, self.use_l2_normalization)
        return ops.cast(z, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        one, other = map_channels(type(self).__name__, input_shape, self.data_format)
        return (first_shape(input_shape)[0], one * other)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reduce": self.reduce,
            "use_signed_sqrt": self.use_signed_sqrt,
            "use_l2_normalization": self.use_l2_normalization,
            "data_format": self.data_format,
        }
