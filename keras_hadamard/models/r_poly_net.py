"""R-PolyNets: regularised polynomial networks without activations."""

from collections.abc import Sequence
from pathlib import Path

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers import DropBlock2D, PolynomialResidualBlock2D
from keras_hadamard.layers._centered import CenteredMaxPooling2D
from keras_hadamard.models import _polynomial_blocks, _small_image

# Variance 16 / fan_in, which works because a normalisation follows every convolution.
INITIALIZER = {"scale": 16.0, "mode": "fan_in", "distribution": "untruncated_normal"}
# The authors compute the shortcut twice per step: 0.9 ** 2.
SHORTCUT_MOMENTUM = 0.81


@serializable
class RPolyNet(_small_image.StagedNet):
    """Regularised polynomial network for small images, without activation functions.

    Stages of `PolynomialResidualBlock2D`, `y = f + r + alpha * N(conv(f * r))` with `alpha` zero at
    the start, with IBN in all stages except the last, max-pooling over 3x3 windows after these, and
    DropBlock after the first two. The authors train with label smoothing of 0.1, SGD at 0.1 with
    momentum 0.9 for 120 epochs, a tenth of the rate after 40, 60, 80 and 100.

    Args:
        input_shape: Tuple `(height, width, channels)` with known sides. Defaults to `(32, 32, 3)`.
        classes: Integer, the number of classes. Defaults to `10`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `(2, 2, 2, 2)`.
        filters: Sequence of integers, the channels of each stage. Defaults to
            `(64, 128, 256, 512)`.
        drop_rate: Number in [0, 1), the rate of DropBlock. Defaults to `0.1`.
        use_alpha: Boolean, whether blocks have an `alpha`. Defaults to `True`. The authors' network
            for CIFAR-100 has none.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"r_poly_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.RPolyNet(blocks=(1, 1), filters=(4, 6), classes=3)
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
        blocks: Sequence[int] = (2, 2, 2, 2),
        filters: Sequence[int] = (64, 128, 256, 512),
        drop_rate: float = 0.1,
        use_alpha: bool = True,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "r_poly_net",
    ) -> None:
        def block(width: int, strides: int, stage: int, name: str) -> keras.layers.Layer:
            return PolynomialResidualBlock2D(
                width,
                strides,
                normalization="batch" if stage == len(filters) - 1 else "instance_batch",
                alpha_initializer="zeros" if use_alpha else None,
                shortcut_momentum=SHORTCUT_MOMENTUM,
                kernel_initializer=keras.initializers.VarianceScaling(**INITIALIZER),
                data_format="channels_last",
                name=name,
            )

        def between(x: Tensor, stage: int) -> Tensor:
            x = CenteredMaxPooling2D(3, 1, name=f"max_pool_{stage + 1}")(x)
            drop = DropBlock2D(
                drop_rate, data_format="channels_last", name=f"drop_block_{stage + 1}"
            )
            return drop(x) if stage < 2 else x

        arguments = {
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "blocks": blocks,
            "filters": filters,
            "drop_rate": drop_rate,
            "use_alpha": use_alpha,
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
        )
