"""The second-degree block of activation-free networks: a shortcut and its product with a branch."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import check_image_shape, image_format, to_last
from keras_hadamard.layers._normalization import KINDS
from keras_hadamard.layers.high_order._stages import (
    apply_layers,
    normalized_convolution,
    strided_image,
)


@serializable
class PolynomialBlock2D(BaseLayer):
    """Second-degree block of a product of polynomials, without activations (Pi-nets).

    `y = s + alpha * (u * s) with s = N(conv(x)) and u = N(conv3x3(N(conv(x))))`. Blocks in a row
    multiply their degrees.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Odd integer, the side of the first window of `u`. Defaults to `3`.
        strides: Integer, how much smaller the output is. Defaults to `1`.
        convolutions: `1` or `2`, the number of convolutions in `u`. Defaults to `2`.
        shortcut_kernel_size: Odd integer, the side of the window of `s`. Defaults to `1`.
        normalization: The normalisation of `u`: `"batch"`, `"instance"`, `"instance_batch"`,
            `"iterative"`, `"layer"` or `None`. Defaults to `"batch"`.
        shortcut_normalization: The normalisation of `s`. Defaults to `"batch"`.
        alpha_initializer: Initialiser of the scalar `alpha`. Defaults to `None`: no `alpha`, as in
            the paper. The authors' networks use `"zeros"`, which starts at degree one.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions (`kernel_initializer` and so on; `use_bias` is false
            unless given) and of the base layer.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up, or channels first.

    Weights:
        `filters * ((kernel_size**2 + shortcut_kernel_size**2) * channels + 9 * filters + 6)`
        for two `convolutions`.

    Masking:
        Masks are not used.

    Numerics:
        Statistics are float32 under 16-bit policies, products are in the compute dtype. The running
        variance is the unbiased one, as the authors' framework records it.

    Raises:
        ValueError: If an argument is out of range or the number of channels is unknown.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.PolynomialBlock2D(16, strides=2)(x).shape
    TensorShape([2, 4, 4, 16])

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        convolutions: int = 2,
        shortcut_kernel_size: int = 1,
        normalization: str | None = "batch",
        shortcut_normalization: str | None = "batch",
        alpha_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("use_bias", False)
        super().__init__(**kwargs)
        self.filters = positive_int("filters", filters)
        self.strides = positive_int("strides", strides)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.convolutions = one_of("convolutions", convolutions, (1, 2))
        self.shortcut_kernel_size = positive_int("shortcut_kernel_size", shortcut_kernel_size)
        self.normalization = one_of("normalization", normalization, KINDS)
        self.shortcut_normalization = one_of(
            "shortcut_normalization", shortcut_normalization, KINDS
        )
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.data_format = image_format(data_format)

    def build(self, input_shape: Shape) -> None:
        image = check_image_shape(input_shape, self.data_format)
        kind, strides = self.normalization, self.strides
        self.branch = normalized_convolution(
            self, image, self.filters, self.kernel_size, "first", kind, strides=strides
        )
        if self.convolutions == 2:
            state = self.branch[0].compute_output_shape(image)
            self.branch += normalized_convolution(self, state, self.filters, 3, "second", kind)
        self.shortcut = normalized_convolution(
            self,
            image,
            self.filters,
            self.shortcut_kernel_size,
            "shortcut",
            self.shortcut_normalization,
            strides=strides,
        )
        self.alpha = None
        if self.alpha_initializer is not None:
            self.alpha = self.add_weight(name="alpha", shape=(), initializer=self.alpha_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        shortcut = apply_layers(self.shortcut, x)
        product = apply_layers(self.branch, x) * shortcut
        if self.alpha is not None:
            product = ops.cast(self.alpha, product.dtype) * product
        return to_last(shortcut + product, self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return strided_image(input_shape, self.filters, self.strides, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "data_format": self.data_format,
            "kernel_size": self.kernel_size,
            "convolutions": self.convolutions,
            "shortcut_kernel_size": self.shortcut_kernel_size,
            "normalization": self.normalization,
            "shortcut_normalization": self.shortcut_normalization,
            "alpha_initializer": keras.initializers.serialize(self.alpha_initializer),
        }
