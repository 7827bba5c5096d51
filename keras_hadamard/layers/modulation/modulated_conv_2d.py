"""Convolution whose kernel a style modulates."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last, to_last_shape
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class ModulatedConv2D(ConditionedLayer):
    """Convolution whose kernel is scaled by a style and normalised again, for each example.

    `y = d * conv(s * x) + bias with s = 1 + A style + a and
    d = 1 / sqrt(sum((s * kernel)**2) + epsilon)`: the convolution of `x` by the kernel
    `d * s * kernel`, `s` for its input and `d` for its output channels. All examples are convolved
    with one kernel, so no grouped convolution is needed, which some servers and compilers do not
    support.

    Args:
        filters: Integer, the number of output channels. Defaults to `None`, those of `x`.
        kernel_size: Integer, the side of the windows. Defaults to `3`.
        demodulate: Boolean, whether there is a `d`; without it, `d` is one, as in StyleGAN2's
            colour layers. Defaults to `True`.
        epsilon: Number that is added to the sum of squares. Defaults to `1e-8`.
        data_format: `"channels_last"` or `"channels_first"`, of `x`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolution and of the projection `A`, `a` (`use_bias`,
            `kernel_initializer` and so on), and of the base layer.

    Call arguments:
        inputs: List `[x, style]`.

    Input shape:
        `x` is `(batch, height, width, channels)`, `style` is `(batch, width)`.

    Output shape:
        `(batch, height, width, filters)`.

    Weights:
        `width_1 * (width_2 + 1 + kernel_size**2 * filters) + filters`, where `filters` = `width_1`,
        with `width_1` the channels of `x` and `width_2` the width of the style.

    Masking:
        Images have no masks.

    Numerics:
        The sum of squares and both products are computed in float32 under 16-bit policies. The
        authors' scaling of kernels at run time (the equalised learning rate) is left to the
        initialiser and the optimizer; with `demodulate`, the scale of the kernel does not affect
        the output.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not an image of known channels
            and a vector, both of floats.

    Example:

    >>> image, style = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 16))
    >>> keras_hadamard.layers.ModulatedConv2D(6)([image, style]).shape
    TensorShape([2, 8, 8, 6])

    Reference:
        - [Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020)](
          https://arxiv.org/abs/1912.04958)
    """

    takes: ClassVar[str] = "[x, style]"

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int = 3,
        demodulate: bool = True,
        epsilon: float = 1e-8,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.filters = None if filters is None else positive_int("filters", filters)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.demodulate = bool(demodulate)
        self.epsilon = non_negative("epsilon", epsilon)

    def build(self, input_shape: list[Shape]) -> None:
        x, style = self.shapes(input_shape)
        image = check_image_shape(x, self.data_format)
        channels = image[-1] or 0
        filters = self.filters or channels
        self.style_projection = self.project(channels, "style_projection", input_shape=style)
        self.convolution = convolve(
            self, filters, self.kernel_size, "convolution", use_bias=False, input_shape=image
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, style = inputs
        scale = 1 + self.style_projection(style)
        y = self.convolution(modulate(to_last(x, self.data_format), scale))
        if self.demodulate:
            dtype = accumulation_dtype(x.dtype)
            kernel = ops.sum(ops.square(effective_kernel(self.convolution, dtype)), axis=(0, 1))
            squares = ops.matmul(ops.square(ops.cast(scale, dtype)), kernel)
            y = modulate(y, ops.cast(ops.rsqrt(squares + self.epsilon), y.dtype))
        if self.bias is not None:
            y = y + ops.cast(self.bias, y.dtype)
        return to_last(y, self.data_format, back=True)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        *image, channels = check_image_shape(self.shapes(input_shape)[0], self.data_format)
        return to_last_shape((*image, self.filters or channels), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "demodulate": self.demodulate,
            "epsilon": self.epsilon,
        }

    def check_shapes(self, x: Shape, style: Shape, *more: Shape) -> None:
        del more
        check_image_shape(x, self.data_format)
        if len(style) != 2 or style[-1] is None:
            raise received("`style` to be (batch, width)", style_shape=style)
