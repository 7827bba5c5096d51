"""Pi-nets on ImageNet: a residual network whose blocks have degree two."""

from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers import PolynomialResidualBlock2D
from keras_hadamard.layers._centered import CenteredConv2D, CenteredMaxPooling2D
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.models import _polynomial_blocks, _small_image

INITIALIZER = {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"}


@serializable
class PiNet18(_small_image.StagedNet):
    """ResNet-18 with a product in each block, with or without activations (Pi-nets).

    `y = act(f + r + N(f * r))`, `f` the block's two convolutions and `r` its shortcut. Without
    activations the plain residual network is linear; this one is a polynomial of degree `2 ** 8`.
    The authors report the top-1 accuracy on ImageNet without activations as 63.7 % (65.3 % with 1x1
    convolutions) against 18.3 % of the residual network, with ReLU as 70.4 % (71.6 %) against
    69.9 %.

    Args:
        input_shape: Tuple `(height, width, channels)`, the sides may be None. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        activation: `None` or `"relu"`, as published, or another. Defaults to `None`.
        product_convolution: Boolean, whether a 1x1 convolution follows each product. Defaults to
            `False`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"pi_net_18"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.PiNet18(input_shape=(64, 64, 3), include_top=False)
    >>> model.output_shape
    (None, 2, 2, 512)

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    names_of_block = staticmethod(_polynomial_blocks.pi_net_block)

    def __init__(
        self,
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        activation: Activation = None,
        product_convolution: bool = False,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "pi_net_18",
    ) -> None:
        initializer = keras.initializers.VarianceScaling(**INITIALIZER)

        def block(width: int, strides: int, stage: int, name: str) -> keras.layers.Layer:
            del stage  # All stages are alike.
            return PolynomialResidualBlock2D(
                width,
                strides,
                activation=activation,
                product_convolutions=int(product_convolution),
                alpha_initializer=None,
                residual_gamma_initializer="zeros",
                kernel_initializer=initializer,
                data_format="channels_last",
                name=name,
            )

        def stem(x: Tensor, width: int) -> Tensor:
            x = CenteredConv2D(
                width,
                7,
                2,
                padding="same",
                use_bias=False,
                kernel_initializer=initializer,
                data_format="channels_last",
                name="stem",
            )(x)
            x = BatchNormalization(name="stem_normalization")(x)
            x = keras.layers.Activation(get_activation(activation), name="stem_activation")(x)
            return CenteredMaxPooling2D(name="stem_pool")(x)

        arguments = {
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "activation": activation,
            "product_convolution": product_convolution,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        super().__init__(
            block,
            (2, 2, 2, 2),
            (64, 128, 256, 512),
            arguments=arguments,
            weights=weights,
            name=name,
            stem=stem,
            smallest=32,
        )

    def torch_mapping(self) -> dict[str, Any]:
        """The names of the authors' training framework: `backbone.` and `head.`."""
        backbone = super().torch_mapping()
        top = {"head.fc": backbone.pop("linear")} if self.top is not None else {}
        return {f"backbone.{name}": layer for name, layer in backbone.items()} | top
