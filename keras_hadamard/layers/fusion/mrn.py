"""Multimodal residual learning."""

from typing import Any, ClassVar, Unpack

import keras

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.ops import factorized_bilinear_pool


@serializable
class MRN(Fusion):
    """Multimodal residual network (MRN): blocks that add the product of both modalities.

    `h_l = W_l h_(l-1) + tanh(U_l h_(l-1)) * tanh(B_l tanh(A_l x))` for `l = 1, ..., depth` with
    `h_0 = q`, the last of the inputs (the question in the paper), which has the linear shortcut;
    `y = act(h_depth)`. All matrices have output width `units`.

    Args:
        units: Integer, the width of the output and of every block.
        depth: Integer, the number of blocks. Defaults to `3`, as in the paper.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the activation inside the blocks. Defaults to
            `"tanh"`.
        dropout: Float in [0, 1), dropout of the inputs `h` and `x` of each block's shortcut and
            product. Defaults to `0.0`.
        seed: Integer, the seed of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, q]` of two tensors, of any widths; `q` has the shortcut.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `units * (depth * (width_1 + 3 * units + 4) + 2 * (width_2 - units))`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products are float32 under 16-bit policies.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, or an argument is out
            of range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MRN(6)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Multimodal Residual Learning for Visual QA (Kim et al., 2016)](
          https://arxiv.org/abs/1606.01455)
    """

    modalities: ClassVar[int | None] = 2

    def __init__(
        self,
        units: int,
        depth: int = 3,
        activation: Activation = None,
        projection_activation: Activation = "tanh",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.depth = positive_int("depth", depth)
        self.activation = get_activation(activation)
        self.projection_activation = get_activation(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed
        self._dropout = keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        x, h = (tuple(shape) for shape in input_shape)
        inner = (*x[:-1], self.units)
        act = self.projection_activation
        self.shortcuts: list[Any] = []
        self.states: list[Any] = []
        self.firsts: list[Any] = []
        self.seconds: list[Any] = []
        for n in range(1, self.depth + 1):
            for into, name, activation, shape in (
                (self.shortcuts, f"shortcut_{n}", None, h),
                (self.states, f"state_{n}", act, h),
                (self.firsts, f"input_{n}", act, x),
                (self.seconds, f"input_{n}_again", act, inner),
            ):
                into.append(
                    self.project(self.units, name, activation=activation, input_shape=shape)
                )
            h = (*positions, self.units)

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        x, h = inputs
        blocks = zip(self.shortcuts, self.states, self.firsts, self.seconds, strict=True)
        for shortcut, state, first, second in blocks:
            kept = dropped(self._dropout, h, training)
            seen = second(first(dropped(self._dropout, x, training)))
            shortcut, state, seen = align([shortcut(kept), state(kept), seen])
            h = shortcut + factorized_bilinear_pool(state, seen, factor=1)
        return self.activation(h)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "seed": self.seed,
        }
