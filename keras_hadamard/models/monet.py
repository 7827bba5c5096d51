"""MONet, multilinear operator networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape
from keras_hadamard.layers import PolyBlock
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.models._image import patches, stage_sizes
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input
from keras_hadamard.models._star_blocks import by_prefix, poly_block

# Channels and blocks of the stages.
VARIANTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "t": ((64, 128, 192, 192), (4, 8, 12, 10)),
    "s": ((128, 192, 256, 384), (4, 6, 12, 14)),
}


@serializable
class MONet(PublishedModel):
    """Image classifier of multilinear operators without activation functions.

    Patches of 2x2 pixels, then patches of 2x2 of these, then stages of `PolyBlock`,
    `z = x + Mu_s(LN(x))`, `y = z + Mu(LN(z))`, with strided convolutions between them, the mean,
    and a classifier that starts at zero. Layer normalisation divides by a standard deviation that
    depends on the input: the network with it is not a polynomial. With `normalize=False` it is one,
    of degree four to the power of the number of blocks, whose values overflow unless there are few
    blocks. The second patches start with random biases, not zeros, so that the gradients of blank
    regions are finite.

    Args:
        variant: `"t"` or `"s"`. Defaults to `"t"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        filters: Sequence of integers, the channels of each stage. Defaults to `None`, the
            variant's.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `None`, the variant's.
        expansion: Integer, the expansion of all blocks, or a sequence with one per stage. Defaults
            to `3`.
        patch_size: Integer, the side of the first patches. Defaults to `2`.
        normalize: Boolean, whether blocks normalise. Defaults to `True`.
        drop_path: Number in [0, 1), the probability of skipping a Mu-Layer for an example in
            training. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"monet"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.MONet(filters=(8, 12), blocks=(1, 1), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Multilinear Operator Networks (Cheng et al., 2024)](https://arxiv.org/abs/2401.17992)
    """

    def __init__(
        self,
        variant: str = "t",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        filters: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        expansion: int | Sequence[int] = 3,
        patch_size: int = 2,
        normalize: bool = True,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "monet",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "filters": filters,
            "blocks": blocks,
            "expansion": expansion,
            "patch_size": patch_size,
            "normalize": normalize,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        widths = stage_sizes("filters", published[0] if filters is None else filters)
        counts = stage_sizes("blocks", published[1] if blocks is None else blocks)
        expansions = (expansion,) * len(widths) if isinstance(expansion, int) else expansion
        if not len(widths) == len(counts) == len(expansions):
            raise received(
                "as many `filters` as `blocks` and expansions",
                filters=widths,
                blocks=counts,
                expansion=expansion,
            )
        size = positive_int("patch_size", patch_size)
        inputs = model_input(image_shape(input_shape, 2 * size), "image")
        x, first = patches(inputs, widths[0], size, "stem_1", "lecun_normal")
        # With biases of zero a blank region stays a constant vector, through which the gradient of
        # each layer normalisation grows by up to a thousand, and that of several blocks overflows.
        x, second = patches(x, widths[0], 2, "stem_2", "lecun_normal", FanInUniform(4 * widths[0]))
        made: dict[str, keras.layers.Layer] = {"fs": first, "fs2": second}
        for i, (width, count) in enumerate(zip(widths, counts, strict=True)):
            if i > 0:
                down = CenteredConv2D(
                    width,
                    3,
                    2,
                    padding="same",
                    kernel_initializer="lecun_normal",
                    data_format="channels_last",
                    name=f"downsampling_{i}",
                )
                x = down(x)
                made[f"network.{2 * i - 1}.proj"] = down
            for j in range(count):
                block = PolyBlock(
                    expansions[i],
                    normalize=normalize,
                    drop_path=drop_path,
                    name=f"stage_{i + 1}_block_{j + 1}",
                )
                x = block(x)
                made[f"network.{2 * i}.model.{j}.0."] = block
        outputs, top = classify(
            x,
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            kernel_initializer="zeros",
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.made = made if top is None else made | {"head.1": top}
        self.top = top

    def torch_mapping(self) -> dict[str, Any]:
        return by_prefix(self.made, PolyBlock, poly_block)
