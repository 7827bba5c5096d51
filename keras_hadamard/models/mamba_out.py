"""MambaOut."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import gelu
from keras_hadamard.layers import GatedConvBlock2D
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.models._gated_blocks import gated_conv_block
from keras_hadamard.models._image import drop_path_rates, stage_sizes
from keras_hadamard.models._mixer_blocks import layer_norm, linear, normal, untracked
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

# Channels and blocks of each stage.
VARIANTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "femto": ((48, 96, 192, 288), (3, 3, 9, 3)),
    "kobe": ((48, 96, 192, 288), (3, 3, 15, 3)),
    "tiny": ((96, 192, 384, 576), (3, 3, 9, 3)),
    "small": ((96, 192, 384, 576), (3, 4, 27, 3)),
    "base": ((128, 256, 512, 768), (3, 4, 27, 3)),
}
EPSILON = 1e-6


@serializable
class MambaOut(PublishedModel):
    """Image classifier of gated convolutional blocks: `x + U (gelu(g) * [i, D(c)])`.

    Two strided convolutions, then four stages of `GatedConvBlock2D`, with a strided convolution
    before each of the later ones; mean, layer normalisation, a hidden layer of four times the
    channels with GELU and layer normalisation, classifier. Biases start at zero, and all kernels
    are normal. `from_torch` knows the authors' names and timm's (not of its `_rw` variants, which
    are other networks).

    Args:
        variant: `"femto"`, `"kobe"`, `"tiny"`, `"small"` or `"base"`. Defaults to `"femto"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        filters: Sequence of integers, the channels of each stage, the first even. Defaults to
            `None`, the variant's.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `None`, the variant's.
        expansion: Number, the expansion of the blocks. Defaults to `2.6666666666666665`.
        kernel_size: Integer, the side of their kernels. Defaults to `7`.
        conv_ratio: Number, their convolved channels as a share of the stage's. Defaults to `1.0`.
        dropout: Number in [0, 1), the dropout before the classifier. Defaults to `0.0`.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"mamba_out"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.MambaOut(filters=(4, 6), blocks=(1, 1), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [MambaOut: Do We Really Need Mamba for Vision? (Yu and Wang, 2024)](
          https://arxiv.org/abs/2405.07992)
    """

    def __init__(
        self,
        variant: str = "femto",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        filters: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        expansion: float = 8 / 3,
        kernel_size: int = 7,
        conv_ratio: float = 1.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "mamba_out",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "filters": filters,
            "blocks": blocks,
            "expansion": expansion,
            "kernel_size": kernel_size,
            "conv_ratio": conv_ratio,
            "dropout": dropout,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        widths = stage_sizes("filters", published[0] if filters is None else filters)
        counts = stage_sizes("blocks", published[1] if blocks is None else blocks)
        if len(widths) != len(counts) or widths[0] % 2:
            raise received(
                "as many `filters` as `blocks`, the first even", filters=widths, blocks=counts
            )
        made: dict[str, Any] = {}

        def normalized(x: Tensor, name: str, theirs: str) -> Tensor:
            made[theirs] = layer_norm(name, EPSILON)
            return made[theirs](x)

        def convolved(x: Tensor, filters: int, name: str, theirs: str) -> Tensor:
            made[theirs] = CenteredConv2D(
                filters, 3, 2, padding="same", data_format="channels_last", name=name, **linear()
            )
            return made[theirs](x)

        inputs = model_input(image_shape(input_shape), "image")
        x = inputs
        for i, width in enumerate((widths[0] // 2, widths[0]), 1):
            x = convolved(x, width, f"stem_{i}", f"downsample_layers.0.conv{i}")
            x = normalized(x, f"stem_{i}_normalization", f"downsample_layers.0.norm{i}")
            if i == 1:
                x = keras.layers.Activation(gelu, name="stem_activation")(x)
        for i, (width, rates) in enumerate(
            zip(widths, drop_path_rates(drop_path, counts), strict=True)
        ):
            if i > 0:
                name_of, theirs = f"downsampling_{i}", f"downsample_layers.{i}"
                x = convolved(x, width, name_of, f"{theirs}.conv")
                x = normalized(x, f"{name_of}_normalization", f"{theirs}.norm")
            for j, rate in enumerate(rates):
                block = GatedConvBlock2D(
                    expansion,
                    kernel_size,
                    conv_ratio,
                    epsilon=EPSILON,
                    drop_path=rate,
                    depthwise_initializer=normal(),
                    data_format="channels_last",
                    name=f"stage_{i + 1}_block_{j + 1}",
                    **linear(),
                )
                x = block(x)
                made |= gated_conv_block(block, f"stages.{i}.{j}.")

        def hidden(x: Tensor) -> Tensor:
            x = normalized(x, "normalization", "norm")
            made["head.fc1"] = keras.layers.Dense(4 * widths[-1], name="head_hidden", **linear())
            x = keras.layers.Activation(gelu, name="head_activation")(made["head.fc1"](x))
            x = normalized(x, "head_normalization", "head.norm")
            return keras.layers.Dropout(fraction("dropout", dropout), name="head_dropout")(x)

        outputs, top = classify(
            x,
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            normalization=hidden,
            kernel_initializer=normal(),
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.mapping = untracked(made if top is None else made | {"head.fc2": top})

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.mapping)

    def torch_mappings(self) -> list[dict[str, Any]]:
        """The authors' names, and timm's names."""
        theirs = self.torch_mapping()
        return [theirs, {_timm_name(name): target for name, target in theirs.items()}]


HEAD = {
    "norm": "head.norm",
    "head.fc1": "head.pre_logits.fc",
    "head.norm": "head.pre_logits.norm",
    "head.fc2": "head.fc",
}


def _timm_name(name: str) -> str:
    """timm's prefix for one of the authors' prefixes."""
    name = HEAD.get(name, name).replace("downsample_layers.0.", "stem.")
    name = re.sub(r"^downsample_layers\.(\d+)", r"stages.\1.downsample", name)
    return re.sub(r"^stages\.(\d+)\.(\d+)\.", r"stages.\1.blocks.\2.", name)
