"""Compact bilinear pooling of feature maps by tensor sketch."""

from typing import Any

from keras import ops

from keras_hadamard._checks import one_of, positive_int
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._sketch import add_sketches
from keras_hadamard.layers.high_order._bilinear_pooling import BilinearPooling, first, moments
from keras_hadamard.ops.compact_bilinear import compact_bilinear
from keras_hadamard.ops.count_sketch import count_sketch


@serializable
class CompactBilinearPooling2D(BilinearPooling):
    """Compact bilinear pooling: a random sketch of the channels' outer products (tensor sketch).

    `z = sum_p irfft(rfft(s_1(x_p)) * rfft(s_2(y_p)))` with two count sketches
    `s(x)_j = sum_(i: h_i = j) s_i x_i` of width `sketch_dim`, then `sign(z) * sqrt(|z|)`, then
    division by the Euclidean norm. Without the last two the expectation of `<z(x), z(y)>` over the
    hashes is the inner product of the full bilinear poolings, for one position `<x, y>^2`. The sum
    over positions is taken before the one inverse transform, which is linear.

    Args:
        sketch_dim: Integer, the width of the sketch; the paper has 8,000 for 512 channels.
        reduce: `"mean"` or `"sum"` over positions. Defaults to `"sum"`.
        use_signed_sqrt: Boolean, whether the signed square root follows. Defaults to `True`.
        use_l2_normalization: Boolean, whether division by the norm follows. Defaults to `True`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        method: `"fft"`, the paper's, or `"moments"`, which sums the outer products and then
            sketches them once, by the sums of the hashes. Defaults to `"fft"`. The function is the
            same; the moments hold `channels_x * channels_y` values instead of `sketch_dim` for
            every position, and are the faster where that is less.
        seed: Integer, the seed of the hashes, which are weights that are saved and not trained.
            Defaults to `None`.
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
        square root has gradient 0 at 0, but none that is bounded near it: where few pairs of
        channels reach the sketch, entries that should be 0 hold the rounding of the transform, and
        the root magnifies it. With `"moments"` they are 0.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(reduce, use_signed_sqrt, use_l2_normalization, data_format, **kwargs)
        self.sketch_dim = positive_int("sketch_dim", sketch_dim)
        self.method = one_of("method", method, ("fft", "moments"))
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        self.sketches = add_sketches(self, self.channels(input_shape), self.sketch_dim, self.seed)

    def pool(self, x: Tensor, y: Tensor) -> Tensor:
        if self.method == "moments":
            (h, s), (g, t) = (
                (sketch.indices[:, None], ops.cast(sketch.signs[:, None], x.dtype))
                for sketch in self.sketches
            )
            indices = ops.ravel((h + ops.transpose(g)) % self.sketch_dim)
            signs = ops.ravel(s * ops.transpose(t))
            return count_sketch(moments(x, y), indices, signs, size=self.sketch_dim)
        one, other = (sketch(z) for sketch, z in zip(self.sketches, (x, y), strict=True))
        return compact_bilinear(one, other, sum_axis=1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self.channels(input_shape)
        return (first(input_shape)[0], self.sketch_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sketch_dim": self.sketch_dim,
            "method": self.method,
            "seed": self.seed,
        }
