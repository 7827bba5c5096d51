"""The gated convolution of sequences."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base_conv import BaseConv
from keras_hadamard.layers._channels import channels_axis, to_last
from keras_hadamard.layers.modulation._gated_conv import MIRRORED, convolution, pad_mirrored
from keras_hadamard.ops import glu


@serializable
class GatedConv1D(BaseConv):
    """Gated convolution of sequences: activated features, each multiplied by its own gate.

    `y = activation(W * x + b) * gate_activation(V * x + c)`, with convolutions `W` and `V`. With
    `"tanh"` and `padding="causal"` it is the gate of WaveNet, with `activation=None` that of the
    gated convolutional language models.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer, the length of the windows. Defaults to `3`.
        strides: Integer. Defaults to `1`.
        padding: `"same"` with zeros, as TensorFlow pads; `"causal"`, all zeros before the first
            step, so that no output sees a later step; `"valid"`, none; `"symmetric"` or
            `"reflect"`, with the mirrored sequence, equally on both sides. Defaults to `"same"`.
        dilation_rate: Integer, the step between the windows' steps. Defaults to `1`.
        activation: Name or function of the features. Defaults to `"elu"`, as in `GatedConv2D`.
        gate_activation: Name or function of the gate. Defaults to `"sigmoid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Conv1D`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, steps)`, the steps that are valid.

    Input shape:
        `(batch, steps, channels)`, or channels first.

    Output shape:
        `(batch, steps / strides, filters)`, rounded up, or channels first; smaller by the extent of
        the windows minus one for `"valid"`.

    Weights:
        `2 * (prod(kernel_size) * channels + 1) * filters`.

    Masking:
        Masked steps count as zeros, as padding does. The mask is passed on if every step has an
        output, and is dropped with strides and with `"valid"`.

    Numerics:
        Gate and product are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, or the input is not a sequence of known
            channels, or shorter than the windows.

    Example:

    >>> x = keras.ops.ones((2, 8, 4))
    >>> layer = keras_hadamard.layers.GatedConv1D(16, 2, padding="causal", activation="tanh")
    >>> layer(x).shape
    TensorShape([2, 8, 16])

    Reference:
        - [WaveNet: A Generative Model for Raw Audio (van den Oord et al., 2016)](
          https://arxiv.org/abs/1609.03499)
        - [Language Modeling with Gated Convolutional Networks (Dauphin et al., 2017)](
          https://arxiv.org/abs/1612.08083)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int] = 3,
        strides: int | tuple[int] = 1,
        padding: str = "same",
        dilation_rate: int | tuple[int] = 1,
        activation: Activation = "elu",
        gate_activation: Activation = "sigmoid",
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            1,
            filters,
            kernel_size,
            strides,
            padding,
            dilation_rate,
            data_format,
            paddings=("same", "valid", *MIRRORED, "causal"),
            **kwargs,
        )
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        # Two convolutions, not one whose output is split: on a CPU the copies of the halves cost
        # more than reading the input twice.
        self.value_convolution, self.gate_convolution = (
            convolution(self, keras.layers.Conv1D, name, input_shape)
            for name in ("value_convolution", "gate_convolution")
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            valid = ops.expand_dims(mask, channels_axis(self.data_format))
            inputs = ops.where(valid, inputs, ops.zeros_like(inputs))
        x = pad_mirrored(self, to_last(inputs, self.data_format))
        value = self.activation(self.value_convolution(x))
        y = glu(value, self.gate_convolution(x), activation=self.gate_activation)
        return to_last(y, self.data_format, back=True)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        del inputs
        return None if self.padding == "valid" or self.strides != (1,) else mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
