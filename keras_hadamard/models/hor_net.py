"""HorNet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.models._image import drop_path_rates, of_stages, patches, stage_sizes
from keras_hadamard.models._mixer_blocks import hor_block, layer_norm, normal, untracked
from keras_hadamard.models._published import PublishedModel, classify, image_shape, model_input

WIDTHS = {"tiny": 64, "small": 96, "base": 128, "large": 192}
# The spectra of the last stages: of images of 224 pixels, and of 384.
FILTERS: dict[str, tuple[tuple[int, int] | None, ...]] = {
    "7x7": (None, None, None, None),
    "gf": (None, None, (14, 8), (7, 4)),
    "gf_384": (None, None, (24, 13), (12, 7)),
}
VARIANTS = {
    f"{size}_{kind}": (width, filters)
    for size, width in WIDTHS.items()
    for kind, filters in FILTERS.items()
    if kind != "gf_384" or size in ("base", "large")
}


@serializable
class HorNet(PublishedModel):
    """Image classifier of recursive gated convolutions: `x + g C(LN(x))`, `x + g F(LN(x))`.

    Patches of 4x4 pixels, four stages of blocks, each a `GnConv2D` and two dense layers with scaled
    skips, of the orders two to five, and between them patches of 2x2, with twice the channels; then
    the mean, layer normalisation and classifier. `"7x7"` has depthwise convolutions, `"gf"` global
    filters in the last two stages. Biases start at zero, and all kernels are normal.

    Args:
        variant: `"tiny_7x7"`, `"small_7x7"`, `"base_7x7"`, `"large_7x7"`, `"tiny_gf"`,
            `"small_gf"`, `"base_gf"`, `"large_gf"`, `"base_gf_384"` or `"large_gf_384"`. Defaults
            to `"tiny_7x7"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(224, 224, 3)`.
        classes: Integer, the number of classes. Defaults to `1000`.
        include_top: Boolean, whether to pool, normalise and classify. Defaults to `True`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        width: Integer, the channels of the first stage. Defaults to `None`, the variant's.
        blocks: Sequence of integers, the blocks of each stage. Defaults to `(2, 3, 18, 2)`.
        orders: Sequence of integers, the order of each stage's convolutions. Defaults to `None`,
            two in the first stage, and one more in each following one.
        global_filters: Sequence of one a stage, `None` or the size of a spectrum. Defaults to
            `None`, the variant's.
        layer_scale: Number, the initial scale of the branches; zero for none. Defaults to `1e-06`.
        drop_path: Number in [0, 1), the probability of skipping the last block for an example in
            training; earlier ones are skipped less. Defaults to `0.0`.
        pooling: `None`, `"avg"` or `"max"`, the pooling without a top. Defaults to `None`.
        classifier_activation: Activation of the top. Defaults to `"softmax"`.
        name: String. Defaults to `"hor_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.HorNet(width=8, blocks=(1, 1), classes=3)
    >>> model.output_shape
    (None, 3)

    Reference:
        - [HorNet: Efficient High-Order Spatial Interactions with Recursive Gated Convolutions (Rao
          et al., 2022)](https://arxiv.org/abs/2207.14284)
    """

    def __init__(
        self,
        variant: str = "tiny_7x7",
        input_shape: Shape = (224, 224, 3),
        classes: int = 1000,
        include_top: bool = True,
        weights: str | Path | None = None,
        width: int | None = None,
        blocks: Sequence[int] = (2, 3, 18, 2),
        orders: Sequence[int] | None = None,
        global_filters: Sequence[Any] | None = None,
        layer_scale: float = 1e-6,
        drop_path: float = 0.0,
        pooling: str | None = None,
        classifier_activation: Activation = "softmax",
        name: str | None = "hor_net",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "classes": classes,
            "include_top": include_top,
            "width": width,
            "blocks": blocks,
            "orders": orders,
            "global_filters": global_filters and [f and list(f) for f in global_filters],
            "layer_scale": layer_scale,
            "drop_path": drop_path,
            "pooling": pooling,
            "classifier_activation": classifier_activation,
        }
        channels, spectra = VARIANTS[one_of("variant", variant, VARIANTS)]
        filters = positive_int("width", channels if width is None else width)
        counts = stage_sizes("blocks", blocks)
        stages = len(counts)
        given = spectra[:stages] if global_filters is None else global_filters
        orders = tuple(range(2, 2 + stages)) if orders is None else orders
        each = zip(
            of_stages("orders", orders, stages),
            of_stages("global_filters", given, stages),
            drop_path_rates(drop_path, counts),
            strict=True,
        )
        made: dict[str, Any] = {}

        def embedding(x: Tensor, filters: int, size: int, name: str) -> tuple[Tensor, Any]:
            return patches(x, filters, size, name, normal())

        inputs = model_input(image_shape(input_shape, 4 * 2 ** (stages - 1)), "image")
        x, stem = embedding(inputs, filters, 4, "stem")
        norm = layer_norm("stem_normalization", 1e-6)
        x = norm(x)
        made |= {"downsample_layers.0.0": stem, "downsample_layers.0.1": norm}
        for i, (order, spectrum, rates) in enumerate(each):
            if i > 0:
                norm = layer_norm(f"downsampling_{i}_normalization", 1e-6)
                x, down = embedding(norm(x), filters * 2**i, 2, f"downsampling_{i}")
                made |= {f"downsample_layers.{i}.0": norm, f"downsample_layers.{i}.1": down}
            for j, rate in enumerate(rates):
                x, mapping = hor_block(
                    x,
                    f"stage_{i + 1}_block_{j + 1}",
                    f"stages.{i}.{j}.",
                    order=order,
                    global_filter=spectrum,
                    layer_scale=layer_scale,
                    drop_path=rate,
                )
                made |= mapping
        norm = layer_norm("normalization", 1e-6)
        outputs, top = classify(
            x,
            include_top=include_top,
            classes=classes,
            classifier_activation=classifier_activation,
            pooling=pooling,
            normalization=norm,
            kernel_initializer=normal(),
        )
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.mapping = untracked(made if top is None else made | {"norm": norm, "head": top})

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.mapping)
