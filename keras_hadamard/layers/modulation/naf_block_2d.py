"""The block of NAFNet, which has no activation."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.modulation._image_gate import apply_gate, image_mean
from keras_hadamard.layers.modulation.layer_scale import LayerScale
from keras_hadamard.layers.modulation.simple_gate import SimpleGate
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer


@serializable
class NAFBlock2D(ImageMixer):
    """Residual block without an activation: products of halves, and a linear gate (NAFNet).

    `z = x + beta * C(u * S mean(u)), y = z + gamma * E(s(F LN(z))) with u = s(D(A LN(x)))`, where
    `s([a, b]) = a * b` multiplies the halves of the channels, `D` is a depthwise convolution, `S` a
    projection of the mean over all pixels, and `A`, `C`, `F` and `E` project each pixel. All have
    biases. `beta` and `gamma` scale the channels.

    Args:
        expansion: Integer, how many times wider than the input `D` is; the number of its channels
            is even. Defaults to `2`.
        feed_forward_expansion: Integer, the same of `F`. Defaults to `2`.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `3`.
        layer_scale: Number, the initial `beta` and `gamma`. Defaults to `0.0`, so that a block
            starts as the identity.
        dropout: Number in [0, 1), the dropout of both branches. Defaults to `0.0`.
        epsilon: Float, of the layer normalisations. Defaults to `1e-06`.
        depthwise_initializer: Initialiser of the depthwise kernel. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        seed: Integer, of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections and of the convolution (`use_bias`,
            `kernel_initializer` and `bias_initializer`, here PyTorch's default, their regularizers
            and constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (expansion * (3 * channels + 2 * kernel_size**2 + 5 + expansion * channels // 2)
        + feed_forward_expansion * (3 * channels + 2) + 16) // 2`.

    Masking:
        Images have no masks.

    Numerics:
        Norms, means, products and sums over windows are float32 under 16-bit policies. The mean is
        that of the whole image; the authors restore images larger than those of the training with
        means over windows of that size.

    Raises:
        ValueError: If an argument is out of range, the input is not an image of known channels, or
            the halves of its expanded channels differ.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 4))
    >>> layer = keras_hadamard.layers.NAFBlock2D()
    >>> layer(x).shape, layer.count_params()
    (TensorShape([2, 8, 8, 4]), 244)

    Reference:
        - [Simple Baselines for Image Restoration (Chen et al., 2022)](
          https://arxiv.org/abs/2204.04676)
    """

    def __init__(
        self,
        expansion: int = 2,
        feed_forward_expansion: int = 2,
        kernel_size: int = 3,
        layer_scale: float = 0.0,
        dropout: float = 0.0,
        epsilon: float = 1e-6,
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.feed_forward_expansion = positive_int("feed_forward_expansion", feed_forward_expansion)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.layer_scale = float(layer_scale)
        self.dropout = fraction("dropout", dropout)
        self.epsilon = float(epsilon)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        *image, channels = shape
        channels = channels or 0
        wide, dense = self.expansion * channels, self.feed_forward_expansion * channels
        if wide % 2 or dense % 2:
            raise received(
                "an even number of expanded channels",
                channels=channels,
                expansion=self.expansion,
                feed_forward_expansion=self.feed_forward_expansion,
            )
        half = (*image, wide // 2)
        self.normalization_1, self.normalization_2 = (
            normalization(
                "layer", name, policy=self.dtype_policy, input_shape=shape, epsilon=self.epsilon
            )
            for name in ("normalization_1", "normalization_2")
        )
        self.hidden_projection = self.project(
            wide // 2, "hidden_projection", blocks=2, input_shape=shape
        )
        self.depthwise = convolve_depthwise(
            self,
            self.kernel_size,
            "depthwise",
            kernel_initializer=self.depthwise_initializer,
            input_shape=(*image, wide),
        )
        self.gate_projection = self.project(
            wide // 2, "gate_projection", input_shape=(None, wide // 2)
        )
        self.output_projection = self.project(channels, "output_projection", input_shape=half)
        self.feed_forward_projection = self.project(
            dense // 2, "feed_forward_projection", blocks=2, input_shape=shape
        )
        self.feed_forward_output = self.project(
            channels, "feed_forward_output", input_shape=(*image, dense // 2)
        )
        self.simple_gate = SimpleGate(dtype=self.dtype_policy, name="simple_gate")
        self.scale_1, self.scale_2 = (
            LayerScale(self.layer_scale, dtype=self.dtype_policy, name=name)
            for name in ("scale_1", "scale_2")
        )
        self.drop = keras.layers.Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="drop"
        )
        for scale in (self.scale_1, self.scale_2):
            scale.build(shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = to_last(inputs, self.data_format)
        u = self.simple_gate(self.depthwise(self.hidden_projection(self.normalization_1(x))))
        u = apply_gate(u, self.gate_projection(image_mean(u, (1, 2))), None)
        branch = dropped(self.drop, self.output_projection(u), training)
        z = ops.add(x, self.scale_1(branch))
        u = self.simple_gate(self.feed_forward_projection(self.normalization_2(z)))
        branch = dropped(self.drop, self.feed_forward_output(u), training)
        return to_last(ops.add(z, self.scale_2(branch)), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "feed_forward_expansion": self.feed_forward_expansion,
            "kernel_size": self.kernel_size,
            "layer_scale": self.layer_scale,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
