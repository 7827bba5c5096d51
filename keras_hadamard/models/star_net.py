"""StarNet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers import StarBlock2D
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.models._image import drop_path_rates, stage_sizes
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input
from keras_hadamard.models._star_blocks import by_prefix, star_block

# Channels of the first stage, blocks, expansion.
VARIANTS: dict[str, tuple[int, tuple[int, ...], int]] = {
    "s050": (16, (1, 1, 3, 1), 3),
    "s100": (20, (1, 2, 4, 1), 4),
    "s150": (24, (1, 2, 4, 2), 3),
    "s1": (24, (2, 2, 8, 3), 4),
    "s2": (32, (1, 2, 6, 2), 4),
    "s3": (32, (2, 2, 8, 4), 4),
    "s4": (32, (3, 3, 12, 5), 4),
}
STEM = 32


@serializable
class StarNet(PublishedModel):
    """Image classifier of star operations: `x + D(G (relu6(U u) * (V u)))` in four stages.

    A strided convolution to 32 channels, then stages of `StarBlock2D`, each after a strided
    convolution, with twice the channels of the stage before; batch normalisation, mean, classifier.
    Convolutions are initialised as in PyTorch: the authors' code intends normal values, but in fact
    initialises only the classifier.

    Args:
        variant: `"s050"`, `"s100"`, `"s150"`, `"s1"`, `"s2"`, `"s3"` or `"s4"`. Defaults to `"s1"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        width: Integer, the channels of the first stage. Defaults to `None`, the variant's.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `None`, the variant's.
        expansion: Integer, the expansion of the blocks. Defaults to `None`, the variant's.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"star_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.StarNet(width=4, blocks=(1, 1), expansion=2, classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Rewrite the Stars (Ma et al., 2024)](https://arxiv.org/abs/2403.19967)
    """

    def __init__(
        self,
        variant: str = "s1",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        width: int | None = None,
        blocks: Sequence[int] | None = None,
        expansion: int | None = None,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "star_net",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "width": width,
            "blocks": blocks,
            "expansion": expansion,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        filters = positive_int("width", published[0] if width is None else width)
        counts = stage_sizes("blocks", published[1] if blocks is None else blocks)
        expansion = published[2] if expansion is None else expansion
        made: dict[str, keras.layers.Layer] = {}

        def convolution(x: Tensor, filters: int, name: str, theirs: str) -> Tensor:
            fan_in = 9 * x.shape[-1]
            layer = CenteredConv2D(
                filters,
                3,
                2,
                padding="same",
                kernel_initializer=FanInUniform(),
                bias_initializer=FanInUniform(fan_in),
                data_format="channels_last",
                name=name,
            )
            norm = BatchNormalization(name=f"{name}_normalization")
            made.update({f"{theirs}.conv": layer, f"{theirs}.bn": norm})
            return norm(layer(x))

        inputs = model_input(image_shape(input_shape), "image")
        x = convolution(inputs, STEM, "stem", "stem.0")
        x = keras.layers.Activation("relu6", name="stem_activation")(x)
        for i, rates in enumerate(drop_path_rates(drop_path, counts)):
            stage = f"stage_{i + 1}"
            x = convolution(x, filters * 2**i, f"{stage}_downsampling", f"stages.{i}.0")
            for j, rate in enumerate(rates, 1):
                block = StarBlock2D(
                    expansion,
                    drop_path=rate,
                    data_format="channels_last",
                    name=f"{stage}_block_{j}",
                )
                x = block(x)
                made[f"stages.{i}.{j}."] = block
        made["norm"] = BatchNormalization(name="normalization")
        outputs, top = classify(
            made["norm"](x),
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.top, self.made = top, made

    def torch_mapping(self) -> dict[str, Any]:
        mapping = by_prefix(self.made, StarBlock2D, star_block)
        return mapping | ({} if self.top is None else {"head": self.top})
