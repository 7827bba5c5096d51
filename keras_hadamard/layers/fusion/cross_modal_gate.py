"""Gating of one modality by another."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.ops import factorized_bilinear_pool


@serializable
class CrossModalGate(Fusion):
    """Cross-modal gating: one modality gates the other.

    `y = act((W_1 x_1 + b_1) * sigmoid(G_1 x_2 + c_1))`, with `W_1` of shape `(width_1, units)` and
    `G_1` of `(width_2, units)`; with `mutual`, each modality gates the other, and
    `(W_2 x_2 + b_2) * sigmoid(G_2 x_1 + c_2)` is added.

    Args:
        units: Integer, the width of the output.
        mutual: Boolean, whether the first modality gates the second as well. Defaults to `False`.
        activation: Name or function of the output's activation. Defaults to `None`.
        gate_activation: Name or function of the gate's activation. Defaults to `"sigmoid"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two tensors, of any widths; the second gates the first.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `units * (width_1 + width_2 + 2)`; twice that with `mutual`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products are float32 under 16-bit policies.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, or an argument is out
            of range.

    Example:

    >>> image, question = keras.ops.ones((2, 8, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.CrossModalGate(6)([image, question]).shape
    TensorShape([2, 8, 6])

    Reference:
        - [Hadamard product in deep learning (Chrysos et al., 2025)](
          https://arxiv.org/abs/2504.13112), section 3
    """

    modalities: ClassVar[int | None] = 2

    def __init__(
        self,
        units: int,
        mutual: bool = False,
        activation: Activation = None,
        gate_activation: Activation = "sigmoid",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.mutual = bool(mutual)
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)

    def build(self, input_shape: list[Shape]) -> None:
        self.positions(input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        self.values, self.gates = [], []
        for n, (value, gate) in enumerate([shapes, shapes[::-1]][: 1 + self.mutual], 1):
            act = self.gate_activation
            self.values.append(self.project(self.units, f"value_{n}", input_shape=value))
            self.gates.append(
                self.project(self.units, f"gate_{n}", activation=act, input_shape=gate)
            )

    def call(self, inputs: list[Tensor]) -> Tensor:
        orders = [list(inputs), list(inputs)[::-1]]
        y, *others = (
            factorized_bilinear_pool(*align([value(x), gate(z)]), factor=1)
            for value, gate, (x, z) in zip(self.values, self.gates, orders, strict=False)
        )
        return self.activation(y + others[0] if others else y)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mutual": self.mutual,
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
