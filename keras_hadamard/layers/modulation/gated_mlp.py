"""The gated feed-forward network."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, KernelArguments, Shape, Tensor
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers._normalization import normalization as normalization_of
from keras_hadamard.layers.modulation._gated import GatedLayer, add_lora
from keras_hadamard.layers.modulation.gated_dense import GatedDense
from keras_hadamard.ops._glu_matmul import glu_matmul


@serializable
class GatedMLP(GatedLayer):
    """Gated feed-forward network: a gated hidden layer and a projection back.

    `y = U ((W x) * activation(V x))` with `W` and `V` of shape `(width, hidden_units)` and `U` of
    `(hidden_units, units)`: SwiGLU with `"silu"`, GEGLU with `"gelu"` (exact, `"gelu_tanh"` its
    approximation), ReGLU with `"relu"`, GLU with `"sigmoid"`, bilinear with `None`. gpt-oss has
    `activation="quick_gelu"`, `packed`, `interleaved`, `gate_first` and `use_bias` true, `limit=7`
    and `value_offset=1`: `(clip(v, -7, 7) + 1) * g sigmoid(1.702 g)` with `g` at most 7.

    Args:
        units: Integer, the width of the output. Defaults to `None`, that of the input.
        hidden_units: Integer, the width of the product. Defaults to `None`, two thirds of four
            times the width of the input, rounded down: as many weights as a network of two
            projections with four times the width. (Llama rounds up, to a multiple of 256.)
        activation: Name or function of the gate. Defaults to `"silu"`.
        packed: Boolean, whether `W` and `V` are the halves of one kernel. Defaults to `False`. With
            a packed kernel timm's `hidden_features` are `2 * hidden_units`.
        gate_first: Boolean, whether `V` is the first half of the packed kernel, or the first of
            the two among the weights. Defaults to `False`. See `GatedDense`.
        normalization: `"layer"` for a layer normalisation of the product, or `None`. Defaults to
            `None`.
        dropout: Number in [0, 1), the dropout of the product. Defaults to `0.0`.
        seed: Integer, of the dropout. Defaults to `None`.
        gate_kernel_initializer: Initialiser of `V`. Defaults to `None`, the `kernel_initializer`.
            See `GatedDense` for timm's.
        gate_bias_initializer: Initialiser of the gate's bias. Defaults to `None`, the
            `bias_initializer`.
        use_bias: Boolean, whether the projections have biases. Defaults to `False`, as in the paper
            and in Llama; timm's projections have them.
        lora_rank: Integer, the rank of `enable_lora`, which is called once the layer is built.
            Defaults to `None`, none.
        lora_alpha: Number, the scale of `enable_lora`. Defaults to `None`, that of the rank.
        interleaved: Boolean, whether values and gates alternate in the packed kernel, as in
            gpt-oss, instead of being its halves. Defaults to `False`.
        limit: Number, a clamp before the activation: a gate is at most `limit`, a value is within
            `-limit` and `limit`. Defaults to `None`, none.
        value_offset: Number that is added to the values, after `limit`. Defaults to `0.0`.
        **kwargs: Arguments of the projections (`kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `hidden_units * (2 * width + units)`, with `units` = `width` and
        `hidden_units` = `8 * width // 3` by default.

    Masking:
        The mask is passed on.

    Numerics:
        Gate and product are computed in float32 under 16-bit policies. The gradient keeps the two
        pre-activations and the input, and computes the product again; with a dropout in training or
        a normalisation it keeps more.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> layer = keras_hadamard.layers.GatedMLP()
    >>> layer(keras.ops.ones((2, 7, 6))).shape, layer.count_params()
    (TensorShape([2, 7, 6]), 288)

    Reference:
        - [GLU Variants Improve Transformer (Shazeer, 2020)](https://arxiv.org/abs/2002.05202)
        - [LLaMA: Open and Efficient Foundation Language Models (Touvron et al., 2023)](
          https://arxiv.org/abs/2302.13971)
    """

    def __init__(
        self,
        units: int | None = None,
        hidden_units: int | None = None,
        activation: Activation = "silu",
        packed: bool = False,
        gate_first: bool = False,
        normalization: str | None = None,
        dropout: float = 0.0,
        seed: int | None = None,
        gate_kernel_initializer: Initializer = None,
        gate_bias_initializer: Initializer = None,
        use_bias: bool = False,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        interleaved: bool = False,
        limit: float | None = None,
        value_offset: float = 0.0,
        **kwargs: Unpack[KernelArguments],
    ) -> None:
        super().__init__(
            units,
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
            use_bias=use_bias,
            **kwargs,
        )
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.normalization = one_of("normalization", normalization, (None, "layer"))
        self.dropout = fraction("dropout", dropout)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        units = self.compute_output_shape(shape)[-1] or 0
        hidden_units = self.hidden_units or 8 * (shape[-1] or 0) // 3
        hidden = (*shape[:-1], hidden_units)
        self.gated = self.sublayer(
            GatedDense,
            hidden_units,
            name="gated",
            activation=self.activation,
            packed=self.packed,
            gate_first=self.gate_first,
            gate_kernel_initializer=self.gate_kernel_initializer,
            gate_bias_initializer=self.gate_bias_initializer,
            interleaved=self.interleaved,
            limit=self.limit,
            value_offset=self.value_offset,
        )
        self.gated.build(shape)
        self.output_projection = self.project(units, "output_projection", input_shape=hidden)
        self.drop = keras.layers.Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="drop"
        )
        self.norm = normalization_of(
            self.normalization, "norm", policy=self.dtype_policy, input_shape=hidden
        )
        add_lora(self.dense_layers(), self.lora_rank, self.lora_alpha)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        output = self.output_projection
        drops = training and self.dropout
        if drops or self.normalization is not None or output.quantization_mode is not None:
            hidden = self.norm(dropped(self.drop, self.gated(inputs), training))
            return output(hidden)
        # The same computation, with gate and projection in one op.
        value, gate = self.gated.value_and_gate(inputs)
        y = glu_matmul(value, gate, effective_kernel(output), activation=self.activation)
        return ops.add(y, output.bias) if self.use_bias else y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "seed": self.seed,
        }
