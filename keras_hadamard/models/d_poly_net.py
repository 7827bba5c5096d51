"""D-PolyNets: polynomial networks whose blocks multiply the products of all earlier ones."""

from collections.abc import Sequence
from pathlib import Path

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers import DensePolynomialResidualBlock2D, DropBlock2D
from keras_hadamard.layers._centered import CenteredMaxPooling2D
from keras_hadamard.models import _polynomial_blocks, _small_image
from keras_hadamard.models.r_poly_net import INITIALIZER, SHORTCUT_MOMENTUM


@serializable
class DPolyNet(_small_image.StagedNet):
    """Densely connected polynomial network for small images, without activation functions.

    Stages of `DensePolynomialResidualBlock2D`: the product of each block takes in the products of
    all blocks before it, whitened by IterNorm, `p = theta * f * r * q + f * r` with `theta` zero at
    the start. The authors report the accuracy of `RPolyNet` with fewer blocks. Pooling, DropBlock
    and the authors' training are those of `RPolyNet`.

    Args:
        input_shape: Tuple `(height, width, channels)` with known sides. Defaults to `(32, 32, 3)`.
        classes: Integer, the number of classes. Defaults to `10`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `(2, 2, 2, 1)`.
        filters: Sequence of integers, the channels of each stage. Defaults to
            `(64, 128, 256, 486)`.
        drop_rate: Number in [0, 1), the rate of DropBlock. Defaults to `0.1`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"d_poly_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.DPolyNet(blocks=(1, 1), filters=(4, 6), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Regularization of polynomial networks for image recognition (Chrysos et al., 2023)](
          https://arxiv.org/abs/2303.13896)
    """

    names_of_block = staticmethod(_polynomial_blocks.regularized_block)

    def __init__(
        self,
        input_shape: Shape = (32, 32, 3),
        classes: int = 10,
        include_top: bool = True,
        weights: str | Path | None = None,
        blocks: Sequence[int] = (2, 2, 2, 1),
        filters: Sequence[int] = (64, 128, 256, 486),
        drop_rate: float = 0.1,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "d_poly_net",
    ) -> None:
        def block(width: int, strides: int, stage: int, name: str) -> keras.layers.Layer:
            return DensePolynomialResidualBlock2D(
                width,
                strides,
                dense_convolution=True,
                dense_normalization="iterative",
                dense_skip=True,
                theta_initializer="zeros",
                alpha_initializer="ones",
                normalization="batch" if stage == len(filters) - 1 else "instance_batch",
                shortcut_momentum=SHORTCUT_MOMENTUM,
                kernel_initializer=keras.initializers.VarianceScaling(**INITIALIZER),
                data_format="channels_last",
                name=name,
            )

        def between(x: list[Tensor], stage: int) -> list[Tensor]:
            image, *products = x
            image = CenteredMaxPooling2D(3, 1, name=f"max_pool_{stage + 1}")(image)
            drop = DropBlock2D(
                drop_rate, data_format="channels_last", name=f"drop_block_{stage + 1}"
            )
            return [drop(image) if stage < 2 else image, *products]

        arguments = {
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "blocks": blocks,
            "filters": filters,
            "drop_rate": drop_rate,
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
            between=between,
            stem=lambda x, width: [_small_image.stem(x, width)],
        )
