"""Squeeze and excitation across two modalities."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_number, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import channels_axis, image_format, to_last
from keras_hadamard.layers._masks import apply_mask, masked_mean
from keras_hadamard.layers.fusion._conditioned import equal
from keras_hadamard.layers.fusion._fusion import check_tensors
from keras_hadamard.ops import modulate


@serializable
class MultimodalTransferModule(BaseLayer):
    """Multimodal transfer module (MMTM): gates of the channels of two modalities from both.

    `y_i = gate_scale * sigmoid(W_i e + b_i) * x_i with e = relu(W [s_1; s_2] + b)`, where `s_i`, of
    shape `(batch, width_i)`, are the means of the channels over all positions, and `W` has the
    shape `(width_1 + width_2, hidden_units)`. The modalities may have different positions: a film
    and its sound, an image and a table. Both keep their shapes, so the layer stands between two
    networks at any depth.

    Args:
        ratio: Number, by which the mean of the two widths is divided, four times over, to give
            `hidden_units`. Defaults to `4`.
        gate_scale: Number, the greatest gate. Defaults to `2.0`, as in the paper, with which gates
            start near 1; the authors' code has `1.0`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x_1, x_2]`.
        mask: List of the masks of both, each a boolean tensor of its positions or `None`.

    Input shape:
        Each `(batch, ..., width_i)`, in any number of positions of its own, or channels first.

    Output shape:
        A list of the shapes of both inputs.

    Weights:
        `(2 * sum(widths) + 1) * max(1, 2 * sum(widths) // ratio) + sum(widths)`.

    Masking:
        Masked positions are left out of the means. The masks are passed on.

    Numerics:
        Means, gates and products are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of two float
            tensors of known widths and one batch size.

    Example:

    >>> image, sound = keras.ops.ones((2, 8, 8, 6)), keras.ops.ones((2, 9, 4))
    >>> image, sound = keras_hadamard.layers.MultimodalTransferModule()([image, sound])
    >>> image.shape, sound.shape
    (TensorShape([2, 8, 8, 6]), TensorShape([2, 9, 4]))

    Reference:
        - [MMTM: Multimodal Transfer Module for CNN Fusion (Joze et al., 2020)](
          https://arxiv.org/abs/1911.08670)
    """

    def __init__(
        self,
        ratio: float = 4,
        gate_scale: float = 2.0,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.ratio = positive_number("ratio", ratio)
        self.gate_scale = positive_number("gate_scale", gate_scale)
        self.data_format = image_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        widths = self.widths(input_shape)
        hidden_units = max(1, int(2 * sum(widths) / self.ratio))
        self.squeeze = self.project(
            hidden_units, "squeeze", activation="relu", input_shape=(None, sum(widths))
        )
        self.excitations = [
            self.project(width, f"excitation_{i}", input_shape=(None, hidden_units))
            for i, width in enumerate(widths)
        ]

    def call(self, inputs: list[Tensor], mask: Any = None) -> list[Tensor]:
        masks = mask if isinstance(mask, list | tuple) else [mask] * 2
        given = [
            apply_mask(to_last(x, self.data_format), valid)
            for x, valid in zip(inputs, masks, strict=True)
        ]
        means = [_mean(x, valid) for x, valid in zip(given, masks, strict=True)]
        e = self.squeeze(ops.concatenate(means, axis=-1))
        outputs = []
        for x, excitation in zip(given, self.excitations, strict=True):
            logits = ops.cast(excitation(e), accumulation_dtype(x.dtype))
            gate = ops.cast(self.gate_scale * ops.sigmoid(logits), x.dtype)
            outputs.append(to_last(modulate(x, gate), self.data_format, back=True))
        return outputs

    def widths(self, input_shape: Any) -> list[int]:
        """The widths of both inputs, after a check that they fit together."""
        listed = isinstance(input_shape, list | tuple) and all(
            isinstance(s, list | tuple) for s in input_shape
        )
        if not listed or len(input_shape) != 2:
            raise received(
                f"`{type(self).__name__}` to be called on a list [x_1, x_2]", shape=input_shape
            )
        shapes = [tuple(s) for s in input_shape]
        axes = [-1 if len(s) < 3 else channels_axis(self.data_format) for s in shapes]
        if any(len(s) < 2 or s[axis] is None for s, axis in zip(shapes, axes, strict=True)):
            raise received(
                f"both inputs of `{type(self).__name__}` to be (batch, ..., width) of known width",
                shapes=shapes,
            )
        if not equal(shapes[0][0], shapes[1][0]):
            raise received(
                f"the inputs of `{type(self).__name__}` to have one batch size", shapes=shapes
            )
        return [int(s[axis] or 0) for s, axis in zip(shapes, axes, strict=True)]

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> list[Any]:
        return list(mask) if isinstance(mask, list | tuple) else [mask, mask]

    def compute_output_shape(self, input_shape: list[Shape]) -> list[Shape]:
        self.widths(input_shape)
        return [tuple(s) for s in input_shape]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "gate_scale": self.gate_scale,
            "data_format": self.data_format,
        }

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # On every call: once built, unequal batches would be found only by the concatenation.
        check_tensors(type(self).__name__, inputs, "[x_1, x_2]")
        self.widths([tuple(x.shape) for x in inputs])
        return super().__call__(inputs, *args, **kwargs)


def _mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean over all positions, in float32, as 16-bit sums would overflow."""
    axes = tuple(range(1, len(x.shape) - 1))
    if not axes:
        return x
    mean = masked_mean(ops.cast(x, accumulation_dtype(x.dtype)), mask, axes)
    return ops.cast(ops.squeeze(mean, axes), x.dtype)
