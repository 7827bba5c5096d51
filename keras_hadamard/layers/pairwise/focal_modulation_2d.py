"""Focal modulation of images."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, image_format, to_last
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.pairwise._focal_modulation import FocalLayer, convolve_levels, modulator
from keras_hadamard.layers.pairwise._image_mixer import float32_product


@serializable
class FocalModulation2D(FocalLayer):
    """Focal modulation: every pixel is multiplied by its context, near and far.

    `y = W_o (q * W_h m) with m = sum_l g_l * c_l + g_(L + 1) * act(mean(c_L))`: from `x` come a
    query `q` and a context `c_0`, as wide as the input, and one gate per level;
    `c_l = act(D_l(c_(l - 1)))` with a depthwise convolution `D_l` of `window + factor * (l - 1)`
    pixels per side covers more at each level, and the mean of the last covers all. The gates have
    no activation.

    Args:
        levels: Integer, the number of depthwise convolutions. Defaults to `2`.
        window: Integer, the side of the first kernel. Defaults to `3`.
        factor: Integer, how much larger each next kernel is. Defaults to `2`.
        post_norm: Boolean, whether the product is normalised before `W_o`. Defaults to `False`.
        normalize_modulator: Boolean, whether `m` is divided by the number of its terms. Defaults to
            `False`.
        activation: Name or function of the contexts. Defaults to `"gelu"`.
        use_output_bias: Boolean, whether `W_o` has a bias: in the authors' code it does, even with
            `use_bias=False`. Defaults to `True`.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections (`use_bias`, but for `W_o`, `kernel_initializer` and
            `bias_initializer`, here PyTorch's default, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, height, width)`, the pixels that are valid. Defaults to
            `None`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (4 * channels + levels + 5 + sum((window + factor * l)**2 for l in
        range(levels))) + levels + 1`.

    Masking:
        Masked pixels count as padding on every level, and are left out of the mean. The mask is
        passed on.

    Numerics:
        Gates, sums, mean and product are computed in float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.FocalModulation2D(levels=3)(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Focal Modulation Networks (Yang et al., 2022)](https://arxiv.org/abs/2203.11926)
    """

    def __init__(
        self,
        levels: int = 2,
        window: int = 3,
        factor: int = 2,
        post_norm: bool = False,
        normalize_modulator: bool = False,
        activation: Activation = "gelu",
        use_output_bias: bool = True,
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            levels,
            window,
            factor,
            post_norm,
            normalize_modulator,
            activation,
            use_output_bias,
            depthwise_initializer,
            **kwargs,
        )
        self.data_format = image_format(data_format)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        self.width = width = int(shape[-1] or 0)
        self.input_projection = self.project(
            2 * width + self.levels + 1, "input_projection", input_shape=shape
        )
        sizes = [self.window + self.factor * level for level in range(self.levels)]
        self.depthwise = convolve_levels(self, sizes, shape)
        self.modulator_projection = self.project(width, "modulator_projection", input_shape=shape)
        self.normalization = None
        if self.post_norm:
            self.normalization = normalization(
                "layer", "normalization", policy=self.dtype_policy, input_shape=shape
            )
        self.output_projection = self.project(
            width, "output_projection", use_bias=self.use_output_bias, input_shape=shape
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x = apply_mask(to_last(inputs, self.data_format), mask)
        query, context, gates = ops.split(
            self.input_projection(x), (self.width, 2 * self.width), axis=-1
        )
        m = modulator(context, gates, self.depthwise, self.activation, mask)
        if self.normalize_modulator:
            m = m / (self.levels + 1)
        y = float32_product(query, self.modulator_projection(ops.cast(m, query.dtype)))
        if self.normalization is not None:
            y = self.normalization(y)
        return to_last(self.output_projection(y), self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
