"""What the dense gates share: the arguments of the gate, and adaptation by LoRA."""

from abc import abstractmethod
from typing import Any

import keras

from keras_hadamard._checks import non_negative, positive_int, received
from keras_hadamard._typing import Activation, Initializer, Shape
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis


class Gated(BaseLayer):
    """Base of layers with a dense projection, an activated one as its gate, and perhaps more."""

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
        **kwargs: Any,
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
        self.supports_masking = True

    @abstractmethod
    def dense_layers(self) -> list[keras.layers.Dense]:
        """The dense layers that the layer was built with."""

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        self.build_projections(tuple(input_shape))
        if self.lora_rank is not None:
            self._adapt(self.lora_rank, self.lora_alpha)

    @abstractmethod
    def build_projections(self, input_shape: Shape) -> None:
        """Creates the dense layers."""

    def enable_lora(self, rank: int, lora_alpha: float | None = None) -> None:
        """Freezes the kernels, and trains for each a product of two of `rank` that is added.

        As in `keras.layers.Dense`: the sum is scaled by `lora_alpha / rank`, biases stay trainable,
        and a saved file holds the sum as the kernel.

        Args:
            rank: Integer, the rank of what is added.
            lora_alpha: Number, the scale. Defaults to `None`, that of `rank`.
        """
        if not self.built:
            raise received("a layer that is built", built=False)
        rank = positive_int("rank", rank)
        self._adapt(rank, lora_alpha)
        self.lora_rank, self.lora_alpha = rank, lora_alpha

    def _adapt(self, rank: int, lora_alpha: float | None) -> None:
        for dense in self.dense_layers():
            dense.enable_lora(rank, lora_alpha)

    def gate_arguments(self) -> dict[str, Any]:
        """The arguments of the gate, as objects."""
        return {
            "activation": self.activation,
            "packed": self.packed,
            "gate_first": self.gate_first,
            "gate_kernel_initializer": self.gate_kernel_initializer,
            "gate_bias_initializer": self.gate_bias_initializer,
        }

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            **self.gate_arguments(),
            "activation": serialize_activation(self.activation),
            "gate_kernel_initializer": initializer(self.gate_kernel_initializer),
            "gate_bias_initializer": initializer(self.gate_bias_initializer),
            "lora_rank": self.lora_rank,
            "lora_alpha": self.lora_alpha,
        }

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channel_axis(input_shape)
        return (*input_shape[:-1], self.units or input_shape[-1])
