"""DemoNet, the network that the star operation was studied with."""

from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape
from keras_hadamard.layers import DemoBlock2D
from keras_hadamard.layers._normalization.batch import EPSILON
from keras_hadamard.models._image import drop_path_rates, patches
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input
from keras_hadamard.models._star_blocks import by_prefix, demo_block


@serializable
class DemoNet(PublishedModel):
    """Plain image classifier in which `a * b` and `a + b` can be compared, all else equal.

    Patches of 16x16 pixels, `depth` equal `DemoBlock2D`, `x + gamma * G (gelu(U u) * (V u))` or
    with a sum instead of the product, then the mean, layer normalisation and a classifier. The
    paper varies width and depth.

    Args:
        width: Integer, the channels. Defaults to `192`.
        depth: Integer, the number of blocks. Defaults to `12`.
        mode: `"multiply"` or `"add"`. Defaults to `"multiply"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool, normalise and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        patch_size: Integer, the side of a patch. Defaults to `16`.
        layer_scale: Number, the initial `gamma`; zero for none. Defaults to `1e-06`.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"demo_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.DemoNet(width=8, depth=2, mode="add", classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Rewrite the Stars (Ma et al., 2024)](https://arxiv.org/abs/2403.19967)
    """

    def __init__(
        self,
        width: int = 192,
        depth: int = 12,
        mode: str = "multiply",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        patch_size: int = 16,
        layer_scale: float = 1e-6,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "demo_net",
    ) -> None:
        arguments = {
            "width": width,
            "depth": depth,
            "mode": mode,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "patch_size": patch_size,
            "layer_scale": layer_scale,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        size = positive_int("patch_size", patch_size)
        normal = keras.initializers.RandomNormal(stddev=0.02)
        inputs = model_input(image_shape(input_shape, size), "image")
        x, stem = patches(inputs, positive_int("width", width), size, "stem", normal)
        made: dict[str, keras.layers.Layer] = {"stem": stem}
        (rates,) = drop_path_rates(drop_path, [positive_int("depth", depth)])
        for i, rate in enumerate(rates):
            block = DemoBlock2D(
                mode,
                layer_scale=layer_scale,
                drop_path=rate,
                data_format="channels_last",
                name=f"block_{i + 1}",
            )
            x = block(x)
            made[f"blocks.{i}."] = block
        norm = keras.layers.LayerNormalization(epsilon=EPSILON, name="normalization")
        outputs, top = classify(
            x,
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            normalization=norm,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.made = made if top is None else made | {"norm": norm, "head": top}
        self.top = top

    def torch_mapping(self) -> dict[str, Any]:
        return by_prefix(self.made, DemoBlock2D, demo_block)
