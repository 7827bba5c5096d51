"""The block that the star operation was studied with."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import non_negative, one_of
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.high_order._star_block import StarResidual2D
from keras_hadamard.layers.high_order.star_operation import StarOperation
from keras_hadamard.layers.modulation.drop_path import DropPath


@serializable
class DemoBlock2D(StarResidual2D):
    """Residual block whose two branches are multiplied or, for comparison, added (DemoNet).

    `y = x + gamma * G (act(U u) * (V u)) with u = D(LN(x))`, or with a sum instead of the product:
    `D` is a depthwise convolution, `U` and `V` are `(channels, expansion * channels)`, `G` projects
    back, and `gamma`, one number per channel, is 1e-6 at the start. Both modes have the same
    parameters and differ only in the star operation.

    Args:
        mode: `"multiply"` or `"add"`. Defaults to `"multiply"`.
        expansion: Integer, how many times wider than the input each branch is. Defaults to `3`.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `7`.
        activation: Name or function applied to the first branch. Defaults to `"gelu"`.
        layer_scale: Number, the initial `gamma`; zero for a block without it. Defaults to `1e-06`.
        drop_path: Number in [0, 1), the probability of skipping the block for an example in
            training. Defaults to `0.0`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        seed: Integer, the seed of the skipping. Defaults to `None`.
        **kwargs: Arguments of the projections and the convolution (`use_bias`,
            `kernel_initializer`, here normal with a deviation of 0.02, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to skip.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (kernel_size**2 + expansion * (3 * channels + 2) + 5)`.

    Masking:
        Images have no masks.

    Numerics:
        Normalisation, products and sums over windows are float32 under 16-bit policies. GELU is
        exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.DemoBlock2D(mode="add")(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Rewrite the Stars (Ma et al., 2024)](https://arxiv.org/abs/2403.19967)
    """

    def __init__(
        self,
        mode: str = "multiply",
        expansion: int = 3,
        kernel_size: int = 7,
        activation: Activation = "gelu",
        layer_scale: float = 1e-6,
        drop_path: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=0.02))
        super().__init__(expansion, kernel_size, drop_path, data_format, seed, **kwargs)
        self.mode = one_of("mode", mode, ("multiply", "add"))
        self.activation = get_activation(activation)
        self.layer_scale = non_negative("layer_scale", layer_scale)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        self.normalization = normalization(
            "layer", "normalization", policy=self.dtype_policy, input_shape=shape
        )
        self.depthwise = convolve_depthwise(self, self.kernel_size, "depthwise", input_shape=shape)
        self.star_operation = self.sublayer(
            StarOperation, self.expansion, self.mode, self.activation, name="star"
        )
        self.star_operation.build(shape)
        self.gamma = None
        if self.layer_scale > 0:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(shape[-1],),
                initializer=keras.initializers.Constant(self.layer_scale),
            )
        self.drop = DropPath(self.drop_path, self.seed, name="drop_path", dtype=self.dtype_policy)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = to_last(inputs, self.data_format)
        branch = self.star_operation(self.depthwise(self.normalization(x)))
        if self.gamma is not None:
            branch = self.gamma * branch
        y = ops.add(x, self.drop(branch, training=training))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "activation": serialize_activation(self.activation),
            "layer_scale": self.layer_scale,
        }
