"""The skeleton of the polynomial networks: a stem, stages of blocks, a top."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.models._image import stage_sizes
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

OF_TOP = ("include_top", "classes", "classifier_activation", "pooling")


def stem(x: Tensor, filters: int) -> Tensor:
    x = CenteredConv2D(
        filters, 3, padding="same", use_bias=False, data_format="channels_last", name="stem"
    )(x)
    return BatchNormalization(name="stem_normalization")(x)


def stages(
    x: Any,
    make: Callable[..., keras.layers.Layer],
    blocks: Sequence[int],
    filters: Sequence[int],
    between: Callable[[Any, int], Any] = lambda x, stage: x,
) -> tuple[Any, dict[str, keras.layers.Layer]]:
    """Runs the blocks and returns them by the names that the authors' code gives them.

    The first block of every stage except the first halves the image. `between` runs after each
    stage except the last.
    """
    blocks = stage_sizes("blocks", blocks)
    if len(blocks) != len(filters):
        raise received("as many `blocks` as `filters`", blocks=blocks, filters=filters)
    made: dict[str, keras.layers.Layer] = {}
    for stage, (count, width) in enumerate(zip(blocks, filters, strict=True)):
        for i in range(count):
            strides = 2 if stage > 0 and i == 0 else 1
            block = make(width, strides, stage, name=f"stage_{stage + 1}_block_{i + 1}")
            made[f"layer{stage + 1}.{i}."] = block
            x = block(x)
        if stage < len(filters) - 1:
            x = between(x, stage)
    return x, made


class StagedNet(PublishedModel):
    """Base of image networks of a stem, stages of blocks, and a top.

    A subclass passes a function that makes its blocks, and its own constructor's `arguments`, and
    gives the authors' names for the parts of a block in `names_of_block`.
    """

    names_of_block: Callable[..., dict[str, Any]]

    def __init__(
        self,
        make: Callable[..., keras.layers.Layer],
        blocks: Sequence[int],
        filters: Sequence[int],
        *,
        arguments: dict[str, Any],
        weights: str | Path | None,
        name: str | None,
        stem: Callable[[Tensor, int], Any] = stem,
        between: Callable[[Any, int], Any] = lambda x, stage: x,
        smallest: int = 1,
    ) -> None:
        filters = stage_sizes("filters", filters)
        inputs = model_input(image_shape(arguments["input_shape"], smallest), "image")
        x, made = stages(stem(inputs, filters[0]), make, blocks, filters, between)
        # Blocks with dense connections pass on their products in addition to the image.
        image = x[0] if isinstance(x, list) else x
        outputs, top = classify(image, **{key: arguments[key] for key in OF_TOP})
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.top, self.made = top, made

    def torch_mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "conv1": self.get_layer("stem"),
            "bn1": self.get_layer("stem_normalization"),
        }
        for prefix, block in self.made.items():
            found |= type(self).names_of_block(block, prefix)
        return found | ({"linear": self.top} if self.top is not None else {})
