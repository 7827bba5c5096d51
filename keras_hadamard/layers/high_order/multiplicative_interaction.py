"""Multiplicative interactions of an input with a context."""

from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._bilinear import bilinear
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.ops import factorized_bilinear_pool


@serializable
class MultiplicativeInteraction(Fusion):
    """Bilinear interaction of an input with a context, which generates a dense layer's weights.

    `y = act(z^T W x + z^T U + V x + b)`, with a tensor `W` of shape `(width_z, width_x, units)`,
    `U` of `(width_z, units)` and `V` of `(width_x, units)`. With a `rank` the tensor is factored,
    `z^T W x = P((A z) * (B x))`, with `A`, `B` and `P` of shapes `(width_z, rank)`,
    `(width_x, rank)` and `(rank, units)`.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the rank of the factored tensor; gating and feature-wise modulation have this
            form. Defaults to `None`, the full tensor.
        activation: Name or function of the output's activation. Defaults to `None`.
        interaction_initializer: Initializer of the weights from the context to the output: `U`, and
            `W` or `P`. Defaults to `"zeros"`: training starts at `V x + b`, a dense layer.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, z]` of the input and the context.

    Input shape:
        Each `(batch, ..., width)`, of equal batch and positions; vectors `(batch, width)` meet
        every position of the other.

    Output shape:
        `(batch, ..., units)`, with the positions of the inputs.

    Weights:
        `(width_1 + 1) * (width_2 + 1) * units` without a `rank`.

    Masking:
        A position is valid where it is valid in both.

    Numerics:
        The product of the factored tensor is float32 under 16-bit policies. The full tensor has
        `width_z * width_x * units` weights and holds `width_x * units` values for every position of
        the context.

    Raises:
        ValueError: If an argument is out of range or the inputs do not fit together.

    Example:

    >>> x, z = keras.ops.ones((4, 6, 7)), keras.ops.ones((4, 5))
    >>> keras_hadamard.layers.MultiplicativeInteraction(3)([x, z]).shape
    TensorShape([4, 6, 3])

    Reference:
        - [Multiplicative Interactions and Where to Find Them (Jayakumar et al., 2020)](
          https://openreview.net/forum?id=rylnK6VtDH)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        activation: Activation = None,
        interaction_initializer: Initializer = "zeros",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.interaction_initializer = keras.initializers.get(interaction_initializer)

    def build(self, input_shape: list[Shape]) -> None:
        self.positions(input_shape)
        x, z = (tuple(s) for s in input_shape)
        self.input_projection = self.project(self.units, "input_projection", input_shape=x)
        self.context_kernel = self._interacting("context_kernel", (z[-1], self.units))
        self.factors = []
        if self.rank is None:
            shape: Shape = (z[-1], x[-1], self.units)
        else:
            shape = (self.rank, self.units)
            self.factors = [
                self.project(self.rank, f"{name}_factor", use_bias=False, input_shape=s)
                for name, s in (("context", z), ("input", x))
            ]
        self.interaction_kernel = self._interacting("interaction_kernel", shape)

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, z = inputs
        if self.rank is None:
            interaction = bilinear(z, self.interaction_kernel, x)
        else:
            one, other = align([self.factors[0](z), self.factors[1](x)])
            product = factorized_bilinear_pool(one, other, factor=1)
            interaction = ops.matmul(product, self.interaction_kernel)
        of_context, of_input = align([ops.matmul(z, self.context_kernel), self.input_projection(x)])
        return self.activation(interaction + of_context + of_input)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "interaction_initializer": keras.initializers.serialize(self.interaction_initializer),
        }

    def _interacting(self, name: str, shape: Shape) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.interaction_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
