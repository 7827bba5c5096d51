"""The gated linear unit and its variants."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import tell_fan_in
from keras_hadamard.layers._initializers import BlockInitializer
from keras_hadamard.layers.modulation._gated import GatedLayer, add_lora
from keras_hadamard.ops import glu


@serializable
class GatedDense(GatedLayer):
    """Gated linear unit: a dense projection times an activated one.

    `y = (W x + b) * activation(V x + c)` with `W` and `V` of shape `(width, units)`: GLU with
    `"sigmoid"`, GEGLU with `"gelu"` (exact, `"gelu_tanh"` its
    approximation), SwiGLU with `"silu"`, ReGLU with `"relu"`, the bilinear unit
    with `None`.

    Args:
        units: Integer, the width of the output, and of each of the two projections.
        activation: Name or function of the gate. Defaults to `"sigmoid"`.
        packed: Boolean, whether `W` and `V` are the halves of one kernel `(width, 2 * units)`, as
            in many published checkpoints, which takes one matrix product. Each half is initialised
            separately. Defaults to `False`, two kernels.
        gate_first: Boolean, whether `V` is the first half of the packed kernel, as in timm's
            `SwiGLUPacked`, or the first of the two among the weights, as in its `SwiGLU`. Defaults
            to `False`: the gate is last, as in timm's `GluMlp`, PyTorch's and Keras's `glu`.
        gate_kernel_initializer: Initialiser of `V`. Defaults to `None`, the `kernel_initializer`.
            `keras.initializers.RandomNormal(stddev=1e-6)` with a `gate_bias_initializer` of
            `"ones"` is timm's `init_weights`: every gate starts at `activation(1)`. (With packed
            kernels, timm initialises the second half this way, even if the gate is the first.)
        gate_bias_initializer: Initialiser of `c`. Defaults to `None`, the `bias_initializer`.
        lora_rank: Integer, the rank of `enable_lora`, which is called when the layer is built.
            Defaults to `None`: no LoRA.
        lora_alpha: Number, the scale of `enable_lora`. Defaults to `None`, that of the rank.
        interleaved: Boolean, whether values and gates alternate in the packed kernel, as in
            gpt-oss, instead of being its halves. Defaults to `False`.
        limit: Number, a clamp before the activation: a gate is at most `limit`, a value is within
            `-limit` and `limit`. Defaults to `None`, none.
        value_offset: Number that is added to the values, after `limit`. Defaults to `0.0`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `2 * (width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        Gate and product are computed in float32 under 16-bit policies. The gradient keeps
        only the two pre-activations.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((2, 3, 6))
    >>> keras_hadamard.layers.GatedDense(5, activation="silu")(x).shape
    TensorShape([2, 3, 5])

    Reference:
        - [Language Modeling with Gated Convolutional Networks (Dauphin et al., 2017)](
          https://arxiv.org/abs/1612.08083)
        - [GLU Variants Improve Transformer (Shazeer, 2020)](https://arxiv.org/abs/2002.05202)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = "sigmoid",
        packed: bool = False,
        gate_first: bool = False,
        gate_kernel_initializer: Initializer = None,
        gate_bias_initializer: Initializer = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        interleaved: bool = False,
        limit: float | None = None,
        value_offset: float = 0.0,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            positive_int("units", units),
            activation,
            packed,
            gate_first,
            gate_kernel_initializer,
            gate_bias_initializer,
            lora_rank,
            lora_alpha,
            interleaved,
            limit,
            value_offset,
            **kwargs,
        )

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        units = self.compute_output_shape(shape)[-1] or 0
        value = self.shared_arguments("value_projection")
        gate = self.shared_arguments("gate_projection")
        gate["kernel_initializer"] = self.gate_kernel_initializer or gate["kernel_initializer"]
        gate["bias_initializer"] = self.gate_bias_initializer or gate["bias_initializer"]
        for arguments in (value, gate):
            tell_fan_in(arguments, shape[-1])
        if self.packed:
            blocks = [gate, value] if self.gate_first else [value, gate]
            arguments = {
                **value,
                **{
                    which: BlockInitializer(
                        [b[which] for b in blocks], interleaved=self.interleaved
                    )
                    for which in ("kernel_initializer", "bias_initializer")
                },
            }
            self.projection = _dense(2 * units, "projection", arguments, shape)
        elif self.gate_first:
            self.gate_projection = _dense(units, "gate_projection", gate, shape)
            self.value_projection = _dense(units, "value_projection", value, shape)
        else:
            self.value_projection = _dense(units, "value_projection", value, shape)
            self.gate_projection = _dense(units, "gate_projection", gate, shape)
        add_lora(self.dense_layers(), self.lora_rank, self.lora_alpha)

    def call(self, inputs: Tensor) -> Tensor:
        value, gate = self.value_and_gate(inputs)
        return glu(value, gate, activation=self.activation)

    def value_and_gate(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The two pre-activations, clamped."""
        value, gate = self._projected(inputs)
        if self.limit is not None:
            value = ops.clip(value, -self.limit, self.limit)
            gate = ops.minimum(gate, self.limit)
        return (value + self.value_offset if self.value_offset else value), gate

    def _projected(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        if not self.packed:
            return self.value_projection(inputs), self.gate_projection(inputs)
        both = self.projection(inputs)
        if self.interleaved:
            first, second = both[..., ::2], both[..., 1::2]
        else:
            first, second = ops.split(both, 2, axis=-1)
        return (second, first) if self.gate_first else (first, second)


def _dense(
    units: int, name: str, arguments: dict[str, Any], input_shape: Shape
) -> keras.layers.Dense:
    dense = keras.layers.Dense(units, name=name, **arguments)
    dense.build(input_shape)
    return dense
