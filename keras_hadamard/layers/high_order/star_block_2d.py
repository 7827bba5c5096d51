"""The block of StarNet."""

from typing import Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.high_order._star_block import StarResidual2D
from keras_hadamard.layers.high_order.star_operation import StarOperation
from keras_hadamard.layers.modulation.drop_path import DropPath


@serializable
class StarBlock2D(StarResidual2D):
    """Residual block of a star operation between two depthwise convolutions (StarNet).

    `y = x + D_2(N_2(G (relu6(U u) * (V u)))) with u = N_1(D_1(x))`: `D` are depthwise
    convolutions, `N` batch normalisations (with PyTorch's epsilon, momentum and unbiased running
    variance), `U` and `V` are `(channels, expansion * channels)` and `G` projects back. Only one of
    the branches has an activation, and no normalisation follows `D_2`.

    Args:
        expansion: Integer, how many times wider than the input the product is. Defaults to `4`.
        kernel_size: Integer, the side of the depthwise kernels. Defaults to `7`.
        drop_path: Number in [0, 1), the probability of skipping the block for an example in
            training. Defaults to `0.0`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        seed: Integer, the seed of the skipping. Defaults to `None`.
        **kwargs: Arguments of the projections and convolutions (`use_bias`, `kernel_initializer`
            and `bias_initializer`, here PyTorch's default, which the authors' code uses, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to normalise by the batch, and to skip.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (2 * kernel_size**2 + expansion * (3 * channels + 2) + 7)`.

    Masking:
        Images have no masks.

    Numerics:
        Statistics, products and sums over windows are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.StarBlock2D()(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Rewrite the Stars (Ma et al., 2024)](https://arxiv.org/abs/2403.19967)
    """

    def __init__(
        self,
        expansion: int = 4,
        kernel_size: int = 7,
        drop_path: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", FanInUniform())
        kwargs.setdefault("bias_initializer", FanInUniform())
        super().__init__(expansion, kernel_size, drop_path, data_format, seed, **kwargs)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        how = {"policy": self.dtype_policy, "input_shape": shape}
        size = self.kernel_size
        self.depthwise_1 = convolve_depthwise(self, size, "depthwise_1", input_shape=shape)
        self.normalization_1 = normalization("batch", "normalization_1", **how)
        self.star_operation = self.sublayer(
            StarOperation, self.expansion, "multiply", "relu6", name="star"
        )
        self.star_operation.build(shape)
        self.normalization_2 = normalization("batch", "normalization_2", **how)
        self.depthwise_2 = convolve_depthwise(self, size, "depthwise_2", input_shape=shape)
        self.drop = DropPath(self.drop_path, self.seed, name="drop_path", dtype=self.dtype_policy)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = to_last(inputs, self.data_format)
        u = self.normalization_1(self.depthwise_1(x), training=training)
        u = self.normalization_2(self.star_operation(u), training=training)
        y = ops.add(x, self.drop(self.depthwise_2(u), training=training))
        return to_last(y, self.data_format, back=True)
