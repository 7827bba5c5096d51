"""What the convolutional polynomial blocks share: convolutions that are normalised."""

from typing import Any

from keras_hadamard._checks import positive_int
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import image_format, known_image, to_last_shape
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import normalization

Stage = list[Any]


class ImageBlock(BaseLayer):
    """Base of blocks from an image to an image of `filters` channels, `strides` times smaller."""

    def __init__(
        self, filters: int, strides: int, data_format: str | None, *, use_bias: bool, **kwargs: Any
    ) -> None:
        super().__init__(use_bias=use_bias, **kwargs)
        self.filters = positive_int("filters", filters)
        self.strides = positive_int("strides", strides)
        self.data_format = image_format(data_format)

    def stage(
        self,
        shape: Shape,
        filters: int,
        kernel_size: int,
        name: str,
        kind: str | None,
        *,
        strides: int = 1,
        **norm: Any,
    ) -> Stage:
        """A convolution of a channels-last image of `shape` and its normalisation, both built."""
        convolution = convolve(
            self, filters, kernel_size, f"{name}_convolution", strides=strides, input_shape=shape
        )
        return [
            convolution,
            normalization(
                kind,
                f"{name}_normalization",
                policy=self.dtype_policy,
                input_shape=tuple(convolution.compute_output_shape(shape)),
                **norm,
            ),
        ]

    def image(self, input_shape: Shape) -> Shape:
        """The shape of the input with its channels last."""
        return known_image(input_shape, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, _ = self.image(input_shape)
        sides = [None if n is None else -(-n // self.strides) for n in sides]
        return to_last_shape((batch, *sides, self.filters), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "data_format": self.data_format,
        }


def run(layers: Stage, x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
