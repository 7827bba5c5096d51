"""Focal modulation of sequences."""

from typing import Unpack

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.pairwise._focal_modulation import FocalLayer, convolve_levels, modulator
from keras_hadamard.layers.pairwise._image_mixer import float32_product


@serializable
class FocalModulation1D(FocalLayer):
    """Focal modulation of sequences: every position is multiplied by its context.

    `y = W_o (q * W_h m) with m = sum_l g_l * c_l + g_(L + 1) *
    act(mean(c_L))`, as in `FocalModulation2D` for images of one row: `c_l = act(D_l(c_(l -
    1)))` with a depthwise convolution `D_l` over `window + factor * (l - 1)` positions. It uses
    both sides of a position and the mean of all; there is no causal form.

    Args:
        levels: Integer, the number of depthwise convolutions. Defaults to `2`.
        window: Integer, the length of the first kernel. Defaults to `3`.
        factor: Integer, how much longer each next kernel is. Defaults to `2`.
        post_norm: Boolean, whether the product is normalised before `W_o`. Defaults to `False`.
        normalize_modulator: Boolean, whether `m` is divided by the number of its terms. Defaults to
            `False`.
        activation: Name or function of the contexts. Defaults to `"gelu"`.
        use_output_bias: Boolean, whether `W_o` has a bias, even with `use_bias=False`. Defaults to
            `True`.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        **kwargs: Arguments of the projections (`use_bias`, except for `W_o`, `kernel_initializer`
            and `bias_initializer`, here PyTorch's default, their regularizers and constraints, as
            in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, length)`, the positions that are valid. Defaults to `None`.

    Input shape:
        `(batch, length, channels)`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (4 * channels + levels + 5 + sum(window + factor * l for l in range(levels))) +
        levels + 1`.

    Masking:
        Masked positions count as padding on every level, and are left out of the mean: with masked
        last positions, the others are those of the shorter sequence. The mask is passed on.

    Numerics:
        Gates, sums, mean and product are computed in float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not a sequence of known channels.

    Example:

    >>> x = keras.ops.ones((2, 10, 16))
    >>> keras_hadamard.layers.FocalModulation1D(levels=3)(x).shape
    TensorShape([2, 10, 16])

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

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        batch, length, features = input_shape
        # A sequence is an image of one row.
        shape = (batch, 1, length, features)
        self.width = width = int(features or 0)
        self.input_projection = self.project(
            2 * width + self.levels + 1, "input_projection", input_shape=shape
        )
        sizes = [self.window + self.factor * level for level in range(self.levels)]
        self.depthwise = convolve_levels(self, [(1, size) for size in sizes], shape)
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
        mask = None if mask is None else ops.expand_dims(mask, 1)
        x = apply_mask(ops.expand_dims(inputs, 1), mask)
        query, context, gates = ops.split(
            self.input_projection(x), (self.width, 2 * self.width), axis=-1
        )
        m = modulator(context, gates, self.depthwise, self.activation, mask)
        if self.normalize_modulator:
            m = m / (self.levels + 1)
        y = float32_product(query, self.modulator_projection(ops.cast(m, query.dtype)))
        if self.normalization is not None:
            y = self.normalization(y)
        return ops.squeeze(self.output_projection(y), 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("a sequence of known channels", shape=tuple(input_shape))
        return tuple(input_shape)
