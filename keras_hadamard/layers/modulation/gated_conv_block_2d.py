"""The gated convolutional block of MambaOut."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.modulation._expansion import expanded, expansion_ratio
from keras_hadamard.layers.modulation.drop_path import DropPath
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer
from keras_hadamard.ops import glu


@serializable
class GatedConvBlock2D(ImageMixer):
    """Residual block of a gated product, some of whose channels are convolved (MambaOut).

    `y = x + U (activation(g) * [i, D(c)]) with [g, i, c] = W LN(x)`: `W` is
    `(channels, 2 * hidden)`, `U` is `(hidden, channels)`, `hidden` is `expansion * channels`,
    rounded down, `D` a depthwise convolution of the `conv_ratio * channels` channels of `c`, and
    `i` has the others. It is the block of Mamba without its state space model.

    Args:
        expansion: Number, how many times wider than the input the product is. Defaults to
            `2.6666666666666665`, eight thirds.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `7`.
        conv_ratio: Number, the convolved channels as a share of those of the input. Defaults to
            `1.0`.
        activation: Name or function of the gate. Defaults to `"gelu"`.
        epsilon: Float, of the layer normalisation. Defaults to `1e-06`.
        drop_path: Number in [0, 1), the probability of skipping the block for an example in
            training. Defaults to `0.0`.
        depthwise_initializer: Initialiser of the depthwise kernel. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        seed: Integer, the seed of the skipping. Defaults to `None`.
        **kwargs: Arguments of the projections and of the convolution (`use_bias`,
            `kernel_initializer` and `bias_initializer`, here PyTorch's default, their regularizers
            and constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to skip.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `(expansion * channels // 1) * (3 * channels + 2) + (conv_ratio * channels // 1)
        * (kernel_size**2 + 1) + 3 * channels`.

    Masking:
        Images have no masks.

    Numerics:
        Gate, product, norms and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 6))
    >>> layer = keras_hadamard.layers.GatedConvBlock2D()
    >>> layer(x).shape, layer.count_params()
    (TensorShape([2, 8, 8, 6]), 638)

    Reference:
        - [MambaOut: Do We Really Need Mamba for Vision? (Yu and Wang, 2024)](
          https://arxiv.org/abs/2405.07992)
    """

    def __init__(
        self,
        expansion: float = 8 / 3,
        kernel_size: int = 7,
        conv_ratio: float = 1.0,
        activation: Activation = "gelu",
        epsilon: float = 1e-6,
        drop_path: float = 0.0,
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.expansion = expansion_ratio("expansion", expansion)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.conv_ratio = expansion_ratio("conv_ratio", conv_ratio)
        if self.conv_ratio > self.expansion:
            raise received(
                "`conv_ratio` to be at most `expansion`", conv_ratio=conv_ratio, expansion=expansion
            )
        self.activation = get_activation(activation)
        self.epsilon = expansion_ratio("epsilon", epsilon)
        self.drop_path = fraction("drop_path", drop_path)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = shape[-1] or 0
        hidden = expanded(channels, self.expansion, "expansion")
        convolved = expanded(channels, self.conv_ratio, "conv_ratio")
        self.ends = [hidden, 2 * hidden - convolved]
        self.normalization = normalization(
            "layer",
            "normalization",
            policy=self.dtype_policy,
            input_shape=shape,
            epsilon=self.epsilon,
        )
        self.hidden_projection = self.project(
            hidden, "hidden_projection", blocks=2, input_shape=shape
        )
        self.depthwise = convolve_depthwise(
            self,
            self.kernel_size,
            "depthwise",
            kernel_initializer=self.depthwise_initializer,
            input_shape=(*shape[:-1], convolved),
        )
        self.output_projection = self.project(
            channels, "output_projection", input_shape=(*shape[:-1], hidden)
        )
        self.drop = DropPath(self.drop_path, self.seed, name="drop_path", dtype=self.dtype_policy)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = to_last(inputs, self.data_format)
        hidden = self.hidden_projection(self.normalization(x))
        gate, value, convolved = ops.split(hidden, self.ends, axis=-1)
        value = ops.concatenate([value, self.depthwise(convolved)], axis=-1)
        branch = self.output_projection(glu(value, gate, activation=self.activation))
        y = ops.add(x, self.drop(branch, training=training))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "kernel_size": self.kernel_size,
            "conv_ratio": self.conv_ratio,
            "activation": serialize_activation(self.activation),
            "epsilon": self.epsilon,
            "drop_path": self.drop_path,
            "seed": self.seed,
        }
