"""Fusions that project each modality, combine the projections and project the result."""

from abc import abstractmethod
from typing import Any

import keras

from keras_hadamard._checks import fraction, positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers.fusion._fusion import Fusion, align
from keras_hadamard.ops import l2_normalize, signed_sqrt


class ProjectedFusion(Fusion):
    """Base of `y = act(P norm(combine(a(W_1 x_1), a(W_2 x_2), ...)))`."""

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = keras.activations.get(activation)
        self.projection_activation = keras.activations.get(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.input_dropout = fraction("input_dropout", input_dropout)
        self.normalize = bool(normalize)
        if not isinstance(normalize_axis, int) or normalize_axis == 0:
            raise received("`normalize_axis` to be an axis after the batch", axis=normalize_axis)
        self.normalize_axis = normalize_axis
        self.seed = seed
        # Seeds of their own, or the two modalities would lose the same entries.
        self._input_dropout = self._dropout_layer(self.input_dropout, 1, "input_dropout")
        self._dropout = self._dropout_layer(self.dropout, 0, "dropout")

    def _dropout_layer(self, rate: float, offset: int, name: str) -> keras.layers.Dropout:
        seed = None if self.seed is None else self.seed + offset
        return keras.layers.Dropout(rate, seed=seed, dtype=self.dtype_policy, name=name)

    # What a method is made of.

    @property
    def width(self) -> int:
        """The width of the combined tensor."""
        return self.units if self.rank is None else self.rank

    @property
    def projection_width(self) -> int:
        return self.width

    @property
    def has_output_projection(self) -> bool:
        return True

    @abstractmethod
    def combine(self, projections: list[Tensor], training: bool | None) -> Tensor:
        """The projections as one tensor of width `width`, dropout included."""

    # The frame.

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self.projections = [
            self.project(
                self.projection_width,
                f"projection_{i}",
                activation=self.projection_activation,
                input_shape=shape,
            )
            for i, shape in enumerate(input_shape)
        ]
        self.output_projection = None
        if self.has_output_projection:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(*positions, self.width)
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        projections = [
            project(self._input_dropout(x, training=training))
            for project, x in zip(self.projections, inputs, strict=True)
        ]
        fused = self.combine(align(projections), training)
        if self.normalize:
            fused = l2_normalize(signed_sqrt(fused), axis=self.normalize_axis)
        if self.output_projection is not None:
            fused = self.output_projection(fused)
        return self.activation(fused)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "activation": keras.activations.serialize(self.activation),
            "projection_activation": keras.activations.serialize(self.projection_activation),
            "dropout": self.dropout,
            "input_dropout": self.input_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
