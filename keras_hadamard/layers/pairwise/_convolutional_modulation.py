"""What the convolutional modulations of images share: one product, and the projection of it."""

from abc import abstractmethod
from typing import Any

from keras_hadamard._typing import Activation, Initializer, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import image_format, known_image, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._depthwise_mixer import DepthwiseMixer, multiplied


class ConvolutionalModulation(DepthwiseMixer):
    """Base of `y = W_o (value * context)` on images, where depthwise kernels make the context.

    A subclass creates its branches in `build_branches`, which says how wide they are, and runs
    them in `branches`, channels-last.
    """

    def __init__(
        self,
        activation: Activation,
        depthwise_initializer: Initializer,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(depthwise_initializer, **kwargs)
        self.activation = get_activation(activation)
        self.data_format = image_format(data_format)

    def build(self, input_shape: Shape) -> None:
        shape = known_image(input_shape, self.data_format)
        wide = (*shape[:-1], self.build_branches(shape))
        self.output_projection = self.project(
            int(shape[-1] or 0), "output_projection", input_shape=wide
        )

    @abstractmethod
    def build_branches(self, shape: Shape) -> int:
        """Creates the layers of both branches for an image of `shape`; returns their width."""

    @abstractmethod
    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The value and the context of an image."""

    def depthwise(self, size: int, name: str, shape: Shape, dilation: int = 1) -> Any:
        return convolve_depthwise(
            self,
            size,
            name,
            dilation=dilation,
            kernel_initializer=self.depthwise_initializer,
            input_shape=shape,
        )

    def activated(self, x: Tensor) -> Tensor:
        return self.activation(x)

    def call(self, inputs: Tensor) -> Tensor:
        value, context = self.branches(to_last(inputs, self.data_format))
        y = self.output_projection(multiplied(value, context))
        return to_last(y, self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        known_image(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "data_format": self.data_format,
        }
