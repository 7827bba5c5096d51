"""Base class of dense gates, and LoRA for the dense layers inside a layer."""

from collections.abc import Iterator
from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard._core.introspection.private import inner_layers
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis


class GatedLayer(BaseLayer):
    """Base of layers with a gated dense projection: the gate's arguments, the shape, and LoRA."""

    def __init__(
        self,
        units: int | None,
        activation: Activation,
        packed: bool,
        gate_first: bool,
        gate_kernel_initializer: Initializer,
        gate_bias_initializer: Initializer,
        lora_rank: int | None,
        lora_alpha: float | None,
        interleaved: bool,
        limit: float | None,
        value_offset: float,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.units = None if units is None else positive_int("units", units)
        self.activation = get_activation(activation)
        self.packed = bool(packed)
        self.gate_first = bool(gate_first)
        self.gate_kernel_initializer = keras.initializers.get(gate_kernel_initializer)
        self.gate_bias_initializer = keras.initializers.get(gate_bias_initializer)
        self.lora_rank = None if lora_rank is None else positive_int("lora_rank", lora_rank)
        self.lora_alpha = None if lora_alpha is None else non_negative("lora_alpha", lora_alpha)
        if interleaved and not packed:
            raise received("a packed kernel to be interleaved", interleaved=True, packed=packed)
        self.interleaved = bool(interleaved)
        self.limit = None if limit is None else non_negative("limit", limit)
        self.value_offset = float(value_offset)
        self.supports_masking = True

    def dense_layers(self) -> list[keras.layers.Dense]:
        """The dense layers that the layer was built with."""
        return list(_dense_inside(self))

    def enable_lora(self, rank: int, lora_alpha: float | None = None) -> None:
        """Freezes the kernels, and adds to each a trained product of two matrices of `rank`.

        As in `keras.layers.Dense`: the sum is scaled by `lora_alpha / rank`, biases stay trainable,
        and a saved file holds the sum as the kernel.

        Args:
            rank: Integer, the rank of the update.
            lora_alpha: Number, the scale. Defaults to `None`, that of `rank`.
        """
        if not self.built:
            raise received("a layer that is built", built=False)
        rank = positive_int("rank", rank)
        add_lora(self.dense_layers(), rank, lora_alpha)
        self.lora_rank, self.lora_alpha = rank, lora_alpha

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channel_axis(input_shape)
        return (*input_shape[:-1], self.units or input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "activation": serialize_activation(self.activation),
            "packed": self.packed,
            "gate_first": self.gate_first,
            "gate_kernel_initializer": initializer(self.gate_kernel_initializer),
            "gate_bias_initializer": initializer(self.gate_bias_initializer),
            "lora_rank": self.lora_rank,
            "lora_alpha": self.lora_alpha,
            "interleaved": self.interleaved,
            "limit": self.limit,
            "value_offset": self.value_offset,
        }


def add_lora(layers: list[keras.layers.Dense], rank: int | None, alpha: float | None) -> None:
    """Adds LoRA to dense layers, if a rank is given."""
    if rank is not None:
        for dense in layers:
            dense.enable_lora(rank, alpha)


def _dense_inside(layer: keras.layers.Layer) -> Iterator[keras.layers.Dense]:
    for inner in inner_layers(layer):
        if isinstance(inner, keras.layers.Dense):
            yield inner
        else:
            yield from _dense_inside(inner)
