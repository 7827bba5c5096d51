"""A U-Net that fills holes of images, with one of three kinds of convolution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers import GatedConv2D, PartialConv2D
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.models._image import stage_sizes
from keras_hadamard.models._published import PublishedModel, float_policy, image_shape, model_input


@serializable
class InpaintingUNet(PublishedModel):
    """U-Net that completes images with holes, of partial, gated or plain convolutions.

    Each step of the encoder halves the sides. Each step of the decoder doubles them by repeating
    pixels, and concatenates the encoder's features of that size, in the last step the image itself.
    `"partial"` is the network of Liu et al.: masks take the same path as the features, ReLUs follow
    in the encoder and leaky ReLUs (0.2) in the decoder, and all steps except the first and the last
    have batch normalisation. `"plain"` is the same with ordinary convolutions, which get the mask
    as one more channel. `"gated"` has the same structure with the convolutions of Yu et al., which
    also get the mask as a channel, have ELUs and no normalisation; their own network has two stages
    and attention. The last convolution has no activation, and is a plain one in the gated network.

    The inputs are a dict: `"image"`, `(batch, height, width, channels)`, whose pixels in holes do
    not matter; and `"mask"`, `(batch, height, width, 1)`, 1 at known pixels and 0 in holes. The
    output is the completed image: the known pixels unchanged, and the network's pixels in the
    holes, so the mean error of the output is the error in the holes times their share.

    Args:
        input_shape: Shape of the image, `(height, width, channels)`, its sides multiples of
            `2 ** len(filters)`, or `None`. Defaults to `(256, 256, 3)`.
        convolution: `"partial"`, `"gated"` or `"plain"`. Defaults to `"partial"`.
        filters: Sequence of integers, the channels of the encoder's steps. Defaults to
            `(64, 128, 256, 512, 512, 512, 512, 512)`.
        kernel_sizes: Sequence of integers, the odd sides of the encoder's windows; those of the
            decoder are 3. Defaults to `(7, 5, 5, 3, 3, 3, 3, 3)`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        name: String. Defaults to `"inpainting_u_net"`.

    Raises:
        ValueError: If an argument is out of range, a side is not such a multiple, or `weights` no
            file.

    Example:

    >>> model = keras_hadamard.models.InpaintingUNet(
    ...     (None, None, 3), "gated", filters=(8, 16), kernel_sizes=(5, 3)
    ... )
    >>> image, mask = keras.ops.ones((2, 16, 24, 3)), keras.ops.zeros((2, 16, 24, 1))
    >>> model({"image": image, "mask": mask}).shape
    TensorShape([2, 16, 24, 3])

    Reference:
        - [Image Inpainting for Irregular Holes Using Partial Convolutions (Liu et al., 2018)](
          https://arxiv.org/abs/1804.07723)
        - [Free-Form Image Inpainting with Gated Convolution (Yu et al., 2019)](
          https://arxiv.org/abs/1806.03589)
    """

    def __init__(
        self,
        input_shape: Shape = (256, 256, 3),
        convolution: str = "partial",
        filters: Sequence[int] = (64, 128, 256, 512, 512, 512, 512, 512),
        kernel_sizes: Sequence[int] = (7, 5, 5, 3, 3, 3, 3, 3),
        weights: str | Path | None = None,
        name: str | None = "inpainting_u_net",
    ) -> None:
        input_shape = image_shape(input_shape)
        one_of("convolution", convolution, ("partial", "gated", "plain"))
        filters = stage_sizes("filters", filters)
        kernel_sizes = stage_sizes("kernel_sizes", kernel_sizes)
        if len(kernel_sizes) != len(filters) or any(n % 2 == 0 for n in kernel_sizes):
            raise received("one odd size for each of `filters`", kernel_sizes=kernel_sizes)
        multiple = 2 ** len(filters)
        if any(side is not None and side % multiple for side in input_shape[:2]):
            raise received(f"sides that are multiples of {multiple}", input_shape=input_shape)
        channels = int(input_shape[2] or 0)

        layers, exact = keras.layers, {"dtype": float_policy()}
        image = model_input(input_shape, "image")
        mask = model_input((*input_shape[:2], 1), "mask")
        known = layers.Multiply(name="known", **exact)([image, mask])
        if convolution == "partial":
            streams = [known, _beside([mask] * channels, "masks")]
        else:
            streams = [_beside([known, mask], "known_and_mask")]
        skips = []
        for i, (width, size) in enumerate(zip(filters, kernel_sizes, strict=True)):
            skips.append(streams)
            streams = _step(
                streams, convolution, width, size, 2, "relu", f"encoder_{i}", normalized=i > 0
            )
        for i in reversed(range(len(filters))):
            streams = _joined(streams, skips[i], f"decoder_{i}")
            if i:
                width = filters[i - 1]
                streams = _step(streams, convolution, width, 3, 1, "leaky_relu", f"decoder_{i}")
        last = "plain" if convolution == "gated" else convolution
        made, *_ = _step(streams, last, channels, 3, 1, None, "decoder_0", normalized=False)
        # The output needs only the holes from the network, and an image is float32 under every
        # policy.
        made = layers.Multiply(name="made", **exact)([made, keras.ops.subtract(1.0, mask)])
        super().__init__(
            {"image": image, "mask": mask},
            layers.Add(name="completed", **exact)([known, made]),
            arguments={
                "input_shape": input_shape,
                "convolution": convolution,
                "filters": filters,
                "kernel_sizes": kernel_sizes,
            },
            weights=weights,
            name=name,
        )


# The features, and in a network of partial convolutions also a mask for each of their channels.
Streams = list[Tensor]


def _beside(tensors: list[Tensor], name: str) -> Tensor:
    return keras.layers.Concatenate(name=name)(tensors) if len(tensors) > 1 else tensors[0]


def _joined(streams: Streams, skip: Streams, name: str) -> Streams:
    """The streams at twice the size, each concatenated with that of the encoder."""
    names = (f"{name}_features", f"{name}_masks")
    larger = [
        keras.layers.UpSampling2D(2, data_format="channels_last", name=f"{n}_larger")(stream)
        for n, stream in zip(names, streams, strict=False)
    ]
    return [_beside([a, b], n) for a, b, n in zip(larger, skip, names, strict=False)]


def _step(
    streams: Streams,
    convolution: str,
    filters: int,
    size: int,
    strides: int,
    activation: str | None,
    name: str,
    normalized: bool = True,
) -> Streams:
    how: dict[str, Any] = {"strides": strides, "padding": "same", "name": name}
    how["data_format"] = "channels_last"
    if convolution == "gated":
        return [GatedConv2D(filters, size, **how)(streams[0])]
    how["use_bias"] = not normalized
    if convolution == "partial":
        layer = PartialConv2D(filters, size, multi_channel=True, return_mask=True, **how)
        x, *masks = layer(streams)
    else:
        x, *masks = [CenteredConv2D(filters, size, **how)(streams[0])]
    if normalized:
        policy = keras.config.dtype_policy()
        x = normalization("batch", f"{name}_normalization", policy=policy)(x)
    if activation is not None:
        x = keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
    return [x, *masks]
