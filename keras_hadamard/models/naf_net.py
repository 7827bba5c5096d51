"""NAFNet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers import NAFBlock2D
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.models._checkpoint import pixel_shuffled
from keras_hadamard.models._gated_blocks import naf_block
from keras_hadamard.models._image import overlapping_patches, patches, stage_sizes
from keras_hadamard.models._mixer_blocks import untracked
from keras_hadamard.models._padding import CropToShapeOf, PadToMultiple
from keras_hadamard.models._published import PublishedModel, float_policy, image_shape, model_input

# The blocks of the encoder's steps, those in the middle, and those of the decoder's steps.
VARIANTS: dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]] = {
    "sidd": ((2, 2, 4, 8), 12, (2, 2, 2, 2)),
    "gopro": ((1, 1, 1, 28), 1, (1, 1, 1, 1)),
}


@serializable
class NAFNet(PublishedModel):
    """U-Net that restores images, of blocks without an activation: `y = x + U(x)`.

    A convolution, then the encoder: steps of `NAFBlock2D`, after each of which the sides are halved
    and the channels doubled; blocks in the middle; the decoder, whose steps double the sides, add
    the encoder's features of that size, and have blocks too; and a convolution, whose output is
    added to the image. All is initialised as in PyTorch, except that each block starts as the
    identity. Images whose sides cannot be halved so often are padded by zeros, and the output is
    cropped.

    Args:
        variant: `"sidd"`, which denoises, or `"gopro"`, which deblurs. Defaults to `"sidd"`.
        input_shape: Tuple `(height, width, channels)`, sides may be `None`. Defaults to
            `(256, 256, 3)`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        width: Integer, the channels of the first step; published are 32 and 64. Defaults to `32`.
        encoder_blocks: Sequence of integers, the blocks of each step of the encoder. Defaults to
            `None`, the variant's.
        middle_blocks: Integer, the blocks in the middle. Defaults to `None`, the variant's.
        decoder_blocks: Sequence of integers, the blocks of each step of the decoder. Defaults to
            `None`, the variant's.
        name: String. Defaults to `"naf_net"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> model = keras_hadamard.models.NAFNet(
    ...     input_shape=(None, None, 3), width=4, encoder_blocks=(1, 1), decoder_blocks=(1, 1)
    ... )
    >>> model(keras.ops.ones((2, 9, 14, 3))).shape
    TensorShape([2, 9, 14, 3])

    Reference:
        - [Simple Baselines for Image Restoration (Chen et al., 2022)](
          https://arxiv.org/abs/2204.04676)
    """

    def __init__(
        self,
        variant: str = "sidd",
        input_shape: Shape = (256, 256, 3),
        weights: str | Path | None = None,
        width: int = 32,
        encoder_blocks: Sequence[int] | None = None,
        middle_blocks: int | None = None,
        decoder_blocks: Sequence[int] | None = None,
        name: str | None = "naf_net",
    ) -> None:
        arguments = {
            "variant": variant,
            "input_shape": input_shape,
            "width": width,
            "encoder_blocks": encoder_blocks,
            "middle_blocks": middle_blocks,
            "decoder_blocks": decoder_blocks,
        }
        first, middle, last = VARIANTS[one_of("variant", variant, VARIANTS)]
        filters = positive_int("width", width)
        down = stage_sizes("encoder_blocks", first if encoder_blocks is None else encoder_blocks)
        up = stage_sizes("decoder_blocks", last if decoder_blocks is None else decoder_blocks)
        if len(down) != len(up):
            raise received(
                "as many `encoder_blocks` as `decoder_blocks`",
                encoder_blocks=down,
                decoder_blocks=up,
            )
        middle = positive_int("middle_blocks", middle if middle_blocks is None else middle_blocks)
        made: dict[str, Any] = {}

        def blocks(x: Tensor, count: int, name: str, theirs: str) -> Tensor:
            for j in range(count):
                block = NAFBlock2D(data_format="channels_last", name=f"{name}_block_{j + 1}")
                x = block(x)
                made.update(naf_block(block, f"{theirs}.{j}."))
            return x

        image = model_input(image_shape(input_shape), "image")
        padded = PadToMultiple(2 ** len(down), name="padding")(image)
        x, made["intro"] = overlapping_patches(padded, filters, 3, 1, "intro")
        skips = []
        for i, count in enumerate(down):
            x = blocks(x, count, f"encoder_{i + 1}", f"encoders.{i}")
            skips.append(x)
            channels = x.shape[-1]
            x, made[f"downs.{i}"] = patches(
                x, 2 * channels, 2, f"down_{i + 1}", FanInUniform(), FanInUniform(4 * channels)
            )
        x = blocks(x, middle, "middle", "middle_blks")
        for i, count in enumerate(up):
            x, layer = _larger(x, f"up_{i + 1}")
            made[f"ups.{i}.0.weight"] = (layer.kernel, pixel_shuffled)
            x = keras.layers.Add(name=f"skip_{i + 1}")([x, skips.pop()])
            x = blocks(x, count, f"decoder_{i + 1}", f"decoders.{i}")
        x, made["ending"] = overlapping_patches(x, int(image.shape[-1]), 3, 1, "ending")
        # An image is float32 under every policy.
        exact = {"dtype": float_policy()}
        restored = keras.layers.Add(name="restored", **exact)([x, padded])
        outputs = CropToShapeOf(name="cropped", **exact)([restored, image])
        super().__init__(image, outputs, arguments=arguments, weights=weights, name=name)
        self.mapping = untracked(made)

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.mapping)


def _larger(x: Tensor, name: str) -> tuple[Tensor, keras.layers.Conv2DTranspose]:
    """Twice the sides with half the channels, and the layer.

    The authors' 1x1 convolution and pixel shuffle are a transposed convolution that does not
    overlap.
    """
    channels = x.shape[-1]
    layer = keras.layers.Conv2DTranspose(
        channels // 2,
        2,
        2,
        use_bias=False,
        kernel_initializer=FanInUniform(channels),
        data_format="channels_last",
        name=name,
    )
    return layer(x), layer
