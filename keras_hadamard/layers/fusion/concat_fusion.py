"""Concatenation and a multilayer perceptron, the baseline of all fusions."""

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import keras

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, join
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class ConcatFusion(Fusion):
    """Concatenation fusion: a multilayer perceptron over the joined features.

    `y = act(MLP([x_1; x_2; ...]))`, the baseline that multiplicative fusions are measured against.

    Args:
        units: Integer, the width of the output.
        hidden_units: Sequence of integers, the widths of the hidden layers. Defaults to `()`, one
            linear map.
        activation: Name or function of the output's activation. Defaults to `None`.
        hidden_activation: Name or function of the hidden layers' activation. Defaults to `"relu"`.
        dropout: Float in [0, 1), dropout after every hidden layer. Defaults to `0.0`.
        input_dropout: Float in [0, 1), dropout of the joined features. Defaults to `0.0`.
        seed: Integer, the seed of the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two or more tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is joined to each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `sum((m + 1) * n for m, n in zip([sum(widths), *hidden_units], [*hidden_units, units]))`:
        without hidden layers `(sum(widths) + 1) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Linear maps in the compute dtype; nothing is cast.

    Raises:
        ValueError: If the inputs are not a list, do not fit together, or an argument is out of
            range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.ConcatFusion(6, hidden_units=(8,))([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [BLOCK: Bilinear Superdiagonal Fusion (Ben-younes et al., 2019)](
          https://arxiv.org/abs/1902.00038), the baseline `ConcatMLP`
    """

    width_argument: ClassVar[str | None] = "hidden_units"
    # It is a sequence of widths.
    several_widths: ClassVar[bool] = True

    def __init__(
        self,
        units: int,
        hidden_units: Sequence[int] = (),
        activation: Activation = None,
        hidden_activation: Activation = "relu",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        if not isinstance(hidden_units, list | tuple):
            raise received("`hidden_units` to be a sequence of integers", hidden_units=hidden_units)
        self.hidden_units = tuple(positive_int("hidden_units", n) for n in hidden_units)
        self.activation = get_activation(activation)
        self.hidden_activation = get_activation(hidden_activation)
        self.dropout = fraction("dropout", dropout)
        self.input_dropout = fraction("input_dropout", input_dropout)
        self.seed = seed
        rates = [self.input_dropout, *[self.dropout] * len(self.hidden_units)]
        self._dropouts = [
            keras.layers.Dropout(
                rate, seed=None if seed is None else seed + i, dtype=self.dtype_policy
            )
            for i, rate in enumerate(rates)
        ]

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self.projections = []
        width = sum(int(shape[-1] or 0) for shape in input_shape)
        for i, units in enumerate([*self.hidden_units, self.units]):
            last = i == len(self.hidden_units)
            self.projections.append(
                self.project(
                    units,
                    f"projection_{i}",
                    activation=self.activation if last else self.hidden_activation,
                    input_shape=(*positions, width),
                )
            )
            width = units

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        x = join(align(list(inputs)))
        for drop, project in zip(self._dropouts, self.projections, strict=True):
            x = project(dropped(drop, x, training))
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "activation": serialize_activation(self.activation),
            "hidden_activation": serialize_activation(self.hidden_activation),
            "dropout": self.dropout,
            "input_dropout": self.input_dropout,
            "seed": self.seed,
        }
