"""Gated multimodal unit."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, join
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class GMU(Fusion):
    """Gated multimodal unit (GMU): for every feature, gates choose the modality.

    `y = z * h_1 + (1 - z) * h_2` with `h_i = tanh(W_i x_i + b_i)` and
    `z = sigmoid(W_z [x_1; x_2] + b_z)`. With three or more modalities, each has its own gate:
    `y = sum_i z_i * h_i` with `z_i = sigmoid(W_(z,i) [x_1; x_2; ...] + b_(z,i))`.

    Args:
        units: Integer, the width of the output.
        activation: Name or function of the projections' activation. Defaults to `"tanh"`.
        gate_on: `"inputs"`, the paper's equation, or `"projections"`: the gates are computed from
            the joined `W_i x_i + b_i` before their activation, as in the authors' code, which also
            has no biases. Defaults to `"inputs"`.
        return_gates: Boolean, whether the gates are returned with the output. Defaults to `False`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more tensors, of any widths.

    Input shape:
        Two or more tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`; with `return_gates` a pair of it and the gates, of the same shape for
        two modalities and `(batch, ..., modalities, units)` for more.

    Weights:
        `units * (sum(widths) + modalities) + units * (sum(widths) + 1) * (1 if modalities == 2 else
        modalities)`: two modalities have one gate, and more have one each.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        In the compute dtype; gates and projections are bounded by 1. `1 - z` is computed without a
        difference.

    Raises:
        ValueError: If the inputs are not a list, do not fit together, or an argument is out of
            range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> y, gate = keras_hadamard.layers.GMU(6, return_gates=True)([image, question])
    >>> y.shape, gate.shape
    (TensorShape([2, 6]), TensorShape([2, 6]))

    Reference:
        - [Gated Multimodal Units for Information Fusion (Arevalo et al., 2017)](
          https://arxiv.org/abs/1702.01992)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        gate_on: str = "inputs",
        return_gates: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.activation = get_activation(activation)
        self.gate_on = one_of("gate_on", gate_on, ("inputs", "projections"))
        self.return_gates = bool(return_gates)

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self.projections = [
            self.project(self.units, f"projection_{i}", input_shape=tuple(shape))
            for i, shape in enumerate(input_shape)
        ]
        count = len(input_shape)
        width = sum(int(shape[-1] or 0) for shape in input_shape)
        self.gate_projection = self.project(
            self.units,
            "gate_projection",
            blocks=_gate_count(count),
            input_shape=(*positions, width if self.gate_on == "inputs" else count * self.units),
        )

    def call(self, inputs: list[Tensor]) -> Any:
        projections = [project(x) for project, x in zip(self.projections, inputs, strict=True)]
        seen = list(inputs) if self.gate_on == "inputs" else projections
        logits = self.gate_projection(join(align(seen)))
        gates = ops.sigmoid(logits)
        values = [self.activation(p) for p in align(projections)]
        if len(values) == 2:
            y = gates * values[0] + ops.sigmoid(-logits) * values[1]
        else:
            parts = ops.split(gates, len(values), axis=-1)
            y, *others = (z * h for z, h in zip(parts, values, strict=True))
            for term in others:
                y = y + term
            gates = ops.reshape(gates, (*ops.shape(gates)[:-1], len(values), self.units))
        return (y, gates) if self.return_gates else y

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Any:
        valid = super().compute_mask(inputs, mask)
        return (valid, valid) if self.return_gates else valid

    def compute_output_shape(self, input_shape: list[Shape]) -> Any:
        y = super().compute_output_shape(input_shape)
        if not self.return_gates:
            return y
        count = _gate_count(len(input_shape))
        return y, (y if count == 1 else (*y[:-1], count, self.units))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "gate_on": self.gate_on,
            "return_gates": self.return_gates,
        }


def _gate_count(modalities: int) -> int:
    return 1 if modalities == 2 else modalities
