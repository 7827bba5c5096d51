"""EfficientMod."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.models._image import (
    drop_path_rates,
    overlapping_patches,
    stage_sizes,
)
from keras_hadamard.models._mixer_blocks import (
    attention_block,
    layer_norm,
    modulation_block,
    normal,
    untracked,
)
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

# Channels, modulations and attentions of the stages, the expansion of every second modulation, and
# that of the attentions' dense layers.
_Variant = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]
VARIANTS: dict[str, _Variant] = {
    "xxs": ((32, 64, 128, 256), (2, 2, 6, 2), (0, 0, 1, 2), 6, (4, 4, 4, 4)),
    "xs": ((32, 64, 144, 288), (3, 3, 4, 2), (0, 0, 3, 3), 4, (4, 4, 4, 4)),
    "s": ((32, 64, 144, 312), (4, 4, 8, 4), (0, 0, 4, 4), 6, (4, 4, 4, 5)),
    "s_conv": ((40, 80, 160, 344), (4, 4, 12, 8), (0, 0, 0, 0), 6, (4, 4, 4, 4)),
}


@serializable
class EfficientMod(PublishedModel):
    """Image classifier of efficient modulations: `x + g M(LN(x))` in four stages.

    A strided 7x7 convolution, stages of `EfficientModulation2D` whose expansion alternates between
    1 and a larger one, followed in the last stages by blocks of attention, with a strided 3x3
    convolution between stages; then layer normalisation, mean and classifier.

    Args:
        variant: `"xxs"`, `"xs"`, `"s"`, or `"s_conv"` without attention. Defaults to `"xxs"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        filters: Sequence of integers, the channels of each stage. Defaults to `None`, the
            variant's.
        blocks: Sequence of integers, the modulations of each stage. Defaults to `None`, the
            variant's.
        attention_blocks: Sequence of integers, the attentions of each stage. Defaults to `None`,
            the variant's.
        expansion: Integer, the expansion of every second modulation. Defaults to `None`, the
            variant's.
        layer_scale: Number, the initial scale of the modulations; zero for none. Defaults to
            `0.0001`.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"efficient_mod"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.EfficientMod(
    ...     filters=(4, 8), blocks=(2, 1), attention_blocks=(0, 1), classes=3
    ... )
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Efficient Modulation for Vision Networks (Ma et al., 2024)](
          https://arxiv.org/abs/2403.19963)
    """

    def __init__(
        self,
        variant: str = "xxs",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        filters: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        attention_blocks: Sequence[int] | None = None,
        expansion: int | None = None,
        layer_scale: float = 1e-4,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "efficient_mod",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "filters": filters,
            "blocks": blocks,
            "attention_blocks": attention_blocks,
            "expansion": expansion,
            "layer_scale": layer_scale,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        widths = stage_sizes("filters", published[0] if filters is None else filters)
        counts = stage_sizes("blocks", published[1] if blocks is None else blocks)
        attentions = published[2] if attention_blocks is None else attention_blocks
        if not len(widths) == len(counts) == len(attentions):
            raise received(
                "as many `filters` as `blocks` and `attention_blocks`",
                filters=widths,
                blocks=counts,
                attention_blocks=attentions,
            )
        wider = positive_int("expansion", published[3] if expansion is None else expansion)
        totals = [a + b for a, b in zip(counts, attentions, strict=True)]
        made: dict[str, Any] = {}

        def embedding(
            x: Tensor, width: int, size: int, strides: int, name: str, theirs: str
        ) -> Tensor:
            x, layer = overlapping_patches(x, width, size, strides, name)
            norm = layer_norm(f"{name}_normalization", 1e-5)
            made.update({f"{theirs}.proj": layer, f"{theirs}.norm": norm})
            return norm(x)

        inputs = model_input(image_shape(input_shape), "image")
        x = embedding(inputs, widths[0], 7, 4, "stem", "patch_embed")
        for i, rates in enumerate(drop_path_rates(drop_path, totals)):
            if i > 0:
                theirs = f"layers.{i - 1}.downsample"
                x = embedding(x, widths[i], 3, 2, f"downsampling_{i}", theirs)
            for j, rate in enumerate(rates):
                name_of = f"stage_{i + 1}_block_{j + 1}"
                prefix = f"layers.{i}.blocks.{j}."
                if j < counts[i]:
                    x, mapping = modulation_block(
                        x,
                        name_of,
                        prefix,
                        layer_scale=layer_scale,
                        drop_path=rate,
                        expansion=wider if j % 2 else 1,
                    )
                else:
                    x, mapping = attention_block(
                        x, name_of, prefix, drop_path=rate, expansion=published[4][i]
                    )
                made |= mapping
        made["norm"] = layer_norm("normalization", 1e-5)
        outputs, top = classify(
            made["norm"](x),
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            kernel_initializer=normal(),
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.mapping = untracked(made if top is None else made | {"head": top})

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.mapping)
