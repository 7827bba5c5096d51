"""The residual block that FiLM was published with."""

from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last, to_last_shape
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer, equal
from keras_hadamard.layers.fusion.film import FiLM

POSITIONS = ("input", "convolution", "norm", "relu", "output")


@serializable
class FiLMResidualBlock2D(ConditionedLayer):
    """Residual block of convolutions that a condition modulates (Perez et al.).

    `y = h + relu(gamma * N(conv(h)) + beta) with h = relu(conv_in([x; maps])) and
    [gamma - gamma_offset, beta] = W c + b`, where `c` is the condition, `N` batch normalisation
    without scale and shift, and `W` of shape `(width_c, 2 * filters)`. As in the authors' code the
    shortcut is `h`, not the block's input.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Integer, the side of the second convolution's windows. Defaults to `3`.
        film_position: The modulated tensor: `"input"`, the input `x`; `"convolution"`, the output
            of the second convolution; `"norm"`, that of its normalisation; `"relu"`, that of the
            following activation; `"output"`, the sum. Defaults to `"norm"`.
        use_batch_normalization: Boolean, whether there is an `N`. Defaults to `True`.
        input_kernel_size: Integer, the side of the first convolution's windows. Defaults to `1`.
        gamma_offset: Float that is added to gamma. Defaults to `1.0`.
        data_format: `"channels_last"` or `"channels_first"`, of `x` and `maps`. Defaults to
            `None`, `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions and of the projection of the condition
            (`use_bias`, `kernel_initializer` and so on), and of the base layer.

    Call arguments:
        inputs: List `[x, condition]` or `[x, condition, maps]`. Maps are more channels for the
            first convolution, as coordinates are.

    Input shape:
        `x` is `(batch, height, width, channels)`, `maps` the same with its own channels, and
        `condition` `(batch, width_c)`, or `(batch, height, width, width_c)`.

    Output shape:
        `(batch, height, width, filters)`.

    Weights:
        `(input_kernel_size**2 * (sum(widths) - width_2) + kernel_size**2 * filters + 2 * width_2
        + 4) * filters`, with `width_2` the width of the condition and `widths` those of all inputs.
        If the input is modulated, the projection of the condition has `2 * width_1` columns instead
        of `2 * filters`.

    Masking:
        Images have no masks.

    Numerics:
        Statistics and the modulation are float32 under 16-bit policies. The running variance is the
        unbiased one, as the authors' framework records it.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of float tensors
            that fit together.

    Example:

    >>> image, question = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.FiLMResidualBlock2D(16)([image, question]).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [FiLM: Visual Reasoning with a General Conditioning Layer (Perez et al., 2018)](
          https://arxiv.org/abs/1709.07871)
    """

    takes: ClassVar[str] = "[x, condition] or [x, condition, maps]"
    counts: ClassVar[tuple[int, ...]] = (2, 3)

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        film_position: str = "norm",
        use_batch_normalization: bool = True,
        input_kernel_size: int = 1,
        gamma_offset: float = 1.0,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.filters = positive_int("filters", filters)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.film_position = one_of("film_position", film_position, POSITIONS)
        self.use_batch_normalization = bool(use_batch_normalization)
        self.input_kernel_size = positive_int("input_kernel_size", input_kernel_size)
        self.gamma_offset = float(gamma_offset)

    def build(self, input_shape: list[Shape]) -> None:
        x, condition, *maps = self.shapes(input_shape)
        *image, width = check_image_shape(x, self.data_format)
        widths = [width, *(check_image_shape(m, self.data_format)[-1] for m in maps)]
        joined = sum(n or 0 for n in widths)
        self.input_convolution = convolve(
            self,
            self.filters,
            self.input_kernel_size,
            "input_convolution",
            activation="relu",
            input_shape=(*image, joined),
        )
        hidden = (*image, self.filters)
        self.convolution = convolve(
            self, self.filters, self.kernel_size, "convolution", input_shape=hidden
        )
        self.normalization = normalization(
            "batch" if self.use_batch_normalization else None,
            "normalization",
            policy=self.dtype_policy,
            input_shape=hidden,
            **({"center": False, "scale": False} if self.use_batch_normalization else {}),
        )
        self.film = self.sublayer(
            FiLM, gamma_offset=self.gamma_offset, data_format="channels_last", name="film"
        )
        modulated = (*image, width if self.film_position == "input" else self.filters)
        self.film.build([modulated, condition])

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, condition, *maps = inputs
        x = self._film_at("input", to_last(x, self.data_format), condition)
        if maps:
            x = ops.concatenate([x, to_last(maps[0], self.data_format)], axis=-1)
        shortcut = self.input_convolution(x)
        y = self._film_at("convolution", self.convolution(shortcut), condition)
        y = self._film_at("norm", self.normalization(y), condition)
        y = self._film_at("relu", keras.activations.relu(y), condition)
        y = self._film_at("output", shortcut + y, condition)
        return to_last(y, self.data_format, back=True)

    def _film_at(self, position: str, x: Tensor, condition: Tensor) -> Tensor:
        return self.film([x, condition]) if position == self.film_position else x

    def check_shapes(self, x: Shape, condition: Shape, *maps: Shape) -> None:
        image = check_image_shape(x, self.data_format)
        super().check_shapes(x, condition)
        for other in (check_image_shape(m, self.data_format) for m in maps):
            if not all(equal(n, m) for n, m in zip(image[1:-1], other[1:-1], strict=True)):
                raise received("`maps` to have the size of `x`", x_shape=x, maps_shape=maps[0])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        batch, *sides, _ = check_image_shape(self.shapes(input_shape)[0], self.data_format)
        return to_last_shape((batch, *sides, self.filters), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "film_position": self.film_position,
            "use_batch_normalization": self.use_batch_normalization,
            "input_kernel_size": self.input_kernel_size,
            "gamma_offset": self.gamma_offset,
        }
