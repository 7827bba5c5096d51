"""Fusions that project each modality, combine the projections and project the result."""

from abc import abstractmethod
from typing import Any, ClassVar

import keras

from keras_hadamard._checks import fraction, positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers.fusion._fusion import Fusion, align
from keras_hadamard.ops import l2_normalize, signed_sqrt


class ProjectedFusion(Fusion):
    """Base of `y = act(P drop(norm(combine(drop(a(W_1 x_1)), drop(a(W_2 x_2)), ...))))`."""

    # Whether `combine` itself drops entries of the product, because it then pools them.
    drops_in_combine: ClassVar[bool] = False
    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
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
        self.projection_dropout = fraction("projection_dropout", projection_dropout)
        self.normalize = bool(normalize)
        if not isinstance(normalize_axis, int) or normalize_axis == 0:
            raise received("`normalize_axis` to be an axis after the batch", axis=normalize_axis)
        self.normalize_axis = normalize_axis
        # A method with an argument for it sets it before it is built.
        self.shared_projections = False
        self.seed = seed
        self._dropout = self._dropout_layer(self.dropout, 0, "dropout")
        self._projection_dropout = self._dropout_layer(
            self.projection_dropout, 1, "projection_dropout"
        )

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
        """The aligned projections as one tensor of width `width`."""

    def build_core(self, positions: Shape) -> None:
        """Creates what `combine` needs between the projections and the output projection."""

    def normalized(self, fused: Tensor) -> Tensor:
        """The signed square root and L2 normalisation, where they are asked for."""
        if not self.normalize:
            return fused
        return l2_normalize(signed_sqrt(fused), axis=self.normalize_axis)

    # The frame.

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self.projections = self._projections(input_shape)
        self.build_core(positions)
        self.output_projection = None
        if self.has_output_projection:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(*positions, self.width)
            )

    def _projections(self, input_shape: list[Shape]) -> list[keras.layers.Dense]:
        widths = [shape[-1] for shape in input_shape]
        if self.shared_projections and len(set(widths)) > 1:
            raise received("inputs of one width where the projections are shared", widths=widths)
        count = 1 if self.shared_projections else len(input_shape)
        made = [
            self.project(
                self.projection_width,
                f"projection_{i}",
                activation=self.projection_activation,
                input_shape=tuple(shape),
            )
            for i, shape in enumerate(input_shape[:count])
        ]
        return made * len(input_shape) if self.shared_projections else made

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        projections = [
            self._projection_dropout(project(x), training=training)
            for project, x in zip(self.projections, inputs, strict=True)
        ]
        fused = self.normalized(self.combine(align(projections), training))
        if not self.drops_in_combine:
            fused = self._dropout(fused, training=training)
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
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
