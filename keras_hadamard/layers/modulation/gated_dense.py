"""The gated linear unit and its variants."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import positive_int
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Initializer, Shape, Tensor
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import BlockInitializer
from keras_hadamard.layers.modulation._gated import Gated
from keras_hadamard.ops import glu


@serializable
class GatedDense(Gated):
    """Gated linear unit: a dense projection times an activated one.

    `y = (W x + b) * activation(V x + c)` with `W` and `V` of shape `(width, units)`: GLU with
    `"sigmoid"`, GEGLU with `"gelu"` (exact, `"gelu_tanh"` its
    approximation), SwiGLU with `"silu"`, ReGLU with `"relu"`, the bilinear unit
    with `None`.

    Args:
        units: Integer, the width of the output, which is that of each of the two projections.
        activation: Name or function of the gate. Defaults to `"sigmoid"`.
        packed: Boolean, whether `W` and `V` are the halves of one kernel `(width, 2 * units)`, as
            in many published checkpoints, and so one matrix product. Each half is initialised as if
            it stood alone. Defaults to `False`, two kernels.
        gate_first: Boolean, whether `V` is the first half of the packed kernel, as in timm's
            `SwiGLUPacked`, or the first of the two among the weights, as in its `SwiGLU`. Defaults
            to `False`: the gate is last, as in timm's `GluMlp`, PyTorch's and Keras's `glu`.
        gate_kernel_initializer: Initialiser of `V`. Defaults to `None`, the `kernel_initializer`.
            `keras.initializers.RandomNormal(stddev=1e-6)` with a `gate_bias_initializer` of
            `"ones"` is timm's `init_weights`: every gate starts at `activation(1)`. (With packed
            kernels timm so initialises the second half, even where the gate is the first.)
        gate_bias_initializer: Initialiser of `c`. Defaults to `None`, the `bias_initializer`.
        lora_rank: Integer, the rank of `enable_lora`, which is called once the layer is built.
            Defaults to `None`, none.
        lora_alpha: Number, the scale of `enable_lora`. Defaults to `None`, that of the rank.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as `keras.layers.Dense` has
            them) and of the base layer (`name`, `dtype`, `trainable`).

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
        Gate and product are computed in float32 under 16-bit policies. The gradient keeps the two
        pre-activations alone.

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
        **kwargs: Any,
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
            **kwargs,
        )

    def build_projections(self, input_shape: Shape) -> None:
        units = self.compute_output_shape(input_shape)[-1] or 0
        names = ("value_projection", "gate_projection")
        value, gate = (self.shared_arguments(name) for name in names)
        gate["kernel_initializer"] = self.gate_kernel_initializer or gate["kernel_initializer"]
        gate["bias_initializer"] = self.gate_bias_initializer or gate["bias_initializer"]
        for arguments in (value, gate):
            bias = arguments["bias_initializer"]
            arguments["bias_initializer"] = of_fan_in(bias, input_shape[-1] or 0)
        order = self._ordered(value, gate)
        if self.packed:
            for what in ("kernel_initializer", "bias_initializer"):
                value[what] = BlockInitializer([arguments[what] for arguments in order])
            self.projection = keras.layers.Dense(2 * units, name="projection", **value)
            self.projection.build(input_shape)
            return
        for name, arguments in zip(self._ordered(*names), order, strict=True):
            setattr(self, name, keras.layers.Dense(units, name=name, **arguments))
            getattr(self, name).build(input_shape)

    def dense_layers(self) -> list[keras.layers.Dense]:
        if self.packed:
            return [self.projection]
        return self._ordered(self.value_projection, self.gate_projection)

    def value_and_gate(self, inputs: Tensor) -> list[Tensor]:
        """The two pre-activations."""
        if not self.packed:
            return [self.value_projection(inputs), self.gate_projection(inputs)]
        return self._ordered(*ops.split(self.projection(inputs), 2, axis=-1))

    def _ordered(self, value: Any, gate: Any) -> list[Any]:
        """From value and gate to the order in which they are laid out, and back."""
        return [gate, value] if self.gate_first else [value, gate]

    def call(self, inputs: Tensor) -> Tensor:
        value, gate = self.value_and_gate(inputs)
        return glu(value, gate, activation=self.activation)
