"""Fusions that combine their modalities into one tensor and project it."""

from abc import abstractmethod
from typing import Any, ClassVar

import keras

from keras_hadamard._checks import fraction, positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.ops import l2_normalize, signed_sqrt


class CombinedFusion(Fusion):
    """Base of `y = act(P drop(norm(fuse(x_1, x_2, ...))) + b)`."""

    # Whether `fuse` itself drops entries of the product, because it then pools them.
    drops_in_fuse: ClassVar[bool] = False

    def __init__(
        self,
        units: int,
        width: int | None = None,
        activation: Activation = None,
        dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        if self.width_argument is not None:
            given = None if width is None else positive_int(self.width_argument, width)
            setattr(self, self.width_argument, given)
        self.activation = get_activation(activation)
        self.dropout = fraction("dropout", dropout)
        self.normalize = bool(normalize)
        if not isinstance(normalize_axis, int) or normalize_axis == 0:
            raise received("`normalize_axis` to be an axis after the batch", axis=normalize_axis)
        self.normalize_axis = normalize_axis
        self.seed = seed
        self._dropout = self.dropout_layer(self.dropout, 0, "dropout")

    def dropout_layer(self, rate: float, offset: int, name: str) -> keras.layers.Dropout:
        seed = None if self.seed is None else self.seed + offset
        return keras.layers.Dropout(rate, seed=seed, dtype=self.dtype_policy, name=name)

    # What a method is made of.

    @property
    def given_width(self) -> int | None:
        """The value of the argument that makes the layer wider."""
        return None if self.width_argument is None else getattr(self, self.width_argument)

    @property
    def width(self) -> int:
        """The width of the fused tensor."""
        return self.given_width or self.units

    @property
    def has_output_projection(self) -> bool:
        return True

    @abstractmethod
    def build_parts(self, input_shape: list[Shape]) -> None:
        """Creates what `fuse` needs."""

    @abstractmethod
    def fuse(self, inputs: list[Tensor], training: bool | None) -> Tensor:
        """The inputs as one tensor of width `width`, normalised."""

    def normalized(self, fused: Tensor, axis: int | None = None) -> Tensor:
        """The signed square root and L2 normalisation, where they are asked for."""
        if not self.normalize:
            return fused
        axis = self.normalize_axis if axis is None else axis
        return l2_normalize(signed_sqrt(fused), axis=axis)

    # The frame.

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self.build_parts(input_shape)
        self.output_projection = None
        if self.has_output_projection:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(*positions, self.width)
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        fused = self.fuse(list(inputs), training)
        if not self.drops_in_fuse:
            fused = dropped(self._dropout, fused, training)
        if self.output_projection is not None:
            fused = self.output_projection(fused)
        return self.activation(fused)

    def get_config(self) -> dict[str, Any]:
        width = {} if self.width_argument is None else {self.width_argument: self.given_width}
        return {
            **super().get_config(),
            **width,
            "activation": serialize_activation(self.activation),
            "dropout": self.dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
