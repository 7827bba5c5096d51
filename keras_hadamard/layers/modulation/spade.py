"""Spatially-adaptive denormalisation."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import normalization as normalization_of
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import modulate


@serializable
class SPADE(ConditionedLayer):
    """Spatially-adaptive modulation of a normalised image by a map (SPADE).

    `y = N(x) * (1 + conv(a)) + conv'(a) with a = relu(conv''(resize(m)))`, where `N` normalises
    without scale and shift and `resize` takes the nearest pixel of the map `m` for each pixel of
    `x`. The paper writes gamma for `1 + conv(a)`; the authors' code has the 1.

    Args:
        hidden_units: Integer, the channels of `a`. Defaults to `128`.
        normalization: `"instance"`, by image, or `"batch"`, with running statistics at inference.
            Defaults to `"instance"`.
        kernel_size: Integer, the side of the windows of the three convolutions. Defaults to `3`.
        data_format: `"channels_last"` or `"channels_first"`, of image and map. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions (`use_bias`, `kernel_initializer` and so on), and of
            the base layer.

    Call arguments:
        inputs: List `[x, m]`.

    Input shape:
        `x` is `(batch, height, width, channels)`. `m` is an image of any size and channels, such as
        one-hot classes, or a vector `(batch, features)`, which counts as a map of one pixel.

    Output shape:
        The shape of `x`.

    Weights:
        `kernel_size**2 * hidden_units * (2 * width_1 + width_2) + hidden_units + 2 * width_1`, with
        `width_1` the channels of `x` and `width_2` those of the map.

    Masking:
        Images have no masks.

    Numerics:
        Statistics and the modulation are float32 under 16-bit policies. The pixel `i` of `n` has
        its value from `floor(i * n_m / n)` of the map's `n_m`, as in PyTorch; Keras's own resizing
        differs if sizes are not multiples. Convolutions pad with zeros, so even a constant map
        modulates pixels at the border differently.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of two float
            tensors that fit together.

    Example:

    >>> image, segmentation = keras.ops.ones((2, 8, 8, 3)), keras.ops.ones((2, 4, 4, 5))
    >>> keras_hadamard.layers.SPADE(16)([image, segmentation]).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [Semantic Image Synthesis with Spatially-Adaptive Normalization (Park et al., 2019)](
          https://arxiv.org/abs/1903.07291)
    """

    takes: ClassVar[str] = "[x, m]"

    def __init__(
        self,
        hidden_units: int = 128,
        normalization: str = "instance",
        kernel_size: int = 3,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.hidden_units = positive_int("hidden_units", hidden_units)
        self.normalization = one_of("normalization", normalization, ("instance", "batch"))
        self.kernel_size = positive_int("kernel_size", kernel_size)

    def build(self, input_shape: list[Shape]) -> None:
        x, condition = self.shapes(input_shape)
        *image, channels = check_image_shape(x, self.data_format)
        width = (
            condition[-1]
            if len(condition) == 2
            else check_image_shape(condition, self.data_format)[-1]
        )
        # Keras's group normalisation centres and scales only on request.
        affine = {"center": False, "scale": False} if self.normalization == "batch" else {}
        self.norm = normalization_of(
            self.normalization,
            "normalization",
            policy=self.dtype_policy,
            input_shape=(*image, channels),
            **affine,
        )
        self.hidden_convolution = convolve(
            self,
            self.hidden_units,
            self.kernel_size,
            "hidden_convolution",
            activation="relu",
            input_shape=(*image, width),
        )
        self.gamma_convolution, self.beta_convolution = (
            convolve(
                self, channels or 0, self.kernel_size, name, input_shape=(*image, self.hidden_units)
            )
            for name in ("gamma_convolution", "beta_convolution")
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, condition = inputs
        x = to_last(x, self.data_format)
        if len(condition.shape) == 2:
            condition = condition[:, None, None, :]
        else:
            condition = to_last(condition, self.data_format)
        hidden = self.hidden_convolution(nearest(condition, x))
        gamma, beta = self.gamma_convolution(hidden), self.beta_convolution(hidden)
        return to_last(modulate(self.norm(x), 1 + gamma, beta), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "normalization": self.normalization,
            "kernel_size": self.kernel_size,
        }

    def check_shapes(self, x: Shape, condition: Shape, *more: Shape) -> None:
        del more
        check_image_shape(x, self.data_format)
        if len(condition) == 2 and condition[-1] is not None:
            return
        try:
            check_image_shape(condition, self.data_format)
        except ValueError:
            raise received(
                "`m` to be an image of known channels, or (batch, features)", m_shape=condition
            ) from None


def nearest(small: Tensor, like: Tensor) -> Tensor:
    """An image in the size of another by the nearest pixel, as PyTorch chooses it."""
    for axis in (1, 2):
        if small.shape[axis] is None or small.shape[axis] != like.shape[axis]:
            size, wanted = ops.shape(small)[axis], ops.shape(like)[axis]
            source = ops.arange(wanted, dtype="int32") * size // wanted
            small = ops.take(small, source, axis=axis)
    return small
