"""A residual block around any token mixer."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import fraction
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation.gated_mlp import GatedMLP


@serializable
class MixerBlock(KernelFreeLayer):
    """`x + M(norm(x))`, then `x + F(norm(x))` with a token mixer `M` and a `GatedMLP` `F`.

    With `project_output` a dense layer follows the mixer: for mixers that do not end with one, or
    that are wider than their input.
    """

    def __init__(
        self,
        mixer: keras.layers.Layer,
        project_output: bool = False,
        hidden_units: int | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mixer = mixer
        self.project_output = bool(project_output)
        self.hidden_units = hidden_units
        self.dropout = fraction("dropout", dropout)
        self.supports_masking = True

    @property
    def recurrent(self) -> bool:
        """Whether the mixer can run step by step."""
        return hasattr(self.mixer, "step") and bool(self.mixer.get_initial_state(1))

    def build(self, input_shape: Shape) -> None:
        shape, policy = tuple(input_shape), self.dtype_policy
        self.mixer_norm, self.mlp_norm = (
            keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name=f"{name}_norm")
            for name in ("mixer", "mlp")
        )
        self.mlp = GatedMLP(
            hidden_units=self.hidden_units or 2 * (shape[-1] or 0), dtype=policy, name="mlp"
        )
        for part in (self.mixer_norm, self.mixer, self.mlp_norm, self.mlp):
            if not part.built:  # The mixer is deserialised already.
                part.build(shape)
        self.output_projection = None
        if self.project_output:
            self.output_projection = keras.layers.Dense(
                shape[-1], dtype=policy, name="output_projection"
            )
            self.output_projection.build(self.mixer.compute_output_shape(shape))
        self.mixer_drop, self.mlp_drop = (
            keras.layers.Dropout(self.dropout, dtype=policy, name=f"{name}_drop")
            for name in ("mixer", "mlp")
        )

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        masked = {} if mask is None else {"mask": mask}
        mixed = self.mixer(self.mixer_norm(inputs), **masked)
        return self._around(inputs, mixed, training)

    def step(self, inputs: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One position (batch, features), from the mixer's states before it."""
        mixed, states = self.mixer.step(self.mixer_norm(inputs), states)
        return self._around(inputs, mixed, False), states

    def _around(self, x: Tensor, mixed: Tensor, training: bool | None) -> Tensor:
        if self.output_projection is not None:
            mixed = self.output_projection(mixed)
        x = ops.add(x, dropped(self.mixer_drop, mixed, training))
        return ops.add(x, dropped(self.mlp_drop, self.mlp(self.mlp_norm(x)), training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mixer": keras.saving.serialize_keras_object(self.mixer),
            "project_output": self.project_output,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MixerBlock":
        mixer = keras.saving.deserialize_keras_object(config["mixer"])
        layer: MixerBlock = super().from_config({**config, "mixer": mixer})
        return layer
