"""Product of polynomials: the activation-free network of the authors' tutorial."""

from collections.abc import Sequence
from pathlib import Path

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape
from keras_hadamard.layers import PolynomialBlock2D
from keras_hadamard.models import _polynomial_blocks, _small_image


@serializable
class ProdPolyNet(_small_image.StagedNet):
    """Product of second-degree polynomials for small images, without activation functions.

    Stages of `PolynomialBlock2D`, `y = s + alpha * (u * s)` with `alpha` zero at the start, a 5x5
    convolution in `u` and an instance normalisation in `s`: of degree 2 to the power of the number
    of blocks.

    Args:
        input_shape: Tuple `(height, width, channels)` with known sides. Defaults to `(32, 32, 3)`.
        classes: Integer, the number of classes. Defaults to `10`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `(2, 2, 2, 1)`.
        filters: Sequence of integers, the channels of each stage. Defaults to
            `(64, 128, 256, 512)`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"prod_poly_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.ProdPolyNet(blocks=(1, 1), filters=(4, 6), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    names_of_block = staticmethod(_polynomial_blocks.single_polynomial)

    def __init__(
        self,
        input_shape: Shape = (32, 32, 3),
        classes: int = 10,
        include_top: bool = True,
        weights: str | Path | None = None,
        blocks: Sequence[int] = (2, 2, 2, 1),
        filters: Sequence[int] = (64, 128, 256, 512),
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "prod_poly_net",
    ) -> None:
        def block(width: int, strides: int, stage: int, name: str) -> keras.layers.Layer:
            del stage  # All stages are alike.
            return PolynomialBlock2D(
                width,
                kernel_size=5,
                strides=strides,
                convolutions=1,
                shortcut_normalization="instance",
                alpha_initializer="zeros",
                data_format="channels_last",
                name=name,
            )

        arguments = {
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "blocks": blocks,
            "filters": filters,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        super().__init__(
            block,
            blocks,
            filters,
            arguments=arguments,
            weights=weights,
            name=name,
        )
