"""DropBlock: dropout of contiguous regions of an image."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._channels import image_format, to_last
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class DropBlock2D(KernelFreeLayer):
    """Dropout of square regions, only in training.

    `y = x * M * size(M) / sum(M)` with `M` zero on the `block_size` squares around random seeds and
    one elsewhere, the same for all channels. Seeds are drawn with probability
    `rate * h * w / (b^2 (h - b + 1) (w - b + 1))`, so that about `rate` of the positions are zero.

    Args:
        rate: Number in [0, 1), the share of positions that are dropped.
        block_size: Integer, the side of a region, at most that of the image. Defaults to `7`.
        seed: Integer, the seed of the random numbers. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `0`.

    Masking:
        Masks are not used.

    Numerics:
        The share of the kept positions is computed in float32. If nothing is kept, the output is
        zero.

    Raises:
        ValueError: If an argument is out of range or the input is not an image.

    Example:

    >>> x = keras.ops.ones((2, 16, 16, 3))
    >>> y = keras_hadamard.layers.DropBlock2D(0.2, seed=0)(x, training=True)
    >>> bool(keras.ops.any(y == 0)), y.shape
    (True, TensorShape([2, 16, 16, 3]))

    Reference:
        - [DropBlock: A regularization method for convolutional networks (Ghiasi et al., 2018)](
          https://arxiv.org/abs/1810.12890)
    """

    def __init__(
        self,
        rate: float,
        block_size: int = 7,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.rate = fraction("rate", rate)
        self.block_size = positive_int("block_size", block_size)
        self.seed = seed
        self.data_format = image_format(data_format)
        self.random = keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        if not training or not self.rate:
            return inputs
        x = to_last(inputs, self.data_format)
        batch, height, width, _ = ops.shape(x)
        known = [n for n in x.shape[1:3] if n is not None]
        side = min([self.block_size, *known])
        # The possible positions of a region's first corner.
        places = [_places(n, side) for n in (height, width)]
        chance = self.rate
        for n, m in zip((height, width), places, strict=True):
            chance = chance * _real(n) / _real((n - m + 1) * m)
        seeds = keras.random.uniform((batch, *places, 1), seed=self.random) < chance
        around = (side - 1,) * 2
        seeds = ops.pad(ops.cast(seeds, "float32"), [(0, 0), around, around, (0, 0)])
        dropped = ops.max_pool(seeds, side, 1, "valid", data_format="channels_last")
        kept = 1 - dropped[:, :height, :width]
        share = ops.maximum(ops.mean(kept), 1e-6)
        return to_last(x * ops.cast(kept / share, x.dtype), self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 4:
            raise received("an image", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "block_size": self.block_size,
            "seed": self.seed,
            "data_format": self.data_format,
        }


def _places(size: Any, side: int) -> Any:
    """The number of places for `side` positions in a row, at least one."""
    places = size - side + 1
    return places if isinstance(places, int) else ops.maximum(places, 1)


def _real(n: Any) -> Any:
    return float(n) if isinstance(n, int) else ops.cast(n, "float32")
