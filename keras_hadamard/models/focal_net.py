"""FocalNet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.models._focal_names import timm_names
from keras_hadamard.models._image import (
    drop_path_rates,
    of_stages,
    overlapping_patches,
    patches,
    stage_sizes,
)
from keras_hadamard.models._mixer_blocks import focal_block, layer_norm, normal, untracked
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

_T, _S = (2, 2, 6, 2), (2, 2, 18, 2)


@dataclass(frozen=True)
class Variant:
    width: int
    blocks: tuple[int, ...]
    levels: int
    window: int = 3
    patch_size: int = 4
    overlapping: bool = False
    post_norm: bool = False
    layer_scale: float = 0.0
    modulation: Mapping[str, Any] = field(default_factory=dict)


_LARGE: dict[str, Any] = {"overlapping": True, "post_norm": True, "layer_scale": 1e-4}
VARIANTS = {
    "tiny_srf": Variant(96, _T, 2),
    "tiny_lrf": Variant(96, _T, 3),
    "small_srf": Variant(96, _S, 2),
    "small_lrf": Variant(96, _S, 3),
    "base_srf": Variant(128, _S, 2),
    "base_lrf": Variant(128, _S, 3),
    "tiny_iso": Variant(192, (12,), 3, patch_size=16),
    "small_iso": Variant(384, (12,), 3, patch_size=16),
    "base_iso": Variant(768, (12,), 3, patch_size=16),
    "large_fl3": Variant(192, _S, 3, window=5, **_LARGE),
    "large_fl4": Variant(192, _S, 4, modulation={"normalize_modulator": True}, **_LARGE),
    "xlarge_fl3": Variant(256, _S, 3, window=5, **_LARGE),
    "xlarge_fl4": Variant(256, _S, 4, **_LARGE),
}


@serializable
class FocalNet(PublishedModel):
    """Image classifier of focal modulations: `x + M(LN(x))`, `x + F(LN(x))` in four stages or one.

    Patches, then stages of blocks, each a `FocalModulation2D` and two dense layers with skips, with
    twice the channels and a quarter of the pixels of the stage before; layer normalisation, mean,
    classifier. `"srf"` and `"lrf"` have two levels and three, `"fl3"` and `"fl4"` three and four;
    `"iso"` has one stage of 16x16 patches. The variants are those of the authors' configuration
    files; their function of `"base_iso"` also has `post_norm=True, layer_scale=1e-4`. The 1x1
    kernel of a modulation is initialised like the dense ones, where the authors' has PyTorch's
    default. `from_torch` knows the authors' names and timm's; timm's `"large_fl4"` is this one with
    `modulation={}`.

    Args:
        variant: `"tiny_srf"`, `"tiny_lrf"`, `"small_srf"`, `"small_lrf"`, `"base_srf"`,
            `"base_lrf"`, `"tiny_iso"`, `"small_iso"`, `"base_iso"`, `"large_fl3"`, `"large_fl4"`,
            `"xlarge_fl3"` or `"xlarge_fl4"`. Defaults to `"tiny_srf"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        width: Integer, the channels of the first stage. Defaults to `None`, the variant's.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `None`, the variant's.
        levels: Integer, the levels of the modulations, or a sequence with one per stage. Defaults
            to `None`, the variant's.
        window: Integer, their first kernel, or a sequence with one per stage. Defaults to `None`,
            the variant's.
        patch_size: Integer, the side of a patch. Defaults to `None`, the variant's.
        overlapping: Boolean, whether patches overlap: 7x7 pixels with a stride of 4, and 3x3 with a
            stride of 2 between stages, instead of `patch_size`. Defaults to `None`, the variant's.
        post_norm: Boolean, whether a block normalises the outputs of its branches, not the inputs.
            Defaults to `None`, the variant's.
        layer_scale: Number, the initial scale of the branches; zero for none. Defaults to `None`,
            the variant's.
        modulation: Dictionary of further arguments of the modulations, such as
            `{"post_norm": True}`. Defaults to `None`, the variant's.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"focal_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.FocalNet(width=4, blocks=(1, 1), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [Focal Modulation Networks (Yang et al., 2022)](https://arxiv.org/abs/2203.11926)
    """

    def __init__(
        self,
        variant: str = "tiny_srf",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        width: int | None = None,
        blocks: Sequence[int] | None = None,
        levels: int | Sequence[int] | None = None,
        window: int | Sequence[int] | None = None,
        patch_size: int | None = None,
        overlapping: bool | None = None,
        post_norm: bool | None = None,
        layer_scale: float | None = None,
        modulation: Mapping[str, Any] | None = None,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "focal_net",
    ) -> None:
        chosen: dict[str, Any] = {
            "width": width,
            "blocks": blocks,
            "levels": levels,
            "window": window,
            "patch_size": patch_size,
            "overlapping": overlapping,
            "post_norm": post_norm,
            "layer_scale": layer_scale,
            "modulation": None if modulation is None else dict(modulation),
        }
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            **chosen,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        published = VARIANTS[one_of("variant", variant, VARIANTS)]
        made_as = replace(published, **{k: v for k, v in chosen.items() if v is not None})
        filters = positive_int("width", made_as.width)
        size = positive_int("patch_size", made_as.patch_size)
        counts = stage_sizes("blocks", made_as.blocks)
        stages = zip(
            of_stages("levels", made_as.levels, len(counts)),
            of_stages("window", made_as.window, len(counts)),
            drop_path_rates(drop_path, counts),
            strict=True,
        )
        made: dict[str, Any] = {}

        def embedding(x: Tensor, filters: int, size: int, name: str, theirs: str) -> Tensor:
            x, layer = _patches(x, filters, size, name, made_as.overlapping)
            norm = layer_norm(f"{name}_normalization", 1e-5)
            made.update({f"{theirs}.proj": layer, f"{theirs}.norm": norm})
            return norm(x)

        smallest = size * 2 ** (len(counts) - 1)
        inputs = model_input(image_shape(input_shape, smallest), "image")
        x = embedding(inputs, filters, size, "stem", "patch_embed")
        for i, (depth, first, rates) in enumerate(stages):
            if i > 0:
                theirs = f"layers.{i - 1}.downsample"
                x = embedding(x, filters * 2**i, 2, f"downsampling_{i}", theirs)
            for j, rate in enumerate(rates):
                x, mapping = focal_block(
                    x,
                    f"stage_{i + 1}_block_{j + 1}",
                    f"layers.{i}.blocks.{j}.",
                    post_norm=made_as.post_norm,
                    layer_scale=made_as.layer_scale,
                    drop_path=rate,
                    modulation={"levels": depth, "window": first, **made_as.modulation},
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
        self.post_norm = made_as.post_norm

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.mapping)

    def torch_mappings(self) -> list[dict[str, Any]]:
        """The authors' names, and timm's names."""
        return [self.torch_mapping(), timm_names(self.mapping, self.post_norm)]


def _patches(x: Tensor, filters: int, size: int, name: str, overlapping: bool) -> Any:
    if not overlapping:
        fan_in = size**2 * x.shape[-1]
        return patches(x, filters, size, name, FanInUniform(), FanInUniform(fan_in))
    if name != "stem":
        return overlapping_patches(x, filters, 3, 2, name)
    # The authors' stem is padded by two pixels, one less than a centred kernel needs.
    x = keras.layers.ZeroPadding2D(2, data_format="channels_last", name="stem_padding")(x)
    return overlapping_patches(x, filters, 7, 4, name, padding="valid")
