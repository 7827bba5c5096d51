"""The skeleton of the polynomial networks for small images: a stem, stages of blocks, a top."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_hadamard._checks import positive_int, received
from keras_hadamard._typing import Tensor
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._normalization import BatchNormalization


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

    The first block of every stage but the first halves the image. `between` comes after each stage
    but the last.
    """
    if len(blocks) != len(filters) or not filters:
        raise received("as many `blocks` as `filters`", blocks=blocks, filters=filters)
    made: dict[str, keras.layers.Layer] = {}
    for stage, (count, width) in enumerate(zip(blocks, filters, strict=True)):
        for i in range(positive_int("blocks", count)):
            strides = 2 if stage > 0 and i == 0 else 1
            block = make(width, strides, stage, name=f"stage_{stage + 1}_block_{i + 1}")
            made[f"layer{stage + 1}.{i}."] = block
            x = block(x)
        if stage < len(filters) - 1:
            x = between(x, stage)
    return x, made


def mapping(
    model: keras.Model,
    made: dict[str, keras.layers.Layer],
    of_block: Callable[..., dict[str, Any]],
    top: str = "linear",
) -> dict[str, Any]:
    """The authors' names of a network of this skeleton."""
    found: dict[str, Any] = {
        "conv1": model.get_layer("stem"),
        "bn1": model.get_layer("stem_normalization"),
    }
    for prefix, block in made.items():
        found |= of_block(block, prefix)
    return found | ({top: model.top} if model.top is not None else {})
