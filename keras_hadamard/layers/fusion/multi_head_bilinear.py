"""The bilinear fusion of two streams in heads."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._bilinear import block_bilinear
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class MultiHeadBilinear(Fusion):
    """Linear terms of two streams and a bilinear term in heads (the fusion of FinalMLP).

    `y = act(U x + V z + b + sum_h x_h^T W_h z_h)`, where `x_h` and `z_h` are the `num_heads` equal
    parts of the features and `W_h` has the shape `(width_1 / num_heads, width_2 / num_heads,
    units)`. One head is the full bilinear form.

    Args:
        units: Integer, the width of the output.
        num_heads: Integer, a divisor of both widths. Defaults to `1`.
        activation: Name or function of the output's activation. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two tensors, of any widths.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(width_1 + width_2 + 1 + width_1 * width_2 // num_heads) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Matrix products are computed in the compute dtype.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, `num_heads` does not
            divide a width, or an argument is out of range.

    Example:

    >>> x, z = keras.ops.ones((2, 8)), keras.ops.ones((2, 6))
    >>> keras_hadamard.layers.MultiHeadBilinear(3, num_heads=2)([x, z]).shape
    TensorShape([2, 3])

    Reference:
        - [FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction (Mao et al., 2023)](
          https://arxiv.org/abs/2304.00902)
    """

    modalities: ClassVar[int | None] = 2

    def __init__(
        self,
        units: int,
        num_heads: int = 1,
        activation: Activation = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.num_heads = positive_int("num_heads", num_heads)
        self.activation = get_activation(activation)

    def build(self, input_shape: list[Shape]) -> None:
        self.positions(input_shape)
        one, other = (tuple(s) for s in input_shape)
        m, n = one[-1] or 0, other[-1] or 0
        if m % self.num_heads or n % self.num_heads:
            raise received(
                "`num_heads` to divide the widths of both inputs",
                num_heads=self.num_heads,
                widths=(m, n),
            )
        self.projections = [
            self.project(self.units, "projection_1", input_shape=one),
            self.project(self.units, "projection_2", use_bias=False, input_shape=other),
        ]
        # One matrix, so that its initial values are those of a sum over all heads.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(m * n // self.num_heads, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        linear = align([p(x) for p, x in zip(self.projections, inputs, strict=True)])
        parts = [
            ops.reshape(x, (*ops.shape(x)[:-1], self.num_heads, x.shape[-1] // self.num_heads))
            for x in align(list(inputs))
        ]
        kernel = ops.reshape(
            ops.cast(self.kernel, self.compute_dtype),
            (self.num_heads, parts[0].shape[-1], parts[1].shape[-1], self.units),
        )
        heads = block_bilinear(parts[0], kernel, parts[1])
        return self.activation(linear[0] + linear[1] + ops.sum(heads, axis=-2))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "activation": serialize_activation(self.activation),
        }
