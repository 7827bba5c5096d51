"""The modulation of EfficientMod."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer, float32_product


@serializable
class EfficientModulation2D(ImageMixer):
    """Efficient modulation: the two layers of an MLP with a context between them (EfficientMod).

    `y = W_o (act(W_v x) * [c, ..., c]) with c = W_g sum_k act(D_k(W_f x))`: the values are
    `expansion` times as wide as the input, and each of their groups is multiplied by the same
    context, in which `D_k` are depthwise convolutions. As in the authors' code, the values are not
    activated if the expansion is 1, and contexts are always as wide as the input.

    Args:
        expansion: Integer, the width of the values relative to the input. Defaults to `4`.
        kernel_sizes: Sequence of integers, the sides of the depthwise kernels. Defaults to `(7,)`.
        activation: Name or function of values and contexts. Defaults to `"gelu"`.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections and of the convolutions (`use_bias`,
            `kernel_initializer` and `bias_initializer`, here PyTorch's default, their regularizers
            and constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * ((2 * expansion + 2) * channels + expansion + 3 + sum(size**2 + 1 for size in
        kernel_sizes))`.

    Masking:
        Images have no masks.

    Numerics:
        Products and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.EfficientModulation2D(expansion=6)(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Efficient Modulation for Vision Networks (Ma et al., 2024)](
          https://arxiv.org/abs/2403.19963)
    """

    def __init__(
        self,
        expansion: int = 4,
        kernel_sizes: Sequence[int] = (7,),
        activation: Activation = "gelu",
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.activation = get_activation(activation)
        self.expansion = positive_int("expansion", expansion)
        if not isinstance(kernel_sizes, list | tuple) or not kernel_sizes:
            raise received("`kernel_sizes` to be a sequence of integers", kernel_sizes=kernel_sizes)
        self.kernel_sizes = tuple(positive_int("kernel_sizes", size) for size in kernel_sizes)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = int(shape[-1] or 0)
        width = self.expansion * channels
        self.value_projection = self.project(width, "value_projection", input_shape=shape)
        self.context_projection, self.context_output = (
            self.project(channels, name, input_shape=shape)
            for name in ("context_projection", "context_output")
        )
        self.contexts = [
            convolve_depthwise(
                self,
                size,
                f"context_{i + 1}",
                kernel_initializer=self.depthwise_initializer,
                input_shape=shape,
            )
            for i, size in enumerate(self.kernel_sizes)
        ]
        self.output_projection = self.project(
            channels, "output_projection", input_shape=(*shape[:-1], width)
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        projected = self.context_projection(x)
        context: Any = 0
        for depthwise in self.contexts:
            context = context + self.activation(depthwise(projected))
        value, context = self.value_projection(x), self.context_output(context)
        if self.expansion > 1:
            value = self.activation(value)
            context = ops.tile(context, (1, 1, 1, self.expansion))
        y = self.output_projection(float32_product(value, context))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "kernel_sizes": self.kernel_sizes,
            "activation": serialize_activation(self.activation),
        }
