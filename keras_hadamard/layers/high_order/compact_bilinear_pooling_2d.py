"""Compact bilinear pooling of feature maps by tensor sketch."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._channels import image_format
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._sketch import Sketch, add_sketches, of_products
from keras_hadamard.layers.high_order._bilinear_pooling import (
    feature_rows,
    first_shape,
    map_channels,
    mean_of_sum,
    moments,
    root_and_norm,
)
from keras_hadamard.ops.compact_bilinear import compact_bilinear
from keras_hadamard.ops.count_sketch import count_sketch


@serializable
class CompactBilinearPooling2D(KernelFreeLayer):
    """Compact bilinear pooling: a random sketch of the channels' outer products (tensor sketch).

    `z = sum_p irfft(rfft(s_1(x_p)) * rfft(s_2(y_p)))` with two count sketches
    `s(x)_j = sum_(i: h_i = j) s_i x_i` of width `sketch_dim`, then `sign(z) * sqrt(|z|)`, then
    division by the Euclidean norm. Without the last two, the expectation of `<z(x), z(y)>` over the
    hashes is the inner product of the full bilinear poolings, for one position `<x, y>^2`. The sum
    over positions is taken before the one inverse transform, which is linear.

    Args:
        sketch_dim: Integer, the width of the sketch; the paper has 8,000 for 512 channels.
        reduce: `"mean"` or `"sum"` over positions. Defaults to `"sum"`.
        use_signed_sqrt: Boolean, whether the signed square root follows. Defaults to `True`.
        use_l2_normalization: Boolean, whether division by the norm follows. Defaults to `True`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        method: `"fft"`, the paper's, or `"moments"`, which sums the outer products and then
            sketches them once, with sums of hashes. Defaults to `"fft"`. The result is the same;
            the moments hold `channels_x * channels_y` values instead of `sketch_dim` for every
            position, and are faster if that is less.
        seed: Integer, the seed of the hashes, which are saved but untrained weights. Defaults to
            `None`.
        **kwargs: Arguments of the base layer (`name`, `dtype`).

    Call arguments:
        inputs: Feature map, or list of two.

    Input shape:
        `(batch, height, width, channels)`, or as `data_format` says; two maps may differ in their
        channels.

    Output shape:
        `(batch, sketch_dim)`.

    Weights:
        `0`: the hashes are saved, and not trained.

    Masking:
        Images have no masks.

    Numerics:
        Sketches, transforms, sums, square root and norm are float32 under 16-bit policies. The
        square root has gradient 0 at 0, but an unbounded one near it. Entries that no pair of
        channels reaches are exactly 0; where channels are 0 others hold the rounding of the
        transform, and the root magnifies it. With `"moments"` they are 0 too.

    Raises:
        ValueError: If an argument is out of range or the maps do not fit together.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.CompactBilinearPooling2D(16)(x).shape
    TensorShape([2, 16])

    Reference:
        - [Compact Bilinear Pooling (Gao et al., 2016)](https://arxiv.org/abs/1511.06062)
        - [Fast and Scalable Polynomial Kernels via Explicit Feature Maps (Pham and Pagh, 2013)](
          https://doi.org/10.1145/2487575.2487591)
    """

    def __init__(
        self,
        sketch_dim: int,
        reduce: str = "sum",
        use_signed_sqrt: bool = True,
        use_l2_normalization: bool = True,
        data_format: str | None = None,
        method: str = "fft",
        seed: int | None = None,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.reduce = one_of("reduce", reduce, ("mean", "sum"))
        self.use_signed_sqrt = bool(use_signed_sqrt)
        self.use_l2_normalization = bool(use_l2_normalization)
        self.data_format = image_format(data_format)
        self.sketch_dim = positive_int("sketch_dim", sketch_dim)
        self.method = one_of("method", method, ("fft", "moments"))
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        channels = map_channels(type(self).__name__, input_shape, self.data_format)
        self.sketches = add_sketches(self, channels, self.sketch_dim, self.seed)

    def call(self, inputs: Any) -> Tensor:
        x, y = feature_rows(inputs, self.data_format, self.compute_dtype)
        s_1, s_2 = self.sketches
        if self.method == "moments":
            z = sketched_moments(moments(x, y), s_1, s_2)
        else:
            z = of_products(compact_bilinear(s_1(x), s_2(y), sum_axis=1), self.sketches)
        # Divided by the norm, the sum and the mean are one.
        if self.reduce == "mean" and not self.use_l2_normalization:
            z = mean_of_sum(z, x)
        z = root_and_norm(z, self.use_signed_sqrt, self.use_l2_normalization)
        return ops.cast(z, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        map_channels(type(self).__name__, input_shape, self.data_format)
        return (first_shape(input_shape)[0], self.sketch_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sketch_dim": self.sketch_dim,
            "reduce": self.reduce,
            "use_signed_sqrt": self.use_signed_sqrt,
            "use_l2_normalization": self.use_l2_normalization,
            "data_format": self.data_format,
            "method": self.method,
            "seed": self.seed,
        }


def sketched_moments(products: Tensor, one: Sketch, other: Sketch) -> Tensor:
    """The sketch of products `x_i y_j`, by the sums of both hashes and the products of signs."""
    h, g = one.indices[:, None], other.indices[None, :]
    s, t = (ops.cast(sketch.signs, products.dtype) for sketch in (one, other))
    indices = ops.ravel((h + g) % one.size)
    signs = ops.ravel(s[:, None] * t[None, :])
    return count_sketch(products, indices, signs, size=one.size)
