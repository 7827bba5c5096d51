"""gMLP."""

from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape
from keras_hadamard.layers import DropPath, GMLPBlock
from keras_hadamard.models._gmlp_blocks import timm_block
from keras_hadamard.models._image import patches
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

# Width; all have the same depth and expansion.
VARIANTS = {"ti": 128, "s": 256, "b": 512}
DEPTH, EXPANSION = 30, 6


@serializable
class GMLP(PublishedModel):
    """Image classifier without attention: `x + W_2 (u * (S norm(v) + b))` over patches (gMLP).

    Patches of 16x16 pixels, `depth` equal blocks of a layer normalisation and a `GMLPBlock`, layer
    normalisation, mean, classifier. The matrices `S` belong to positions, so the model supports
    only one size of images. Weights are initialised as in the public code.

    Args:
        variant: `"ti"`, `"s"` or `"b"`. Defaults to `"s"`.
        input_shape: Tuple `(height, width, channels)`. Defaults to `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        width: Integer, the channels of the patches. Defaults to `None`, the variant's.
        depth: Integer, the number of blocks. Defaults to `None`, which is 30.
        patch_size: Integer, the side of the patches, which divides the sides of the image. Defaults
            to `16`.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"gmlp"`.

    Raises:
        ValueError: If an argument is out of range, patches do not tile the image, or `weights` is
            not a file.

    Example:

    >>> model = keras_hadamard.models.GMLP(width=8, depth=2, classes=3, input_shape=(64, 64, 3))
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Pay Attention to MLPs (Liu et al., 2021)](https://arxiv.org/abs/2105.08050)
    """

    def __init__(
        self,
        variant: str = "s",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        width: int | None = None,
        depth: int | None = None,
        patch_size: int = 16,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "gmlp",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "width": width,
            "depth": depth,
            "patch_size": patch_size,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        units = positive_int("width", published if width is None else width)
        depth = positive_int("depth", DEPTH if depth is None else depth)
        rate = fraction("drop_path", drop_path)
        shape = image_shape(input_shape)
        if any(not side or side % positive_int("patch_size", patch_size) for side in shape[:2]):
            raise received(
                f"`input_shape` to have known sides that {patch_size} divides",
                input_shape=input_shape,
            )
        inputs = model_input(shape, "image")
        x, stem = patches(inputs, units, patch_size, "stem", "lecun_normal")
        grid = tuple(x.shape[1:])
        x = keras.layers.Reshape((-1, units), name="tokens")(x)
        made: list[tuple[keras.layers.Layer, GMLPBlock]] = []
        for i in range(1, depth + 1):
            norm = keras.layers.LayerNormalization(epsilon=1e-6, name=f"block_{i}_normalization")
            block = GMLPBlock(
                EXPANSION * units,
                bias_initializer=keras.initializers.RandomNormal(stddev=1e-6),
                name=f"block_{i}",
            )
            y = DropPath(rate, name=f"block_{i}_drop_path")(block(norm(x)))
            x = keras.layers.Add(name=f"block_{i}_sum")([x, y])
            made.append((norm, block))
        last = keras.layers.LayerNormalization(epsilon=1e-6, name="normalization")
        outputs, top = classify(
            keras.layers.Reshape(grid, name="grid")(last(x)),
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            kernel_initializer="zeros",
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.stem, self.made, self.last, self.top = stem, made, last, top

    def torch_mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {"stem.proj": self.stem, "norm": self.last}
        for i, (norm, block) in enumerate(self.made):
            mapping[f"blocks.{i}.norm"] = norm
            mapping |= timm_block(block, f"blocks.{i}.mlp_channels.")
        return mapping | ({} if self.top is None else {"head": self.top})
