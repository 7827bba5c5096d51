"""Fusions that project each modality before they combine them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from keras_hadamard._checks import fraction, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._combined_fusion import CombinedFusion
from keras_hadamard.layers.fusion._fusion import align


class ProjectedFusion(CombinedFusion):
    """Base of fusions by `combine(drop(a(W_1 x_1)), drop(a(W_2 x_2)), ...)`."""

    width_argument: ClassVar[str | None] = "rank"
    # How many projections a modality has, side by side in one kernel.
    projection_blocks: int = 1

    def __init__(
        self,
        units: int,
        width: int | None = None,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, width, activation, dropout, normalize, normalize_axis, seed, **kwargs
        )
        self.projection_activation = get_activation(projection_activation)
        self.projection_dropout = fraction("projection_dropout", projection_dropout)
        # A method with an argument for it sets it before it is built.
        self.shared_projections = False
        self._projection_dropout = self.dropout_layer(
            self.projection_dropout, 1, "projection_dropout"
        )

    @property
    def projection_width(self) -> int:
        return self.width

    @abstractmethod
    def combine(self, projections: list[Tensor], training: bool | None) -> Tensor:
        """The aligned projections as one tensor of width `width`, normalised."""

    def build_core(self, input_shape: list[Shape]) -> None:
        """Creates what `combine` needs between the projections and the output projection."""

    def build_parts(self, input_shape: list[Shape]) -> None:
        widths = [shape[-1] for shape in input_shape]
        if self.shared_projections and len(set(widths)) > 1:
            raise received("inputs of one width where the projections are shared", widths=widths)
        count = 1 if self.shared_projections else len(input_shape)
        made = [
            self.project(
                self.projection_width,
                f"projection_{i}",
                activation=self.projection_activation,
                blocks=self.projection_blocks,
                input_shape=tuple(shape),
            )
            for i, shape in enumerate(input_shape[:count])
        ]
        self.projections = made * len(input_shape) if self.shared_projections else made
        self.build_core(input_shape)

    def fuse(self, inputs: list[Tensor], training: bool | None) -> Tensor:
        projections = [
            dropped(self._projection_dropout, project(x), training)
            for project, x in zip(self.projections, inputs, strict=True)
        ]
        return self.combine(align(projections), training)

    def drop_product(
        self, factors: Sequence[Tensor], training: bool | None
    ) -> tuple[Tensor, Tensor]:
        """Two aligned factors, of which one has the dropout of their product."""
        x, y = factors
        if y.shape[1:-1] != x.shape[1:-1] and all(n == 1 for n in x.shape[1:-1]):
            x, y = y, x  # A vector is broadcast; each of its products is dropped by itself.
        # Dropping an entry of one factor drops the product, which need not be formed.
        return dropped(self._dropout, x, training), y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "projection_activation": serialize_activation(self.projection_activation),
            "projection_dropout": self.projection_dropout,
        }
