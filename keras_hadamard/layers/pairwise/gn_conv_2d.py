"""Recursive gated convolution."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last, to_last_shape
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._global_local_filter import GlobalLocalFilter2D
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer, float32_product


@serializable
class GnConv2D(ImageMixer):
    """Recursive gated convolution: products of neighbourhoods, to any order (HorNet).

    `y = W_o p_n with p_(k + 1) = W_k p_k * q_k, p_1 = p_0 * q_0`: one projection of `x` gives `p_0`
    and, by a depthwise convolution and `scale`, the `q_k`. Each of them has twice the channels of
    the one before, the last one as many as `x`, so all orders cost little more than the last. There
    is no activation and no normalisation.

    Args:
        order: Integer, the number of products; the channels are a multiple of `2**(order - 1)`.
            Defaults to `5`.
        scale: Number that the convolution is multiplied by. Defaults to `0.3333333333333333`, as in
            all published models; the default of the authors' code is 1.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `7`.
        global_filter: `None`, or `(rows, columns)`, the size of a learned spectrum; an image has as
            many rows and, of its `width`, `width // 2 + 1` columns, and for images of other sizes
            the spectrum is interpolated. Then half of the channels of the `q_k` are filtered by it
            in the frequency domain, half by a depthwise 3x3, between two layer normalisations.
            Defaults to `None`, the depthwise convolution.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections and of the convolution (`use_bias`,
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
        `3 * channels * (channels + 1) + sum((channels >> i) * (kernel_size**2 + 1) for i in
        range(order)) + sum((channels >> i) * ((channels >> i) // 2 + 1) for i in range(order - 1))`
        without a global filter.

    Masking:
        Images have no masks.

    Numerics:
        Products, sums over windows, norms and Fourier transforms are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of fitting channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.GnConv2D(order=3, global_filter=(8, 5))(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [HorNet: Efficient High-Order Spatial Interactions with Recursive Gated Convolutions (Rao
          et al., 2022)](https://arxiv.org/abs/2207.14284)
    """

    def __init__(
        self,
        order: int = 5,
        scale: float = 1 / 3,
        kernel_size: int = 7,
        global_filter: tuple[int, int] | None = None,
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.order = positive_int("order", order)
        self.scale = float(scale)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.global_filter = _spectrum_shape(global_filter)

    def build(self, input_shape: Shape) -> None:
        shape = to_last_shape(self.compute_output_shape(input_shape), self.data_format)
        channels = shape[-1] or 0
        self.widths = [channels >> i for i in reversed(range(self.order))]
        self.input_projection = self.project(2 * channels, "input_projection", input_shape=shape)
        wide = (*shape[:-1], sum(self.widths))
        if self.global_filter is None:
            self.filter = convolve_depthwise(
                self,
                self.kernel_size,
                "filter",
                kernel_initializer=self.depthwise_initializer,
                input_shape=wide,
            )
        else:
            self.filter = self.sublayer(
                GlobalLocalFilter2D,
                self.global_filter,
                depthwise_initializer=self.depthwise_initializer,
                name="filter",
            )
            self.filter.build(wide)
        self.projections = [
            self.project(2 * width, f"projection_{i + 1}", input_shape=(*shape[:-1], width))
            for i, width in enumerate(self.widths[:-1])
        ]
        self.output_projection = self.project(channels, "output_projection", input_shape=shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.input_projection(to_last(inputs, self.data_format))
        p, q = ops.split(x, self.widths[:1], axis=-1)
        neighbours = self.scale * self.filter(q)
        ends = [sum(self.widths[: i + 1]) for i in range(self.order - 1)]
        first, *rest = ops.split(neighbours, ends, axis=-1) if ends else [neighbours]
        p = float32_product(p, first)
        for projection, next_ones in zip(self.projections, rest, strict=True):
            p = float32_product(projection(p), next_ones)
        return to_last(self.output_projection(p), self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = check_image_shape(input_shape, self.data_format)[-1] or 0
        if channels % 2 ** (self.order - 1):
            expected = f"channels that can be halved {self.order - 1} times"
            raise received(expected, channels=channels, order=self.order)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "order": self.order,
            "scale": self.scale,
            "kernel_size": self.kernel_size,
            "global_filter": self.global_filter,
        }


def _spectrum_shape(global_filter: Any) -> tuple[int, int] | None:
    if global_filter is None:
        return None
    if not isinstance(global_filter, list | tuple) or len(global_filter) != 2:
        raise received("`global_filter` to be two integers", global_filter=global_filter)
    rows, columns = (positive_int("global_filter", n) for n in global_filter)
    return rows, columns
